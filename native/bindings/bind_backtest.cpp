// Market data and the engine of backtests. The rules stand in bind_rules.cpp, the strategies in
// bind_strategies.cpp.
#include "bind_backtest.hpp"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "arrays.hpp"
#include "bindings.hpp"

namespace py = pybind11;
namespace bt = lobdesk::backtest;

namespace {

using Records = py::array_t<bt::MarketRecord, py::array::c_style>;
using OrderIds = py::array_t<std::int64_t, py::array::c_style>;
using Levels = std::vector<std::pair<std::int64_t, std::int64_t>>;

/// Market data together with the arrays that hold them.
struct MarketRecords {
  Records records;
  std::optional<OrderIds> order_ids;
  std::unique_ptr<bt::MarketData> data;
};

std::shared_ptr<MarketRecords> MakeMarketRecords(const Records& records,
                                                 const std::optional<OrderIds>& order_ids) {
  if (records.ndim() != 1) throw py::value_error("records must have one dimension");
  if (order_ids && (order_ids->ndim() != 1 || order_ids->shape(0) != records.shape(0))) {
    throw py::value_error("order_ids must have one entry per record");
  }
  auto made = std::make_shared<MarketRecords>();
  made->records = records;
  made->order_ids = order_ids;
  const bt::MarketRecord* rows = records.data();
  const auto count = static_cast<std::size_t>(records.shape(0));
  const std::int64_t* ids = order_ids ? order_ids->data() : nullptr;
  const py::gil_scoped_release release;
  made->data = std::make_unique<bt::MarketData>(rows, count, ids);
  return made;
}

thread_local PyThreadState* run_state = nullptr;

/// Lets Ctrl-C end a run.
void PollSignals() {
  const EngineGil gil;
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

/// The merged order of several symbols, shared by the engines on them.
struct MergedRecords {
  std::vector<std::shared_ptr<MarketRecords>> data;
  std::shared_ptr<bt::MergedOrder> order;
};

std::shared_ptr<MergedRecords> MakeMergedRecords(
    const std::vector<std::shared_ptr<MarketRecords>>& data) {
  std::vector<const bt::MarketData*> views;
  for (const auto& each : data) views.push_back(each->data.get());
  auto made = std::make_shared<MergedRecords>();
  made->data = data;
  made->order = std::make_shared<bt::MergedOrder>(std::move(views));
  return made;
}

/// An engine, the data it reads and its checkpoints.
class BacktestEngine {
 public:
  BacktestEngine(std::vector<std::shared_ptr<MarketRecords>> data, const bt::ModelConfig& model,
                 std::vector<bt::InstrumentConfig> instruments, const StrategySpec& strategy,
                 std::int64_t checkpoint_events, const std::shared_ptr<MergedRecords>& merged)
      : data_{std::move(data)}, merged_{merged} {
    std::vector<const bt::MarketData*> views;
    for (const auto& each : data_) views.push_back(each->data.get());
    std::unique_ptr<bt::Strategy> made = strategy.make();
    const py::gil_scoped_release release;
    player_ = std::make_unique<bt::Player>(
        std::make_unique<bt::Engine>(std::move(views), merged ? merged->order : nullptr, model,
                                     std::move(instruments), std::move(made)),
        checkpoint_events);
  }

  std::int64_t Run(std::int64_t until_us, std::int64_t max_events, std::uint32_t stop_on,
                   double drawdown, double time_limit_s) {
    const Turn turn(this);
    const EngineRun run;
    const auto limit = std::chrono::duration<double>(time_limit_s);
    const bt::Player::Limits limits{{stop_on, drawdown},
                                    std::chrono::duration_cast<std::chrono::nanoseconds>(limit)};
    return player_->Run(until_us, max_events, limits, PollSignals);
  }
  void SeekEvent(std::int64_t event) {
    const Turn turn(this);
    const EngineRun run;
    player_->SeekEvent(event, PollSignals);
  }
  void SeekTime(std::int64_t ts_us) {
    const Turn turn(this);
    const EngineRun run;
    player_->SeekTime(ts_us, PollSignals);
  }
  void Pause() noexcept { player_->Pause(); }
  [[nodiscard]] std::uint32_t Stopped() const noexcept { return player_->Stopped(); }
  [[nodiscard]] bool SeeksFromStart() const {
    RefuseOthers();
    return player_->SeeksFromStart();
  }

  /// \throws EngineError Another thread changes it.
  [[nodiscard]] bt::Engine& Engine() {
    RefuseOthers();
    return player_->GetEngine();
  }
  [[nodiscard]] const bt::Engine& Engine() const {
    RefuseOthers();
    return player_->GetEngine();
  }
  [[nodiscard]] std::int64_t NowUs() const {
    return IsElsewhere() ? player_->ReachedUs() : player_->GetEngine().State().now_us;
  }

  void Sample() {
    const Turn turn(this);
    Engine().Sample();
  }

  [[nodiscard]] std::pair<Levels, Levels> LevelsOf(std::size_t symbol, bool is_local,
                                                   std::size_t count) const {
    (void)At(symbol);
    const bt::Book& book = is_local ? Engine().LocalBook(symbol) : Engine().ExchangeBook(symbol);
    return {SideLevels(book, bt::kBid, count), SideLevels(book, bt::kAsk, count)};
  }

  /// Runs on through rising times; returns the exchange's mid after each, NaN while a side is
  /// empty.
  py::array_t<double> MidsAt(std::size_t symbol,
                             const py::array_t<std::int64_t, py::array::c_style>& ts_us) {
    (void)At(symbol);
    const std::int64_t* times = ts_us.data();
    std::vector<double> mids(static_cast<std::size_t>(ts_us.size()));
    {
      const Turn turn(this);
      const EngineRun run;
      for (std::size_t i = 0; i < mids.size(); ++i) {
        Engine().Run(times[i], INT64_MAX);
        const bt::Mid2 mid2 = Engine().ExchangeBook(symbol).Mid();
        mids[i] = mid2 == 0 ? std::nan("")
                            : static_cast<double>(mid2) * 0.5 * Engine().Instrument(symbol).tick;
        if (i % 4096 == 0) PollSignals();
      }
    }
    return ToArray(std::move(mids));
  }

  [[nodiscard]] py::tuple Account(std::size_t symbol) const {
    const bt::SymbolState& state = At(symbol);
    const bt::InstrumentConfig& instrument = Engine().Instrument(symbol);
    const bt::Account& account = state.account;
    return py::make_tuple(account.position, account.Cash(instrument), account.Fee(instrument),
                          account.realized * instrument.unit_value,
                          account.Equity(instrument, Engine().LocalBook(symbol).LastMid()),
                          account.fills);
  }

  [[nodiscard]] py::list LiveOrders(std::size_t symbol) const {
    const bt::EngineState& state = Engine().State();
    py::list found;
    for (const std::int32_t slot : state.live) {
      const bt::Order& order = state.orders[slot];
      if (static_cast<std::size_t>(order.symbol) != symbol) continue;
      found.append(py::make_tuple(order.id, order.side, order.price_ticks, order.known_leaves,
                                  Ahead(order), static_cast<int>(order.status)));
    }
    return found;
  }

  /// Returns (status, ahead or None) of one order, None if it was never sent.
  [[nodiscard]] py::object OrderState(std::int64_t id) const {
    const bt::EngineState& state = Engine().State();
    const std::int32_t row = Ledger().FindOrder(id, state.ledger.orders);
    if (row < 0) return py::none();
    for (const std::int32_t slot : state.live) {
      const bt::Order& order = state.orders[slot];
      if (order.row == row) return py::make_tuple(static_cast<int>(order.status), Ahead(order));
    }
    const bt::OrderRow& closed = Ledger().orders[static_cast<std::size_t>(row)];
    return py::make_tuple(static_cast<int>(closed.status), py::none());
  }

  /// Returns (optimistic, pessimistic, traded at the price) of a resting order, else None.
  [[nodiscard]] py::object QueueInterval(std::int64_t id) const {
    const bt::EngineState& state = Engine().State();
    for (const std::int32_t slot : state.live) {
      const bt::Order& order = state.orders[slot];
      const bool is_unknown = order.queue.pessimistic == bt::kUnknownLots;
      if (order.id != id || !order.is_resting || is_unknown) continue;
      return py::make_tuple(order.queue.optimistic, order.queue.pessimistic, order.queue.traded);
    }
    return py::none();
  }

  [[nodiscard]] py::tuple TakeLedger() {
    const bt::LedgerSize& size = Engine().State().ledger;
    (void)Ledger();
    bt::Ledger ledger = Engine().TakeLedger();
    is_ledger_taken_ = true;
    ledger.fills.resize(size.fills);
    ledger.orders.resize(size.orders);
    ledger.equity.resize(size.equity);
    return py::make_tuple(ToArray(std::move(ledger.fills)), ToArray(std::move(ledger.orders)),
                          ToArray(std::move(ledger.equity)));
  }

  [[nodiscard]] py::array_t<bt::FillRow> Fills() const {
    return Copy(Ledger().fills, Engine().State().ledger.fills);
  }
  [[nodiscard]] py::array_t<bt::OrderRow> Orders() const {
    return Copy(Ledger().orders, Engine().State().ledger.orders);
  }
  [[nodiscard]] py::array_t<bt::EquityRow> Equity() const {
    return Copy(Ledger().equity, Engine().State().ledger.equity);
  }
  [[nodiscard]] std::vector<std::tuple<std::int64_t, std::int64_t, std::int64_t>> Errors() const {
    std::vector<std::tuple<std::int64_t, std::int64_t, std::int64_t>> errors;
    const std::vector<bt::ErrorRow>& rows = Ledger().errors;
    for (std::size_t i = 0; i < Engine().State().ledger.errors; ++i) {
      const bt::ErrorRow& row = rows[i];
      errors.emplace_back(row.ts_us, row.code, row.order_id);
    }
    return errors;
  }

 private:
  [[nodiscard]] const bt::SymbolState& At(std::size_t symbol) const {
    const auto& symbols = Engine().State().symbols;
    if (symbol >= symbols.size()) throw py::index_error("there is no such symbol");
    return symbols[symbol];
  }

  /// \throws EngineError The rows are another's now.
  [[nodiscard]] const bt::Ledger& Ledger() const {
    if (is_ledger_taken_) {
      throw lobdesk::EngineError("the ledger of this engine was taken; start another");
    }
    return Engine().GetLedger();
  }

  static py::object Ahead(const bt::Order& order) {
    if (!order.is_resting || order.queue.is_deferred) return py::none();
    return py::float_(order.queue.ahead);
  }

  static Levels SideLevels(const bt::Book& book, std::uint8_t side, std::size_t count) {
    Levels levels;
    const bt::LadderSide& ladder = book.Side(side);
    for (bt::Key key = ladder.Best(); key != bt::kNoLevel && levels.size() < count;
         key = ladder.NextWorse(key)) {
      levels.emplace_back(bt::ToTicks(side, key), ladder.At(key));
    }
    return levels;
  }

  template <typename Rows>
  static py::array_t<typename Rows::value_type> Copy(const Rows& rows, std::size_t count) {
    return ToArray(Rows(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(count)));
  }

  // Both fields change under the interpreter's lock only, which whoever asks holds, too.
  [[nodiscard]] bool IsElsewhere() const noexcept {
    return is_running_ && runner_ != PyThread_get_thread_ident();
  }
  void RefuseOthers() const {
    if (!IsElsewhere()) return;
    throw lobdesk::EngineError(
        "this engine runs in another thread; until it stops it can be paused and tells now_us");
  }

  /// Keeps a second thread, or a strategy, from running an engine that runs.
  class Turn {
   public:
    explicit Turn(BacktestEngine* engine) : engine_{engine} {
      (void)engine->Ledger();
      if (engine_->is_running_) throw lobdesk::EngineError("this engine is running already");
      engine_->is_running_ = true;
      engine_->runner_ = PyThread_get_thread_ident();
    }
    ~Turn() { engine_->is_running_ = false; }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    BacktestEngine* engine_;
  };

  std::vector<std::shared_ptr<MarketRecords>> data_;
  std::shared_ptr<MergedRecords> merged_;
  std::unique_ptr<bt::Player> player_;
  bool is_running_ = false;
  unsigned long runner_ = 0;  // NOLINT(google-runtime-int): the interpreter's type
  bool is_ledger_taken_ = false;
};

void RegisterRows() {
  PYBIND11_NUMPY_DTYPE(bt::MarketRecord, exch_ts_us, recv_ts_us, price_ticks, kind, side, flags,
                       qty_lots);
  PYBIND11_NUMPY_DTYPE(bt::FillRow, exch_ts_us, local_ts_us, order_id, symbol, side, is_maker,
                       is_certain, reserved, price_ticks, qty_lots, fee, decision_mid, arrival_mid,
                       slip_decision, slip_arrival, ahead_at_arrival, ahead_optimistic,
                       ahead_pessimistic, wait_us, position_lots, cash, realized, realized_total);
  PYBIND11_NUMPY_DTYPE(bt::OrderRow, order_id, symbol, side, type, tif, status, reason, last_reject,
                       price_ticks, qty_lots, leaves_lots, filled_lots, decision_us, arrival_us,
                       ack_us, first_fill_us, last_fill_us, close_us, decision_mid, arrival_mid,
                       ahead_at_arrival);
  PYBIND11_NUMPY_DTYPE(bt::EquityRow, ts_us, symbol, bid_ticks, ask_ticks, mid, position_lots, cash,
                       fee, realized, equity);
}

}  // namespace

EngineRun::EngineRun() : outer_{run_state} { run_state = PyEval_SaveThread(); }

EngineRun::~EngineRun() {
  PyEval_RestoreThread(run_state);
  run_state = outer_;
}

EngineGil::EngineGil() { PyEval_RestoreThread(run_state); }

EngineGil::~EngineGil() { PyEval_SaveThread(); }

void BindBacktest(py::module_& m) {
  RegisterRows();
  py::register_exception<bt::MarketDataError>(m, "MarketDataError", m.attr("EngineError"));
  BindRules(m);
  BindStrategies(m);
  BindArrow(m);
  py::class_<MarketRecords, std::shared_ptr<MarketRecords>>(m, "MarketRecords",
                                                            "Checked records of one symbol.")
      .def(py::init(&MakeMarketRecords), py::arg("records").noconvert(),
           py::arg("order_ids").noconvert() = py::none())
      .def("__len__", [](const MarketRecords& self) { return self.data->Count(); })
      .def_property_readonly("first_us",
                             [](const MarketRecords& self) { return self.data->FirstExchangeUs(); })
      .def_property_readonly("last_us",
                             [](const MarketRecords& self) { return self.data->LastUs(); })
      .def_property_readonly(
          "has_orders", [](const MarketRecords& self) { return !self.data->OrderSlots().empty(); });
  py::class_<MergedRecords, std::shared_ptr<MergedRecords>>(
      m, "MergedRecords", "The order of several symbols' records, shared by engines.")
      .def(py::init(&MakeMergedRecords), py::arg("data"));
  py::class_<BacktestEngine>(m, "BacktestEngine", "One backtest that can run, stop and seek.")
      .def(py::init<std::vector<std::shared_ptr<MarketRecords>>, const bt::ModelConfig&,
                    std::vector<bt::InstrumentConfig>, const StrategySpec&, std::int64_t,
                    const std::shared_ptr<MergedRecords>&>(),
           py::arg("data"), py::arg("model"), py::arg("instruments"), py::arg("strategy"),
           py::kw_only(), py::arg("checkpoint_events") = 0, py::arg("merged") = py::none())
      .def("run", &BacktestEngine::Run, py::arg("until_us"), py::arg("max_events"), py::kw_only(),
           py::arg("stop_on") = 0, py::arg("drawdown") = 0.0, py::arg("time_limit_s") = 0.0)
      .def("pause", &BacktestEngine::Pause)
      .def_property_readonly("stopped", &BacktestEngine::Stopped)
      .def_property_readonly("seeks_from_start", &BacktestEngine::SeeksFromStart)
      .def("seek_event", &BacktestEngine::SeekEvent, py::arg("event"))
      .def("seek_time", &BacktestEngine::SeekTime, py::arg("ts_us"))
      .def("sample", &BacktestEngine::Sample)
      .def_property_readonly("now_us", &BacktestEngine::NowUs)
      .def_property_readonly(
          "events", [](const BacktestEngine& self) { return self.Engine().State().events; })
      .def("levels", &BacktestEngine::LevelsOf, py::arg("symbol"), py::kw_only(), py::arg("local"),
           py::arg("count"))
      .def("mids_at", &BacktestEngine::MidsAt, py::arg("symbol"), py::arg("ts_us"))
      .def("account", &BacktestEngine::Account, py::arg("symbol"))
      .def("live_orders", &BacktestEngine::LiveOrders, py::arg("symbol"))
      .def("order_state", &BacktestEngine::OrderState, py::arg("order_id"))
      .def("queue_interval", &BacktestEngine::QueueInterval, py::arg("order_id"))
      .def("take_ledger", &BacktestEngine::TakeLedger)
      .def("fills", &BacktestEngine::Fills)
      .def("orders", &BacktestEngine::Orders)
      .def("equity", &BacktestEngine::Equity)
      .def("errors", &BacktestEngine::Errors)
      .def("state_hash", [](const BacktestEngine& self) { return self.Engine().StateHash(); });
}
