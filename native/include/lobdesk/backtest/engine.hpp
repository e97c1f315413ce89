// The event loop: market data by two clocks, requests, reports and a strategy in one total order.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "lobdesk/backtest/exchange.hpp"
#include "lobdesk/backtest/latency.hpp"
#include "lobdesk/backtest/ledger.hpp"
#include "lobdesk/backtest/market_data.hpp"
#include "lobdesk/backtest/strategy.hpp"

namespace lobdesk::backtest {

/// One symbol as both clocks know it, but the books. Copyable.
struct SymbolState {
  Exchange exchange;
  FeedOrders local_feed;
  Account account;
};

/// Everything that changes during a run, but the books, the strategy and the ledger's rows.
struct EngineState {
  std::vector<SymbolState> symbols;
  std::vector<std::size_t> at;  ///< Next row of each stream: twice the symbol, plus 1 at receipt.
  OrderSlab orders;
  std::vector<std::int32_t> live;
  RingQueue<Request> requests;
  RingQueue<Report> reports;
  std::vector<LocalTrade> trades;  ///< Since the last wake-up, if the strategy listens to them.
  TsUs now_us = 0;
  TsUs next_wake_us = kNever;
  TsUs next_sample_us = kNever;
  std::int64_t events = 0;
  std::int64_t last_order_id = 0;  ///< The largest so far.
  TsUs last_request_us = 0;
  TsUs last_report_us = 0;
  TradedVolume volume;  ///< For fee tiers.
  std::uint32_t wake_reasons = 0;
  double peak_equity = 0.0;    ///< Of all symbols together, over the samples.
  std::size_t fills_seen = 0;  ///< At the last wake-up.
  LedgerSize ledger;
};

/// What it takes to go back to an instant of a run.
struct EngineCheckpoint {
  EngineState state;
  std::vector<Book::Packed> books;
  std::unique_ptr<Strategy> strategy;
};

/// Why a run came back before its end; bits.
enum StopReason : std::uint32_t {
  kStopFill = 1,       ///< The report of an own fill arrived.
  kStopOrder = 2,      ///< Any report arrived.
  kStopDrawdown = 4,   ///< At a sample, equity is so much below its peak of all samples.
  kStopCrossed = 8,    ///< A record at the exchange crosses the opposite side of its book.
  kStopGap = 16,       ///< A record at the exchange clears a book that has levels.
  kStopPaused = 32,    ///< Another thread asked for it.
  kStopTimeLimit = 64  ///< The wall clock did.
};

/// Events after which a run comes back.
struct Breakpoints {
  std::uint32_t events = 0;
  double drawdown = 0.0;  ///< In quote units.
};

/// Runs one backtest.
///
/// The total order is (time, rank, symbol, insertion) with ranks 0 data at the exchange, 1 request
/// at the exchange, 2 data at the local side, 3 report at the local side, 4 strategy, 5 equity
/// sample. Data come from sorted cursors. Requests and reports travel on one connection where
/// nothing overtakes, so their queues are sorted as well and no heap is needed.
///
/// The local book matters only when somebody looks: at a wake-up, a sample or the end of Run. Until
/// then its records wait, and are applied in one go; the result is that of the total order.
class Engine final : private ExchangeContext, private LocalDesk {
 public:
  /// \param data Must outlive the engine.
  /// \param merged Of the same data; null makes one if it is needed.
  Engine(std::vector<const MarketData*> data, std::shared_ptr<MergedOrder> merged,
         ModelConfig model, std::vector<InstrumentConfig> instruments,
         std::unique_ptr<Strategy> strategy);

  /// Processes at most `max_events` events with a time up to `until_us`; returns how many.
  ///
  /// What a strategy throws passes through; the state is then the one right before its wake-up, but
  /// for the requests that it had sent.
  std::int64_t Run(TsUs until_us, std::int64_t max_events);

  /// Sets what ends a Run early, right after the event.
  void SetBreakpoints(const Breakpoints& breakpoints) noexcept { breakpoints_ = breakpoints; }
  /// Returns what ended the last Run early, 0 if nothing did.
  [[nodiscard]] std::uint32_t Stopped() const noexcept { return stopped_; }

  [[nodiscard]] const EngineState& State() const noexcept { return state_; }
  [[nodiscard]] const Ledger& GetLedger() const noexcept { return ledger_; }
  [[nodiscard]] Ledger TakeLedger() noexcept { return std::move(ledger_); }
  [[nodiscard]] const ModelConfig& Model() const noexcept { return model_; }
  [[nodiscard]] const InstrumentConfig& Instrument(std::size_t symbol) const noexcept override {
    return instruments_[symbol];
  }
  [[nodiscard]] TsUs FirstUs() const noexcept { return first_us_; }

  [[nodiscard]] const Book& ExchangeBook(std::size_t symbol) const noexcept {
    return books_[2 * symbol];
  }
  [[nodiscard]] const Book& LocalBook(std::size_t symbol) const noexcept override {
    return books_[2 * symbol + 1];
  }

  /// Returns a checkpoint of now, without a strategy if that has no state to give.
  [[nodiscard]] EngineCheckpoint Save() const;

  /// Goes back (or on) to a checkpoint of this engine.
  void Restore(const EngineCheckpoint& checkpoint);

  /// Returns a digest of the whole state; equal states give equal digests.
  [[nodiscard]] std::uint64_t StateHash() const;

  /// Appends an equity sample of each symbol now.
  void Sample();

 private:
  struct Next {
    TsUs time_us;
    int rank;
  };
  /// One symbol's rows in the order of one clock.
  struct Stream {
    const MarketRecord* records;
    const std::uint32_t* rows;  // null: as stored
    const std::int32_t* slots;  // null: no order-level records
    std::size_t count;

    [[nodiscard]] std::size_t Row(std::size_t at) const noexcept { return rows ? rows[at] : at; }
  };

  /// The next record of one of the streams.
  struct Head {
    TsUs time_us = kNever;
    std::size_t stream = 0;
  };

  void RunOn(TsUs until_us, std::int64_t max_events);
  void Loop(TsUs until_us);
  void Settle(std::int64_t max_events) noexcept;
  [[nodiscard]] Next NextMessage(bool with_reports) const noexcept;

  // engine_data.cpp
  bool FitBatch() noexcept;
  [[nodiscard]] bool HasNews(std::size_t reports_before) const noexcept;
  bool RunBatch(TsUs bound_us);
  bool RunQuietSymbols(TsUs bound_us);
  bool RunMerged(TsUs bound_us);
  template <bool kIsIndexed>
  bool RunExchange(std::size_t symbol, TsUs bound_us, std::size_t rows);
  template <bool kIsIndexed, TsUs MarketRecord::* kClock>
  static std::size_t ApplyPlain(const Stream& stream, std::size_t at, std::size_t end,
                                TsUs until_us, Book& book);
  void CatchUp();
  void CatchUpBooks();
  template <bool kIsIndexed>
  void RunLocal(std::size_t symbol);
  bool RunSingly(TsUs exchange_bound_us, TsUs local_bound_us);
  [[nodiscard]] TsUs NextTime(std::size_t stream) const noexcept;
  [[nodiscard]] Head NextRecord() const noexcept;
  bool RunExchangeRecord(std::size_t stream);
  void RunLocalRecord(std::size_t stream);
  void OnLocalRecord(std::size_t symbol, Book& book, const MarketRecord& record, std::int32_t slot);
  void WatchExchange(const Book& book, const MarketRecord& record) noexcept;
  void WatchLocal(std::size_t symbol, const MarketRecord& record, const Key (&best_before)[2]);

  void RunMessage(int rank);
  void Wake();
  void AskForWake(std::uint32_t reason) noexcept {
    if ((events_ & reason) == 0) return;
    state_.wake_reasons |= events_ & reason;
    state_.next_wake_us = std::min(state_.next_wake_us, state_.now_us);
  }
  void OnRequest(const Request& request);
  void OnReport(const Report& report);
  void OnAnswer(Order& order, const Report& report);
  void OnFill(Order& order, const Report& report);
  std::int64_t FeeRate(const InstrumentConfig& instrument, const Report& report);
  void Release(std::int32_t slot);
  void WriteRow(const Order& order);
  void SendRequest(Request request, TsUs sent_us);
  std::int32_t FindSlot(std::int32_t row) const;
  void AddError(ErrorCode code, std::int64_t id);

  // ExchangeContext
  void Send(const Report& report) override;

  // LocalDesk
  [[nodiscard]] TsUs Now() const noexcept override { return state_.now_us; }
  [[nodiscard]] std::size_t SymbolCount() const noexcept override { return data_.size(); }
  [[nodiscard]] const Account& GetAccount(std::size_t symbol) const noexcept override {
    return state_.symbols[symbol].account;
  }
  [[nodiscard]] const std::vector<std::int32_t>& LiveOrders() const noexcept override {
    return state_.live;
  }
  [[nodiscard]] const Order& GetOrder(std::int32_t slot) const noexcept override {
    return state_.orders[slot];
  }
  [[nodiscard]] std::uint32_t Reasons() const noexcept override { return state_.wake_reasons; }
  [[nodiscard]] const std::vector<LocalTrade>& NewTrades() const noexcept override {
    return state_.trades;
  }
  [[nodiscard]] const FillRow* NewFills() const noexcept override {
    return ledger_.fills.data() + state_.fills_seen;
  }
  [[nodiscard]] std::size_t NewFillCount() const noexcept override {
    return state_.ledger.fills - state_.fills_seen;
  }
  [[nodiscard]] std::int64_t NextOrderId() const noexcept override {
    return state_.last_order_id + 1;
  }
  void Submit(std::int64_t id, std::size_t symbol, std::uint8_t side, Ticks price_ticks, Lots lots,
              OrderType type, TimeInForce tif) override;
  void Cancel(std::int64_t id) override;
  void Modify(std::int64_t id, Ticks price_ticks, Lots lots) override;
  void CancelAll(std::int32_t symbol) override;

  std::vector<const MarketData*> data_;
  std::vector<Stream> streams_;
  std::shared_ptr<MergedOrder> merged_;
  ModelConfig model_;
  std::vector<InstrumentConfig> instruments_;
  LatencyModel latency_;
  std::unique_ptr<Strategy> strategy_;
  std::uint32_t events_ = 0;  // that wake the strategy
  Breakpoints breakpoints_;
  std::uint32_t stopped_ = 0;
  TsUs first_us_ = kNever;
  bool is_indexed_ = false;
  std::int64_t lead_ = 0;    // receipts that may come before their record at the exchange
  std::vector<Book> books_;  // of each symbol the exchange's, then the local one
  EngineState state_;
  Ledger ledger_;
  // Order rows change as an order lives. After a seek back they stay as the furthest state left
  // them until the run gets there again; a jump over a checkpoint would leave them half written.
  std::int64_t furthest_event_ = 0;
  bool is_rerun_ = false;
  // Of the Run in progress.
  std::int64_t budget_ = 0;
  std::int64_t backlog_ = 0;  // most receipts that may be waiting
  TsUs due_us_ = 0;           // receipts and reports up to this time are to be applied
  std::size_t batch_ = 0;     // most records of the next batch
  bool watches_reports_ = false;
};

}  // namespace lobdesk::backtest
