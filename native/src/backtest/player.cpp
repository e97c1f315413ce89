#include "lobdesk/backtest/player.hpp"

#include <algorithm>
#include <utility>

namespace lobdesk::backtest {

namespace {

constexpr std::int64_t kPollEvents = 16'384;  // about a millisecond
constexpr std::int64_t kAllEvents = INT64_MAX;

}  // namespace

Player::Player(std::unique_ptr<Engine> engine, std::int64_t checkpoint_events)
    : engine_{std::move(engine)}, checkpoint_events_{checkpoint_events} {
  if (checkpoint_events_ > 0) Keep();
}

std::int64_t Player::Run(TsUs until_us, std::int64_t max_events, const Poll& poll) {
  std::int64_t done = 0;
  while (done < max_events) {
    const std::int64_t events = engine_->State().events;
    std::int64_t chunk = std::min(max_events - done, kPollEvents);
    if (checkpoint_events_ > 0) {
      chunk = std::min(chunk, checkpoint_events_ - events % checkpoint_events_);
    }
    const std::int64_t ran = engine_->Run(until_us, chunk);
    done += ran;
    poll();
    if (ran < chunk) break;
    if (checkpoint_events_ > 0 && engine_->State().events % checkpoint_events_ == 0) Keep();
  }
  return done;
}

void Player::SeekEvent(std::int64_t event, const Poll& poll) {
  const std::int64_t now = engine_->State().events;
  const auto after = std::upper_bound(checkpoints_.begin(), checkpoints_.end(), event,
                                      [](std::int64_t value, const Checkpoint& checkpoint) {
                                        return value < checkpoint.state.events;
                                      });
  if (after != checkpoints_.begin()) {
    const Checkpoint& before = *std::prev(after);
    if (event < now || before.state.events > now) Go(before);
  }
  const std::int64_t missing = event - engine_->State().events;
  if (missing < 0) throw EngineError("this run keeps no checkpoints, so it cannot go back");
  Run(kNever, missing, poll);
}

void Player::SeekTime(TsUs ts_us, const Poll& poll) {
  const auto after = std::upper_bound(
      checkpoints_.begin(), checkpoints_.end(), ts_us,
      [](TsUs value, const Checkpoint& checkpoint) { return value < checkpoint.state.now_us; });
  const EngineState& now = engine_->State();
  if (after != checkpoints_.begin()) {
    const Checkpoint& before = *std::prev(after);
    if (ts_us < now.now_us || before.state.events > now.events) Go(before);
  } else if (ts_us < now.now_us) {
    if (checkpoints_.empty()) {
      throw EngineError("this run keeps no checkpoints, so it cannot go back");
    }
    Go(checkpoints_.front());
  }
  Run(ts_us, kAllEvents, poll);
}

void Player::Keep() {
  const std::int64_t events = engine_->State().events;
  if (!checkpoints_.empty() && checkpoints_.back().state.events >= events) return;
  std::unique_ptr<Strategy> strategy = engine_->CloneStrategy();
  if (strategy == nullptr) {
    throw EngineError("the state of this strategy cannot be copied, so no checkpoints can be kept");
  }
  checkpoints_.push_back({engine_->State(), std::move(strategy)});
}

void Player::Go(const Checkpoint& checkpoint) {
  engine_->Restore(checkpoint.state, checkpoint.strategy->Clone());
}

}  // namespace lobdesk::backtest
