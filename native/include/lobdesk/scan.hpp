// Journal lines to columns.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lobdesk/large_vector.hpp"
#include "lobdesk/units.hpp"

namespace lobdesk {

/// Levels a side that a snapshot line may hold.
inline constexpr std::size_t kBookLevels = 10;

/// A line that is not what its log says.
struct Reject {
  std::int64_t offset;  ///< Of the line's first byte.
  std::int64_t length;  ///< Including the newline, if it has one.
  std::string reason;
};

/// Where each accepted line lies, and the lines that were refused.
struct Lines {
  LargeVector<std::int64_t> offset;
  LargeVector<std::int64_t> length;  ///< Including the newline, if it has one.
  std::vector<Reject> rejects;
};

/// One column per key of a snapshot line; levels are `rows × 10`, missing ones (0, 0).
struct SnapshotColumns {
  Lines lines;
  LargeVector<Seq> seq;
  LargeVector<TsUs> exch_ts_us, recv_ts_us;
  LargeVector<std::int8_t> price_precision, qty_precision;
  LargeVector<Ticks> bid_ticks, ask_ticks;
  LargeVector<Lots> bid_lots, ask_lots;
  LargeVector<std::int64_t> checksum;  ///< -1: the source has none.
  LargeVector<std::int8_t> verified;   ///< 1, or -1: nothing to compare.
};

/// One column per key of a trade line.
struct TradeColumns {
  Lines lines;
  LargeVector<Seq> seq;
  LargeVector<TsUs> exch_ts_us, recv_ts_us;
  LargeVector<std::int64_t> trade_id;
  LargeVector<std::uint8_t> side;      ///< Aggressor: 0 buy, 1 sell.
  LargeVector<std::int32_t> ord_type;  ///< Index into `ord_types`.
  std::vector<std::string> ord_types;
  LargeVector<Ticks> price_ticks;
  LargeVector<Lots> qty_lots;
  LargeVector<std::int8_t> price_precision, qty_precision;
};

/// One column per key of a raw event line, and what the frame is about.
struct EventColumns {
  Lines lines;
  LargeVector<Seq> seq;
  LargeVector<TsUs> recv_ts_us, mono_us;
  LargeVector<std::int64_t> conn;
  LargeVector<std::uint8_t> dir;                          ///< 0 in, 1 out, 2 note.
  LargeVector<std::int32_t> boot, channel, type, symbol;  ///< Index into `names`; -1: none.
  std::vector<std::string> names;
  LargeVector<std::uint8_t> raw;        ///< All frames, one after the other.
  LargeVector<std::int64_t> raw_begin;  ///< Rows + 1 positions in `raw`.
};

/// Reads complete lines of one symbol's snapshot log; `base_offset` is that of the first byte.
[[nodiscard]] SnapshotColumns ScanSnapshots(std::string_view data, std::string_view symbol,
                                            std::int64_t base_offset);

/// Reads complete lines of one symbol's trade log.
[[nodiscard]] TradeColumns ScanTrades(std::string_view data, std::string_view symbol,
                                      std::int64_t base_offset);

/// Reads complete lines of a raw event log.
[[nodiscard]] EventColumns ScanEvents(std::string_view data, std::int64_t base_offset);

}  // namespace lobdesk
