// Prices of any precision to multiples of the price increment.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lobdesk {

/// What prices are counted in.
struct PriceGrid {
  int digits;         ///< After the point, of the increment's unit.
  std::int64_t step;  ///< Price increment in units of 10^-digits; positive.
};

/// Converts `rows × width` mantissas, each row with digits of its own.
///
/// Returns false, with `ticks` in any state, if a price is no multiple of the increment, or if a
/// number does not fit: 64 bits on the way, 32 bits (but not their least value) in the end.
[[nodiscard]] bool ToTicks(const std::int64_t* mantissas, const std::int8_t* precision,
                           std::size_t rows, std::size_t width, const PriceGrid& grid,
                           std::int32_t* ticks) noexcept;

}  // namespace lobdesk
