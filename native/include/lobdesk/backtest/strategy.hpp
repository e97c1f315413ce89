// What a strategy sees and may do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "lobdesk/backtest/book.hpp"
#include "lobdesk/backtest/ledger.hpp"
#include "lobdesk/backtest/order.hpp"

namespace lobdesk::backtest {

/// The local side: only what has arrived, and requests that leave now.
class LocalDesk {
 public:
  virtual ~LocalDesk() = default;
  [[nodiscard]] virtual TsUs Now() const noexcept = 0;
  [[nodiscard]] virtual std::size_t SymbolCount() const noexcept = 0;
  [[nodiscard]] virtual const Book& LocalBook(std::size_t symbol) const noexcept = 0;
  [[nodiscard]] virtual const Account& GetAccount(std::size_t symbol) const noexcept = 0;

  /// Slots of orders that are not known to be over, in order of submission.
  [[nodiscard]] virtual const std::vector<std::int32_t>& LiveOrders() const noexcept = 0;
  [[nodiscard]] virtual const Order& GetOrder(std::int32_t slot) const noexcept = 0;

  /// Sends an order. `price_ticks` of a market order is ignored.
  /// \throws EngineError A quantity, price or symbol is impossible.
  virtual void Submit(std::int64_t id, std::size_t symbol, std::uint8_t side, Ticks price_ticks,
                      Lots lots, OrderType type, TimeInForce tif) = 0;
  virtual void Cancel(std::int64_t id) = 0;
  virtual void Modify(std::int64_t id, Ticks price_ticks, Lots lots) = 0;
  /// Cancels what rests at the exchange on arrival; `symbol` -1 means all.
  virtual void CancelAll(std::int32_t symbol) = 0;
};

/// Decides at times that it names itself.
class Strategy {
 public:
  Strategy() = default;
  Strategy(const Strategy&) = default;
  Strategy& operator=(const Strategy&) = default;
  virtual ~Strategy() = default;

  /// Returns the first wake-up, `kNever` for none.
  virtual TsUs Start(TsUs first_exch_us) = 0;
  /// Acts and returns the next wake-up, later than now.
  virtual TsUs OnWake(LocalDesk& desk) = 0;
  /// Returns a copy with the same state, null if the strategy has none to give.
  [[nodiscard]] virtual std::unique_ptr<Strategy> Clone() const = 0;
};

}  // namespace lobdesk::backtest
