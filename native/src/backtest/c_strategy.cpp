#include "lobdesk/backtest/c_strategy.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace lobdesk::backtest {

CStrategy::CStrategy(CFunction function, WakeRule rule, std::size_t levels,
                     std::vector<std::byte> state, std::shared_ptr<void> owner)
    : function_{function},
      timer_{std::move(rule)},
      level_count_{levels},
      state_{std::move(state)},
      owner_{std::move(owner)},
      commands_(kCommands) {}

TsUs CStrategy::OnWake(LocalDesk& desk) {
  Show(desk);
  CView view{};
  view.version = CView::kVersion;
  view.size = sizeof(CView);
  view.now_us = desk.Now();
  view.reasons = desk.Reasons() | timer_.Due(desk.Now());
  if (own_wake_us_ <= desk.Now()) {
    view.reasons |= kWakeTime;
    own_wake_us_ = kNever;
  }
  view.symbol_count = static_cast<std::int32_t>(symbols_.size());
  view.level_count = static_cast<std::int32_t>(level_count_);
  view.order_count = static_cast<std::int64_t>(orders_.size());
  view.trade_count = static_cast<std::int64_t>(desk.NewTrades().size());
  view.fill_count = static_cast<std::int64_t>(desk.NewFillCount());
  view.next_order_id = desk.NextOrderId();
  view.state_bytes = static_cast<std::int64_t>(state_.size());
  view.command_capacity = static_cast<std::int64_t>(kCommands);
  view.next_wake_us = own_wake_us_;
  const std::int32_t code =
      function_(&view, symbols_.data(), levels_.data(), orders_.data(), desk.NewTrades().data(),
                desk.NewFills(), commands_.data(), state_.data());
  if (code != 0) {
    throw StrategyError("the strategy's function returned " + std::to_string(code) + " at " +
                        std::to_string(desk.Now()) + " us");
  }
  Carry(desk, view.command_count);
  own_wake_us_ = view.next_wake_us;
  return std::min(timer_.Next(), own_wake_us_);
}

void CStrategy::Show(const LocalDesk& desk) {
  symbols_.resize(desk.SymbolCount());
  levels_.assign(symbols_.size() * 2 * level_count_, CLevel{});
  for (std::size_t i = 0; i < symbols_.size(); ++i) {
    const Book& book = desk.LocalBook(i);
    CSymbol& symbol = symbols_[i];
    symbol = CSymbol{};
    const LadderSide& bids = book.Side(kBid);
    const LadderSide& asks = book.Side(kAsk);
    if (!bids.IsEmpty()) {
      symbol.bid_ticks = ToTicks(kBid, bids.Best());
      symbol.bid_lots = bids.At(bids.Best());
    }
    if (!asks.IsEmpty()) {
      symbol.ask_ticks = ToTicks(kAsk, asks.Best());
      symbol.ask_lots = asks.At(asks.Best());
    }
    symbol.last_mid2 = book.LastMid();
    symbol.position_lots = desk.GetAccount(i).position;
    for (const std::uint8_t side : {kBid, kAsk}) {
      const LadderSide& ladder = book.Side(side);
      CLevel* level = levels_.data() + (i * 2 + side) * level_count_;
      Key key = ladder.Best();
      for (std::size_t r = 0; r < level_count_ && key != kNoLevel; ++r) {
        level[r] = {ToTicks(side, key), ladder.At(key)};
        key = ladder.NextWorse(key);
      }
    }
  }
  orders_.clear();
  for (const std::int32_t slot : desk.LiveOrders()) {
    const Order& order = desk.GetOrder(slot);
    orders_.push_back({order.id, order.price_ticks, order.known_leaves, order.filled_lots,
                       order.symbol, order.side, static_cast<std::uint8_t>(order.status),
                       static_cast<std::uint8_t>(order.requests_in_flight != 0), 0});
  }
}

void CStrategy::Carry(LocalDesk& desk, std::int64_t count) const {
  if (count < 0 || count > static_cast<std::int64_t>(kCommands)) {
    throw StrategyError("the strategy's function wrote " + std::to_string(count) +
                        " commands; there is room for " + std::to_string(kCommands));
  }
  for (std::int64_t i = 0; i < count; ++i) {
    const CCommand& command = commands_[static_cast<std::size_t>(i)];
    switch (command.kind) {
      case 0:
        if (command.side > kAsk || command.type > 1 || command.tif > 3) {
          throw OrderError("order " + std::to_string(command.id) +
                           ": its side, type or time in force does not exist");
        }
        desk.Submit(command.id, static_cast<std::size_t>(command.symbol), command.side,
                    command.price_ticks, command.qty_lots, static_cast<OrderType>(command.type),
                    static_cast<TimeInForce>(command.tif));
        break;
      case 1:
        desk.Cancel(command.id);
        break;
      case 2:
        desk.Modify(command.id, command.price_ticks, command.qty_lots);
        break;
      case 3:
        desk.CancelAll(command.symbol);
        break;
      default:
        throw StrategyError("command " + std::to_string(i) +
                            " of the strategy's function has kind " + std::to_string(command.kind) +
                            ", which does not exist");
    }
  }
}

}  // namespace lobdesk::backtest
