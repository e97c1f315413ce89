// One frame of the feed, parsed but not yet acted on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lobdesk/book/decimal_token.hpp"
#include "lobdesk/units.hpp"

namespace lobdesk {

enum class FrameKind : std::uint8_t {
  kBook,
  kTrade,
  kInstrument,
  kStatus,
  kHeartbeat,
  kAck,
  kPong,
  kError,
  kOther,
  kMalformed,
  kLevel3,
};

/// A price and a quantity as they stood in the frame.
struct FrameLevel {
  DecimalToken price;
  DecimalToken qty;
};

/// One element of a book frame's `data`. Level ranges index `Frame::levels`.
struct FrameBook {
  std::string_view symbol;
  std::size_t bids_begin = 0;
  std::size_t bids_end = 0;
  std::size_t asks_begin = 0;
  std::size_t asks_end = 0;
  std::optional<std::uint32_t> checksum;  ///< Empty if absent, null or no 32-bit number.
  std::optional<TsUs> exch_ts_us;         ///< Snapshots before 2025 carry none.
};

/// What happened to an order.
enum class OrderEvent : std::uint8_t { kAdd, kModify, kDelete, kEvict };

/// One order of a level-3 frame; a snapshot's orders are all added.
struct FrameOrder {
  std::string_view order_id;
  FrameLevel level;  ///< Of a deletion nothing is read from it.
  std::int64_t ts_ns = 0;
  OrderEvent event = OrderEvent::kAdd;
  bool is_ask = false;
};

/// One element of a level-3 frame's `data`. The range indexes `Frame::orders`.
struct FrameLevel3 {
  std::string_view symbol;
  std::size_t orders_begin = 0;
  std::size_t orders_end = 0;
  std::optional<std::uint32_t> checksum;  ///< Empty if absent, null or no 32-bit number.
  std::optional<TsUs> exch_ts_us;         ///< Of the message, where it has one.
};

/// One element of a trade frame's `data`.
struct FrameTrade {
  std::string_view symbol;
  std::string_view ord_type;
  FrameLevel level;
  std::int64_t trade_id = 0;
  TsUs exch_ts_us = 0;
  bool is_sell = false;
};

/// One pair of an instrument frame; only what counting needs.
struct FrameInstrument {
  std::string_view symbol;
  int price_precision = 0;
  int qty_precision = 0;
};

/// Answer to a request.
struct FrameAck {
  std::string_view method;
  std::string_view channel;
  std::string_view symbol;
  std::optional<int> depth;
  bool is_success = false;
};

/// A whole frame. Views point into the frame's text or into the scanner that filled it.
struct Frame {
  FrameKind kind = FrameKind::kMalformed;
  bool is_snapshot = false;
  bool may_be_book = true;    ///< False as soon as another channel or a method was read.
  bool may_be_level3 = true;  ///< The same for level 3.
  std::string reason;         ///< Why malformed, or the error's text.
  FrameAck ack;
  std::vector<FrameBook> books;
  std::vector<FrameLevel> levels;
  std::vector<FrameLevel3> level3;
  std::vector<FrameOrder> orders;
  std::vector<FrameTrade> trades;
  std::vector<FrameInstrument> instruments;
  std::vector<std::string_view> symbols_seen;  ///< Of book entries, also of a malformed frame.

  void Clear();
};

}  // namespace lobdesk
