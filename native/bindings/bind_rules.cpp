// The rules of backtests and the scale and fees of a symbol.
#include <pybind11/stl.h>

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

#include "bind_backtest.hpp"
#include "lobdesk/backtest/config.hpp"

namespace py = pybind11;
namespace bt = lobdesk::backtest;

void BindRules(py::module_& m) {
  py::class_<bt::ModelConfig>(m, "BacktestModel", "Rules of one backtest, as numbers.")
      .def(py::init<>())
      .def_property(
          "taker", [](const bt::ModelConfig& c) { return static_cast<int>(c.taker); },
          [](bt::ModelConfig& c, int value) { c.taker = static_cast<bt::TakerRule>(value); })
      .def_property(
          "maker", [](const bt::ModelConfig& c) { return static_cast<int>(c.maker); },
          [](bt::ModelConfig& c, int value) { c.maker = static_cast<bt::MakerRule>(value); })
      .def_property(
          "queue", [](const bt::ModelConfig& c) { return static_cast<int>(c.queue); },
          [](bt::ModelConfig& c, int value) { c.queue = static_cast<bt::QueueModel>(value); })
      .def_readwrite("fills_remainder", &bt::ModelConfig::fills_remainder)
      .def_readwrite("prevents_self_trade", &bt::ModelConfig::prevents_self_trade)
      .def_readwrite("caps_through", &bt::ModelConfig::caps_through)
      .def_readwrite("defers_unknown", &bt::ModelConfig::defers_unknown)
      .def_readwrite("queue_n", &bt::ModelConfig::queue_n)
      .def_readwrite("window", &bt::ModelConfig::window)
      .def_readwrite("truncates", &bt::ModelConfig::truncates)
      .def_readwrite("entry_us", &bt::ModelConfig::entry_us)
      .def_readwrite("response_us", &bt::ModelConfig::response_us)
      .def_readwrite("netting_us", &bt::ModelConfig::netting_us)
      .def_readwrite("end_us", &bt::ModelConfig::end_us)
      .def_readwrite("sample_us", &bt::ModelConfig::sample_us)
      .def(
          "set_fee_tiers",
          [](bt::ModelConfig& c,
             const std::vector<std::tuple<double, std::int64_t, std::int64_t>>& tiers) {
            c.fee_tiers.clear();
            for (const auto& [volume, maker, taker] : tiers) {
              c.fee_tiers.push_back({volume, maker, taker});
            }
          },
          py::arg("tiers"), "Set (least volume, maker fee, taker fee), volumes rising from 0.")
      .def(
          "set_latency_table",
          [](bt::ModelConfig& c, std::size_t kind,
             const std::vector<std::tuple<std::int64_t, std::int64_t, std::int64_t>>& rows) {
            std::vector<bt::LatencyRow>& table = c.latency_tables.at(kind);
            table.clear();
            for (const auto& [request, exchange, response] : rows) {
              table.push_back({request, exchange, response});
            }
          },
          py::arg("kind"), py::arg("rows"),
          "Set measured (request, exchange, response) times of submit, cancel, modify or fill.");
  py::class_<bt::InstrumentConfig>(m, "BacktestInstrument", "Scale and fees of one symbol.")
      .def(py::init([](double tick, double lot, double unit_value, std::int64_t maker_fee,
                       std::int64_t taker_fee, std::int64_t min_lots) {
             return bt::InstrumentConfig{tick, lot, unit_value, maker_fee, taker_fee, min_lots};
           }),
           py::kw_only(), py::arg("tick"), py::arg("lot"), py::arg("unit_value"),
           py::arg("maker_fee"), py::arg("taker_fee"), py::arg("min_lots"));
}
