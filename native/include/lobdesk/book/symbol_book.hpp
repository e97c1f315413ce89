// Book, precisions and state of one symbol.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lobdesk/book/byte_reader.hpp"
#include "lobdesk/book/frame.hpp"
#include "lobdesk/book/order_book.hpp"
#include "lobdesk/book/verdict.hpp"
#include "lobdesk/units.hpp"

namespace lobdesk {

/// Digits after the point of a symbol's numbers.
struct Precisions {
  int price = 0;
  int qty = 0;
  bool is_inferred = false;  ///< From the digits of a snapshot, not told by the exchange.
};

/// State machine of one symbol: no book → live → suspect → (snapshot) live.
///
/// A message is either applied whole or not at all. Whatever cannot be verified makes the book
/// suspect at that very message, and only a snapshot makes it live again.
class SymbolBook {
 public:
  SymbolBook(std::string symbol, std::size_t depth) : symbol_{std::move(symbol)}, depth_{depth} {}

  /// Applies one message if it can be trusted and says so in `verdict`.
  void Apply(const Frame& frame, const FrameBook& message, TsUs recv_ts_us, BookVerdict* verdict);
  /// Makes a live book suspect: something was lost that may have been meant for it.
  void Suspect(std::string_view reason);
  /// Forgets the book, as after an unsubscription or a lost connection.
  void Drop() noexcept;
  /// Sets what the exchange says; a live book counted otherwise becomes suspect.
  void SetPrecisions(const Precisions& precisions);
  /// Sets the subscribed depth; a live book of another depth becomes suspect.
  void SetDepth(std::size_t depth);

  /// Appends the L2Snapshot line of the present state; the book must be live.
  void AppendSnapshotLine(Seq seq, std::size_t levels, std::string* out) const;

  /// Appends everything there is to know, for `FromState`.
  void AppendState(std::string* out) const;
  /// Makes a book as it was. Throws EngineError if the bytes hold none.
  [[nodiscard]] static SymbolBook FromState(ByteReader* bytes);

  [[nodiscard]] bool IsLive() const noexcept { return state_ == State::kLive; }
  [[nodiscard]] bool IsSuspect() const noexcept { return state_ == State::kSuspect; }
  [[nodiscard]] const std::string& Symbol() const noexcept { return symbol_; }
  [[nodiscard]] const std::optional<Precisions>& Scale() const noexcept { return precisions_; }
  [[nodiscard]] const OrderBook& Book() const noexcept { return book_; }
  [[nodiscard]] std::size_t Depth() const noexcept { return depth_; }

 private:
  enum class State : std::uint8_t { kNone, kLive, kSuspect };

  bool Infer(const Frame& frame, const FrameBook& message);
  std::string_view Convert(const Frame& frame, std::size_t begin, std::size_t end);
  std::string_view ConvertLevel(const FrameLevel& source, BookLevel* level) const;
  void Refuse(std::string_view reason, BookVerdict* verdict);

  std::string symbol_;
  std::size_t depth_;
  std::optional<Precisions> precisions_;
  State state_ = State::kNone;
  std::string_view suspect_reason_;
  OrderBook book_;
  std::vector<BookLevel> converted_;  // scratch: bids, then asks of one message
  TsUs exch_ts_us_ = 0;
  TsUs recv_ts_us_ = 0;
  std::uint32_t checksum_ = 0;
};

/// Name of a fault as it appears in verdicts; empty for none.
[[nodiscard]] std::string_view FaultName(NumberFault fault) noexcept;

}  // namespace lobdesk
