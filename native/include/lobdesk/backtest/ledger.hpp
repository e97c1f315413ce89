// What happened, in append-only rows that NumPy reads in place, and the accounts behind it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "lobdesk/backtest/config.hpp"
#include "lobdesk/backtest/order.hpp"
#include "lobdesk/large_vector.hpp"

namespace lobdesk::backtest {

__extension__ using Int128 = __int128;

/// One fill, written when its report arrives. Money is in quote units, slippage positive = cost.
struct FillRow {
  std::int64_t exch_ts_us;
  std::int64_t local_ts_us;
  std::int64_t order_id;
  std::int32_t symbol;
  std::uint8_t side;
  std::uint8_t is_maker;
  std::uint8_t is_certain;
  std::uint8_t reserved;
  std::int64_t price_ticks;
  std::int64_t qty_lots;
  double fee;
  double decision_mid;  ///< NaN where there was none, like the next three.
  double arrival_mid;
  double slip_decision;
  double slip_arrival;
  double ahead_at_arrival;
  float ahead_optimistic;   ///< Lots ahead right before the fill if all cancels were ahead of us,
  float ahead_pessimistic;  ///< and if all were behind us (maybe infinite); 0 of a taker.
  std::int64_t wait_us;
  std::int64_t position_lots;  ///< After this fill, like the next.
  double cash;
  double realized;        ///< Of this fill.
  double realized_total;  ///< Up to and with this fill.
};
static_assert(sizeof(FillRow) == 144);

/// One order; times are 0 where it never came to that.
struct OrderRow {
  std::int64_t order_id;
  std::int32_t symbol;
  std::uint8_t side;
  std::uint8_t type;
  std::uint8_t tif;
  std::uint8_t status;
  std::uint8_t reason;
  std::uint8_t last_reject;
  std::uint8_t reserved[6];
  std::int64_t price_ticks;
  std::int64_t qty_lots;
  std::int64_t leaves_lots;
  std::int64_t filled_lots;
  std::int64_t decision_us;
  std::int64_t arrival_us;
  std::int64_t ack_us;
  std::int64_t first_fill_us;
  std::int64_t last_fill_us;
  std::int64_t close_us;
  double decision_mid;
  double arrival_mid;
  double ahead_at_arrival;
};
static_assert(sizeof(OrderRow) == 128);

/// State of one symbol at one instant of the local clock.
struct EquityRow {
  std::int64_t ts_us;
  std::int64_t symbol;
  std::int64_t bid_ticks;  ///< 0 where the side is empty.
  std::int64_t ask_ticks;
  double mid;  ///< The last valid one; 0 before the first.
  std::int64_t position_lots;
  double cash;
  double fee;
  double realized;
  double equity;
};
static_assert(sizeof(EquityRow) == 80);

enum class ErrorCode : std::int64_t { kOrderNotFound = 0, kOrderIdExists = 1 };

/// A request that never left the strategy's side.
struct ErrorRow {
  std::int64_t ts_us;
  std::int64_t code;
  std::int64_t order_id;
};

/// Position and money of one symbol, from fills only. Exact but for `basis` and `realized`.
struct Account {
  Lots position = 0;
  Int128 cash = 0;     ///< In ticks times lots, without fees.
  Int128 fee = 0;      ///< In ticks times lots times 1 / kFeeScale.
  double basis = 0.0;  ///< Signed cost of the open position, ticks times lots.
  double realized = 0.0;
  std::int64_t fills = 0;

  /// Books a fill and returns what it realized, in ticks times lots.
  /// \throws EngineError A sum leaves its range.
  double Book(std::uint8_t side, Ticks price_ticks, Lots lots, std::int64_t fee_rate);

  [[nodiscard]] double Cash(const InstrumentConfig& instrument) const noexcept;
  [[nodiscard]] double Fee(const InstrumentConfig& instrument) const noexcept;
  [[nodiscard]] double Equity(const InstrumentConfig& instrument, Mid2 mid2) const noexcept;
};

/// Value of own fills over 30 UTC days. Copyable.
class TradedVolume {
 public:
  /// Returns the quote value of the 30 days that end with a time's.
  [[nodiscard]] double At(TsUs ts_us);
  /// Adds a fill; times do not fall by days.
  void Add(TsUs ts_us, double value);

 private:
  static constexpr std::int64_t kDays = 30;
  void GoTo(TsUs ts_us);

  std::array<double, kDays> values_{};
  std::int64_t day_ = 0;
};

/// Lengths of the ledger at one instant; the rest of it is the future.
struct LedgerSize {
  std::size_t fills = 0;
  std::size_t orders = 0;
  std::size_t equity = 0;
  std::size_t errors = 0;
};

/// Append-only rows. After a seek back, fills and samples are written again in the same places.
class Ledger {
 public:
  /// \param records Of market data in the run, for which room is made.
  explicit Ledger(std::size_t records);

  LargeVector<FillRow> fills;
  LargeVector<OrderRow> orders;
  LargeVector<EquityRow> equity;
  std::vector<ErrorRow> errors;

  template <typename Rows>
  static void Put(Rows& rows, std::size_t& size, const typename Rows::value_type& row) {
    if (size < rows.size()) {
      rows[size] = row;
    } else {
      rows.push_back(row);
    }
    ++size;
  }

  /// Returns the row of an order, -1 if it is not among the first `size` ones.
  [[nodiscard]] std::int32_t FindOrder(std::int64_t id, std::size_t size) const;
  void RememberOrder(std::int64_t id, std::int32_t row);

 private:
  // Identifiers that count up, as nearly all do, need no hashing.
  std::vector<std::int32_t> row_of_small_id_;
  std::unordered_map<std::int64_t, std::int32_t> row_of_id_;  // looked up only, never iterated
};

[[nodiscard]] FillRow MakeFillRow(const Order& order, const Report& report, const Account& account,
                                  const InstrumentConfig& instrument, std::int64_t fee_rate,
                                  double realized);
[[nodiscard]] OrderRow MakeOrderRow(const Order& order, const InstrumentConfig& instrument);

}  // namespace lobdesk::backtest
