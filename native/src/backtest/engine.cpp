// The loop itself. What messages do stands in engine_messages.cpp.
#include "lobdesk/backtest/engine.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace lobdesk::backtest {

namespace {

enum Rank : int { kRequestRank = 1, kReportRank = 3, kWakeRank = 4, kSampleRank = 5 };

/// Walks one symbol's records in the order of one clock.
template <bool kIsIndexed>
struct Cursor {
  Cursor(const MarketData& data, const std::vector<std::uint32_t>& rows, std::size_t start,
         std::size_t end, TsUs MarketRecord::* clock)
      : records{data.Records()},
        rows{rows.data()},
        slots{data.OrderSlots().empty() ? nullptr : data.OrderSlots().data()},
        clock{clock},
        at{start},
        end{end} {
    Look();
  }

  [[nodiscard]] std::size_t Row() const noexcept { return kIsIndexed ? rows[at] : at; }
  [[nodiscard]] const MarketRecord& Record() const noexcept { return records[Row()]; }
  [[nodiscard]] std::int32_t Slot() const noexcept { return slots ? slots[Row()] : -1; }
  void Look() noexcept { time_us = at < end ? Record().*clock : kNever; }
  void Advance() noexcept {
    ++at;
    Look();
  }

  const MarketRecord* records;
  const std::uint32_t* rows;
  const std::int32_t* slots;
  TsUs MarketRecord::* clock;
  std::size_t at;
  std::size_t end;
  TsUs time_us = kNever;
};

}  // namespace

Engine::Engine(std::vector<const MarketData*> data, const std::vector<std::uint16_t>* steps,
               ModelConfig model, std::vector<InstrumentConfig> instruments,
               std::unique_ptr<Strategy> strategy)
    : data_{std::move(data)},
      steps_{steps},
      model_{std::move(model)},
      instruments_{std::move(instruments)},
      latency_{model_},
      strategy_{std::move(strategy)} {
  if (data_.empty() || instruments_.size() != data_.size()) {
    throw std::invalid_argument("one instrument is needed for each of at least one market data");
  }
  for (std::size_t i = 0; i < data_.size(); ++i) {
    const std::size_t slots = data_[i]->SlotCount();
    state_.symbols.push_back({Exchange(model_, instruments_[i], slots),
                              Book(model_.truncates ? model_.window : 0), FeedOrders(slots),
                              Account{}});
    first_us_ = std::min(first_us_, data_[i]->FirstExchangeUs());
    const std::int32_t* numbers = slots == 0 ? nullptr : data_[i]->OrderSlots().data();
    for (const auto* rows : {&data_[i]->ExchangeRows(), &data_[i]->LocalRows()}) {
      streams_.push_back({data_[i]->Records(), rows->empty() ? nullptr : rows->data(), numbers});
      state_.at.push_back(0);
    }
  }
  const TsUs start_us = first_us_ == kNever ? 0 : first_us_;
  state_.next_wake_us = strategy_->Start(start_us);
  if (model_.sample_us > 0 && first_us_ != kNever) {
    state_.next_sample_us = first_us_ + model_.sample_us;
  }
}

std::int64_t Engine::Run(TsUs until_us, std::int64_t max_events) {
  std::int64_t done = 0;
  const std::int64_t known = std::min(max_events, furthest_event_ - state_.events);
  if (known > 0) {
    is_rerun_ = true;
    done = RunOn(until_us, known);
    is_rerun_ = false;
    if (done < known) return done;
  }
  done += RunOn(until_us, max_events - done);
  furthest_event_ = std::max(furthest_event_, state_.events);
  return done;
}

std::int64_t Engine::RunOn(TsUs until_us, std::int64_t max_events) {
  until_us = std::min(until_us, model_.end_us);
  std::int64_t budget = max_events;
  while (budget > 0) {
    const Next next = NextMessage();
    const TsUs exchange_bound_us = std::min(next.time_us, until_us);
    // At one time a request comes before data at the local side.
    const bool is_first = next.rank == kRequestRank && next.time_us <= until_us;
    const TsUs local_bound_us = is_first ? next.time_us - 1 : exchange_bound_us;
    if (RunData(exchange_bound_us, local_bound_us, &budget)) continue;
    if (budget == 0 || next.time_us > until_us || next.time_us == kNever) break;
    state_.now_us = next.time_us;
    --budget;
    RunMessage(next.rank);
  }
  const std::int64_t done = max_events - budget;
  state_.events += done;
  return done;
}

Engine::Next Engine::NextMessage() const noexcept {
  Next next{kNever, kSampleRank};
  const auto take = [&next](TsUs time_us, int rank) {
    if (time_us < next.time_us || (time_us == next.time_us && rank < next.rank)) {
      next = {time_us, rank};
    }
  };
  if (!state_.requests.IsEmpty()) take(state_.requests.Front().arrival_us, kRequestRank);
  if (!state_.reports.IsEmpty()) take(state_.reports.Front().arrival_us, kReportRank);
  take(state_.next_wake_us, kWakeRank);
  take(state_.next_sample_us, kSampleRank);
  return next;
}

bool Engine::RunData(TsUs exchange_bound_us, TsUs local_bound_us, std::int64_t* budget) {
  if (data_.size() > 1) return RunMerged(exchange_bound_us, local_bound_us, budget);
  const bool is_indexed = !data_[0]->ExchangeRows().empty() || !data_[0]->LocalRows().empty();
  return is_indexed ? RunOne<true>(exchange_bound_us, local_bound_us, budget)
                    : RunOne<false>(exchange_bound_us, local_bound_us, budget);
}

/// Runs data up to the bounds. Returns true if a report was sent: the next message may be another.
template <bool kIsIndexed>
bool Engine::RunOne(TsUs exchange_bound_us, TsUs local_bound_us, std::int64_t* budget) {
  SymbolState& symbol = state_.symbols[0];
  Cursor<kIsIndexed> exchange(*data_[0], data_[0]->ExchangeRows(), state_.at[0],
                              data_[0]->ExchangeCount(), &MarketRecord::exch_ts_us);
  Cursor<kIsIndexed> local(*data_[0], data_[0]->LocalRows(), state_.at[1], data_[0]->LocalCount(),
                           &MarketRecord::recv_ts_us);
  const std::size_t reports = state_.reports.Size();
  TsUs now_us = state_.now_us;
  std::int64_t left = *budget;
  bool has_sent = false;
  while (left > 0) {
    if (exchange.time_us <= local.time_us) {
      if (exchange.time_us > exchange_bound_us || exchange.time_us == kNever) break;
      now_us = now_us_ = exchange.time_us;
      const MarketRecord& record = exchange.Record();
      const std::int32_t slot = exchange.Slot();
      exchange.Advance();
      --left;
      if (symbol.exchange.OnRecord(*this, record, slot) && state_.reports.Size() != reports) {
        has_sent = true;
        break;
      }
    } else {
      if (local.time_us > local_bound_us) break;
      now_us = local.time_us;
      OnLocalRecord(symbol, local.Record(), local.Slot());
      local.Advance();
      --left;
    }
  }
  state_.at[0] = exchange.at;
  state_.at[1] = local.at;
  state_.now_us = now_us;
  *budget = left;
  return has_sent;
}

bool Engine::RunMerged(TsUs exchange_bound_us, TsUs local_bound_us, std::int64_t* budget) {
  const std::size_t reports = state_.reports.Size();
  const std::uint16_t* steps = steps_->data();
  const std::size_t end = state_.step + std::min<std::size_t>(static_cast<std::size_t>(*budget),
                                                              steps_->size() - state_.step);
  std::size_t* at = state_.at.data();
  SymbolState* symbols = state_.symbols.data();
  const Stream* streams = streams_.data();
  TsUs now_us = state_.now_us;
  std::size_t step = state_.step;
  bool has_sent = false;
  while (step < end && !has_sent) {
    const std::size_t number = steps[step];
    const Stream& stream = streams[number];
    const std::size_t row = stream.rows ? stream.rows[at[number]] : at[number];
    const MarketRecord& record = stream.records[row];
    const std::int32_t slot = stream.slots ? stream.slots[row] : -1;
    const bool is_local = (number & 1) != 0;
    const TsUs time_us = is_local ? record.recv_ts_us : record.exch_ts_us;
    if (time_us > (is_local ? local_bound_us : exchange_bound_us)) break;
    now_us = time_us;
    ++step;
    ++at[number];
    if (is_local) {
      OnLocalRecord(symbols[number >> 1], record, slot);
    } else {
      now_us_ = time_us;
      has_sent = symbols[number >> 1].exchange.OnRecord(*this, record, slot) &&
                 state_.reports.Size() != reports;
    }
  }
  *budget -= static_cast<std::int64_t>(step - state_.step);
  state_.step = step;
  state_.now_us = now_us;
  return has_sent;
}

void Engine::OnLocalRecord(SymbolState& symbol, const MarketRecord& record, std::int32_t slot) {
  if (record.kind == kDepth) {
    const bool is_gone = (record.flags & kEvicted) != 0;
    symbol.local.Update(record.side, ToKey(record.side, record.price_ticks),
                        is_gone ? 0 : record.qty_lots);
    symbol.local.KeepMid();
    return;
  }
  if (record.kind == kClear) {
    symbol.local.Clear(record.side, record.price_ticks);
    symbol.local.KeepMid();
    return;
  }
  if (record.kind == kTrade || record.kind == kFill) return;
  const FeedChange change = symbol.local_feed.Apply(record, slot, 0);
  if (change.has_removal && change.removed > 0) {
    const Lots level = symbol.local.Side(change.old_side).At(change.old_key);
    const Lots left = std::max<Lots>(0, level - change.removed);
    symbol.local.Update(change.old_side, change.old_key, left);
  }
  if (change.has_addition) {
    const Lots level = symbol.local.Side(change.side).At(change.key);
    symbol.local.Update(change.side, change.key, level + change.added);
  }
  symbol.local.KeepMid();
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
    case kWakeRank: {
      const TsUs next_us = strategy_->OnWake(*this);
      if (next_us <= state_.now_us) {
        throw EngineError("a strategy must name a wake-up later than now");
      }
      state_.next_wake_us = next_us;
      break;
    }
    default:
      Sample();
      state_.next_sample_us += model_.sample_us;
      break;
  }
}

void Engine::Sample() {
  std::size_t& size = state_.ledger.equity;
  // One instant has one sample: the last.
  if (size != 0 && ledger_.equity[size - 1].ts_us == state_.now_us) size -= state_.symbols.size();
  for (std::size_t i = 0; i < state_.symbols.size(); ++i) {
    const SymbolState& symbol = state_.symbols[i];
    const InstrumentConfig& instrument = instruments_[i];
    const LadderSide& bids = symbol.local.Side(kBid);
    const LadderSide& asks = symbol.local.Side(kAsk);
    EquityRow row{};
    row.ts_us = state_.now_us;
    row.symbol = static_cast<std::int64_t>(i);
    row.bid_ticks = bids.IsEmpty() ? 0 : ToTicks(kBid, bids.Best());
    row.ask_ticks = asks.IsEmpty() ? 0 : ToTicks(kAsk, asks.Best());
    row.mid = static_cast<double>(symbol.local.LastMid()) * 0.5 * instrument.tick;
    row.position_lots = symbol.account.position;
    row.cash = symbol.account.Cash(instrument);
    row.fee = symbol.account.Fee(instrument);
    row.realized = symbol.account.realized * instrument.unit_value;
    row.equity = symbol.account.Equity(instrument, symbol.local.LastMid());
    Ledger::Put(ledger_.equity, size, row);
  }
}

void Engine::Restore(const EngineState& state, std::unique_ptr<Strategy> strategy) {
  state_ = state;
  strategy_ = std::move(strategy);
}

}  // namespace lobdesk::backtest
