// Runs an engine in pieces, keeps checkpoints and seeks both ways.
#pragma once

#include <atomic>
#include <chrono>
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

  /// What may end a Run early.
  struct Limits {
    Breakpoints breakpoints;
    std::chrono::nanoseconds time{0};  ///< Of the wall clock; 0 for none.
  };

  /// Processes events up to a time, at most so many; returns how many.
  std::int64_t Run(TsUs until_us, std::int64_t max_events, const Limits& limits, const Poll& poll);

  /// Ends the Run in progress, or the next one, soon. From any thread.
  void Pause() noexcept { is_pausing_.store(true, std::memory_order_relaxed); }

  /// Returns what ended the last Run early, bits of StopReason. From any thread.
  [[nodiscard]] std::uint32_t Stopped() const noexcept { return stopped_; }

  /// Returns how far the clock was at the last poll. From any thread.
  [[nodiscard]] TsUs ReachedUs() const noexcept { return reached_us_; }

  /// Returns whether going back means running again from the start.
  [[nodiscard]] bool SeeksFromStart() const noexcept { return seeks_from_start_; }

  /// Goes to the state after so many events, from the nearest checkpoint before it.
  void SeekEvent(std::int64_t event, const Poll& poll);

  /// Goes to the state after all events up to a time.
  void SeekTime(TsUs ts_us, const Poll& poll);

 private:
  std::int64_t Advance(TsUs until_us, std::int64_t max_events, const Limits& limits,
                       const Poll& poll);
  void Keep();

  // Adapts how many events pass between two polls to how long they take.
  class Pace;

  std::unique_ptr<Engine> engine_;
  std::int64_t checkpoint_events_;
  std::vector<EngineCheckpoint> checkpoints_;
  bool seeks_from_start_ = false;
  std::atomic<bool> is_pausing_{false};
  std::atomic<std::uint32_t> stopped_{0};
  std::atomic<TsUs> reached_us_{0};
};

}  // namespace lobdesk::backtest
