// What the binding files of the backtest room share.
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

/// Releases the GIL for a run, and lends it to strategies in Python.
///
/// Taking it by thread state, without looking the thread up, is half as dear per wake-up.
class EngineRun {
 public:
  EngineRun();
  ~EngineRun();
  EngineRun(const EngineRun&) = delete;
  EngineRun& operator=(const EngineRun&) = delete;

 private:
  PyThreadState* outer_;
};

/// Holds the GIL during a call from the run of this thread.
class EngineGil {
 public:
  EngineGil();
  ~EngineGil();
  EngineGil(const EngineGil&) = delete;
  EngineGil& operator=(const EngineGil&) = delete;
};

void BindRules(pybind11::module_& m);
void BindStrategies(pybind11::module_& m);
