// How the loop walks the data: in batches where nothing can come between, else one by one.
#include <algorithm>
#include <cstddef>

#include "lobdesk/backtest/engine.hpp"

namespace lobdesk::backtest {

namespace {

constexpr std::size_t kMostBatch = 512;      // records; they stay in the first-level cache
constexpr std::size_t kLeastBatch = 8;       // less is not worth it
constexpr std::int64_t kMostBacklog = 4096;  // receipts waiting; beyond, they leave the cache
constexpr std::size_t kMostReports = 64;     // that one batch may leave waiting

}  // namespace

/// Chooses the size of a batch: the budget must hold it and everything that waits or may come of
/// it, however they interleave. Returns false if that leaves too little.
bool Engine::FitBatch() noexcept {
  // One record fills an order at most twice, after the report that was one too many.
  const std::size_t reports = state_.reports.Size() + kMostReports + 2 * state_.live.size();
  const std::int64_t free = budget_ - backlog_ - static_cast<std::int64_t>(reports) - 1;
  batch_ = static_cast<std::size_t>(std::clamp<std::int64_t>(free / 2, 0, kMostBatch));
  return batch_ >= kLeastBatch;
}

/// Runs data at the exchange up to a bound. Returns true if the next message may be another now, or
/// the batch is full.
bool Engine::RunBatch(TsUs bound_us) {
  if (backlog_ > lead_ + kMostBacklog) CatchUp();
  if (data_.size() > 1) return RunQuietSymbols(bound_us);
  return is_indexed_ ? RunExchange<true>(0, bound_us, batch_)
                     : RunExchange<false>(0, bound_us, batch_);
}

/// Returns whether a batch must end for the reports that it made.
bool Engine::HasNews(std::size_t reports_before) const noexcept {
  return state_.reports.Size() >= reports_before + (watches_reports_ ? 1 : kMostReports);
}

/// Without resting orders nothing is sent, so the symbols need not take turns.
bool Engine::RunQuietSymbols(TsUs bound_us) {
  const std::size_t rows = batch_ / data_.size();
  if (rows == 0) return RunMerged(bound_us);
  TsUs batch_us = bound_us;
  for (std::size_t i = 0; i < data_.size(); ++i) {
    if (!state_.symbols[i].exchange.IsQuiet()) return RunMerged(bound_us);
    const Stream& stream = streams_[2 * i];
    const std::size_t last = state_.at[2 * i] + rows;
    if (last >= stream.count) continue;
    batch_us = std::min(batch_us, stream.records[stream.Row(last)].exch_ts_us - 1);
  }
  if (batch_us < state_.now_us) return RunMerged(bound_us);
  const std::int64_t backlog = backlog_;
  for (std::size_t i = 0; i < data_.size(); ++i) {
    if (NextTime(2 * i) > batch_us) continue;
    is_indexed_ ? RunExchange<true>(i, batch_us, rows) : RunExchange<false>(i, batch_us, rows);
  }
  // A snapshot has more records of one time than its symbol's share.
  if (backlog_ == backlog && batch_us < bound_us) return RunMerged(bound_us);
  due_us_ = std::max(due_us_, batch_us - 1);
  return batch_us < bound_us;
}

bool Engine::RunMerged(TsUs bound_us) {
  const std::vector<std::uint16_t>& order = merged_->Symbols();
  std::size_t* at = state_.at.data();
  std::size_t step = 0;
  for (std::size_t i = 0; i < state_.at.size(); i += 2) step += at[i];
  const std::size_t start = step;
  const std::size_t end = std::min(order.size(), step + batch_);
  const std::size_t reports = state_.reports.Size();
  bool is_cut = false;
  TsUs time_us = due_us_;
  while (step < end) {
    const std::size_t symbol = order[step];
    const Stream& stream = streams_[2 * symbol];
    const std::size_t row = stream.Row(at[2 * symbol]);
    const MarketRecord& record = stream.records[row];
    if (record.exch_ts_us > bound_us) break;
    time_us = record.exch_ts_us;
    ++at[2 * symbol];
    ++step;
    Exchange& exchange = state_.symbols[symbol].exchange;
    if (exchange.ApplyQuietly(record)) continue;
    now_us_ = time_us;
    exchange.OnRecord(*this, record, stream.slots ? stream.slots[row] : -1);
    is_cut = HasNews(reports);
    if (is_cut) break;
  }
  const auto done = static_cast<std::int64_t>(step - start);
  budget_ -= done;
  backlog_ += done;
  if (done == 0) return false;
  state_.now_us = std::max(state_.now_us, time_us);
  due_us_ = std::max(due_us_, time_us - 1);
  return is_cut || (step == end && step != order.size());
}

/// Applies depth records up to a time, as long as nothing else comes than trades, which change no
/// book. Returns the first position that is left.
template <bool kIsIndexed, TsUs MarketRecord::* kClock>
std::size_t Engine::ApplyPlain(const Stream& stream, std::size_t at, std::size_t end, TsUs until_us,
                               Book& book) {
  for (; at < end; ++at) {
    const MarketRecord& record = stream.records[kIsIndexed ? stream.Row(at) : at];
    if (record.*kClock > until_us) break;
    if (record.kind == kDepth) {
      book.Update(record.side, ToKey(record.side, record.price_ticks), ShownLots(record));
    } else if (record.kind != kTrade) {
      break;
    }
  }
  return at;
}

template <bool kIsIndexed>
bool Engine::RunExchange(std::size_t symbol, TsUs bound_us, std::size_t rows) {
  const Stream& stream = streams_[2 * symbol];
  const std::size_t start = state_.at[2 * symbol];
  const std::size_t end = std::min(stream.count, start + rows);
  const std::size_t reports = state_.reports.Size();
  Exchange& exchange = state_.symbols[symbol].exchange;
  std::size_t at = start;
  bool is_cut = false;
  if (exchange.IsPlain()) {
    at = ApplyPlain<kIsIndexed, &MarketRecord::exch_ts_us>(stream, at, end, bound_us,
                                                           books_[2 * symbol]);
  }
  while (at < end) {
    const std::size_t row = kIsIndexed ? stream.Row(at) : at;
    const MarketRecord& record = stream.records[row];
    if (record.exch_ts_us > bound_us) break;
    ++at;
    if (exchange.ApplyQuietly(record)) continue;
    now_us_ = record.exch_ts_us;
    exchange.OnRecord(*this, record, stream.slots ? stream.slots[row] : -1);
    is_cut = HasNews(reports);
    if (is_cut) break;
  }
  if (at == start) return false;
  const auto done = static_cast<std::int64_t>(at - start);
  budget_ -= done;
  backlog_ += done;
  state_.at[2 * symbol] = at;
  const TsUs time_us = stream.records[kIsIndexed ? stream.Row(at - 1) : at - 1].exch_ts_us;
  state_.now_us = std::max(state_.now_us, time_us);
  due_us_ = std::max(due_us_, time_us - 1);
  return is_cut || (at == end && at != stream.count);
}

/// Brings the local side up to what is due: books and, where nobody waits for them, reports.
void Engine::CatchUp() {
  CatchUpBooks();
  if (watches_reports_) return;  // each of them is a message of the loop
  while (!state_.reports.IsEmpty() && state_.reports.Front().arrival_us <= due_us_) {
    state_.now_us = std::max(state_.now_us, state_.reports.Front().arrival_us);
    OnReport(state_.reports.Pop());
    --budget_;
  }
}

void Engine::CatchUpBooks() {
  for (std::size_t i = 0; i < data_.size(); ++i) {
    if (NextTime(2 * i + 1) > due_us_) continue;
    is_indexed_ ? RunLocal<true>(i) : RunLocal<false>(i);
  }
}

template <bool kIsIndexed>
void Engine::RunLocal(std::size_t symbol) {
  const Stream& stream = streams_[2 * symbol + 1];
  const std::size_t start = state_.at[2 * symbol + 1];
  Book& book = books_[2 * symbol + 1];
  std::size_t at = start;
  while (true) {
    at = ApplyPlain<kIsIndexed, &MarketRecord::recv_ts_us>(stream, at, stream.count, due_us_, book);
    if (at == stream.count) break;
    const std::size_t row = kIsIndexed ? stream.Row(at) : at;
    const MarketRecord& record = stream.records[row];
    if (record.recv_ts_us > due_us_) break;
    ++at;
    OnLocalRecord(symbol, book, record, stream.slots ? stream.slots[row] : -1);
  }
  if (at == start) return;
  const auto done = static_cast<std::int64_t>(at - start);
  budget_ -= done;
  backlog_ -= done;
  state_.at[2 * symbol + 1] = at;
  const TsUs time_us = stream.records[kIsIndexed ? stream.Row(at - 1) : at - 1].recv_ts_us;
  state_.now_us = std::max(state_.now_us, time_us);
}

/// Runs data up to the bounds, one record at a time in the total order. Returns true if the next
/// message may be another now.
bool Engine::RunSingly(TsUs exchange_bound_us, TsUs local_bound_us) {
  while (budget_ > 0) {
    const Head head = NextRecord();
    const bool is_local = (head.stream & 1) != 0;
    if (head.time_us == kNever) return false;
    if (head.time_us > (is_local ? local_bound_us : exchange_bound_us)) return false;
    state_.now_us = head.time_us;
    --budget_;
    const TsUs wake_us = state_.next_wake_us;
    if (is_local) {
      --backlog_;
      RunLocalRecord(head.stream);
    } else {
      ++backlog_;
      if (RunExchangeRecord(head.stream)) return true;
    }
    if (stopped_ != 0 || state_.next_wake_us != wake_us) return true;
  }
  return false;
}

/// Returns when the next record of a stream comes, `kNever` after the last.
TsUs Engine::NextTime(std::size_t number) const noexcept {
  const Stream& stream = streams_[number];
  const std::size_t at = state_.at[number];
  if (at >= stream.count) return kNever;
  const MarketRecord& record = stream.records[stream.Row(at)];
  return (number & 1) == 0 ? record.exch_ts_us : record.recv_ts_us;
}

/// Returns the head of all streams: by time, exchange before receipt, then symbol.
Engine::Head Engine::NextRecord() const noexcept {
  Head best;
  for (const std::size_t clock : {0U, 1U}) {
    for (std::size_t stream = clock; stream < streams_.size(); stream += 2) {
      const TsUs time_us = NextTime(stream);
      if (time_us < best.time_us) best = {time_us, stream};
    }
  }
  return best;
}

bool Engine::RunExchangeRecord(std::size_t number) {
  const Stream& stream = streams_[number];
  const std::size_t row = stream.Row(state_.at[number]++);
  const MarketRecord& record = stream.records[row];
  Exchange& exchange = state_.symbols[number >> 1].exchange;
  if (breakpoints_.events != 0) WatchExchange(ExchangeBook(number >> 1), record);
  if (exchange.ApplyQuietly(record)) return false;
  const std::size_t reports = state_.reports.Size();
  now_us_ = record.exch_ts_us;
  exchange.OnRecord(*this, record, stream.slots ? stream.slots[row] : -1);
  return state_.reports.Size() != reports;
}

void Engine::RunLocalRecord(std::size_t number) {
  const Stream& stream = streams_[number];
  const std::size_t row = stream.Row(state_.at[number]++);
  const MarketRecord& record = stream.records[row];
  const Book& local = LocalBook(number >> 1);
  const Key best_before[2] = {local.Side(kBid).Best(), local.Side(kAsk).Best()};
  OnLocalRecord(number >> 1, books_[number], record, stream.slots ? stream.slots[row] : -1);
  if ((events_ & kDataWakes) != 0) WatchLocal(number >> 1, record, best_before);
}

void Engine::WatchExchange(const Book& book, const MarketRecord& record) noexcept {
  if (record.kind == kDepth && record.qty_lots > 0 && (record.flags & kEvicted) == 0) {
    const LadderSide& other = book.Side(Opposite(record.side));
    const bool crosses = other.Best() + ToKey(record.side, record.price_ticks) >= 0;
    if (crosses) stopped_ |= breakpoints_.events & kStopCrossed;
  } else if (record.kind == kClear && record.side == kBothSides) {
    const bool has_levels = !book.Side(kBid).IsEmpty() || !book.Side(kAsk).IsEmpty();
    if (has_levels) stopped_ |= breakpoints_.events & kStopGap;
  }
}

void Engine::WatchLocal(std::size_t symbol, const MarketRecord& record,
                        const Key (&best_before)[2]) {
  const Book& book = LocalBook(symbol);
  if (book.Side(kBid).Best() != best_before[kBid] || book.Side(kAsk).Best() != best_before[kAsk]) {
    AskForWake(kWakeBest);
  }
  if ((record.kind != kTrade && record.kind != kFill) || (events_ & kWakeTrade) == 0) return;
  // A fill names the side of the resting order.
  const std::uint8_t side = record.kind == kTrade ? record.side : Opposite(record.side);
  state_.trades.push_back({record.exch_ts_us, record.recv_ts_us, record.price_ticks,
                           record.qty_lots, static_cast<std::int32_t>(symbol), side});
  AskForWake(kWakeTrade);
}

void Engine::OnLocalRecord(std::size_t symbol, Book& book, const MarketRecord& record,
                           std::int32_t slot) {
  if (record.kind == kDepth) {
    book.Update(record.side, ToKey(record.side, record.price_ticks), ShownLots(record));
    return;
  }
  if (record.kind == kClear) {
    book.Clear(record.side, record.price_ticks);
    state_.symbols[symbol].local_feed.Clear(record.side, record.price_ticks);
    return;
  }
  if (record.kind == kTrade || record.kind == kFill) return;
  const FeedChange change = state_.symbols[symbol].local_feed.Apply(record, slot, 0);
  if (change.has_removal && change.removed > 0) {
    const Lots level = book.Side(change.old_side).At(change.old_key);
    const Lots left = std::max<Lots>(0, level - change.removed);
    book.Update(change.old_side, change.old_key, left);
  }
  if (change.has_addition) {
    const Lots level = book.Side(change.side).At(change.key);
    book.Update(change.side, change.key, level + change.added);
  }
}

}  // namespace lobdesk::backtest
