// Integer time, price and quantity.
#pragma once

#include <cstdint>

namespace lobdesk {

using TsUs = std::int64_t;   ///< Microseconds since the Unix epoch, UTC.
using Ticks = std::int64_t;  ///< Price as a count of the smallest step in use.
using Lots = std::int64_t;   ///< Quantity as a count of the smallest step in use.
using Seq = std::int64_t;    ///< Position in the raw event log.

enum class Side : std::uint8_t { kBid = 0, kAsk = 1 };

}  // namespace lobdesk
