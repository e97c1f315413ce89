#include "lobdesk/book/timestamp.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>

namespace lobdesk {
namespace {

// Reads exactly `count` digits at `*at` and moves behind them.
bool ReadDigits(std::string_view text, std::size_t* at, int count, int* value) noexcept {
  if (text.size() - *at < static_cast<std::size_t>(count)) return false;
  int result = 0;
  for (int i = 0; i < count; ++i) {
    const int digit = text[*at + static_cast<std::size_t>(i)] - '0';
    if (digit < 0 || digit > 9) return false;
    result = result * 10 + digit;
  }
  *at += static_cast<std::size_t>(count);
  *value = result;
  return true;
}

bool ReadChar(std::string_view text, std::size_t* at, char expected) noexcept {
  if (*at >= text.size() || text[*at] != expected) return false;
  ++*at;
  return true;
}

bool IsLeap(int year) noexcept { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int DaysInMonth(int year, int month) noexcept {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && IsLeap(year) ? 29 : kDays[month - 1];
}

// Days since 1970-01-01. Source: H. Hinnant, chrono-compatible low-level date algorithms.
std::int64_t DaysFromCivil(int year, int month, int day) noexcept {
  year -= month <= 2 ? 1 : 0;
  const int era = (year >= 0 ? year : year - 399) / 400;
  const int year_of_era = year - era * 400;
  const int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return static_cast<std::int64_t>(era) * 146097 + day_of_era - 719468;
}

bool ReadDate(std::string_view text, std::size_t* at, std::int64_t* days) noexcept {
  int year = 0;
  int month = 0;
  int day = 0;
  if (!ReadDigits(text, at, 4, &year) || !ReadChar(text, at, '-') ||
      !ReadDigits(text, at, 2, &month) || !ReadChar(text, at, '-') ||
      !ReadDigits(text, at, 2, &day)) {
    return false;
  }
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > DaysInMonth(year, month)) {
    return false;
  }
  *days = DaysFromCivil(year, month, day);
  return true;
}

bool ReadClock(std::string_view text, std::size_t* at, std::int64_t* seconds) noexcept {
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (!ReadDigits(text, at, 2, &hour) || !ReadChar(text, at, ':') ||
      !ReadDigits(text, at, 2, &minute) || !ReadChar(text, at, ':') ||
      !ReadDigits(text, at, 2, &second)) {
    return false;
  }
  *seconds = hour * 3600 + minute * 60 + second;
  return hour < 24 && minute < 60 && second < 60;
}

// Reads an optional fraction of a second, cut to nanoseconds.
bool ReadFraction(std::string_view text, std::size_t* at, std::int64_t* nanos) noexcept {
  *nanos = 0;
  if (!ReadChar(text, at, '.')) return true;
  int count = 0;
  for (; *at < text.size() && text[*at] >= '0' && text[*at] <= '9'; ++*at, ++count) {
    if (count < 9) *nanos = *nanos * 10 + (text[*at] - '0');
  }
  for (int i = count; i < 9; ++i) *nanos *= 10;
  return count > 0;
}

bool ReadOffset(std::string_view text, std::size_t* at, std::int64_t* seconds) noexcept {
  *seconds = 0;
  if (ReadChar(text, at, 'Z')) return true;
  const int sign = ReadChar(text, at, '+') ? 1 : ReadChar(text, at, '-') ? -1 : 0;
  int hour = 0;
  int minute = 0;
  if (sign == 0 || !ReadDigits(text, at, 2, &hour) || !ReadChar(text, at, ':') ||
      !ReadDigits(text, at, 2, &minute) || hour > 23 || minute > 59) {
    return false;
  }
  *seconds = sign * (hour * 3600 + minute * 60);
  return true;
}

// Reads a whole time as seconds since the epoch and the nanoseconds after them.
bool ReadTime(std::string_view text, std::int64_t* seconds, std::int64_t* nanos) noexcept {
  std::size_t at = 0;
  std::int64_t days = 0;
  std::int64_t offset_s = 0;
  if (!ReadDate(text, &at, &days) || !ReadChar(text, &at, 'T') || !ReadClock(text, &at, seconds) ||
      !ReadFraction(text, &at, nanos) || !ReadOffset(text, &at, &offset_s) || at != text.size()) {
    return false;
  }
  *seconds += days * 86400 - offset_s;
  return true;
}

}  // namespace

bool ParseRfc3339(std::string_view text, TsUs* ts_us) noexcept {
  std::int64_t seconds = 0;
  std::int64_t nanos = 0;
  if (!ReadTime(text, &seconds, &nanos)) return false;
  *ts_us = seconds * 1000000 + nanos / 1000;
  return true;
}

bool ParseRfc3339Ns(std::string_view text, std::int64_t* ts_ns) noexcept {
  constexpr std::int64_t kMaxSeconds = std::numeric_limits<std::int64_t>::max() / 1000000000 - 1;
  std::int64_t seconds = 0;
  std::int64_t nanos = 0;
  if (!ReadTime(text, &seconds, &nanos) || seconds > kMaxSeconds || seconds < -kMaxSeconds) {
    return false;
  }
  *ts_ns = seconds * 1000000000 + nanos;
  return true;
}

}  // namespace lobdesk
