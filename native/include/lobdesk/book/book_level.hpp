// One price level and its text.
#pragma once

#include <cstdint>

#include "lobdesk/units.hpp"

namespace lobdesk {

/// A level with the digits that the checksum is taken over. Formatting them anew for each
/// checksum would cost more than all the rest of a frame.
struct BookLevel {
  static constexpr int kMaxDigits = 38;  ///< Two int64.

  Ticks price_ticks = 0;
  Lots qty_lots = 0;
  std::uint8_t digit_count = 0;
  char digits[kMaxDigits] = {};  ///< Price, then quantity, without point and leading zeros.
};

}  // namespace lobdesk
