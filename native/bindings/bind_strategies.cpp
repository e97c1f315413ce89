// Strategies: built-in ones by their settings, and Python callables.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "bind_backtest.hpp"

namespace py = pybind11;
namespace bt = lobdesk::backtest;

namespace {

/// The desk as Python sees it; valid during a wake-up only.
class PyDesk {
 public:
  void Set(bt::LocalDesk* desk) noexcept { desk_ = desk; }

  [[nodiscard]] bt::LocalDesk& Get() const {
    if (desk_ == nullptr) throw py::value_error("the desk can be used during a wake-up only");
    return *desk_;
  }
  [[nodiscard]] bt::LocalDesk& At(std::size_t symbol) const {
    if (symbol >= Get().SymbolCount()) throw py::index_error("there is no such symbol");
    return *desk_;
  }

 private:
  bt::LocalDesk* desk_ = nullptr;
};

/// Calls a Python object on an interval.
class CallableStrategy final : public bt::Strategy {
 public:
  CallableStrategy(py::object callback, std::int64_t interval_us)
      : callback_{std::move(callback)}, interval_us_{interval_us} {
    py::object desk = py::cast(PyDesk{});
    desk_ = desk.cast<PyDesk*>();
    desk_object_ = std::move(desk);
  }
  ~CallableStrategy() override {
    const py::gil_scoped_acquire acquire;
    callback_ = py::object();
    desk_object_ = py::object();
  }
  CallableStrategy(const CallableStrategy&) = delete;
  CallableStrategy& operator=(const CallableStrategy&) = delete;

  lobdesk::TsUs Start(lobdesk::TsUs first_exch_us) override { return first_exch_us + interval_us_; }

  lobdesk::TsUs OnWake(bt::LocalDesk& desk) override {
    const py::gil_scoped_acquire acquire;
    desk_->Set(&desk);
    try {
      callback_(desk_object_);
    } catch (...) {
      desk_->Set(nullptr);
      throw;
    }
    desk_->Set(nullptr);
    return desk.Now() + interval_us_;
  }

  // Its state is in Python, where we cannot see it.
  [[nodiscard]] std::unique_ptr<bt::Strategy> Clone() const override { return nullptr; }

 private:
  py::object callback_;
  std::int64_t interval_us_;
  PyDesk* desk_ = nullptr;
  py::object desk_object_;
};

py::object BestOf(const bt::Book& book, std::uint8_t side) {
  const bt::LadderSide& levels = book.Side(side);
  if (levels.IsEmpty()) return py::none();
  return py::make_tuple(bt::ToTicks(side, levels.Best()), levels.At(levels.Best()));
}

py::list OrdersOf(const PyDesk& self, std::size_t symbol) {
  const bt::LocalDesk& desk = self.At(symbol);
  py::list found;
  for (const std::int32_t slot : desk.LiveOrders()) {
    const bt::Order& order = desk.GetOrder(slot);
    if (static_cast<std::size_t>(order.symbol) != symbol) continue;
    found.append(py::make_tuple(order.id, order.side, order.price_ticks, order.known_leaves,
                                static_cast<int>(order.status), order.requests_in_flight != 0));
  }
  return found;
}

void SubmitFrom(const PyDesk& self, std::int64_t id, int side, std::int64_t price_ticks,
                std::int64_t qty_lots, int type, int tif, std::size_t symbol) {
  if (side != bt::kBid && side != bt::kAsk) throw py::value_error("side must be 0 or 1");
  if (type < 0 || type > 1) throw py::value_error("order_type must be 0 or 1");
  if (tif < 0 || tif > 3) throw py::value_error("tif must be from 0 to 3");
  self.Get().Submit(id, symbol, static_cast<std::uint8_t>(side), price_ticks, qty_lots,
                    static_cast<bt::OrderType>(type), static_cast<bt::TimeInForce>(tif));
}

void BindDesk(py::module_& m) {
  py::class_<PyDesk>(m, "LocalDesk", "What a strategy sees and may do; valid during a wake-up.")
      .def_property_readonly("now_us", [](const PyDesk& self) { return self.Get().Now(); })
      .def(
          "best_bid",
          [](const PyDesk& self, std::size_t symbol) {
            return BestOf(self.At(symbol).LocalBook(symbol), bt::kBid);
          },
          py::arg("symbol") = 0)
      .def(
          "best_ask",
          [](const PyDesk& self, std::size_t symbol) {
            return BestOf(self.At(symbol).LocalBook(symbol), bt::kAsk);
          },
          py::arg("symbol") = 0)
      .def(
          "position",
          [](const PyDesk& self, std::size_t symbol) {
            return self.At(symbol).GetAccount(symbol).position;
          },
          py::arg("symbol") = 0)
      .def("orders", &OrdersOf, py::arg("symbol") = 0)
      .def("submit", &SubmitFrom, py::arg("order_id"), py::arg("side"), py::arg("price_ticks"),
           py::arg("qty_lots"), py::kw_only(), py::arg("order_type") = 0, py::arg("tif") = 0,
           py::arg("symbol") = 0)
      .def(
          "cancel", [](const PyDesk& self, std::int64_t id) { self.Get().Cancel(id); },
          py::arg("order_id"))
      .def(
          "cancel_all",
          [](const PyDesk& self, std::int32_t symbol) { self.Get().CancelAll(symbol); },
          py::arg("symbol") = -1)
      .def(
          "modify",
          [](const PyDesk& self, std::int64_t id, std::int64_t price_ticks, std::int64_t qty_lots) {
            self.Get().Modify(id, price_ticks, qty_lots);
          },
          py::arg("order_id"), py::arg("price_ticks"), py::arg("qty_lots"));
}

StrategySpec MakeJoinTouch(std::int64_t interval_us, std::int64_t qty_lots,
                           std::int64_t max_position_lots, std::int64_t offset_ticks) {
  const bt::JoinTouch::Settings settings{interval_us, qty_lots, max_position_lots, offset_ticks};
  return {[settings] { return std::make_unique<bt::JoinTouch>(settings); }};
}

StrategySpec MakeSignalFollower(const py::array_t<std::int64_t, py::array::c_style>& ts_us,
                                const py::array_t<double, py::array::c_style>& values,
                                double threshold, std::int64_t max_position_lots, bool maker,
                                bool hold) {
  if (ts_us.ndim() != 1 || values.ndim() != 1 || ts_us.shape(0) != values.shape(0)) {
    throw py::value_error("ts_us and values must be one-dimensional and of one length");
  }
  auto signals = std::make_shared<bt::SignalFollower::Signals>();
  signals->ts_us.assign(ts_us.data(), ts_us.data() + ts_us.size());
  signals->values.assign(values.data(), values.data() + values.size());
  const bt::SignalFollower::Settings settings{threshold, max_position_lots, maker, hold};
  return {[settings, signals = std::shared_ptr<const bt::SignalFollower::Signals>(signals)] {
    return std::make_unique<bt::SignalFollower>(settings, signals);
  }};
}

using ActionTuple = std::tuple<std::int64_t, int, std::int64_t, std::size_t, int, std::int64_t,
                               std::int64_t, int, int>;

StrategySpec MakeScript(const std::vector<ActionTuple>& actions) {
  std::vector<bt::Script::Action> made;
  for (const auto& [ts_us, kind, id, symbol, side, price_ticks, lots, type, tif] : actions) {
    made.push_back({ts_us, static_cast<bt::RequestKind>(kind), id, symbol,
                    static_cast<std::uint8_t>(side), price_ticks, lots,
                    static_cast<bt::OrderType>(type), static_cast<bt::TimeInForce>(tif)});
  }
  return {[made] { return std::make_unique<bt::Script>(made); }};
}

StrategySpec MakeCallable(const py::object& callback, std::int64_t interval_us) {
  return {[callback, interval_us] {
    return std::make_unique<CallableStrategy>(callback, interval_us);
  }};
}

}  // namespace

void BindStrategies(py::module_& m) {
  BindDesk(m);
  py::class_<StrategySpec>(m, "StrategySpec", "A strategy that each engine makes for itself.");
  m.def("join_touch", &MakeJoinTouch, py::kw_only(), py::arg("interval_us"), py::arg("qty_lots"),
        py::arg("max_position_lots"), py::arg("offset_ticks"));
  m.def("signal_follower", &MakeSignalFollower, py::arg("ts_us").noconvert(),
        py::arg("values").noconvert(), py::kw_only(), py::arg("threshold"),
        py::arg("max_position_lots"), py::arg("maker"), py::arg("hold"));
  m.def("script", &MakeScript, py::arg("actions"));
  m.def("python_strategy", &MakeCallable, py::arg("callback"), py::kw_only(),
        py::arg("interval_us"));
}
