// What a strategy sees and may do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "lobdesk/backtest/book.hpp"
#include "lobdesk/backtest/ledger.hpp"
#include "lobdesk/backtest/order.hpp"
#include "lobdesk/backtest/wake.hpp"
#include "lobdesk/errors.hpp"

namespace lobdesk::backtest {

/// An order that cannot be sent; the message names it.
class OrderError : public EngineError {
 public:
  using EngineError::EngineError;
};

/// A trade that arrived since the last wake-up. C functions read this layout.
struct LocalTrade {
  TsUs exch_ts_us;
  TsUs recv_ts_us;
  std::int64_t price_ticks;
  std::int64_t qty_lots;
  std::int32_t symbol;
  std::int32_t side;  ///< The aggressor's.
};
static_assert(sizeof(LocalTrade) == 40);

/// The local side: only what has arrived, and requests that leave now.
class LocalDesk {
 public:
  virtual ~LocalDesk() = default;
  [[nodiscard]] virtual TsUs Now() const noexcept = 0;
  [[nodiscard]] virtual std::size_t SymbolCount() const noexcept = 0;
  [[nodiscard]] virtual const Book& LocalBook(std::size_t symbol) const noexcept = 0;
  [[nodiscard]] virtual const Account& GetAccount(std::size_t symbol) const noexcept = 0;
  [[nodiscard]] virtual const InstrumentConfig& Instrument(std::size_t symbol) const noexcept = 0;

  /// Slots of orders that are not known to be over, in order of submission.
  [[nodiscard]] virtual const std::vector<std::int32_t>& LiveOrders() const noexcept = 0;
  [[nodiscard]] virtual const Order& GetOrder(std::int32_t slot) const noexcept = 0;

  /// Bits of the events that asked for this wake-up; a strategy knows its own times.
  [[nodiscard]] virtual std::uint32_t Reasons() const noexcept = 0;
  /// Trades since the last wake-up, for strategies that listen to trades.
  [[nodiscard]] virtual const std::vector<LocalTrade>& NewTrades() const noexcept = 0;
  /// Fills since the last wake-up.
  [[nodiscard]] virtual const FillRow* NewFills() const noexcept = 0;
  [[nodiscard]] virtual std::size_t NewFillCount() const noexcept = 0;
  /// One more than the largest identifier so far.
  [[nodiscard]] virtual std::int64_t NextOrderId() const noexcept = 0;

  /// Sends an order. `price_ticks` of a market order is ignored.
  /// \throws EngineError A quantity, price or symbol is impossible.
  virtual void Submit(std::int64_t id, std::size_t symbol, std::uint8_t side, Ticks price_ticks,
                      Lots lots, OrderType type, TimeInForce tif) = 0;
  virtual void Cancel(std::int64_t id) = 0;
  virtual void Modify(std::int64_t id, Ticks price_ticks, Lots lots) = 0;
  /// Cancels what rests at the exchange on arrival; `symbol` -1 means all.
  virtual void CancelAll(std::int32_t symbol) = 0;
};

/// Decides at times that it names itself and at events that it listens to.
class Strategy {
 public:
  Strategy() = default;
  Strategy(const Strategy&) = default;
  Strategy& operator=(const Strategy&) = default;
  virtual ~Strategy() = default;

  /// Returns the events that wake it, bits of WakeReason; asked once.
  [[nodiscard]] virtual std::uint32_t Events() const noexcept { return 0; }
  /// Returns the first wake-up, `kNever` for none.
  virtual TsUs Start(TsUs first_exch_us) = 0;
  /// Acts and returns the next wake-up by time, later than now.
  virtual TsUs OnWake(LocalDesk& desk) = 0;
  /// Returns a copy with the same state, null if the strategy has none to give.
  [[nodiscard]] virtual std::unique_ptr<Strategy> Clone() const = 0;
  /// A clone takes over at the state it was taken in.
  virtual void Resume() {}
};

}  // namespace lobdesk::backtest
