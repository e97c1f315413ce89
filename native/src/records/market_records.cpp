#include "lobdesk/market_records.hpp"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

namespace lobdesk {
namespace {

// One book frame, or the trades of one frame that have the same exchange time.
struct Message {
  Seq seq;
  TsUs exch_ts_us;
  bool is_trade;
  std::size_t first, count;  // records in the unordered list
};

struct Levels {
  const std::int32_t* ticks;
  const Lots* lots;
  int direction;  // -1 where prices fall from the best on, 1 where they rise
  std::uint8_t side;
  std::size_t count;

  [[nodiscard]] bool IsSameAs(const Levels& other) const noexcept {
    return std::memcmp(lots, other.lots, kRecordLevels * sizeof(Lots)) == 0 &&
           std::memcmp(ticks, other.ticks, kRecordLevels * sizeof(std::int32_t)) == 0;
  }
  // True if `price` is nearer to the spread than `other`.
  [[nodiscard]] bool IsBetter(std::int32_t price, std::int32_t other) const noexcept {
    return direction > 0 ? price < other : price > other;
  }
};

std::size_t Count(const Lots* lots) noexcept {
  std::size_t count = 0;
  while (count < kRecordLevels && lots[count] > 0) ++count;
  return count;
}

Levels Bids(const BookRows& books, std::size_t row) noexcept {
  const std::size_t at = row * kRecordLevels;
  return {books.bid_ticks + at, books.bid_lots + at, -1, 0, Count(books.bid_lots + at)};
}

Levels Asks(const BookRows& books, std::size_t row) noexcept {
  const std::size_t at = row * kRecordLevels;
  return {books.ask_ticks + at, books.ask_lots + at, 1, 1, Count(books.ask_lots + at)};
}

// Two that arrived one after the other are in the exchange's order, too.
bool IsInStep(const Message& a, const Message& b) noexcept {
  return a.seq <= b.seq &&
         std::pair(a.exch_ts_us, !a.is_trade) <= std::pair(b.exch_ts_us, !b.is_trade);
}

class Builder {
 public:
  Builder(const BookRows& books, const TradeRows& trades) : books_{books}, trades_{trades} {
    messages_.reserve(books.rows + trades.rows);
    pending_.reserve(2 * books.rows + trades.rows);  // of a calm market; only advice
  }

  MarketRecords Build() {
    for (std::size_t row = 0; row < books_.rows; ++row) AddBook(row);
    for (std::size_t row = 0; row < trades_.rows;) row = AddTrades(row);
    Merge();
    return std::move(out_);
  }

 private:
  void Put(std::uint8_t kind, std::uint8_t side, std::int32_t ticks, Lots lots,
           std::uint16_t flags) {
    pending_.push_back({exch_ts_us_, recv_ts_us_, ticks, kind, side, flags, lots});
  }

  void AddBook(std::size_t row) {
    exch_ts_us_ = books_.exch_ts_us[row];
    recv_ts_us_ = books_.recv_ts_us[row];
    const std::size_t first = pending_.size();
    if (row == 0 || books_.starts_segment[row] != 0) {
      Put(kRecordClear, kRecordBothSides, 0, 0, kRecordSnapshot);
      PutAll(Bids(books_, row));
      PutAll(Asks(books_, row));
      ++out_.clears;
    } else {
      // Removals of both sides first: a side that moves must not seem to cross the other's old
      // levels in between.
      const Levels bids = Bids(books_, row), asks = Asks(books_, row);
      const Levels old_bids = Bids(books_, row - 1), old_asks = Asks(books_, row - 1);
      const bool has_bids = !bids.IsSameAs(old_bids), has_asks = !asks.IsSameAs(old_asks);
      if (has_bids) PutRemoved(old_bids, bids);
      if (has_asks) PutRemoved(old_asks, asks);
      if (has_bids) PutChanged(old_bids, bids);
      if (has_asks) PutChanged(old_asks, asks);
    }
    if (pending_.size() == first) return;
    ++out_.depth_messages;
    Close(books_.seq[row], false, first);
  }

  std::size_t AddTrades(std::size_t row) {
    const std::size_t first = pending_.size();
    const Seq seq = trades_.seq[row];
    exch_ts_us_ = trades_.exch_ts_us[row];
    recv_ts_us_ = trades_.recv_ts_us[row];
    while (row < trades_.rows && trades_.seq[row] == seq &&
           trades_.exch_ts_us[row] == exch_ts_us_) {
      Put(kRecordTrade, trades_.side[row], trades_.price_ticks[row], trades_.qty_lots[row], 0);
      ++out_.trades;
      ++row;
    }
    Close(seq, true, first);
    return row;
  }

  void Close(Seq seq, bool is_trade, std::size_t first) {
    pending_.back().flags |= kRecordLast;
    messages_.push_back({seq, exch_ts_us_, is_trade, first, pending_.size() - first});
  }

  void PutAll(const Levels& now) {
    for (std::size_t i = 0; i < now.count; ++i) {
      Put(kRecordDepth, now.side, now.ticks[i], now.lots[i], kRecordSnapshot);
    }
  }

  // Levels that were there before and are not any more: taken away, or pushed out of the window.
  void PutRemoved(const Levels& before, const Levels& now) {
    const std::size_t count = now.count;
    for (std::size_t i = 0, j = 0; i < before.count; ++i) {
      while (j < count && now.IsBetter(now.ticks[j], before.ticks[i])) ++j;
      if (j < count && now.ticks[j] == before.ticks[i]) continue;
      const bool is_beyond = count == kRecordLevels && j == count;
      Put(kRecordDepth, now.side, before.ticks[i], 0, is_beyond ? kRecordEvicted : 0);
    }
  }

  // Levels that are new or have another quantity.
  void PutChanged(const Levels& before, const Levels& now) {
    const std::size_t count = before.count;
    for (std::size_t i = 0, j = 0; i < now.count; ++i) {
      while (j < count && before.IsBetter(before.ticks[j], now.ticks[i])) ++j;
      const bool is_known = j < count && before.ticks[j] == now.ticks[i];
      if (is_known && before.lots[j] == now.lots[i]) continue;
      Put(kRecordDepth, now.side, now.ticks[i], now.lots[i], 0);
    }
  }

  void Emit(const Message& message, std::uint16_t flag) {
    for (std::size_t i = 0; i < message.count; ++i) {
      out_.records.push_back(pending_[message.first + i]);
      out_.records.back().flags |= flag;
    }
  }

  template <typename IsBefore>
  static void SortUnlessSorted(std::vector<const Message*>& messages, IsBefore is_before) {
    if (!std::is_sorted(messages.begin(), messages.end(), is_before)) {
      std::stable_sort(messages.begin(), messages.end(), is_before);
    }
  }

  void Merge() {
    if (std::adjacent_find(messages_.begin(), messages_.end(),
                           [](const Message& a, const Message& b) { return !IsInStep(a, b); }) ==
        messages_.end()) {
      out_.records = std::move(pending_);
      return;
    }
    std::vector<const Message*> by_receipt;
    by_receipt.reserve(messages_.size());
    for (const Message& message : messages_) by_receipt.push_back(&message);
    SortUnlessSorted(by_receipt,
                     [](const Message* a, const Message* b) { return a->seq < b->seq; });
    std::vector<const Message*> by_exchange = by_receipt;
    SortUnlessSorted(by_exchange, [](const Message* a, const Message* b) {
      return std::pair(a->exch_ts_us, !a->is_trade) < std::pair(b->exch_ts_us, !b->is_trade);
    });
    out_.records.reserve(pending_.size());
    std::vector<bool> is_done(messages_.size(), false);  // at the exchange
    std::size_t local = 0;
    for (const Message* message : by_exchange) {
      const auto number = static_cast<std::size_t>(message - messages_.data());
      local = Deliver(by_receipt, is_done, local);
      const bool is_in_step = local < by_receipt.size() && by_receipt[local] == message;
      Emit(*message, is_in_step ? 0 : kRecordExchangeOnly);
      out_.split_messages += is_in_step ? 0 : 1;
      local += is_in_step ? 1 : 0;
      is_done[number] = true;
    }
    Deliver(by_receipt, is_done, local);
  }

  // Writes for the local clock what the exchange's clock has passed already; returns what is next.
  std::size_t Deliver(const std::vector<const Message*>& by_receipt,
                      const std::vector<bool>& is_done, std::size_t local) {
    while (local < by_receipt.size()) {
      const Message* message = by_receipt[local];
      if (!is_done[static_cast<std::size_t>(message - messages_.data())]) break;
      Emit(*message, kRecordLocalOnly);
      ++local;
    }
    return local;
  }

  const BookRows& books_;
  const TradeRows& trades_;
  TsUs exch_ts_us_ = 0;
  TsUs recv_ts_us_ = 0;
  LargeVector<WrittenRecord> pending_;
  std::vector<Message> messages_;
  MarketRecords out_;
};

}  // namespace

MarketRecords BuildMarketRecords(const BookRows& books, const TradeRows& trades) {
  return Builder(books, trades).Build();
}

}  // namespace lobdesk
