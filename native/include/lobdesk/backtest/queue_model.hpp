// How a resting order's place in the queue moves on a level-2 feed.
#pragma once

#include "lobdesk/backtest/config.hpp"
#include "lobdesk/backtest/order.hpp"

namespace lobdesk::backtest {

/// Estimates the lots ahead of resting orders.
///
/// Formulas of hftbacktest 2.4.4, models/queue.rs: with f = lots ahead, b = level - f and
/// p = chance that a decrease is behind us, a decrease of c moves f to
/// min(f - (1 - p) c + min(b - p c, 0), new level). `log` and `log2` count base units, not lots.
class QueueModelRule {
 public:
  QueueModelRule(const ModelConfig& config, double lot) noexcept
      : model_{config.queue}, n_{config.queue_n}, lot_{lot}, netting_us_{config.netting_us} {}

  /// The order joins a level that displays some lots.
  static void Join(QueueState& queue, Lots displayed) noexcept;

  /// A depth update changed the order's level.
  void OnDepth(QueueState& queue, Lots before, Lots after, TsUs now_us) const noexcept;

  /// A trade printed at the order's price; returns the lots beyond the queue, half a lot up.
  Lots OnTrade(QueueState& queue, Lots traded, TsUs now_us) const noexcept;

  /// Feed lots ahead of the order left the level (order-level feeds).
  static void OnRemoval(QueueState& queue, Lots removed) noexcept;

 private:
  void Move(QueueState& queue, Lots before, Lots after, Lots decrease) const noexcept;
  /// Takes back what the model made of an early decrease that this trade explains; returns how many
  /// of its lots that are.
  Lots Net(QueueState& queue, Lots traded, TsUs now_us) const noexcept;
  [[nodiscard]] double ChanceBehind(double front, double back) const noexcept;

  QueueModel model_;
  double n_;
  double lot_;
  std::int64_t netting_us_;
};

}  // namespace lobdesk::backtest
