// Runs an engine in pieces, keeps checkpoints and seeks both ways.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "lobdesk/backtest/engine.hpp"

namespace lobdesk::backtest {

/// Drives one engine.
class Player {
 public:
  /// Called every few thousand events; it ends the run by throwing.
  using Poll = std::function<void()>;

  /// \param checkpoint_events Distance of checkpoints; 0 keeps only the start.
  /// \throws EngineError Checkpoints are wanted, but the strategy's state cannot be copied.
  Player(std::unique_ptr<Engine> engine, std::int64_t checkpoint_events);

  [[nodiscard]] Engine& GetEngine() noexcept { return *engine_; }
  [[nodiscard]] const Engine& GetEngine() const noexcept { return *engine_; }

  /// Processes events up to a time, at most so many; returns how many.
  std::int64_t Run(TsUs until_us, std::int64_t max_events, const Poll& poll);

  /// Goes to the state after so many events, from the nearest checkpoint before it.
  void SeekEvent(std::int64_t event, const Poll& poll);

  /// Goes to the state after all events up to a time.
  void SeekTime(TsUs ts_us, const Poll& poll);

 private:
  struct Checkpoint {
    EngineState state;
    std::unique_ptr<Strategy> strategy;
  };

  void Keep();
  void Go(const Checkpoint& checkpoint);

  std::unique_ptr<Engine> engine_;
  std::int64_t checkpoint_events_;
  std::vector<Checkpoint> checkpoints_;
};

}  // namespace lobdesk::backtest
