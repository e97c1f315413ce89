#include "lobdesk/book/decimal_token.hpp"

#include <cstring>
#include <limits>

namespace lobdesk {

NumberFault DecimalToken::Scale(int precision, std::int64_t* scaled) const noexcept {
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  const int missing = precision - static_cast<int>(fraction_digits);
  if (is_negative) return NumberFault::kNotPositive;
  if (has_exponent) return NumberFault::kExponent;
  if (missing < 0) return NumberFault::kPrecision;
  if (is_too_long) return NumberFault::kOverflow;
  std::uint64_t value = mantissa;
  for (int i = 0; i < missing; ++i) {
    if (value > kMax / 10) return NumberFault::kOverflow;
    value *= 10;
  }
  if (value > kMax) return NumberFault::kOverflow;
  *scaled = static_cast<std::int64_t>(value);
  return NumberFault::kNone;
}

std::uint32_t DecimalToken::SignificantDigits() const noexcept {
  if (*text != '0') return whole_digits + fraction_digits;
  const char* fraction = text + whole_digits + 1;
  std::uint32_t zeros = 0;
  while (zeros < fraction_digits && fraction[zeros] == '0') ++zeros;
  return fraction_digits - zeros;
}

int DecimalToken::CopyDigits(char* out) const noexcept {
  const char* whole = text;
  std::uint32_t whole_left = whole_digits;
  const char* fraction = text + whole_digits + 1;
  std::uint32_t fraction_left = fraction_digits;
  if (*whole == '0') {  // JSON allows no other leading zero
    whole_left = 0;
    for (; fraction_left > 0 && *fraction == '0'; ++fraction) --fraction_left;
  }
  std::memcpy(out, whole, whole_left);
  if (fraction_left > 0) std::memcpy(out + whole_left, fraction, fraction_left);
  return static_cast<int>(whole_left + fraction_left);
}

bool DecimalToken::ToInteger(std::uint64_t max, std::uint64_t* value) const noexcept {
  if (is_negative || has_exponent || is_too_long || fraction_digits > 0 || mantissa > max) {
    return false;
  }
  *value = mantissa;
  return true;
}

}  // namespace lobdesk
