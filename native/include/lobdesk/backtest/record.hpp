// One row of market data, as it lies in a file, in memory and in a NumPy array.
#pragma once

#include <cstdint>
#include <limits>

#include "lobdesk/units.hpp"

namespace lobdesk::backtest {

/// What a record says. The values are part of the file format.
enum RecordKind : std::uint8_t {
  kDepth = 1,  ///< A level's absolute quantity; 0 deletes it.
  kTrade = 2,  ///< `side` is the aggressor's.
  kClear = 3,  ///< Levels go; orders stay. With a price: only levels at least as good.
  kAdd = 10,
  kCancel = 11,
  kModify = 12,
  kFill = 13,  ///< Names the resting feed order; its reduction follows as modify or cancel.
};

/// Bits of `MarketRecord::flags`.
enum RecordFlag : std::uint16_t {
  kLastOfMessage = 1,
  kSnapshot = 2,
  kEvicted = 4,  ///< The level left the recorded window; it was not cancelled.
  kExchangeOnly = 8,
  kLocalOnly = 16,
};

constexpr std::uint8_t kBid = 0;  ///< Also: buy.
constexpr std::uint8_t kAsk = 1;  ///< Also: sell.
constexpr std::uint8_t kBothSides = 255;

/// Largest quantity of a record or order, so that no product of ours leaves 128 bits.
constexpr Lots kMaxLots = Lots{1} << 53;

/// Later than every event.
constexpr TsUs kNever = std::numeric_limits<TsUs>::max();

/// 32 bytes, little-endian, no padding.
struct MarketRecord {
  TsUs exch_ts_us;
  TsUs recv_ts_us;
  std::int32_t price_ticks;
  std::uint8_t kind;
  std::uint8_t side;
  std::uint16_t flags;
  Lots qty_lots;
};
static_assert(sizeof(MarketRecord) == 32);

}  // namespace lobdesk::backtest
