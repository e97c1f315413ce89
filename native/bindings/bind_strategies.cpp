// Strategies: built-in ones by their settings, and Python callables.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "bind_backtest.hpp"
#include "bind_desk.hpp"
#include "lobdesk/backtest/c_strategy.hpp"
#include "lobdesk/backtest/grid.hpp"

namespace py = pybind11;
namespace bt = lobdesk::backtest;

namespace {

using TimeArray = py::array_t<std::int64_t, py::array::c_style>;

/// Keeps Python objects of a strategy; they are let go with the GIL held.
struct Holder {
  py::object object;
  py::object on_wake;
  py::object get_state;  // null if it has none, like the next
  py::object set_state;
  py::object deep_copy;
  py::object desk;

  Holder() = default;
  Holder(const Holder&) = default;
  Holder& operator=(const Holder&) = delete;
  ~Holder() {
    const py::gil_scoped_acquire acquire;
    object = on_wake = get_state = set_state = deep_copy = desk = py::object();
  }
};

/// Calls a Python object when its rule says so.
///
/// Its state is in Python. With `get_state` and `set_state` a copy holds what the first returned;
/// without, only the state before the first wake-up can be had, as a deep copy of the attributes.
class CallableStrategy final : public bt::Strategy {
 public:
  CallableStrategy(std::shared_ptr<Holder> holder, bt::WakeRule rule)
      : holder_{std::move(holder)}, timer_{std::move(rule)} {}
  ~CallableStrategy() override {
    const py::gil_scoped_acquire acquire;
    saved_ = py::object();
  }
  CallableStrategy(const CallableStrategy&) = delete;
  CallableStrategy& operator=(const CallableStrategy&) = delete;

  [[nodiscard]] std::uint32_t Events() const noexcept override { return timer_.Events(); }
  lobdesk::TsUs Start(lobdesk::TsUs first_exch_us) override { return timer_.Start(first_exch_us); }

  lobdesk::TsUs OnWake(bt::LocalDesk& desk) override {
    bt::WakeTimer timer = timer_;  // a failed wake-up must not lose its reasons
    const std::uint32_t reasons = desk.Reasons() | timer.Due(desk.Now());
    is_fresh_ = false;
    const EngineGil gil;
    PyObject* view = holder_->desk.ptr();
    SetDesk(view, &desk, reasons);
    PyObject* arguments[2] = {nullptr, view};
    PyObject* answer = PyObject_Vectorcall(holder_->on_wake.ptr(), arguments + 1,
                                           1 | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr);
    SetDesk(view, nullptr, 0);
    if (answer == nullptr) throw py::error_already_set();
    Py_DECREF(answer);
    timer_ = std::move(timer);
    return timer_.Next();
  }

  [[nodiscard]] std::unique_ptr<bt::Strategy> Clone() const override {
    const py::gil_scoped_acquire acquire;
    py::object saved = saved_;
    if (!saved) {
      if (holder_->get_state) {
        saved = holder_->deep_copy(holder_->get_state());
      } else if (is_fresh_) {
        saved = holder_->deep_copy(holder_->object.attr("__dict__"));
      } else {
        return nullptr;
      }
    }
    auto clone = std::make_unique<CallableStrategy>(holder_, bt::WakeRule{});
    clone->timer_ = timer_;
    clone->is_fresh_ = is_fresh_;
    clone->saved_ = std::move(saved);
    return clone;
  }

  void Resume() override {
    const py::gil_scoped_acquire acquire;
    py::object state = holder_->deep_copy(saved_);
    if (holder_->get_state) {
      holder_->set_state(state);
    } else {
      py::object attributes = holder_->object.attr("__dict__");
      attributes.attr("clear")();
      attributes.attr("update")(state);
    }
    saved_ = py::object();
  }

 private:
  std::shared_ptr<Holder> holder_;
  bt::WakeTimer timer_;
  bool is_fresh_ = true;
  py::object saved_;  // of a copy that has not taken over yet
};

bt::WakeRule MakeRule(std::int64_t interval_us, std::uint32_t events,
                      const std::optional<TimeArray>& times_us) {
  bt::WakeRule rule;
  rule.interval_us = interval_us;
  rule.events = events;
  if (times_us) {
    rule.times = std::make_shared<const std::vector<lobdesk::TsUs>>(
        times_us->data(), times_us->data() + times_us->size());
  }
  return rule;
}

StrategySpec MakeJoinTouch(std::int64_t interval_us, std::int64_t qty_lots,
                           std::int64_t max_position_lots, std::int64_t offset_ticks) {
  const bt::JoinTouch::Settings settings{interval_us, qty_lots, max_position_lots, offset_ticks};
  return {[settings] { return std::make_unique<bt::JoinTouch>(settings); }};
}

StrategySpec MakeSignalFollower(const py::array_t<std::int64_t, py::array::c_style>& ts_us,
                                const py::array_t<double, py::array::c_style>& values,
                                const py::array_t<std::int32_t, py::array::c_style>& symbols,
                                double threshold, std::int64_t max_position_lots, bool maker,
                                bool hold) {
  if (ts_us.ndim() != 1 || values.ndim() != 1 || symbols.ndim() != 1 ||
      ts_us.shape(0) != values.shape(0) || ts_us.shape(0) != symbols.shape(0)) {
    throw py::value_error("ts_us, values and symbols must be one-dimensional and of one length");
  }
  auto signals = std::make_shared<bt::SignalFollower::Signals>();
  signals->ts_us.assign(ts_us.data(), ts_us.data() + ts_us.size());
  signals->values.assign(values.data(), values.data() + values.size());
  signals->symbols.assign(symbols.data(), symbols.data() + symbols.size());
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

StrategySpec MakeGrid(std::int64_t interval_us, std::int64_t qty_lots,
                      std::int64_t max_position_lots, std::int64_t levels,
                      std::int64_t spacing_ticks) {
  const bt::Grid::Settings settings{interval_us, qty_lots, max_position_lots, levels,
                                    spacing_ticks};
  return {[settings] { return std::make_unique<bt::Grid>(settings); }};
}

StrategySpec MakeTwap(int side, std::int64_t qty_lots, std::int64_t slices,
                      std::int64_t start_after_us, std::int64_t duration_us) {
  const bt::Twap::Settings settings{static_cast<std::uint8_t>(side), qty_lots, slices,
                                    start_after_us, duration_us};
  return {[settings] { return std::make_unique<bt::Twap>(settings); }};
}

StrategySpec MakeCallable(const py::object& strategy, std::int64_t interval_us,
                          std::uint32_t events, const std::optional<TimeArray>& times_us) {
  const bt::WakeRule rule = MakeRule(interval_us, events, times_us);
  return {[strategy, rule] {
    auto holder = std::make_shared<Holder>();
    holder->object = strategy;
    holder->on_wake = strategy.attr("on_wake");
    if (py::hasattr(strategy, "get_state")) {
      holder->get_state = strategy.attr("get_state");
      holder->set_state = strategy.attr("set_state");
    }
    holder->deep_copy = py::module_::import("copy").attr("deepcopy");
    holder->desk = MakeDesk();
    return std::make_unique<CallableStrategy>(std::move(holder), rule);
  }};
}

StrategySpec MakeCFunction(std::uintptr_t address, const py::object& owner, const py::bytes& state,
                           std::int64_t interval_us, std::uint32_t events,
                           const std::optional<TimeArray>& times_us, std::size_t levels) {
  if (address == 0) throw py::value_error("the function's address is 0");
  const bt::WakeRule rule = MakeRule(interval_us, events, times_us);
  const std::string_view bytes = state;
  const auto* first = reinterpret_cast<const std::byte*>(bytes.data());
  const std::vector<std::byte> start(first, first + bytes.size());
  auto kept = std::make_shared<Holder>();
  kept->object = owner;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address is what ctypes and numba give
  const auto function = reinterpret_cast<bt::CFunction>(address);
  return {[=] { return std::make_unique<bt::CStrategy>(function, rule, levels, start, kept); }};
}

}  // namespace

void BindStrategies(py::module_& m) {
  py::register_exception<bt::OrderError>(m, "OrderError", m.attr("EngineError"));
  py::register_exception<bt::StrategyError>(m, "StrategyError", m.attr("EngineError"));
  BindDesk(m);
  py::class_<StrategySpec>(m, "StrategySpec", "A strategy that each engine makes for itself.");
  m.def("join_touch", &MakeJoinTouch, py::kw_only(), py::arg("interval_us"), py::arg("qty_lots"),
        py::arg("max_position_lots"), py::arg("offset_ticks"));
  m.def("grid", &MakeGrid, py::kw_only(), py::arg("interval_us"), py::arg("qty_lots"),
        py::arg("max_position_lots"), py::arg("levels"), py::arg("spacing_ticks"));
  m.def("twap", &MakeTwap, py::kw_only(), py::arg("side"), py::arg("qty_lots"), py::arg("slices"),
        py::arg("start_after_us"), py::arg("duration_us"));
  m.def("signal_follower", &MakeSignalFollower, py::arg("ts_us").noconvert(),
        py::arg("values").noconvert(), py::arg("symbols").noconvert(), py::kw_only(),
        py::arg("threshold"), py::arg("max_position_lots"), py::arg("maker"), py::arg("hold"));
  m.def("script", &MakeScript, py::arg("actions"));
  m.def("python_strategy", &MakeCallable, py::arg("strategy"), py::kw_only(),
        py::arg("interval_us"), py::arg("events"), py::arg("times_us").noconvert());
  m.def("c_function", &MakeCFunction, py::arg("address"), py::kw_only(), py::arg("owner"),
        py::arg("state"), py::arg("interval_us"), py::arg("events"),
        py::arg("times_us").noconvert(), py::arg("levels"));
}
