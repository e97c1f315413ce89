// Strict reading of one journal line, left to right.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>

#include "digits.hpp"

namespace lobdesk {

/// Reads one line. Each method returns false when the line does not fit and notes why; the first
/// reason stays.
class LineCursor {
 public:
  explicit LineCursor(std::string_view line) noexcept
      : begin_{line.data()}, at_{line.data()}, end_{line.data() + line.size()} {}

  /// The whole line.
  [[nodiscard]] std::string_view Text() const noexcept {
    return {begin_, static_cast<std::size_t>(end_ - begin_)};
  }

  /// Consumes exactly this text. A template, so that the comparison is a few instructions.
  template <std::size_t kSize>
  bool Literal(const char (&text)[kSize]) {
    constexpr std::size_t kLength = kSize - 1;
    if (static_cast<std::size_t>(end_ - at_) < kLength || std::memcmp(at_, text, kLength) != 0) {
      return Fail(std::string("expected ") + text);
    }
    at_ += kLength;
    return true;
  }

  /// True if the next byte is `c`; consumes nothing.
  [[nodiscard]] bool At(char c) const noexcept { return at_ < end_ && *at_ == c; }

  /// Consumes `c` if it is next.
  bool Skip(char c) noexcept {
    if (!At(c)) return false;
    ++at_;
    return true;
  }

  /// Consumes a JSON integer that fits 64 bits.
  bool Integer(std::int64_t* value) {
    const bool is_negative = Skip('-');
    const char* first = at_;
    std::uint64_t digits = 0;
    if (end_ - at_ >= 16) {
      std::uint64_t rest = 0;
      unsigned count = ReadEight(at_, &digits);
      at_ += count;
      if (count == 8) {
        constexpr std::uint64_t kPowers[] = {1,      10,      100,      1000,     10000,
                                             100000, 1000000, 10000000, 100000000};
        count = ReadEight(at_, &rest);
        at_ += count;
        digits = digits * kPowers[count] + rest;
      }
    }
    while (at_ < end_ && static_cast<unsigned>(*at_ - '0') <= 9U) {
      digits = digits * 10 + static_cast<std::uint64_t>(*at_ - '0');
      ++at_;
    }
    const auto count = at_ - first;
    constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (count == 0 || (count > 1 && *first == '0')) return Fail("expected an integer");
    if (count > 19 || digits > kMax) return Fail("integer beyond 64 bits");
    *value = is_negative ? -static_cast<std::int64_t>(digits) : static_cast<std::int64_t>(digits);
    return true;
  }

  /// Consumes an integer within [low, high].
  bool Integer(std::int64_t low, std::int64_t high, std::int64_t* value) {
    if (!Integer(value)) return false;
    return (*value >= low && *value <= high) || Fail("number out of range");
  }

  /// Consumes a JSON string; `text` is what stands between the quotes, escapes and all.
  bool RawString(std::string_view* text) {
    if (!Skip('"')) return Fail("expected a string");
    const char* first = at_;
    while (true) {
      const auto* quote =
          static_cast<const char*>(std::memchr(at_, '"', static_cast<std::size_t>(end_ - at_)));
      if (quote == nullptr) return Fail("string without an end");
      at_ = quote + 1;
      const char* before = quote;
      while (before > first && before[-1] == '\\') --before;
      if ((quote - before) % 2 == 0) {
        *text = {first, static_cast<std::size_t>(quote - first)};
        return true;
      }
    }
  }

  /// Consumes a JSON string and writes its text to `out`, which has room for the rest of the line.
  /// `*out` is moved behind the text; on failure it may have moved as well.
  bool String(char** out);

  /// True if nothing is left.
  bool End() { return at_ == end_ || Fail("text after the object"); }

  /// Notes why the line does not fit; returns false.
  bool Fail(std::string why) {
    if (reason_.empty()) reason_ = std::move(why) + " at byte " + std::to_string(at_ - begin_);
    return false;
  }

  [[nodiscard]] const std::string& Reason() const noexcept { return reason_; }

 private:
  const char* begin_;
  const char* at_;
  const char* end_;
  std::string reason_;
};

}  // namespace lobdesk
