// Journal lines to columns.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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
  std::vector<std::int64_t> offset;
  std::vector<std::int64_t> length;  ///< Including the newline, if it has one.
  std::vector<Reject> rejects;
};

/// One column per key of a snapshot line; levels are `rows × 10`, missing ones (0, 0).
struct SnapshotColumns {
  Lines lines;
  std::vector<Seq> seq;
  std::vector<TsUs> exch_ts_us, recv_ts_us;
  std::vector<std::int8_t> price_precision, qty_precision;
  std::vector<Ticks> bid_ticks, ask_ticks;
  std::vector<Lots> bid_lots, ask_lots;
  std::vector<std::int64_t> checksum;  ///< -1: the source has none.
  std::vector<std::int8_t> verified;   ///< 1, or -1: nothing to compare.
};

/// One column per key of a trade line.
struct TradeColumns {
  Lines lines;
  std::vector<Seq> seq;
  std::vector<TsUs> exch_ts_us, recv_ts_us;
  std::vector<std::int64_t> trade_id;
  std::vector<std::uint8_t> side;      ///< Aggressor: 0 buy, 1 sell.
  std::vector<std::int32_t> ord_type;  ///< Index into `ord_types`.
  std::vector<std::string> ord_types;
  std::vector<Ticks> price_ticks;
  std::vector<Lots> qty_lots;
  std::vector<std::int8_t> price_precision, qty_precision;
};

/// One column per key of a raw event line, and what the frame is about.
struct EventColumns {
  Lines lines;
  std::vector<Seq> seq;
  std::vector<TsUs> recv_ts_us, mono_us;
  std::vector<std::int64_t> conn;
  std::vector<std::uint8_t> dir;                          ///< 0 in, 1 out, 2 note.
  std::vector<std::int32_t> boot, channel, type, symbol;  ///< Index into `names`; -1: none.
  std::vector<std::string> names;
  std::string raw;                      ///< All frames, one after the other.
  std::vector<std::int64_t> raw_begin;  ///< Rows + 1 positions in `raw`.
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
