// What the two binding files of the backtest room share.
#pragma once

#include <pybind11/pybind11.h>

#include <functional>
#include <memory>
#include <optional>

#include "lobdesk/backtest/player.hpp"
#include "lobdesk/backtest/strategies.hpp"

/// Makes a fresh strategy for each engine.
struct StrategySpec {
  std::function<std::unique_ptr<lobdesk::backtest::Strategy>()> make;
};

void BindStrategies(pybind11::module_& m);
