// The event loop: market data by two clocks, requests, reports and a strategy in one total order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "lobdesk/backtest/exchange.hpp"
#include "lobdesk/backtest/latency.hpp"
#include "lobdesk/backtest/ledger.hpp"
#include "lobdesk/backtest/market_data.hpp"
#include "lobdesk/backtest/strategy.hpp"

namespace lobdesk::backtest {

/// One symbol as both clocks know it. Copyable.
struct SymbolState {
  Exchange exchange;
  Book local;
  FeedOrders local_feed;
  Account account;
};

/// Everything that changes during a run, but the ledger's rows. Copying it makes a checkpoint.
struct EngineState {
  std::vector<SymbolState> symbols;
  std::vector<std::size_t> at;  ///< Next row of each stream: twice the symbol, plus 1 at receipt.
  OrderSlab orders;
  std::vector<std::int32_t> live;
  RingQueue<Request> requests;
  RingQueue<Report> reports;
  TsUs now_us = 0;
  TsUs next_wake_us = kNever;
  TsUs next_sample_us = kNever;
  std::int64_t events = 0;
  std::int64_t next_place = 1;
  std::size_t step = 0;  ///< Position in the merged order of several symbols.
  TsUs last_request_us = 0;
  TsUs last_report_us = 0;
  LedgerSize ledger;
};

/// Runs one backtest.
///
/// The total order is (time, rank, symbol, insertion) with ranks 0 data at the exchange, 1 request
/// at the exchange, 2 data at the local side, 3 report at the local side, 4 strategy, 5 equity
/// sample. Data come from sorted cursors. Requests and reports travel on one connection where
/// nothing overtakes, so their queues are sorted as well and no heap is needed.
class Engine final : private ExchangeContext, private LocalDesk {
 public:
  /// \param data Must outlive the engine, as must `steps` (see MergeSteps).
  Engine(std::vector<const MarketData*> data, const std::vector<std::uint16_t>* steps,
         ModelConfig model, std::vector<InstrumentConfig> instruments,
         std::unique_ptr<Strategy> strategy);

  /// Processes at most `max_events` events with a time up to `until_us`; returns how many.
  std::int64_t Run(TsUs until_us, std::int64_t max_events);

  [[nodiscard]] const EngineState& State() const noexcept { return state_; }
  [[nodiscard]] const Ledger& GetLedger() const noexcept { return ledger_; }
  [[nodiscard]] Ledger TakeLedger() noexcept { return std::move(ledger_); }
  [[nodiscard]] const ModelConfig& Model() const noexcept { return model_; }
  [[nodiscard]] const InstrumentConfig& Instrument(std::size_t symbol) const noexcept {
    return instruments_[symbol];
  }
  [[nodiscard]] TsUs FirstUs() const noexcept { return first_us_; }

  /// Returns a copy of the strategy, null if it has no state to give.
  [[nodiscard]] std::unique_ptr<Strategy> CloneStrategy() const { return strategy_->Clone(); }

  /// Goes back (or on) to a state of this engine.
  void Restore(const EngineState& state, std::unique_ptr<Strategy> strategy);

  /// Returns a digest of the whole state; equal states give equal digests.
  [[nodiscard]] std::uint64_t StateHash() const;

  /// Appends an equity sample of each symbol now.
  void Sample();

 private:
  struct Next {
    TsUs time_us;
    int rank;
  };

  std::int64_t RunOn(TsUs until_us, std::int64_t max_events);
  [[nodiscard]] Next NextMessage() const noexcept;
  bool RunData(TsUs exchange_bound_us, TsUs local_bound_us, std::int64_t* budget);
  template <bool kIsIndexed>
  bool RunOne(TsUs exchange_bound_us, TsUs local_bound_us, std::int64_t* budget);
  bool RunMerged(TsUs exchange_bound_us, TsUs local_bound_us, std::int64_t* budget);
  void OnLocalRecord(SymbolState& symbol, const MarketRecord& record, std::int32_t slot);
  void RunMessage(int rank);
  void OnRequest(const Request& request);
  void OnReport(const Report& report);
  void OnAnswer(Order& order, const Report& report);
  void OnFill(Order& order, const Report& report);
  void Release(std::int32_t slot);
  void WriteRow(const Order& order);
  void SendRequest(Request request, TsUs sent_us);
  std::int32_t FindSlot(std::int32_t row) const;
  void AddError(ErrorCode code, std::int64_t id);

  // ExchangeContext
  Order& OrderAt(std::int32_t slot) override { return state_.orders[slot]; }
  std::int64_t NextPlace() override { return state_.next_place++; }
  void Send(Report report) override;

  // LocalDesk
  [[nodiscard]] TsUs Now() const noexcept override { return state_.now_us; }
  [[nodiscard]] std::size_t SymbolCount() const noexcept override { return data_.size(); }
  [[nodiscard]] const Book& LocalBook(std::size_t symbol) const noexcept override {
    return state_.symbols[symbol].local;
  }
  [[nodiscard]] const Account& GetAccount(std::size_t symbol) const noexcept override {
    return state_.symbols[symbol].account;
  }
  [[nodiscard]] const std::vector<std::int32_t>& LiveOrders() const noexcept override {
    return state_.live;
  }
  [[nodiscard]] const Order& GetOrder(std::int32_t slot) const noexcept override {
    return state_.orders[slot];
  }
  void Submit(std::int64_t id, std::size_t symbol, std::uint8_t side, Ticks price_ticks, Lots lots,
              OrderType type, TimeInForce tif) override;
  void Cancel(std::int64_t id) override;
  void Modify(std::int64_t id, Ticks price_ticks, Lots lots) override;
  void CancelAll(std::int32_t symbol) override;

  /// One symbol's rows in the order of one clock.
  struct Stream {
    const MarketRecord* records;
    const std::uint32_t* rows;  // null: as stored
    const std::int32_t* slots;  // null: no order-level records
  };

  std::vector<const MarketData*> data_;
  std::vector<Stream> streams_;
  const std::vector<std::uint16_t>* steps_;
  ModelConfig model_;
  std::vector<InstrumentConfig> instruments_;
  LatencyModel latency_;
  std::unique_ptr<Strategy> strategy_;
  TsUs first_us_ = kNever;
  EngineState state_;
  Ledger ledger_;
  // Order rows change as an order lives. After a seek back they stay as the furthest state left
  // them until the run gets there again; a jump over a checkpoint would leave them half written.
  std::int64_t furthest_event_ = 0;
  bool is_rerun_ = false;
};

}  // namespace lobdesk::backtest
