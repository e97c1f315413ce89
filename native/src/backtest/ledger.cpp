#include "lobdesk/backtest/ledger.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lobdesk/errors.hpp"

namespace lobdesk::backtest {

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Converts exactly as a cast does; nearly all values fit a register, which is much cheaper.
double ToDouble(Int128 value) noexcept {
  const auto low = static_cast<std::int64_t>(value);
  return low == value ? static_cast<double>(low) : static_cast<double>(value);
}

double ToPrice(Mid2 mid2, double tick) noexcept {
  return mid2 == 0 ? kNan : static_cast<double>(mid2) * 0.5 * tick;
}

double Slippage(std::uint8_t side, Ticks price_ticks, Mid2 mid2, double tick) noexcept {
  if (mid2 == 0) return kNan;
  const double cost = static_cast<double>(2 * price_ticks - mid2) * 0.5 * tick;
  return side == kBid ? cost : -cost;
}

}  // namespace

double Account::Book(std::uint8_t side, Ticks price_ticks, Lots lots, std::int64_t fee_rate) {
  const Lots signed_lots = side == kBid ? lots : -lots;
  const Int128 notional = Int128{price_ticks} * signed_lots;
  Lots position_after = 0;
  Int128 cash_after = 0;
  Int128 fee_after = 0;
  const bool is_over =
      __builtin_add_overflow(position, signed_lots, &position_after) ||
      __builtin_sub_overflow(cash, notional, &cash_after) ||
      __builtin_add_overflow(fee, Int128{price_ticks} * lots * fee_rate, &fee_after);
  if (is_over) throw EngineError("position, cash or fee leaves its range; use smaller lots");
  cash = cash_after;
  fee = fee_after;
  const auto price = static_cast<double>(price_ticks);
  const Lots closed = (position > 0) == (signed_lots > 0) || position == 0
                          ? 0
                          : std::min(lots, position > 0 ? position : -position);
  double gain = 0.0;
  if (closed > 0) {
    const double signed_closed = static_cast<double>(position > 0 ? closed : -closed);
    const double average = basis / static_cast<double>(position);
    gain = signed_closed * (price - average);
    basis -= signed_closed * average;
  }
  if (position_after == 0) {
    basis = 0.0;
  } else if (closed == 0) {
    basis += price * static_cast<double>(signed_lots);
  } else if ((position > 0) != (position_after > 0)) {
    basis = price * static_cast<double>(position_after);
  }
  position = position_after;
  realized += gain;
  ++fills;
  return gain;
}

double Account::Cash(const InstrumentConfig& instrument) const noexcept {
  return ToDouble(cash) * instrument.unit_value;
}

double Account::Fee(const InstrumentConfig& instrument) const noexcept {
  return ToDouble(fee) / static_cast<double>(kFeeScale) * instrument.unit_value;
}

double Account::Equity(const InstrumentConfig& instrument, Mid2 mid2) const noexcept {
  const Int128 twice = 2 * cash + Int128{position} * mid2;
  return ToDouble(twice) * 0.5 * instrument.unit_value - Fee(instrument);
}

void TradedVolume::GoTo(TsUs ts_us) {
  constexpr TsUs kDayUs = 86'400'000'000;
  const std::int64_t day = ts_us / kDayUs;
  if (day - day_ >= kDays) values_.fill(0.0);
  for (std::int64_t gone = std::max(day_ + 1, day - kDays + 1); gone <= day; ++gone) {
    values_[static_cast<std::size_t>(gone % kDays)] = 0.0;
  }
  day_ = std::max(day_, day);
}

double TradedVolume::At(TsUs ts_us) {
  GoTo(ts_us);
  double sum = 0.0;
  for (const double value : values_) sum += value;
  return sum;
}

void TradedVolume::Add(TsUs ts_us, double value) {
  GoTo(ts_us);
  values_[static_cast<std::size_t>(day_ % kDays)] += value;
}

Ledger::Ledger(std::size_t records) {
  // Enough for huge pages in long runs: to touch small ones first was a seventh of a run.
  const std::size_t rows = std::min<std::size_t>(records / 4, std::size_t{1} << 16);
  fills.reserve(rows);
  orders.reserve(rows);
  equity.reserve(rows);
}

std::int32_t Ledger::FindOrder(std::int64_t id, std::size_t size) const {
  std::int32_t row = -1;
  if (id >= 0 && static_cast<std::size_t>(id) < row_of_small_id_.size()) {
    row = row_of_small_id_[static_cast<std::size_t>(id)];
  } else if (!row_of_id_.empty()) {
    const auto found = row_of_id_.find(id);
    if (found != row_of_id_.end()) row = found->second;
  }
  return row >= 0 && static_cast<std::size_t>(row) < size ? row : -1;
}

void Ledger::RememberOrder(std::int64_t id, std::int32_t row) {
  const std::size_t size = row_of_small_id_.size();
  const auto at = static_cast<std::size_t>(id);
  if (id >= 0 && at >= size && at <= orders.size() + 1 && row_of_id_.empty()) {
    row_of_small_id_.resize(std::max<std::size_t>(1024, at * 2), -1);
  }
  if (id >= 0 && at < row_of_small_id_.size()) {
    row_of_small_id_[at] = row;
  } else {
    row_of_id_[id] = row;
  }
}

FillRow MakeFillRow(const Order& order, const Report& report, const Account& account,
                    const InstrumentConfig& instrument, std::int64_t fee_rate, double realized) {
  FillRow row{};
  row.exch_ts_us = report.exch_us;
  row.local_ts_us = report.arrival_us;
  row.order_id = order.id;
  row.symbol = order.symbol;
  row.side = order.side;
  row.is_maker = report.is_maker ? 1 : 0;
  row.is_certain = report.is_certain ? 1 : 0;
  row.price_ticks = report.price_ticks;
  row.qty_lots = report.lots;
  const Int128 fee = Int128{report.price_ticks} * report.lots * fee_rate;
  row.fee = ToDouble(fee) / static_cast<double>(kFeeScale) * instrument.unit_value;
  row.decision_mid = ToPrice(order.decision_mid2, instrument.tick);
  row.arrival_mid = ToPrice(report.arrival_mid2, instrument.tick);
  row.slip_decision =
      Slippage(order.side, report.price_ticks, order.decision_mid2, instrument.tick);
  row.slip_arrival = Slippage(order.side, report.price_ticks, report.arrival_mid2, instrument.tick);
  row.ahead_at_arrival = report.ahead_at_arrival;
  row.ahead_optimistic = static_cast<float>(report.optimistic_at_fill);
  row.ahead_pessimistic = report.pessimistic_at_fill == kUnknownLots
                              ? std::numeric_limits<float>::infinity()
                              : static_cast<float>(report.pessimistic_at_fill);
  row.wait_us = report.exch_us - report.order_arrival_us;
  row.position_lots = account.position;
  row.cash = account.Cash(instrument);
  row.realized = realized * instrument.unit_value;
  row.realized_total = account.realized * instrument.unit_value;
  return row;
}

OrderRow MakeOrderRow(const Order& order, const InstrumentConfig& instrument) {
  OrderRow row{};
  row.order_id = order.id;
  row.symbol = order.symbol;
  row.side = order.side;
  row.type = static_cast<std::uint8_t>(order.type);
  row.tif = static_cast<std::uint8_t>(order.tif);
  row.status = static_cast<std::uint8_t>(order.status);
  row.reason = static_cast<std::uint8_t>(order.reason);
  row.last_reject = static_cast<std::uint8_t>(order.last_reject);
  row.price_ticks = order.price_ticks;
  row.qty_lots = order.qty_lots;
  row.leaves_lots = order.known_leaves;
  row.filled_lots = order.filled_lots;
  row.decision_us = order.decision_us;
  row.arrival_us = order.known_arrival_us;
  row.ack_us = order.ack_us;
  row.first_fill_us = order.first_fill_us;
  row.last_fill_us = order.last_fill_us;
  row.close_us = order.close_us;
  row.decision_mid = ToPrice(order.decision_mid2, instrument.tick);
  row.arrival_mid = ToPrice(order.known_arrival_mid2, instrument.tick);
  row.ahead_at_arrival = order.known_ahead_at_arrival;
  return row;
}

}  // namespace lobdesk::backtest
