#include "lobdesk/backtest/player.hpp"

#include <algorithm>
#include <utility>

namespace lobdesk::backtest {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kMostPollEvents = 65'536;  // a few milliseconds without callbacks
constexpr std::int64_t kFewestPollEvents = 16;
constexpr std::chrono::milliseconds kSlow{20};
constexpr std::chrono::milliseconds kFast{5};
constexpr std::int64_t kAllEvents = INT64_MAX;

}  // namespace

class Player::Pace {
 public:
  [[nodiscard]] std::int64_t Events() const noexcept { return events_; }

  /// Returns the time of this poll.
  Clock::time_point Note() noexcept {
    const Clock::time_point now = Clock::now();
    const auto took = now - last_;
    last_ = now;
    if (took > kSlow) events_ = std::max(kFewestPollEvents, events_ / 4);
    if (took < kFast) events_ = std::min(kMostPollEvents, events_ * 2);
    return now;
  }

  [[nodiscard]] Clock::time_point Last() const noexcept { return last_; }

 private:
  std::int64_t events_ = kMostPollEvents;
  Clock::time_point last_ = Clock::now();
};

Player::Player(std::unique_ptr<Engine> engine, std::int64_t checkpoint_events)
    : engine_{std::move(engine)}, checkpoint_events_{checkpoint_events} {
  if (checkpoint_events_ > 0) Keep();
}

std::int64_t Player::Run(TsUs until_us, std::int64_t max_events, const Limits& limits,
                         const Poll& poll) {
  engine_->SetBreakpoints(limits.breakpoints);
  return Advance(until_us, max_events, limits, poll);
}

std::int64_t Player::Advance(TsUs until_us, std::int64_t max_events, const Limits& limits,
                             const Poll& poll) {
  std::int64_t done = 0;
  Pace pace;
  const Clock::time_point start = pace.Last();
  stopped_ = 0;
  while (done < max_events) {
    const std::int64_t events = engine_->State().events;
    std::int64_t chunk = std::min(max_events - done, pace.Events());
    if (checkpoint_events_ > 0) {
      chunk = std::min(chunk, checkpoint_events_ - events % checkpoint_events_);
    }
    const std::int64_t ran = engine_->Run(until_us, chunk);
    done += ran;
    reached_us_.store(engine_->State().now_us, std::memory_order_relaxed);
    poll();
    stopped_ = engine_->Stopped();
    if (checkpoint_events_ > 0 && engine_->State().events % checkpoint_events_ == 0) Keep();
    if (ran < chunk || stopped_ != 0) break;
    const Clock::time_point now = pace.Note();
    if (is_pausing_.exchange(false, std::memory_order_relaxed)) stopped_ |= kStopPaused;
    if (limits.time.count() > 0 && now - start >= limits.time) stopped_ |= kStopTimeLimit;
    if (stopped_ != 0) break;
  }
  return done;
}

void Player::SeekEvent(std::int64_t event, const Poll& poll) {
  const std::int64_t now = engine_->State().events;
  const auto after = std::upper_bound(checkpoints_.begin(), checkpoints_.end(), event,
                                      [](std::int64_t value, const EngineCheckpoint& checkpoint) {
                                        return value < checkpoint.state.events;
                                      });
  if (after != checkpoints_.begin()) {
    const EngineCheckpoint& before = *std::prev(after);
    if (event < now || before.state.events > now) engine_->Restore(before);
  }
  const std::int64_t missing = event - engine_->State().events;
  if (missing < 0) throw EngineError("this run keeps no checkpoints, so it cannot go back");
  engine_->SetBreakpoints({});
  Advance(kNever, missing, {}, poll);
}

void Player::SeekTime(TsUs ts_us, const Poll& poll) {
  const auto after = std::upper_bound(checkpoints_.begin(), checkpoints_.end(), ts_us,
                                      [](TsUs value, const EngineCheckpoint& checkpoint) {
                                        return value < checkpoint.state.now_us;
                                      });
  const EngineState& now = engine_->State();
  if (after != checkpoints_.begin()) {
    const EngineCheckpoint& before = *std::prev(after);
    if (ts_us < now.now_us || before.state.events > now.events) engine_->Restore(before);
  } else if (ts_us < now.now_us) {
    if (checkpoints_.empty()) {
      throw EngineError("this run keeps no checkpoints, so it cannot go back");
    }
    engine_->Restore(checkpoints_.front());
  }
  engine_->SetBreakpoints({});
  Advance(ts_us, kAllEvents, {}, poll);
}

void Player::Keep() {
  if (seeks_from_start_) return;
  const std::int64_t events = engine_->State().events;
  if (!checkpoints_.empty() && checkpoints_.back().state.events >= events) return;
  EngineCheckpoint checkpoint = engine_->Save();
  if (checkpoint.strategy == nullptr) {
    seeks_from_start_ = true;
    return;
  }
  checkpoints_.push_back(std::move(checkpoint));
}

}  // namespace lobdesk::backtest
