#include "lobdesk/backtest/strategies.hpp"

#include <cstddef>
#include <optional>
#include <string>

#include "lobdesk/errors.hpp"

namespace lobdesk::backtest {

namespace {

bool CanCancel(const Order& order) noexcept {
  return order.status != Status::kPending && order.requests_in_flight == 0;
}

Lots Signed(std::uint8_t side, Lots lots) noexcept { return side == kBid ? lots : -lots; }

}  // namespace

TsUs JoinTouch::OnWake(LocalDesk& desk) {
  // By symbol first, so that many of them do not each look at the orders of all.
  live_.resize(desk.SymbolCount());
  for (std::vector<std::int32_t>& slots : live_) slots.clear();
  for (const std::int32_t slot : desk.LiveOrders()) {
    live_[static_cast<std::size_t>(desk.GetOrder(slot).symbol)].push_back(slot);
  }
  for (std::size_t symbol = 0; symbol < desk.SymbolCount(); ++symbol) Quote(desk, symbol);
  return desk.Now() + settings_.interval_us;
}

void JoinTouch::Quote(LocalDesk& desk, std::size_t symbol) {
  const Book& book = desk.LocalBook(symbol);
  if (book.Side(kBid).IsEmpty() || book.Side(kAsk).IsEmpty()) return;
  bool has_order[2] = {false, false};
  for (const std::int32_t slot : live_[symbol]) {
    const Order& order = desk.GetOrder(slot);
    has_order[order.side] = true;
    const Key wanted = book.Side(order.side).Best() - settings_.offset_ticks;
    const bool is_there = ToKey(order.side, order.price_ticks) == wanted;
    if (!is_there && CanCancel(order)) desk.Cancel(order.id);
  }
  const Lots position = desk.GetAccount(symbol).position;
  for (const std::uint8_t side : {kBid, kAsk}) {
    if (has_order[side] || Signed(side, position) >= settings_.max_position_lots) continue;
    const Ticks price = ToTicks(side, book.Side(side).Best() - settings_.offset_ticks);
    if (price <= 0) continue;
    desk.Submit(++last_id_, symbol, side, price, settings_.qty_lots, OrderType::kLimit,
                TimeInForce::kGtx);
  }
}

TsUs SignalFollower::Start(TsUs first_exch_us) {
  // Values from before the data have nothing to act on.
  while (next_ < signals_->ts_us.size() && signals_->ts_us[next_] < first_exch_us) ++next_;
  return next_ < signals_->ts_us.size() ? signals_->ts_us[next_] : kNever;
}

TsUs SignalFollower::OnWake(LocalDesk& desk) {
  due_.assign(desk.SymbolCount(), std::nullopt);
  for (; next_ < signals_->ts_us.size() && signals_->ts_us[next_] <= desk.Now(); ++next_) {
    const auto symbol = static_cast<std::size_t>(signals_->symbols[next_]);
    if (symbol >= due_.size()) {
      throw EngineError{"signal " + std::to_string(next_) + ": there is no symbol " +
                        std::to_string(signals_->symbols[next_])};
    }
    due_[symbol] = signals_->values[next_];
  }
  for (std::size_t symbol = 0; symbol < due_.size(); ++symbol) {
    if (due_[symbol]) Follow(desk, symbol, *due_[symbol]);
  }
  return next_ < signals_->ts_us.size() ? signals_->ts_us[next_] : kNever;
}

void SignalFollower::Follow(LocalDesk& desk, std::size_t symbol, double value) {
  const Book& book = desk.LocalBook(symbol);
  if (book.Side(kBid).IsEmpty() || book.Side(kAsk).IsEmpty()) return;
  Lots target = 0;
  if (value > settings_.threshold) {
    target = settings_.max_position_lots;
  } else if (value < -settings_.threshold) {
    target = -settings_.max_position_lots;
  } else if (settings_.holds_inside) {
    return;
  }
  // Only what is under way to the wanted side counts. What goes the other way is cancelled, and may
  // still vanish: betting on its fill could end beyond the largest position.
  const Lots wanted = target - desk.GetAccount(symbol).position;
  const std::uint8_t side = wanted >= 0 ? kBid : kAsk;
  const Lots lots = (wanted >= 0 ? wanted : -wanted);
  const Lots missing = lots - CancelOthers(desk, symbol, side, book.Side(side).Best(), lots);
  if (missing <= 0) return;
  const std::uint8_t from = settings_.is_maker ? side : Opposite(side);
  const Ticks price = ToTicks(from, book.Side(from).Best());
  desk.Submit(++last_id_, symbol, side, price, missing, OrderType::kLimit,
              settings_.is_maker ? TimeInForce::kGtx : TimeInForce::kIoc);
}

Lots SignalFollower::CancelOthers(LocalDesk& desk, std::size_t symbol, std::uint8_t side, Key touch,
                                  Lots wanted) const {
  Lots open = 0;
  for (const std::int32_t slot : desk.LiveOrders()) {
    const Order& order = desk.GetOrder(slot);
    if (static_cast<std::size_t>(order.symbol) != symbol) continue;
    const bool is_same_side = order.side == side;
    // What may still fill counts until the exchange says that it is gone.
    if (is_same_side) open += order.known_leaves;
    const bool is_good = is_same_side && open <= wanted &&
                         (!settings_.is_maker || ToKey(order.side, order.price_ticks) == touch);
    if (!is_good && CanCancel(order)) desk.Cancel(order.id);
  }
  return open;
}

TsUs Script::Start(TsUs /*first_exch_us*/) {
  return actions_->empty() ? kNever : actions_->front().ts_us;
}

TsUs Script::OnWake(LocalDesk& desk) {
  const std::vector<Action>& actions = *actions_;
  for (; next_ < actions.size() && actions[next_].ts_us <= desk.Now(); ++next_) {
    const Action& action = actions[next_];
    switch (action.kind) {
      case RequestKind::kSubmit:
        desk.Submit(action.id, action.symbol, action.side, action.price_ticks, action.lots,
                    action.type, action.tif);
        break;
      case RequestKind::kCancel:
        desk.Cancel(action.id);
        break;
      case RequestKind::kModify:
        desk.Modify(action.id, action.price_ticks, action.lots);
        break;
      case RequestKind::kCancelAll:
        desk.CancelAll(-1);
        break;
    }
  }
  return next_ < actions.size() ? actions[next_].ts_us : kNever;
}

}  // namespace lobdesk::backtest
