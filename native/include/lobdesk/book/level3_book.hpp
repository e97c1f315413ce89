// Order-level book, precisions and state of one symbol.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lobdesk/book/byte_reader.hpp"
#include "lobdesk/book/frame.hpp"
#include "lobdesk/book/level3_orders.hpp"
#include "lobdesk/book/symbol_book.hpp"
#include "lobdesk/book/verdict.hpp"
#include "lobdesk/units.hpp"

namespace lobdesk {

/// State machine of one symbol: no book → live → suspect → (snapshot) live.
///
/// As with `SymbolBook`, a message is applied whole or not at all, and what cannot be verified
/// makes the book suspect at that very message. A snapshot whose checksum is 0 was not checked by
/// the exchange: it is applied, and the next message's checksum decides about it, too.
///
/// Place in the queue: a new order goes to the end, and so does one that is modified to another
/// price, or to more quantity at another time; any other modification keeps the place. The
/// exchange's documentation only promises to keep the place "where possible", so where the checksum
/// disagrees, the queues that the message touched are put in order of their orders' times, and the
/// checksum is asked again: it covers the queue, and is right.
class Level3Book {
 public:
  Level3Book(std::string symbol, std::size_t depth) : symbol_{std::move(symbol)}, depth_{depth} {}

  /// Applies one message if it can be trusted and says so in `verdict`.
  void Apply(const Frame& frame, const FrameLevel3& message, TsUs recv_ts_us,
             Level3Verdict* verdict);
  /// Makes a live book suspect: something was lost that may have been meant for it.
  void Suspect(std::string_view reason);
  /// Forgets the book, as after an unsubscription or a lost connection.
  void Drop() noexcept;
  /// Sets what the exchange says; a live book counted otherwise becomes suspect.
  void SetPrecisions(const Precisions& precisions);
  /// Sets the subscribed depth; a live book of another depth becomes suspect.
  void SetDepth(std::size_t depth);

  /// Appends everything there is to know, for `FromState`.
  void AppendState(std::string* out) const;
  /// Makes a book as it was. Throws EngineError if the bytes hold none.
  [[nodiscard]] static Level3Book FromState(ByteReader* bytes);

  /// True while its last message was verified.
  [[nodiscard]] bool IsLive() const noexcept { return state_ == State::kLive; }
  /// True if there is a book, verified or still unchecked.
  [[nodiscard]] bool HasBook() const noexcept { return IsLive() || state_ == State::kUnchecked; }
  [[nodiscard]] bool IsSuspect() const noexcept { return state_ == State::kSuspect; }
  [[nodiscard]] const std::string& Symbol() const noexcept { return symbol_; }
  [[nodiscard]] const std::optional<Precisions>& Scale() const noexcept { return precisions_; }
  [[nodiscard]] const Level3Orders& Orders() const noexcept { return orders_; }
  [[nodiscard]] std::size_t Depth() const noexcept { return depth_; }
  /// Checksum of the last verified message.
  [[nodiscard]] std::uint32_t Checksum() const noexcept { return checksum_; }

 private:
  enum class State : std::uint8_t { kNone, kLive, kSuspect, kUnchecked };

  bool Infer(const Frame& frame, const FrameLevel3& message);
  std::string_view Convert(const Frame& frame, const FrameLevel3& message);
  std::string_view ConvertOrder(const FrameOrder& source, Level3Order* order) const;
  void ApplyEvents(const Frame& frame, const FrameLevel3& message, Level3Verdict* verdict);
  void ApplyEvent(OrderEvent event, const Level3Order& order, Level3Verdict* verdict);
  void Modify(Level3Order* known, const Level3Order& news, Level3Verdict* verdict);
  void Remove(Level3Order* known, Level3Verdict* verdict);
  void Cut(Side side, Level3Verdict* verdict);
  bool AgreesByTime(std::uint32_t expected, Level3Verdict* verdict);
  void TellWholeBook(Level3Verdict* verdict) const;
  void Accept(Level3Verdict* verdict);
  void Refuse(std::string_view reason, Level3Verdict* verdict);

  std::string symbol_;
  std::size_t depth_;
  std::optional<Precisions> precisions_;
  State state_ = State::kNone;
  std::string_view suspect_reason_;
  Level3Orders orders_;
  std::vector<Level3Order> converted_;           // scratch: the orders of one message
  std::vector<std::pair<Side, Ticks>> touched_;  // scratch: levels that a message changed
  std::uint32_t checksum_ = 0;
};

}  // namespace lobdesk
