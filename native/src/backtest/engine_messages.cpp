// Requests, reports and what the local side makes of them.
#include <algorithm>
#include <limits>
#include <string>

#include "lobdesk/backtest/engine.hpp"

namespace lobdesk::backtest {

namespace {

std::size_t LatencyIndex(const Report& report) noexcept {
  if (report.kind == ReportKind::kFill) return 3;
  if (report.answers == RequestKind::kCancelAll) return 1;
  return static_cast<std::size_t>(report.answers);
}

std::string OrderName(std::int64_t id) { return "order " + std::to_string(id); }

void CheckLots(std::int64_t id, Lots lots) {
  if (lots <= 0 || lots > kMaxLots) {
    throw OrderError(OrderName(id) + ": its quantity must be from 1 to 2^53 lots, not " +
                     std::to_string(lots));
  }
}

void CheckPrice(std::int64_t id, Ticks price_ticks) {
  if (price_ticks <= 0 || price_ticks > std::numeric_limits<std::int32_t>::max()) {
    throw OrderError(OrderName(id) + ": its price must be from 1 to 2^31 - 1 ticks, not " +
                     std::to_string(price_ticks));
  }
}

}  // namespace

void Engine::Send(const Report& report) {
  const std::int64_t latency_us = latency_.Response(LatencyIndex(report), now_us_);
  state_.last_report_us = std::max(state_.last_report_us, now_us_ + latency_us);
  if (report.slot >= 0) ++state_.orders[report.slot].messages_in_flight;
  Report& sent = state_.reports.Push(report);
  sent.exch_us = now_us_;
  sent.arrival_us = state_.last_report_us;
}

void Engine::SendRequest(Request request, TsUs sent_us) {
  const std::int64_t latency_us = latency_.Entry(request.kind, sent_us);
  state_.last_request_us = std::max(state_.last_request_us, sent_us + latency_us);
  request.arrival_us = state_.last_request_us;
  if (request.slot >= 0) ++state_.orders[request.slot].messages_in_flight;
  state_.requests.Push(request);
}

void Engine::OnRequest(const Request& request) {
  if (request.kind == RequestKind::kCancelAll) {
    for (std::size_t i = 0; i < state_.symbols.size(); ++i) {
      if (request.symbol < 0 || static_cast<std::size_t>(request.symbol) == i) {
        state_.symbols[i].exchange.OnCancelAll(*this);
      }
    }
    return;
  }
  Exchange& exchange = state_.symbols[static_cast<std::size_t>(request.symbol)].exchange;
  switch (request.kind) {
    case RequestKind::kSubmit:
      exchange.OnSubmit(*this, request.slot);
      break;
    case RequestKind::kCancel:
      exchange.OnCancel(*this, request);
      break;
    default:
      exchange.OnModify(*this, request);
      break;
  }
  if (request.slot >= 0) {
    --state_.orders[request.slot].messages_in_flight;
    Release(request.slot);
  }
}

void Engine::OnReport(const Report& report) {
  AskForWake(report.kind == ReportKind::kFill ? kWakeFill | kWakeReport : kWakeReport);
  stopped_ |= breakpoints_.events &
              (report.kind == ReportKind::kFill ? kStopFill | kStopOrder : kStopOrder);
  if (report.slot < 0) {
    // A request for an order that was over: only its row is left to note the refusal.
    if (!is_rerun_) {
      ledger_.orders[static_cast<std::size_t>(report.row)].last_reject =
          static_cast<std::uint8_t>(report.reason);
    }
    return;
  }
  Order& order = state_.orders[report.slot];
  --order.messages_in_flight;
  if (report.kind == ReportKind::kFill) {
    OnFill(order, report);
  } else {
    OnAnswer(order, report);
  }
  if (order.ack_us == 0) order.ack_us = report.arrival_us;
  if (IsTerminal(order.status) && order.close_us == 0) {
    order.close_us = report.arrival_us;
    state_.live.erase(std::find(state_.live.begin(), state_.live.end(), report.slot));
  }
  WriteRow(order);
  Release(report.slot);
}

void Engine::OnAnswer(Order& order, const Report& report) {
  const bool ends_request =
      report.answers == RequestKind::kCancel || report.answers == RequestKind::kModify;
  if (ends_request) --order.requests_in_flight;
  if (report.kind == ReportKind::kRejected) {
    order.last_reject = report.reason;
    return;
  }
  order.known_arrival_us = report.order_arrival_us;
  order.known_arrival_mid2 = report.arrival_mid2;
  order.known_ahead_at_arrival = report.ahead_at_arrival;
  order.price_ticks = report.price_ticks;
  if (report.kind == ReportKind::kAnswered) return;
  order.known_leaves = report.leaves;
  order.reason = report.reason;
  if (report.kind == ReportKind::kAccepted) order.status = Status::kNew;
  if (report.kind == ReportKind::kCanceled) order.status = Status::kCanceled;
  if (report.kind == ReportKind::kExpired) order.status = Status::kExpired;
}

std::int64_t Engine::FeeRate(const InstrumentConfig& instrument, const Report& report) {
  if (model_.fee_tiers.empty())
    return report.is_maker ? instrument.maker_fee : instrument.taker_fee;
  const double volume = state_.volume.At(report.exch_us);
  const FeeTier* tier = &model_.fee_tiers.front();
  for (const FeeTier& each : model_.fee_tiers) {
    if (each.min_volume <= volume) tier = &each;
  }
  const double ticks_lots =
      static_cast<double>(report.price_ticks) * static_cast<double>(report.lots);
  state_.volume.Add(report.exch_us, ticks_lots * instrument.unit_value);
  return report.is_maker ? tier->maker_fee : tier->taker_fee;
}

void Engine::OnFill(Order& order, const Report& report) {
  const auto index = static_cast<std::size_t>(order.symbol);
  const InstrumentConfig& instrument = instruments_[index];
  Account& account = state_.symbols[index].account;
  const std::int64_t rate = FeeRate(instrument, report);
  double realized = 0.0;
  try {
    realized = account.Book(order.side, report.price_ticks, report.lots, rate);
  } catch (const EngineError& error) {
    throw EngineError("fill of " + OrderName(order.id) + ": " + error.what());
  }
  order.known_leaves = report.leaves;
  order.filled_lots += report.lots;
  order.status = report.leaves == 0 ? Status::kFilled : Status::kPartiallyFilled;
  order.known_arrival_us = report.order_arrival_us;
  order.known_arrival_mid2 = report.arrival_mid2;
  order.known_ahead_at_arrival = report.ahead_at_arrival;
  if (order.first_fill_us == 0) order.first_fill_us = report.arrival_us;
  order.last_fill_us = report.arrival_us;
  Ledger::Put(ledger_.fills, state_.ledger.fills,
              MakeFillRow(order, report, account, instrument, rate, realized));
}

void Engine::Release(std::int32_t slot) {
  const Order& order = state_.orders[slot];
  if (order.messages_in_flight == 0 && IsTerminal(order.status) && order.close_us != 0) {
    state_.orders.Free(slot);
  }
}

void Engine::WriteRow(const Order& order) {
  if (is_rerun_) return;
  ledger_.orders[static_cast<std::size_t>(order.row)] =
      MakeOrderRow(order, instruments_[static_cast<std::size_t>(order.symbol)]);
}

void Engine::AddError(ErrorCode code, std::int64_t id) {
  Ledger::Put(ledger_.errors, state_.ledger.errors,
              ErrorRow{state_.now_us, static_cast<std::int64_t>(code), id});
}

std::int32_t Engine::FindSlot(std::int32_t row) const {
  for (const std::int32_t slot : state_.live) {
    if (state_.orders[slot].row == row) return slot;
  }
  return -1;
}

void Engine::Submit(std::int64_t id, std::size_t symbol, std::uint8_t side, Ticks price_ticks,
                    Lots lots, OrderType type, TimeInForce tif) {
  const bool has_price = type == OrderType::kLimit;
  CheckLots(id, lots);
  if (has_price) CheckPrice(id, price_ticks);
  if (symbol >= data_.size()) {
    throw OrderError(OrderName(id) + ": there is no symbol with index " + std::to_string(symbol));
  }
  const bool is_newest = id > state_.last_order_id;
  if (!is_newest && ledger_.FindOrder(id, state_.ledger.orders) >= 0) {
    AddError(ErrorCode::kOrderIdExists, id);
    return;
  }
  state_.last_order_id = std::max(state_.last_order_id, id);
  Order order;
  order.id = id;
  order.row = static_cast<std::int32_t>(state_.ledger.orders);
  order.symbol = static_cast<std::int32_t>(symbol);
  order.side = side;
  order.type = type;
  order.tif = tif;
  order.key = has_price ? ToKey(side, price_ticks) : kMarketKey;
  order.leaves = order.qty_lots = order.known_leaves = lots;
  order.price_ticks = has_price ? price_ticks : 0;
  order.decision_us = state_.now_us;
  order.decision_mid2 = LocalBook(symbol).Mid();
  if (is_rerun_) {
    ++state_.ledger.orders;
  } else {
    Ledger::Put(ledger_.orders, state_.ledger.orders, MakeOrderRow(order, instruments_[symbol]));
    ledger_.RememberOrder(id, order.row);
  }
  const std::int32_t slot = state_.orders.Add(order);
  state_.live.push_back(slot);
  Request request;
  request.slot = slot;
  request.row = order.row;
  request.symbol = order.symbol;
  SendRequest(request, state_.now_us);
}

void Engine::Cancel(std::int64_t id) {
  const std::int32_t row = ledger_.FindOrder(id, state_.ledger.orders);
  if (row < 0) {
    AddError(ErrorCode::kOrderNotFound, id);
    return;
  }
  Request request;
  request.kind = RequestKind::kCancel;
  request.row = row;
  request.slot = FindSlot(row);
  request.symbol = ledger_.orders[static_cast<std::size_t>(row)].symbol;
  if (request.slot >= 0) ++state_.orders[request.slot].requests_in_flight;
  SendRequest(request, state_.now_us);
}

void Engine::Modify(std::int64_t id, Ticks price_ticks, Lots lots) {
  CheckPrice(id, price_ticks);
  if (lots > kMaxLots) CheckLots(id, lots);  // one below 1 is for the exchange to reject
  const std::int32_t row = ledger_.FindOrder(id, state_.ledger.orders);
  if (row < 0) {
    AddError(ErrorCode::kOrderNotFound, id);
    return;
  }
  const OrderRow& known = ledger_.orders[static_cast<std::size_t>(row)];
  Request request;
  request.kind = RequestKind::kModify;
  request.row = row;
  request.slot = FindSlot(row);
  request.symbol = known.symbol;
  request.key = ToKey(known.side, price_ticks);
  request.lots = lots;
  if (request.slot >= 0) ++state_.orders[request.slot].requests_in_flight;
  SendRequest(request, state_.now_us);
}

void Engine::CancelAll(std::int32_t symbol) {
  Request request;
  request.kind = RequestKind::kCancelAll;
  request.symbol = symbol;
  SendRequest(request, state_.now_us);
}

}  // namespace lobdesk::backtest
