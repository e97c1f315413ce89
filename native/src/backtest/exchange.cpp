// What market data does to the exchange's book and to own resting orders.
#include "lobdesk/backtest/exchange.hpp"

#include <algorithm>

namespace lobdesk::backtest {

namespace {

void NoteInterval(Order& order, const QueueState& queue) noexcept {
  order.optimistic_at_fill = queue.optimistic;
  order.pessimistic_at_fill = queue.pessimistic;
}

}  // namespace

Exchange::Exchange(const ModelConfig& model, const InstrumentConfig& instrument, std::size_t slots,
                   Book& book)
    : model_{&model},
      instrument_{&instrument},
      queue_rule_{model, instrument.lot},
      book_{&book},
      feed_orders_{slots} {}

void Exchange::OnRecord(ExchangeContext& context, const MarketRecord& record, std::int32_t slot) {
  switch (record.kind) {
    case kDepth:
      OnDepth(context, record);
      break;
    case kTrade:
      // An order-level feed reports executions as fills of resting orders.
      if (model_->queue != QueueModel::kL3Fifo) {
        const std::uint8_t own_side = Opposite(record.side);
        OnTrade(context, own_side, ToKey(own_side, record.price_ticks), record.qty_lots);
      }
      break;
    case kClear:
      book_->Clear(record.side, record.price_ticks);
      ForgetFeedOrders(context, record);
      taken_[kBid].clear();
      taken_[kAsk].clear();
      has_taken_ = false;
      break;
    case kFill:
      OnFeedFill(context, record, slot);
      break;
    default:
      OnFeedChange(context, record, slot);
      break;
  }
}

void Exchange::OnDepth(ExchangeContext& context, const MarketRecord& record) {
  const bool is_evicted = (record.flags & kEvicted) != 0;
  ChangeLevel(context, record.side, ToKey(record.side, record.price_ticks),
              is_evicted ? 0 : record.qty_lots, !is_evicted);
}

void Exchange::ChangeLevel(ExchangeContext& context, std::uint8_t side, Key key, Lots lots,
                           bool moves_queues) {
  const Key best_before = book_->Side(side).Best();
  const bool was_taken = has_taken_ && ForgetTaken(side, key);
  const Lots before = book_->Update(side, key, lots);
  if (has_taken_) ForgetTakenOfMissingLevels();
  if (moves_queues) MoveQueues(context, side, key, before, lots);
  if (lots != 0 && (key > best_before || was_taken)) {
    // What a level showed before may be what own orders took there already.
    FillCrossed(context, Opposite(side), key, lots, std::max<Lots>(0, lots - before));
  }
}

void Exchange::MoveQueues(ExchangeContext& context, std::uint8_t side, Key key, Lots before,
                          Lots after) {
  for (const std::int32_t slot : resting_[side]) {
    Order& order = context.OrderAt(slot);
    if (order.key < key) break;
    if (order.key == key) queue_rule_.OnDepth(order.queue, before, after, context.Now());
  }
}

void Exchange::FillCrossed(ExchangeContext& context, std::uint8_t own_side, Key other_key,
                           Lots lots, Lots certain) {
  if (resting_[own_side].empty()) return;
  Budget budget{model_->caps_through ? lots : kNoCap, certain};
  FillBetter(context, own_side, -other_key, true, budget);
}

void Exchange::FillBetter(ExchangeContext& context, std::uint8_t own_side, Key key,
                          bool includes_key, Budget& budget) {
  std::vector<std::int32_t>& resting = resting_[own_side];
  std::size_t i = 0;
  while (i < resting.size()) {
    const std::int32_t slot = resting[i];
    Order& order = context.OrderAt(slot);
    if (order.key < key || (order.key == key && !includes_key)) break;
    const Lots lots = std::min(order.leaves, budget.lots);
    NoteInterval(order, order.queue);
    // The market went through this price, so nobody can be ahead any more.
    QueueModelRule::Join(order.queue, 0);
    if (lots > 0) {
      Fill(context, slot, ToTicks(own_side, order.key), lots, true, lots <= budget.certain);
    }
    budget.Take(lots);
    if (order.is_resting) ++i;  // otherwise the next one moved here
  }
}

void Exchange::OnTrade(ExchangeContext& context, std::uint8_t own_side, Key key, Lots lots) {
  if (resting_[own_side].empty()) return;
  Budget budget{model_->caps_through ? lots : kNoCap, lots};
  FillBetter(context, own_side, key, false, budget);
  FillAtPrice(context, own_side, key, lots, budget);
}

void Exchange::FillAtPrice(ExchangeContext& context, std::uint8_t own_side, Key key, Lots lots,
                           Budget& budget) {
  std::vector<std::int32_t>& resting = resting_[own_side];
  Lots absorbed = 0;
  std::size_t i = 0;
  while (i < resting.size()) {
    const std::int32_t slot = resting[i];
    Order& order = context.OrderAt(slot);
    if (order.key < key) break;
    if (order.key > key || order.queue.is_deferred) {
      ++i;
      continue;
    }
    const QueueState before = order.queue;
    const Lots excess = queue_rule_.OnTrade(order.queue, lots, context.Now());
    const Lots pessimistic =
        order.queue.early.lots == before.early.lots
            ? before.pessimistic
            : before.pessimistic + before.early.pessimistic - order.queue.early.pessimistic;
    NoteInterval(order, before);
    const Lots share = model_->maker == MakerRule::kShared ? excess - absorbed : excess;
    const bool is_full = model_->maker == MakerRule::kIndependentFull && excess > 0;
    const Lots filled =
        is_full ? order.leaves : std::max<Lots>(0, std::min({order.leaves, share, budget.lots}));
    if (filled > 0) {
      const bool is_certain = pessimistic <= budget.certain - filled;
      Fill(context, slot, ToTicks(own_side, key), filled, true, is_certain);
      if (model_->maker == MakerRule::kShared) absorbed += filled;
      budget.Take(filled);
    }
    if (order.is_resting) ++i;
  }
}

void Exchange::OnFeedFill(ExchangeContext& context, const MarketRecord& record, std::int32_t slot) {
  const Key key = ToKey(record.side, record.price_ticks);
  if (model_->queue != QueueModel::kL3Fifo) {
    OnTrade(context, record.side, key, record.qty_lots);
    return;
  }
  const std::int64_t place = feed_orders_.Place(slot);
  std::vector<std::int32_t>& resting = resting_[record.side];
  Lots budget = record.qty_lots;
  Lots certain = budget;
  std::size_t i = 0;
  while (i < resting.size() && budget > 0) {
    const std::int32_t own_slot = resting[i];
    Order& order = context.OrderAt(own_slot);
    if (order.key < key || (order.key == key && order.place > place)) break;
    const bool is_full = model_->maker == MakerRule::kIndependentFull;
    NoteInterval(order, order.queue);
    const Lots lots = is_full ? order.leaves : std::min(order.leaves, budget);
    Fill(context, own_slot, ToTicks(record.side, order.key), lots, true, lots <= certain);
    certain -= lots;
    if (model_->maker == MakerRule::kShared) budget -= lots;
    if (order.is_resting) ++i;
  }
}

void Exchange::OnFeedChange(ExchangeContext& context, const MarketRecord& record,
                            std::int32_t slot) {
  const FeedChange change = feed_orders_.Apply(record, slot, next_place_++);
  const bool is_exact = model_->queue == QueueModel::kL3Fifo;
  if (change.has_removal && change.removed > 0) {
    const Lots level = book_->Side(change.old_side).At(change.old_key);
    const Lots left = std::max<Lots>(0, level - change.removed);
    if (is_exact) {
      for (const std::int32_t own_slot : resting_[change.old_side]) {
        Order& order = context.OrderAt(own_slot);
        if (order.key == change.old_key && order.place > change.old_place) {
          QueueModelRule::OnRemoval(order.queue, change.removed);
        }
      }
    }
    ChangeLevel(context, change.old_side, change.old_key, left, !is_exact);
  }
  if (change.has_addition) {
    const Lots level = book_->Side(change.side).At(change.key);
    if (is_exact) ReturnBefore(context, change);
    ChangeLevel(context, change.side, change.key, level + change.added, !is_exact);
  }
}

void Exchange::ForgetFeedOrders(ExchangeContext& context, const MarketRecord& record) {
  feed_orders_.Clear(record.side, record.price_ticks);
  if (model_->queue != QueueModel::kL3Fifo) return;
  for (const std::uint8_t side : {kBid, kAsk}) {
    if (record.side != kBothSides && record.side != side) continue;
    for (const std::int32_t own_slot : resting_[side]) {
      Order& order = context.OrderAt(own_slot);
      if (record.price_ticks != 0 && order.key < ToKey(side, record.price_ticks)) break;
      QueueModelRule::Join(order.queue, 0);
    }
  }
}

void Exchange::ReturnBefore(ExchangeContext& context, const FeedChange& change) {
  for (const std::int32_t own_slot : resting_[change.side]) {
    Order& order = context.OrderAt(own_slot);
    if (order.key == change.key && order.place > change.place) {
      QueueModelRule::OnRemoval(order.queue, -change.added);
    }
  }
}

Lots Exchange::TakenAt(std::uint8_t side, Key key) const noexcept {
  for (const Level& level : taken_[side]) {
    if (level.key == key) return level.lots;
  }
  return 0;
}

void Exchange::AddTaken(std::uint8_t side, Key key, Lots lots) {
  for (Level& level : taken_[side]) {
    if (level.key == key) {
      level.lots += lots;
      return;
    }
  }
  taken_[side].push_back({key, lots});
  has_taken_ = true;
}

bool Exchange::ForgetTaken(std::uint8_t side, Key key) {
  auto& levels = taken_[side];
  for (std::size_t i = 0; i < levels.size(); ++i) {
    if (levels[i].key == key) {
      levels[i] = levels.back();
      levels.pop_back();
      return true;
    }
  }
  return false;
}

void Exchange::ForgetTakenOfMissingLevels() {
  for (const std::uint8_t side : {kBid, kAsk}) {
    auto& levels = taken_[side];
    for (std::size_t i = levels.size(); i-- > 0;) {
      if (book_->Side(side).At(levels[i].key) != 0) continue;
      levels[i] = levels.back();
      levels.pop_back();
    }
  }
  has_taken_ = !taken_[kBid].empty() || !taken_[kAsk].empty();
}

}  // namespace lobdesk::backtest
