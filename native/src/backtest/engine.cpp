// The loop itself. Data are in engine_data.cpp, what messages do in engine_messages.cpp.
#include "lobdesk/backtest/engine.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>

namespace lobdesk::backtest {

namespace {

enum Rank : int { kRequestRank = 1, kReportRank = 3, kWakeRank = 4, kSampleRank = 5 };

constexpr TsUs kLongAgo = std::numeric_limits<TsUs>::min();

std::size_t CountRecords(const std::vector<const MarketData*>& data) noexcept {
  std::size_t count = 0;
  for (const MarketData* each : data) count += each->Count();
  return count;
}

}  // namespace

Engine::Engine(std::vector<const MarketData*> data, std::shared_ptr<MergedOrder> merged,
               ModelConfig model, std::vector<InstrumentConfig> instruments,
               std::unique_ptr<Strategy> strategy)
    : ExchangeContext{state_.orders},
      data_{std::move(data)},
      merged_{std::move(merged)},
      model_{std::move(model)},
      instruments_{std::move(instruments)},
      latency_{model_},
      strategy_{std::move(strategy)},
      ledger_{CountRecords(data_)} {
  if (data_.empty() || instruments_.size() != data_.size()) {
    throw std::invalid_argument("one instrument is needed for each of at least one market data");
  }
  if (merged_ == nullptr) merged_ = std::make_shared<MergedOrder>(data_);
  books_.assign(2 * data_.size(), Book(model_.truncates ? model_.window : 0));
  for (std::size_t i = 0; i < data_.size(); ++i) {
    const MarketData& each = *data_[i];
    const std::size_t slots = each.SlotCount();
    state_.symbols.push_back(
        {Exchange(model_, instruments_[i], slots, books_[2 * i]), FeedOrders(slots), Account{}});
    first_us_ = std::min(first_us_, each.FirstExchangeUs());
    lead_ += each.Lead();
    const std::int32_t* numbers = slots == 0 ? nullptr : each.OrderSlots().data();
    const auto add = [&](const std::vector<std::uint32_t>& rows, std::size_t count) {
      is_indexed_ |= !rows.empty();
      streams_.push_back({each.Records(), rows.empty() ? nullptr : rows.data(), numbers, count});
      state_.at.push_back(0);
    };
    add(each.ExchangeRows(), each.ExchangeCount());
    add(each.LocalRows(), each.LocalCount());
  }
  const TsUs start_us = first_us_ == kNever ? 0 : first_us_;
  events_ = strategy_->Events();
  state_.next_wake_us = strategy_->Start(start_us);
  if (model_.sample_us > 0 && first_us_ != kNever) {
    state_.next_sample_us = first_us_ + model_.sample_us;
  }
}

std::int64_t Engine::Run(TsUs until_us, std::int64_t max_events) {
  const std::int64_t before = state_.events;
  const std::int64_t known = std::min(max_events, furthest_event_ - before);
  stopped_ = 0;
  if (known > 0) {
    is_rerun_ = true;
    RunOn(until_us, known);
    const std::int64_t done = state_.events - before;
    if (done < known || stopped_ != 0) return done;
  }
  is_rerun_ = false;
  RunOn(until_us, max_events - (state_.events - before));
  return state_.events - before;
}

void Engine::RunOn(TsUs until_us, std::int64_t max_events) {
  budget_ = max_events;
  due_us_ = kLongAgo;
  backlog_ = lead_;
  for (std::size_t i = 0; i < state_.at.size(); i += 2) {
    backlog_ +=
        static_cast<std::int64_t>(state_.at[i]) - static_cast<std::int64_t>(state_.at[i + 1]);
  }
  try {
    Loop(std::min(until_us, model_.end_us));
  } catch (...) {
    Settle(max_events);
    throw;
  }
  Settle(max_events);
}

void Engine::Settle(std::int64_t max_events) noexcept {
  CatchUpBooks();
  state_.events += max_events - budget_;
  furthest_event_ = std::max(furthest_event_, state_.events);
}

void Engine::Loop(TsUs until_us) {
  const bool watches_data =
      ((events_ & kDataWakes) | (breakpoints_.events & (kStopCrossed | kStopGap))) != 0;
  watches_reports_ = ((events_ & (kWakeFill | kWakeReport)) |
                      (breakpoints_.events & (kStopFill | kStopOrder))) != 0;
  while (budget_ > 0 && stopped_ == 0) {
    bool is_batch = !watches_data && FitBatch();
    if (!is_batch) {
      CatchUp();
      is_batch = !watches_data && FitBatch();
    }
    const Next next = NextMessage(watches_reports_ || !is_batch);
    const TsUs exchange_bound_us = std::min(next.time_us, until_us);
    // At one time a request comes before data at the local side.
    const bool is_first = next.rank == kRequestRank && next.time_us <= until_us;
    const TsUs local_bound_us = is_first ? next.time_us - 1 : exchange_bound_us;
    if (is_batch) {
      if (RunBatch(exchange_bound_us)) continue;
      due_us_ = std::max(due_us_, local_bound_us);
    } else if (RunSingly(exchange_bound_us, local_bound_us)) {
      continue;
    }
    if (budget_ <= 0 || next.time_us > until_us || next.time_us == kNever) break;
    if (next.rank >= kWakeRank) CatchUp();
    state_.now_us = next.time_us;
    RunMessage(next.rank);
    --budget_;
  }
  CatchUp();
}

Engine::Next Engine::NextMessage(bool with_reports) const noexcept {
  Next next{kNever, kSampleRank};
  const auto take = [&next](TsUs time_us, int rank) {
    if (time_us < next.time_us || (time_us == next.time_us && rank < next.rank)) {
      next = {time_us, rank};
    }
  };
  if (!state_.requests.IsEmpty()) take(state_.requests.Front().arrival_us, kRequestRank);
  if (with_reports && !state_.reports.IsEmpty())
    take(state_.reports.Front().arrival_us, kReportRank);
  take(state_.next_wake_us, kWakeRank);
  take(state_.next_sample_us, kSampleRank);
  return next;
}

void Engine::RunMessage(int rank) {
  now_us_ = state_.now_us;
  switch (rank) {
    case kRequestRank:
      OnRequest(state_.requests.Pop());
      break;
    case kReportRank:
      OnReport(state_.reports.Pop());
      break;
    case kWakeRank:
      Wake();
      break;
    default:
      Sample();
      state_.next_sample_us += model_.sample_us;
      break;
  }
}

void Engine::Wake() {
  const TsUs next_us = strategy_->OnWake(*this);
  if (next_us <= state_.now_us) {
    throw EngineError("a strategy must name a wake-up later than now");
  }
  state_.next_wake_us = next_us;
  state_.wake_reasons = 0;
  state_.trades.clear();
  state_.fills_seen = state_.ledger.fills;
}

void Engine::Sample() {
  std::size_t& size = state_.ledger.equity;
  // One instant has one sample: the last.
  if (size != 0 && ledger_.equity[size - 1].ts_us == state_.now_us) size -= state_.symbols.size();
  double total = 0.0;
  for (std::size_t i = 0; i < state_.symbols.size(); ++i) {
    const SymbolState& symbol = state_.symbols[i];
    const InstrumentConfig& instrument = instruments_[i];
    const Book& local = LocalBook(i);
    const Key bid = local.Side(kBid).Best();
    const Key ask = local.Side(kAsk).Best();
    const Mid2 mid2 = local.LastMid();
    EquityRow row{};
    row.ts_us = state_.now_us;
    row.symbol = static_cast<std::int64_t>(i);
    row.bid_ticks = bid == kNoLevel ? 0 : ToTicks(kBid, bid);
    row.ask_ticks = ask == kNoLevel ? 0 : ToTicks(kAsk, ask);
    row.mid = static_cast<double>(mid2) * 0.5 * instrument.tick;
    row.position_lots = symbol.account.position;
    row.cash = symbol.account.Cash(instrument);
    row.fee = symbol.account.Fee(instrument);
    row.realized = symbol.account.realized * instrument.unit_value;
    row.equity = symbol.account.Equity(instrument, mid2);
    total += row.equity;
    Ledger::Put(ledger_.equity, size, row);
  }
  state_.peak_equity = std::max(state_.peak_equity, total);
  if ((breakpoints_.events & kStopDrawdown) != 0 &&
      state_.peak_equity - total >= breakpoints_.drawdown) {
    stopped_ |= kStopDrawdown;
  }
}

EngineCheckpoint Engine::Save() const {
  EngineCheckpoint checkpoint{state_, {}, strategy_->Clone()};
  checkpoint.books.reserve(books_.size());
  for (const Book& book : books_) checkpoint.books.push_back(book.Pack());
  return checkpoint;
}

void Engine::Restore(const EngineCheckpoint& checkpoint) {
  state_ = checkpoint.state;
  for (std::size_t i = 0; i < books_.size(); ++i) books_[i].Unpack(checkpoint.books[i]);
  strategy_ = checkpoint.strategy->Clone();
  strategy_->Resume();
}

}  // namespace lobdesk::backtest
