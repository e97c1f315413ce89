// What the verifier says about one frame.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lobdesk/book/frame.hpp"
#include "lobdesk/book/level3_order.hpp"
#include "lobdesk/units.hpp"

namespace lobdesk {

enum class BookState : std::uint8_t {
  kVerified,    ///< Applied, and our checksum is the exchange's.
  kFailed,      ///< Applied, and the checksums differ: the book must be rebuilt.
  kUnverified,  ///< Not applied; the reason says why.
};

/// About one book message. Reasons: `checksum` (a mismatch, or a book that awaits its snapshot
/// after one), `no_book`, `no_checksum`, `precision`, `overflow`, `not_positive`, `exponent`,
/// `malformed`, `subscription`; empty if verified.
struct BookVerdict {
  std::string symbol;
  std::string_view reason;  ///< One of the constants above.
  TsUs exch_ts_us = 0;
  std::optional<std::uint32_t> expected;  ///< The exchange's checksum.
  std::optional<std::uint32_t> actual;    ///< Ours, if it was computed.
  BookState state = BookState::kUnverified;
  bool is_snapshot = false;
  bool is_inferred = false;  ///< This snapshot's digits set the symbol's precisions.
};

/// What one message did to one order, in exact units, and where the order stood then.
struct OrderChange {
  OrderId id;
  OrderEvent event = OrderEvent::kAdd;  ///< `kEvict`: left the depth that is followed.
  Side side = Side::kBid;
  Ticks price_ticks = 0;
  Lots qty_lots = 0;  ///< What is left; of a deletion or eviction what was left.
  std::int64_t ts_ns = 0;
  std::int64_t orders_ahead = 0;  ///< Of a deletion before it.
  Lots lots_ahead = 0;
};

/// About one level-3 message. Further reason: `unchecked`, a snapshot whose checksum is 0 and not
/// ours; the next message decides.
struct Level3Verdict : BookVerdict {
  std::vector<OrderChange> changes;  ///< In order; only of a verified message.
  TsUs recv_ts_us = 0;
  int price_precision = 0;
  int qty_precision = 0;
  bool is_whole = false;  ///< The changes are the whole book, which replaces what was known.
};

/// One trade in exact units.
struct TradeEntry {
  std::string symbol;
  std::string ord_type;
  TsUs exch_ts_us = 0;
  TsUs recv_ts_us = 0;
  std::int64_t trade_id = 0;
  Ticks price_ticks = 0;
  Lots qty_lots = 0;
  int price_precision = 0;
  int qty_precision = 0;
  bool is_sell = false;
};

/// A trade that cannot be expressed, and why: `precision`, `overflow`, `not_positive`, `exponent`.
struct RefusedTrade {
  std::string symbol;
  std::string_view reason;
};

/// A live book that ended without a book message, and why: `unsubscribed`, `subscription` (another
/// depth), `precision`.
struct EndedBook {
  std::string symbol;
  std::string_view reason;
};

/// About one frame.
struct Verdict {
  FrameKind kind = FrameKind::kMalformed;
  std::string reason;  ///< Why malformed, or the text of an error answer.
  std::vector<BookVerdict> books;
  std::vector<Level3Verdict> level3;
  std::vector<TradeEntry> trades;
  std::vector<RefusedTrade> refused;
  std::vector<EndedBook> ended;
  std::vector<EndedBook> level3_ended;
};

/// Appends the line of a verified level-3 message for the order log.
void AppendOrdersLine(const Level3Verdict& verdict, Seq seq, std::string* out);

}  // namespace lobdesk
