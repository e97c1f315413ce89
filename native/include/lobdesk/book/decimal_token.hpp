// A decimal number as it stood in a frame, before anything is scaled.
#pragma once

#include <cstdint>

namespace lobdesk {

/// Why a number cannot be a price or quantity.
enum class NumberFault : std::uint8_t { kNone, kPrecision, kOverflow, kNotPositive, kExponent };

/// One JSON number. The text stays where it is, so the frame must outlive the token.
struct DecimalToken {
  const char* text = nullptr;         ///< First digit of the whole part.
  std::uint64_t mantissa = 0;         ///< All digits without the point, unless `is_too_long`.
  std::uint32_t whole_digits = 0;     ///< Digits before the point, at least 1.
  std::uint32_t fraction_digits = 0;  ///< Digits after the point.
  std::int32_t exponent = 0;          ///< Power of ten, clamped to ±10,000.
  bool is_negative = false;
  bool has_exponent = false;
  bool is_too_long = false;  ///< More than 19 significant digits.

  /// Sets `scaled` to the number as a count of 10^-precision, exactly, or says why it cannot.
  [[nodiscard]] NumberFault Scale(int precision, std::int64_t* scaled) const noexcept;

  /// Writes the digits without point and leading zeros; returns how many. At most 19 if `Scale`
  /// succeeded.
  int CopyDigits(char* out) const noexcept;

  /// Digits from the first that is not zero on.
  [[nodiscard]] std::uint32_t SignificantDigits() const noexcept;

  /// Sets `value` if the number is a whole number between 0 and `max`.
  [[nodiscard]] bool ToInteger(std::uint64_t max, std::uint64_t* value) const noexcept;
};

}  // namespace lobdesk
