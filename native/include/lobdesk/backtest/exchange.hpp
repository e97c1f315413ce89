// The exchange's side of one symbol: its book, own resting orders and the matching rules.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "lobdesk/backtest/book.hpp"
#include "lobdesk/backtest/config.hpp"
#include "lobdesk/backtest/feed_orders.hpp"
#include "lobdesk/backtest/order.hpp"
#include "lobdesk/backtest/queue_model.hpp"

namespace lobdesk::backtest {

constexpr Lots kNoCap = std::numeric_limits<Lots>::max();

/// What the exchange needs of the engine while it handles one event.
class ExchangeContext {
 public:
  explicit ExchangeContext(OrderSlab& orders) noexcept : orders_{orders} {}
  virtual ~ExchangeContext() = default;
  virtual void Send(const Report& report) = 0;
  Order& OrderAt(std::int32_t slot) noexcept { return orders_[slot]; }
  [[nodiscard]] TsUs Now() const noexcept { return now_us_; }

 protected:
  TsUs now_us_ = 0;

 private:
  OrderSlab& orders_;
};

/// What one record of the feed may still give to own orders.
struct Budget {
  Lots lots;     ///< By the rules of the run; kNoCap where they know no bound.
  Lots certain;  ///< Of what was traded or displayed.

  void Take(Lots filled) noexcept {
    if (lots != kNoCap) lots -= filled;
    certain -= filled;
  }
};

/// One symbol at the exchange. Copyable; configuration and book are its engine's.
class Exchange {
 public:
  Exchange(const ModelConfig& model, const InstrumentConfig& instrument, std::size_t slots,
           Book& book);

  /// Applies a record that touches no own order and returns true, or leaves it to OnRecord.
  ///
  /// Nearly all records are depth updates that end here.
  [[nodiscard]] bool ApplyQuietly(const MarketRecord& record) {
    if (record.kind > kTrade) return false;
    const Key key = ToKey(record.side, record.price_ticks);
    const Key own_best = own_best_[record.side];
    const Key own_worst = own_worst_[record.side];
    // Bits instead of branches: where own orders are is what a processor cannot guess.
    const auto is_depth = static_cast<unsigned>(record.kind == kDepth);
    const auto is_among =
        static_cast<unsigned>(key <= own_best) & static_cast<unsigned>(key >= own_worst);
    const auto meets = static_cast<unsigned>(key + own_best_[Opposite(record.side)] >= 0);
    if ((meets | (is_depth & is_among) | static_cast<unsigned>(has_taken_)) != 0) return false;
    if (is_depth != 0) book_->Update(record.side, key, ShownLots(record));
    return true;
  }

  /// Applies a record of the feed and fills what it fills.
  void OnRecord(ExchangeContext& context, const MarketRecord& record, std::int32_t slot);

  /// Returns whether no record can fill anything.
  [[nodiscard]] bool IsQuiet() const noexcept {
    return resting_[kBid].empty() && resting_[kAsk].empty();
  }

  /// Returns whether depth records and trades concern nothing but the book.
  [[nodiscard]] bool IsPlain() const noexcept { return IsQuiet() && !has_taken_; }

  void OnSubmit(ExchangeContext& context, std::int32_t slot);
  void OnCancel(ExchangeContext& context, const Request& request);
  void OnModify(ExchangeContext& context, const Request& request);
  void OnCancelAll(ExchangeContext& context);

  [[nodiscard]] const std::vector<std::int32_t>& Resting(std::uint8_t side) const noexcept {
    return resting_[side];
  }

 private:
  void OnDepth(ExchangeContext& context, const MarketRecord& record);
  void OnTrade(ExchangeContext& context, std::uint8_t own_side, Key key, Lots lots);
  void OnFeedFill(ExchangeContext& context, const MarketRecord& record, std::int32_t slot);
  void OnFeedChange(ExchangeContext& context, const MarketRecord& record, std::int32_t slot);
  /// After a clear nobody is known ahead of own orders, until a snapshot tells who still is.
  void ForgetFeedOrders(ExchangeContext& context, const MarketRecord& record);
  void ReturnBefore(ExchangeContext& context, const FeedChange& change);
  void ChangeLevel(ExchangeContext& context, std::uint8_t side, Key key, Lots lots,
                   bool moves_queues);
  void MoveQueues(ExchangeContext& context, std::uint8_t side, Key key, Lots before, Lots after);
  void FillCrossed(ExchangeContext& context, std::uint8_t own_side, Key other_key, Lots lots,
                   Lots certain);
  void FillBetter(ExchangeContext& context, std::uint8_t own_side, Key key, bool includes_key,
                  Budget& budget);
  void FillAtPrice(ExchangeContext& context, std::uint8_t own_side, Key key, Lots lots,
                   Budget& budget);

  [[nodiscard]] bool WouldSelfTrade(ExchangeContext& context, const Order& order) const;
  [[nodiscard]] Lots Available(const Order& order) const;
  void Enter(ExchangeContext& context, std::int32_t slot, RequestKind answers);
  bool Place(ExchangeContext& context, std::int32_t slot, RequestKind answers);
  bool Refuse(ExchangeContext& context, std::int32_t slot, RequestKind answers, bool is_crossing);
  void Take(ExchangeContext& context, std::int32_t slot);
  void Rest(ExchangeContext& context, std::int32_t slot);
  void Fill(ExchangeContext& context, std::int32_t slot, Ticks price_ticks, Lots lots,
            bool is_maker, bool is_certain);
  static void Answer(ExchangeContext& context, std::int32_t slot, ReportKind kind,
                     RequestKind answers, Reason reason);
  static void Reject(ExchangeContext& context, const Request& request, Reason reason);
  void Leave(ExchangeContext& context, const Order& order, std::int32_t slot);
  void NoteOwn(ExchangeContext& context, std::uint8_t side);

  [[nodiscard]] Lots TakenAt(std::uint8_t side, Key key) const noexcept;
  void AddTaken(std::uint8_t side, Key key, Lots lots);
  bool ForgetTaken(std::uint8_t side, Key key);
  void ForgetTakenOfMissingLevels();

  const ModelConfig* model_;
  const InstrumentConfig* instrument_;
  QueueModelRule queue_rule_;
  Book* book_;
  FeedOrders feed_orders_;
  std::array<std::vector<std::int32_t>, 2> resting_;  // slots by price, then time
  std::array<Key, 2> own_best_{kNoLevel, kNoLevel};   // of resting_
  std::array<Key, 2> own_worst_{-kNoLevel, -kNoLevel};
  std::int64_t next_place_ = 1;
  bool has_taken_ = false;
  std::array<std::vector<Level>, 2> taken_;  // by displayed level, unsorted, short
};

}  // namespace lobdesk::backtest
