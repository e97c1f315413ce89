// When a strategy is woken.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "lobdesk/backtest/record.hpp"

namespace lobdesk::backtest {

/// Why a strategy was woken; bits, because several reasons of one instant make one wake-up.
enum WakeReason : std::uint32_t {
  kWakeInterval = 1,
  kWakeTime = 2,    ///< A time of the list.
  kWakeBest = 4,    ///< A record that arrived changed a best price of the local book.
  kWakeTrade = 8,   ///< A trade (or an execution of an order-level feed) arrived.
  kWakeFill = 16,   ///< The report of an own fill arrived.
  kWakeReport = 32  ///< Any report arrived, fills included.
};

constexpr std::uint32_t kDataWakes = kWakeBest | kWakeTrade;

/// Every condition of a strategy; they add up.
struct WakeRule {
  std::int64_t interval_us = 0;                    ///< 0 for none.
  std::uint32_t events = 0;                        ///< Bits from kWakeBest on.
  std::shared_ptr<const std::vector<TsUs>> times;  ///< Rising; null for none.
};

/// Keeps the times at which a rule wakes. Copyable.
class WakeTimer {
 public:
  explicit WakeTimer(WakeRule rule) : rule_{std::move(rule)} {}

  [[nodiscard]] std::uint32_t Events() const noexcept { return rule_.events; }

  /// Returns the first time: an interval after the first record, or the first listed one from then.
  TsUs Start(TsUs first_exch_us) noexcept {
    next_us_ = rule_.interval_us > 0 ? first_exch_us + rule_.interval_us : kNever;
    if (rule_.times != nullptr) {
      const auto first = std::lower_bound(rule_.times->begin(), rule_.times->end(), first_exch_us);
      next_time_ = static_cast<std::size_t>(first - rule_.times->begin());
    }
    return Next();
  }

  /// Returns which of the times are due and goes on to the next ones.
  std::uint32_t Due(TsUs now_us) noexcept {
    std::uint32_t reasons = 0;
    while (next_us_ <= now_us) {
      reasons |= kWakeInterval;
      next_us_ += rule_.interval_us;
    }
    while (ListedTime() <= now_us && ListedTime() != kNever) {
      reasons |= kWakeTime;
      ++next_time_;
    }
    return reasons;
  }

  [[nodiscard]] TsUs Next() const noexcept { return std::min(next_us_, ListedTime()); }

 private:
  [[nodiscard]] TsUs ListedTime() const noexcept {
    const bool has_more = rule_.times != nullptr && next_time_ < rule_.times->size();
    return has_more ? (*rule_.times)[next_time_] : kNever;
  }

  WakeRule rule_;
  TsUs next_us_ = kNever;
  std::size_t next_time_ = 0;
};

}  // namespace lobdesk::backtest
