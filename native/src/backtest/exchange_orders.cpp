// What own requests do at the exchange.
#include <algorithm>
#include <cstddef>

#include "lobdesk/backtest/exchange.hpp"

namespace lobdesk::backtest {

void Exchange::OnSubmit(ExchangeContext& context, std::int32_t slot) {
  Enter(context, slot, RequestKind::kSubmit);
}

void Exchange::OnCancel(ExchangeContext& context, const Request& request) {
  if (request.slot < 0 || !context.OrderAt(request.slot).is_resting) {
    Reject(context, request, Reason::kCancelRejected);
    return;
  }
  Leave(context, context.OrderAt(request.slot), request.slot);
  context.OrderAt(request.slot).is_resting = false;
  Answer(context, request.slot, ReportKind::kCanceled, RequestKind::kCancel, Reason::kNone);
}

void Exchange::OnCancelAll(ExchangeContext& context) {
  for (const std::uint8_t side : {kBid, kAsk}) {
    for (const std::int32_t slot : resting_[side]) {
      context.OrderAt(slot).is_resting = false;
      Answer(context, slot, ReportKind::kCanceled, RequestKind::kCancelAll, Reason::kNone);
    }
    resting_[side].clear();
    NoteOwn(context, side);
  }
}

void Exchange::OnModify(ExchangeContext& context, const Request& request) {
  if (request.slot < 0 || request.lots <= 0 || !context.OrderAt(request.slot).is_resting) {
    Reject(context, request, Reason::kModifyRejected);
    return;
  }
  Order& order = context.OrderAt(request.slot);
  if (order.key == request.key && request.lots <= order.leaves) {
    order.leaves = request.lots;
    Answer(context, request.slot, ReportKind::kAccepted, RequestKind::kModify, Reason::kNone);
    return;
  }
  Leave(context, order, request.slot);
  order.is_resting = false;
  order.key = request.key;
  order.leaves = request.lots;
  Enter(context, request.slot, RequestKind::kModify);
}

void Exchange::Enter(ExchangeContext& context, std::int32_t slot, RequestKind answers) {
  if (Place(context, slot, answers) || answers == RequestKind::kSubmit) return;
  // Its fills say what became of it; this only tells that the request is done.
  Answer(context, slot, ReportKind::kAnswered, answers, Reason::kNone);
}

bool Exchange::Place(ExchangeContext& context, std::int32_t slot, RequestKind answers) {
  Order& order = context.OrderAt(slot);
  order.arrival_us = context.Now();
  order.arrival_mid2 = book_->Mid();
  order.ahead_at_arrival = 0.0;
  const LadderSide& other = book_->Side(Opposite(order.side));
  const bool is_crossing = !other.IsEmpty() && order.key + other.Best() >= 0;
  if (Refuse(context, slot, answers, is_crossing)) return true;
  const Lots leaves_before = order.leaves;
  order.optimistic_at_fill = order.pessimistic_at_fill = 0;
  if (is_crossing) Take(context, slot);
  if (order.leaves == 0) return false;
  if (order.type == OrderType::kMarket || order.tif == TimeInForce::kIoc ||
      order.tif == TimeInForce::kFok) {
    Answer(context, slot, ReportKind::kExpired, answers, Reason::kNone);
    return true;
  }
  if (is_crossing && model_->fills_remainder) {
    Fill(context, slot, ToTicks(order.side, order.key), order.leaves, false, false);
    return false;
  }
  Rest(context, slot);
  const bool is_untouched = order.leaves == leaves_before;
  if (is_untouched) Answer(context, slot, ReportKind::kAccepted, answers, Reason::kNone);
  return is_untouched;
}

bool Exchange::Refuse(ExchangeContext& context, std::int32_t slot, RequestKind answers,
                      bool is_crossing) {
  const Order& order = context.OrderAt(slot);
  Reason reason = Reason::kNone;
  if (order.leaves < instrument_->min_lots) {
    reason = Reason::kBelowMinimum;
  } else if (model_->prevents_self_trade && WouldSelfTrade(context, order)) {
    reason = Reason::kSelfTrade;
  } else if (order.tif == TimeInForce::kGtx && order.type == OrderType::kLimit && is_crossing) {
    reason = Reason::kPostOnlyReject;
  } else if (order.tif != TimeInForce::kFok || Available(order) >= order.leaves) {
    return false;
  }
  Answer(context, slot, ReportKind::kExpired, answers, reason);
  return true;
}

bool Exchange::WouldSelfTrade(ExchangeContext& context, const Order& order) const {
  const std::uint8_t side = Opposite(order.side);
  if (resting_[side].empty()) return false;
  const Key own_best = context.OrderAt(resting_[side].front()).key;
  return own_best >= book_->Side(side).Best() && order.key + own_best >= 0;
}

Lots Exchange::Available(const Order& order) const {
  const std::uint8_t side = Opposite(order.side);
  const LadderSide& levels = book_->Side(side);
  Lots available = 0;
  for (Key key = levels.Best(); key != kNoLevel && order.key + key >= 0;
       key = levels.NextWorse(key)) {
    if (model_->taker == TakerRule::kBestFull) return order.leaves;
    available += levels.At(key);
    if (model_->taker == TakerRule::kConsume) available -= TakenAt(side, key);
    if (available >= order.leaves) break;
  }
  return available;
}

void Exchange::Take(ExchangeContext& context, std::int32_t slot) {
  const Order& order = context.OrderAt(slot);
  const std::uint8_t side = Opposite(order.side);
  const LadderSide& levels = book_->Side(side);
  if (model_->taker == TakerRule::kBestFull) {
    const bool is_displayed = order.leaves <= levels.At(levels.Best());
    Fill(context, slot, ToTicks(side, levels.Best()), order.leaves, false, is_displayed);
    return;
  }
  for (Key key = levels.Best(); key != kNoLevel && order.key + key >= 0;
       key = levels.NextWorse(key)) {
    const bool consumes = model_->taker == TakerRule::kConsume;
    const Lots available = levels.At(key) - (consumes ? TakenAt(side, key) : 0);
    const Lots lots = std::min(available, order.leaves);
    if (lots <= 0) continue;
    if (consumes) AddTaken(side, key, lots);
    Fill(context, slot, ToTicks(side, key), lots, false, true);
    if (order.leaves == 0) return;
  }
}

void Exchange::Rest(ExchangeContext& context, std::int32_t slot) {
  Order& order = context.OrderAt(slot);
  const LadderSide& levels = book_->Side(order.side);
  const Lots displayed = levels.At(order.key);
  QueueModelRule::Join(order.queue, displayed);
  const bool is_full = model_->window == 0 || levels.Count() >= model_->window;
  const bool is_unknown =
      displayed == 0 && !levels.IsEmpty() && is_full && order.key < levels.Worst();
  order.queue.is_deferred = model_->defers_unknown && is_unknown;
  if (is_unknown) order.queue.pessimistic = kUnknownLots;
  order.ahead_at_arrival = order.queue.ahead;
  order.place = next_place_++;
  order.is_resting = true;
  std::vector<std::int32_t>& resting = resting_[order.side];
  const auto at = std::find_if(resting.begin(), resting.end(), [&](std::int32_t other) {
    return context.OrderAt(other).key < order.key;
  });
  resting.insert(at, slot);
  NoteOwn(context, order.side);
}

void Exchange::Leave(ExchangeContext& context, const Order& order, std::int32_t slot) {
  std::vector<std::int32_t>& resting = resting_[order.side];
  resting.erase(std::find(resting.begin(), resting.end(), slot));
  NoteOwn(context, order.side);
}

void Exchange::NoteOwn(ExchangeContext& context, std::uint8_t side) {
  const std::vector<std::int32_t>& resting = resting_[side];
  own_best_[side] = resting.empty() ? kNoLevel : context.OrderAt(resting.front()).key;
  own_worst_[side] = resting.empty() ? -kNoLevel : context.OrderAt(resting.back()).key;
}

void Exchange::Fill(ExchangeContext& context, std::int32_t slot, Ticks price_ticks, Lots lots,
                    bool is_maker, bool is_certain) {
  Order& order = context.OrderAt(slot);
  order.leaves -= lots;
  if (order.leaves == 0 && order.is_resting) {
    order.is_resting = false;
    Leave(context, order, slot);
  }
  Report report;
  report.kind = ReportKind::kFill;
  report.slot = slot;
  report.row = order.row;
  report.is_maker = is_maker;
  report.is_certain = is_certain;
  report.price_ticks = price_ticks;
  report.lots = lots;
  report.leaves = order.leaves;
  report.order_arrival_us = order.arrival_us;
  report.arrival_mid2 = order.arrival_mid2;
  report.ahead_at_arrival = order.ahead_at_arrival;
  report.optimistic_at_fill = order.optimistic_at_fill;
  report.pessimistic_at_fill = order.pessimistic_at_fill;
  context.Send(report);
}

void Exchange::Answer(ExchangeContext& context, std::int32_t slot, ReportKind kind,
                      RequestKind answers, Reason reason) {
  const Order& order = context.OrderAt(slot);
  Report report;
  report.kind = kind;
  report.answers = answers;
  report.reason = reason;
  report.slot = slot;
  report.row = order.row;
  report.price_ticks = order.type == OrderType::kMarket ? 0 : ToTicks(order.side, order.key);
  report.leaves = order.leaves;
  report.order_arrival_us = order.arrival_us;
  report.arrival_mid2 = order.arrival_mid2;
  report.ahead_at_arrival = order.ahead_at_arrival;
  context.Send(report);
}

void Exchange::Reject(ExchangeContext& context, const Request& request, Reason reason) {
  Report report;
  report.kind = ReportKind::kRejected;
  report.answers = request.kind;
  report.reason = reason;
  report.slot = request.slot;
  report.row = request.row;
  context.Send(report);
}

}  // namespace lobdesk::backtest
