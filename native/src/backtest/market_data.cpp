#include "lobdesk/backtest/market_data.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <queue>
#include <string>
#include <unordered_map>
#include <utility>

namespace lobdesk::backtest {

namespace {

constexpr TsUs kMostUs = TsUs{1} << 61;  // so that no sum with a latency leaves 64 bits

bool IsOrderKind(std::uint8_t kind) noexcept { return kind >= kAdd && kind <= kFill; }

std::string Describe(std::size_t row, const std::string& text) {
  return "row " + std::to_string(row) + ": " + text;
}

/// Returns what is wrong with a record by itself, empty if nothing is.
std::string FindFault(const MarketRecord& record) {
  if (!(record.kind >= kDepth && record.kind <= kClear) && !IsOrderKind(record.kind)) {
    return "kind " + std::to_string(record.kind) + " is unknown";
  }
  if (record.side > kAsk && !(record.kind == kClear && record.side == kBothSides)) {
    return "side " + std::to_string(record.side) + " is impossible for kind " +
           std::to_string(record.kind);
  }
  if (record.exch_ts_us < -kMostUs || record.recv_ts_us > kMostUs) {
    return "exch_ts_us " + std::to_string(record.exch_ts_us) + " or recv_ts_us " +
           std::to_string(record.recv_ts_us) + " is beyond 2^61 microseconds";
  }
  if (record.recv_ts_us < record.exch_ts_us) {
    return "recv_ts_us " + std::to_string(record.recv_ts_us) + " is before exch_ts_us " +
           std::to_string(record.exch_ts_us);
  }
  if (record.kind == kClear) return record.price_ticks < 0 ? "price_ticks is negative" : "";
  if (record.price_ticks <= 0) {
    return "price_ticks " + std::to_string(record.price_ticks) + " is not positive";
  }
  if (record.qty_lots < 0 || record.qty_lots > kMaxLots) {
    return "qty_lots " + std::to_string(record.qty_lots) + " is out of range";
  }
  const bool needs_quantity = record.kind != kDepth && record.kind != kCancel;
  if (needs_quantity && record.qty_lots == 0) return "qty_lots is 0";
  return "";
}

}  // namespace

MarketData::MarketData(const MarketRecord* records, std::size_t count,
                       const std::int64_t* order_ids)
    : records_{records}, count_{count} {
  if (count > std::numeric_limits<std::uint32_t>::max()) {
    throw MarketDataError("more than 2^32 records in one symbol; cut the data by day");
  }
  CheckAll();
  MakeRows();
  if (has_orders_ && order_ids == nullptr) {
    throw MarketDataError("order-level records need order_ids");
  }
  if (has_orders_) MakeSlots(order_ids);
}

void MarketData::CheckAll() {
  TsUs last_exch_us = std::numeric_limits<TsUs>::min();
  TsUs last_recv_us = last_exch_us;
  for (std::size_t row = 0; row < count_; ++row) {
    const MarketRecord& record = records_[row];
    const std::string fault = FindFault(record);
    if (!fault.empty()) throw MarketDataError(Describe(row, fault));
    const bool is_exchange = (record.flags & kLocalOnly) == 0;
    const bool is_local = (record.flags & kExchangeOnly) == 0;
    is_split_ |= !is_exchange || !is_local;
    has_orders_ |= IsOrderKind(record.kind);
    if (is_exchange) {
      if (record.exch_ts_us < last_exch_us) {
        throw MarketDataError(Describe(row, "exch_ts_us " + std::to_string(record.exch_ts_us) +
                                                " is before the row above (" +
                                                std::to_string(last_exch_us) + ")"));
      }
      last_exch_us = record.exch_ts_us;
      first_exch_us_ = std::min(first_exch_us_, record.exch_ts_us);
      last_us_ = std::max(last_us_, record.exch_ts_us);
    }
    if (is_local) {
      is_reordered_ |= record.recv_ts_us < last_recv_us;
      last_recv_us = record.recv_ts_us;
      last_us_ = std::max(last_us_, record.recv_ts_us);
    }
  }
}

void MarketData::MakeRows() {
  exchange_count_ = local_count_ = count_;
  if (!is_split_ && !is_reordered_) return;
  for (std::size_t row = 0; row < count_; ++row) {
    const auto index = static_cast<std::uint32_t>(row);
    if ((records_[row].flags & kLocalOnly) == 0) exchange_rows_.push_back(index);
    if ((records_[row].flags & kExchangeOnly) == 0) local_rows_.push_back(index);
  }
  exchange_count_ = exchange_rows_.size();
  local_count_ = local_rows_.size();
  std::stable_sort(local_rows_.begin(), local_rows_.end(),
                   [this](std::uint32_t a, std::uint32_t b) {
                     return records_[a].recv_ts_us < records_[b].recv_ts_us;
                   });
  if (is_split_) FindLead();
}

void MarketData::MakeSlots(const std::int64_t* order_ids) {
  // Slots of finished orders are used again only while both clocks see the same order of rows.
  const bool may_reuse = !is_split_ && !is_reordered_;
  std::unordered_map<std::int64_t, std::int32_t> live;  // looked up only, never iterated
  std::vector<std::int32_t> spare;
  slots_.assign(count_, -1);
  for (std::size_t row = 0; row < count_; ++row) {
    const MarketRecord& record = records_[row];
    if (!IsOrderKind(record.kind)) continue;
    const auto found = live.find(order_ids[row]);
    if (found != live.end()) {
      slots_[row] = found->second;
      if (record.kind == kCancel && may_reuse) {
        spare.push_back(found->second);
        live.erase(found);
      }
      continue;
    }
    // A recording may begin in the middle: nothing is known of this order, so nothing changes.
    // Unless the other clock knows it, because it sees the rows in another order.
    if (may_reuse && (record.kind == kCancel || record.kind == kFill)) continue;
    std::int32_t slot = static_cast<std::int32_t>(slot_count_);
    if (spare.empty()) {
      ++slot_count_;
    } else {
      slot = spare.back();
      spare.pop_back();
    }
    live.emplace(order_ids[row], slot);
    slots_[row] = slot;
  }
}

void MarketData::FindLead() {
  std::size_t sent = 0;
  for (std::size_t at = 0; at < local_rows_.size(); ++at) {
    const TsUs now_us = records_[local_rows_[at]].recv_ts_us;
    while (sent < exchange_rows_.size() && records_[exchange_rows_[sent]].exch_ts_us <= now_us) {
      ++sent;
    }
    lead_ = std::max(lead_, static_cast<std::int64_t>(at + 1) - static_cast<std::int64_t>(sent));
  }
}

const std::vector<std::uint16_t>& MergedOrder::Symbols() {
  std::call_once(once_, [this] { Make(); });
  return symbols_;
}

void MergedOrder::Make() {
  using Head = std::pair<TsUs, std::uint16_t>;
  std::priority_queue<Head, std::vector<Head>, std::greater<>> heads;
  std::vector<std::size_t> positions(data_.size(), 0);
  std::size_t total = 0;
  const auto time_of = [this, &positions](std::uint16_t symbol) {
    const MarketData& each = *data_[symbol];
    const std::size_t at = positions[symbol];
    if (at >= each.ExchangeCount()) return kNever;
    const auto& rows = each.ExchangeRows();
    return each.Records()[rows.empty() ? at : rows[at]].exch_ts_us;
  };
  for (std::uint16_t symbol = 0; symbol < data_.size(); ++symbol) {
    total += data_[symbol]->ExchangeCount();
    if (time_of(symbol) != kNever) heads.emplace(time_of(symbol), symbol);
  }
  symbols_.reserve(total);
  while (!heads.empty()) {
    Head head = heads.top();
    heads.pop();
    // Messages have several records: one symbol often has the next ones too.
    while (heads.empty() ? head.first != kNever : head < heads.top()) {
      symbols_.push_back(head.second);
      ++positions[head.second];
      head.first = time_of(head.second);
    }
    if (head.first != kNever) heads.push(head);
  }
}

}  // namespace lobdesk::backtest
