// Checked market data of one symbol, and the order in which both clocks deliver it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "lobdesk/backtest/record.hpp"
#include "lobdesk/errors.hpp"

namespace lobdesk::backtest {

/// Market data that must be refused; the message names the row.
class MarketDataError : public EngineError {
 public:
  using EngineError::EngineError;
};

/// Records of one symbol. The memory belongs to the caller and must outlive this.
class MarketData {
 public:
  /// Checks every record.
  ///
  /// \param order_ids null, or one feed order id per record for order-level kinds.
  /// \throws MarketDataError Exchange times run backwards, receipt precedes the exchange, or a
  ///     kind, side, price or quantity is impossible.
  MarketData(const MarketRecord* records, std::size_t count, const std::int64_t* order_ids);

  [[nodiscard]] std::size_t Count() const noexcept { return count_; }
  [[nodiscard]] const MarketRecord* Records() const noexcept { return records_; }

  /// Rows in exchange order; empty means all rows as they are.
  [[nodiscard]] const std::vector<std::uint32_t>& ExchangeRows() const noexcept {
    return exchange_rows_;
  }
  /// Rows in order of receipt (equal times as stored); empty means all rows as they are.
  [[nodiscard]] const std::vector<std::uint32_t>& LocalRows() const noexcept { return local_rows_; }

  /// Dense number of each record's feed order; empty without order-level records.
  [[nodiscard]] const std::vector<std::int32_t>& OrderSlots() const noexcept { return slots_; }
  [[nodiscard]] std::size_t SlotCount() const noexcept { return slot_count_; }

  [[nodiscard]] std::size_t ExchangeCount() const noexcept {
    return exchange_rows_.empty() ? exchange_count_ : exchange_rows_.size();
  }
  [[nodiscard]] std::size_t LocalCount() const noexcept {
    return local_rows_.empty() ? local_count_ : local_rows_.size();
  }
  /// Returns by how many the records received can outnumber those the exchange has sent, 0 unless
  /// rows belong to one clock only.
  [[nodiscard]] std::int64_t Lead() const noexcept { return lead_; }
  [[nodiscard]] TsUs FirstExchangeUs() const noexcept { return first_exch_us_; }
  [[nodiscard]] TsUs LastUs() const noexcept { return last_us_; }

 private:
  void CheckAll();
  void MakeRows();
  void MakeSlots(const std::int64_t* order_ids);
  void FindLead();

  const MarketRecord* records_;
  std::size_t count_;
  std::size_t exchange_count_ = 0;
  std::size_t local_count_ = 0;
  bool is_split_ = false;
  bool is_reordered_ = false;
  bool has_orders_ = false;
  TsUs first_exch_us_ = kNever;
  TsUs last_us_ = 0;
  std::int64_t lead_ = 0;
  std::vector<std::uint32_t> exchange_rows_;
  std::vector<std::uint32_t> local_rows_;
  std::vector<std::int32_t> slots_;
  std::size_t slot_count_ = 0;
};

/// The order in which the exchange sends the records of several symbols: a symbol for each.
///
/// Sorted by (time, symbol, row). Made when first asked for; engines on the same data share one.
class MergedOrder {
 public:
  /// \param data Must outlive this.
  explicit MergedOrder(std::vector<const MarketData*> data) : data_{std::move(data)} {}

  /// Thread-safe.
  const std::vector<std::uint16_t>& Symbols();

 private:
  void Make();

  std::vector<const MarketData*> data_;
  std::once_flag once_;
  std::vector<std::uint16_t> symbols_;
};

}  // namespace lobdesk::backtest
