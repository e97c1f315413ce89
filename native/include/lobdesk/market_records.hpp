// Book snapshots and trades to the event stream that the engine replays.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "lobdesk/large_vector.hpp"
#include "lobdesk/units.hpp"

namespace lobdesk {

/// One event as it lies in a records file: little-endian, packed, 32 bytes.
struct WrittenRecord {
  TsUs exch_ts_us;
  TsUs recv_ts_us;
  std::int32_t price_ticks;  ///< Multiples of the price increment.
  std::uint8_t kind;
  std::uint8_t side;
  std::uint16_t flags;
  Lots qty_lots;
};
static_assert(sizeof(WrittenRecord) == 32);

inline constexpr std::uint8_t kRecordDepth = 1;
inline constexpr std::uint8_t kRecordTrade = 2;
inline constexpr std::uint8_t kRecordClear = 3;
inline constexpr std::uint8_t kRecordBothSides = 255;
inline constexpr std::uint16_t kRecordLast = 1;
inline constexpr std::uint16_t kRecordSnapshot = 2;
inline constexpr std::uint16_t kRecordEvicted = 4;
inline constexpr std::uint16_t kRecordExchangeOnly = 8;
inline constexpr std::uint16_t kRecordLocalOnly = 16;

inline constexpr std::size_t kRecordLevels = 10;

/// Book snapshots of one symbol in order of receipt; levels are `rows × 10`, missing ones have
/// no lots. Exchange times must not go backwards.
struct BookRows {
  std::size_t rows;
  const Seq* seq;
  const TsUs* exch_ts_us;
  const TsUs* recv_ts_us;
  const std::uint8_t* starts_segment;
  const std::int32_t* bid_ticks;
  const Lots* bid_lots;
  const std::int32_t* ask_ticks;
  const Lots* ask_lots;
};

/// Trades of the same symbol in order of receipt. Exchange times must not go backwards.
struct TradeRows {
  std::size_t rows;
  const Seq* seq;
  const TsUs* exch_ts_us;
  const TsUs* recv_ts_us;
  const std::uint8_t* side;  ///< Aggressor: 0 buy, 1 sell.
  const std::int32_t* price_ticks;
  const Lots* qty_lots;
};

/// The stream, and what it consists of.
struct MarketRecords {
  LargeVector<WrittenRecord> records;
  std::int64_t depth_messages = 0;  ///< Snapshots that changed something.
  std::int64_t trades = 0;
  std::int64_t clears = 0;
  std::int64_t split_messages = 0;  ///< Written once for each clock.
};

/// Turns snapshots into changes and merges them with the trades.
///
/// Exchange order: by exchange time, trades before depth of the same time. Where a message arrived
/// in another order, its records are written twice, once for each clock, so that the rows of either
/// clock are in that clock's order.
[[nodiscard]] MarketRecords BuildMarketRecords(const BookRows& books, const TradeRows& trades);

}  // namespace lobdesk
