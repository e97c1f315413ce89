#include "lobdesk/backtest/grid.hpp"

#include <algorithm>
#include <cstddef>

namespace lobdesk::backtest {

namespace {

Lots Signed(std::uint8_t side, Lots lots) noexcept { return side == kBid ? lots : -lots; }

/// Returns the best line that does not cross the own best price: floor of a bid, ceiling of an ask.
Ticks FirstLine(std::uint8_t side, Ticks best, Ticks spacing) noexcept {
  return side == kBid ? best / spacing * spacing : (best + spacing - 1) / spacing * spacing;
}

}  // namespace

TsUs Grid::OnWake(LocalDesk& desk) {
  for (std::size_t symbol = 0; symbol < desk.SymbolCount(); ++symbol) Quote(desk, symbol);
  return desk.Now() + settings_.interval_us;
}

void Grid::Quote(LocalDesk& desk, std::size_t symbol) {
  const Book& book = desk.LocalBook(symbol);
  if (book.Side(kBid).IsEmpty() || book.Side(kAsk).IsEmpty()) return;
  for (const std::uint8_t side : {kBid, kAsk}) QuoteSide(desk, symbol, side);
}

void Grid::QuoteSide(LocalDesk& desk, std::size_t symbol, std::uint8_t side) {
  const Ticks best = ToTicks(side, desk.LocalBook(symbol).Side(side).Best());
  const Ticks first = FirstLine(side, best, settings_.spacing_ticks);
  const Ticks step = side == kBid ? -settings_.spacing_ticks : settings_.spacing_ticks;
  const Ticks last = first + step * (settings_.levels - 1);
  Lots exposure = Signed(side, desk.GetAccount(symbol).position);
  taken_.clear();
  for (const std::int32_t slot : desk.LiveOrders()) {
    const Order& order = desk.GetOrder(slot);
    if (static_cast<std::size_t>(order.symbol) != symbol || order.side != side) continue;
    // What may still fill counts until the exchange says that it is gone.
    exposure += order.known_leaves;
    taken_.push_back(order.price_ticks);
    const bool is_line =
        order.price_ticks >= std::min(first, last) && order.price_ticks <= std::max(first, last);
    const bool can_cancel = order.status != Status::kPending && order.requests_in_flight == 0;
    if (!is_line && can_cancel) desk.Cancel(order.id);
  }
  for (std::int64_t i = 0; i < settings_.levels; ++i) {
    const Ticks price = first + step * i;
    if (price <= 0 || exposure + settings_.qty_lots > settings_.max_position_lots) return;
    if (std::find(taken_.begin(), taken_.end(), price) != taken_.end()) continue;
    desk.Submit(++last_id_, symbol, side, price, settings_.qty_lots, OrderType::kLimit,
                TimeInForce::kGtx);
    exposure += settings_.qty_lots;
  }
}

TsUs Twap::Start(TsUs first_exch_us) {
  start_us_ = first_exch_us + settings_.start_after_us;
  return SliceTime(0);
}

TsUs Twap::OnWake(LocalDesk& desk) {
  const Lots target = Target(slice_);
  ++slice_;
  const TsUs next_us = slice_ <= settings_.slices ? SliceTime(slice_) : kNever;
  const LadderSide& offers = desk.LocalBook(0).Side(Opposite(settings_.side));
  if (offers.IsEmpty()) return next_us;
  Lots open = 0;
  for (const std::int32_t slot : desk.LiveOrders()) open += desk.GetOrder(slot).known_leaves;
  const Lots missing = target - Signed(settings_.side, desk.GetAccount(0).position) - open;
  if (missing > 0) {
    desk.Submit(++last_id_, 0, settings_.side, ToTicks(Opposite(settings_.side), offers.Best()),
                missing, OrderType::kLimit, TimeInForce::kIoc);
  }
  return next_us;
}

TsUs Twap::SliceTime(std::int64_t slice) const noexcept {
  const Int128 passed = Int128{settings_.duration_us} * slice / settings_.slices;
  return start_us_ + static_cast<TsUs>(passed);
}

Lots Twap::Target(std::int64_t slice) const noexcept {
  const std::int64_t done = std::min(slice + 1, settings_.slices);
  return static_cast<Lots>(Int128{settings_.qty_lots} * done / settings_.slices);
}

}  // namespace lobdesk::backtest
