// Own orders: what the exchange knows of them, what the strategy knows of them, and the messages
// between the two.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "lobdesk/backtest/book.hpp"
#include "lobdesk/backtest/config.hpp"

namespace lobdesk::backtest {

enum class Status : std::uint8_t {
  kPending,
  kNew,
  kPartiallyFilled,
  kFilled,
  kCanceled,
  kExpired,
};

enum class Reason : std::uint8_t {
  kNone,
  kPostOnlyReject,
  kSelfTrade,
  kCancelRejected,
  kModifyRejected,
  kBelowMinimum,
};

enum class OrderType : std::uint8_t { kLimit, kMarket };
enum class TimeInForce : std::uint8_t { kGtc, kIoc, kFok, kGtx };

[[nodiscard]] constexpr bool IsTerminal(Status status) noexcept {
  return status >= Status::kFilled;
}

/// Key of a market order: crosses every level.
constexpr Key kMarketKey = -kNoLevel;

/// Decreases of a level that no trade explained yet, and how they moved the queue.
struct EarlyDecrease {
  TsUs ts_us = 0;
  Lots lots = 0;
  double ahead = 0.0;
  Lots optimistic = 0;
  Lots pessimistic = 0;
};

/// Bound of a queue beyond the recorded window.
constexpr Lots kUnknownLots = std::numeric_limits<Lots>::max();

/// Where a resting order stands in its level's queue.
struct QueueState {
  double ahead = 0.0;        ///< By the model in use; public lots only.
  Lots optimistic = 0;       ///< If all cancels had been ahead of us.
  Lots pessimistic = 0;      ///< If all cancels had been behind us; may be kUnknownLots.
  Lots traded = 0;           ///< Traded at the price since its last depth update.
  EarlyDecrease early;       ///< For netting in both orders.
  bool is_deferred = false;  ///< The level is beyond the recorded window: unknown.
};

/// One own order. The first half belongs to the exchange, the second to the strategy.
struct Order {
  std::int64_t id = 0;
  std::int32_t row = 0;  ///< Its row in the orders ledger.
  std::int32_t symbol = 0;
  std::uint8_t side = kBid;
  OrderType type = OrderType::kLimit;
  TimeInForce tif = TimeInForce::kGtc;

  bool is_resting = false;
  Key key = 0;
  Lots leaves = 0;
  std::int64_t place = 0;
  QueueState queue;
  double ahead_at_arrival = 0.0;
  Lots optimistic_at_fill = 0;  ///< Ahead right before what filled it last, at least.
  Lots pessimistic_at_fill = 0;
  TsUs arrival_us = 0;
  Mid2 arrival_mid2 = 0;

  Status status = Status::kPending;
  Reason reason = Reason::kNone;
  Reason last_reject = Reason::kNone;
  std::int32_t requests_in_flight = 0;  ///< Cancels and modifies without an answer.
  std::int32_t messages_in_flight = 0;  ///< Anything that still refers to this slot.
  Ticks price_ticks = 0;                ///< As the strategy knows it; 0 of a market order.
  Lots qty_lots = 0;
  Lots known_leaves = 0;
  Lots filled_lots = 0;
  Mid2 decision_mid2 = 0;
  TsUs decision_us = 0;
  TsUs known_arrival_us = 0;
  TsUs ack_us = 0;
  TsUs first_fill_us = 0;
  TsUs last_fill_us = 0;
  TsUs close_us = 0;
  double known_ahead_at_arrival = 0.0;
  Mid2 known_arrival_mid2 = 0;
};

/// A message to the exchange.
struct Request {
  TsUs arrival_us = 0;
  RequestKind kind = RequestKind::kSubmit;
  std::int32_t slot = -1;  ///< -1: the order is closed; only its row is left.
  std::int32_t row = -1;
  std::int32_t symbol = 0;  ///< Of cancel-all; -1 means every symbol.
  Key key = 0;              ///< Of modify.
  Lots lots = 0;            ///< Of modify.
};

enum class ReportKind : std::uint8_t {
  kAccepted,
  kFill,
  kCanceled,
  kExpired,
  kRejected,
  kAnswered,  ///< A modify is done; fills before it say what became of the order.
};

/// A message from the exchange.
struct Report {
  TsUs arrival_us = 0;
  TsUs exch_us = 0;
  ReportKind kind = ReportKind::kAccepted;
  RequestKind answers = RequestKind::kSubmit;
  Reason reason = Reason::kNone;
  bool is_maker = false;
  bool is_certain = true;
  std::int32_t slot = -1;
  std::int32_t row = -1;
  Ticks price_ticks = 0;
  Lots lots = 0;
  Lots leaves = 0;
  TsUs order_arrival_us = 0;
  Mid2 arrival_mid2 = 0;
  double ahead_at_arrival = 0.0;
  Lots optimistic_at_fill = 0;
  Lots pessimistic_at_fill = 0;
};

/// Live orders in reusable slots. Copyable.
class OrderSlab {
 public:
  std::int32_t Add(const Order& order) {
    if (spare_.empty()) {
      orders_.push_back(order);
      return static_cast<std::int32_t>(orders_.size()) - 1;
    }
    const std::int32_t slot = spare_.back();
    spare_.pop_back();
    (*this)[slot] = order;
    return slot;
  }
  void Free(std::int32_t slot) { spare_.push_back(slot); }

  Order& operator[](std::int32_t slot) noexcept { return orders_[static_cast<std::size_t>(slot)]; }
  const Order& operator[](std::int32_t slot) const noexcept {
    return orders_[static_cast<std::size_t>(slot)];
  }

 private:
  std::vector<Order> orders_;
  std::vector<std::int32_t> spare_;
};

/// First in, first out, in memory that is used again. Copyable.
///
/// Messages of one connection never overtake, so a queue of them is sorted by arrival.
template <typename T>
class RingQueue {
 public:
  [[nodiscard]] bool IsEmpty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t Size() const noexcept { return size_; }
  [[nodiscard]] const T& Front() const noexcept { return items_[head_]; }
  [[nodiscard]] const T& At(std::size_t i) const noexcept {
    return items_[(head_ + i) & (items_.size() - 1)];
  }

  T& Push(const T& item) {
    if (size_ == items_.size()) Grow();
    T& pushed = items_[(head_ + size_++) & (items_.size() - 1)];
    pushed = item;
    return pushed;
  }

  T Pop() noexcept {
    const T item = items_[head_];
    head_ = (head_ + 1) & (items_.size() - 1);
    --size_;
    return item;
  }

 private:
  void Grow() {
    std::vector<T> larger(items_.size() * 2);
    for (std::size_t i = 0; i < size_; ++i) larger[i] = At(i);
    items_ = std::move(larger);
    head_ = 0;
  }

  std::vector<T> items_ = std::vector<T>(8);
  std::size_t head_ = 0;
  std::size_t size_ = 0;
};

}  // namespace lobdesk::backtest
