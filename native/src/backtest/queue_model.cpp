#include "lobdesk/backtest/queue_model.hpp"

#include <algorithm>
#include <cmath>

namespace lobdesk::backtest {

namespace {

/// Takes what left from lots ahead; what is unknown stays so.
Lots Without(Lots ahead, Lots gone) noexcept {
  return ahead == kUnknownLots ? ahead : std::max<Lots>(0, ahead - gone);
}

}  // namespace

void QueueModelRule::Join(QueueState& queue, Lots displayed) noexcept {
  queue = QueueState{};
  queue.ahead = static_cast<double>(displayed);
  queue.optimistic = displayed;
  queue.pessimistic = displayed;
}

void QueueModelRule::OnDepth(QueueState& queue, Lots before, Lots after,
                             TsUs now_us) const noexcept {
  if (queue.is_deferred) {
    Join(queue, after);
    return;
  }
  const Lots decrease = before - after - queue.traded;
  queue.traded = 0;
  if (netting_us_ == 0 || decrease <= 0) {
    Move(queue, before, after, decrease);
    return;
  }
  const QueueState old = queue;
  Move(queue, before, after, decrease);
  EarlyDecrease& early = queue.early;
  if (now_us - early.ts_us > netting_us_) early = EarlyDecrease{};
  early.ts_us = now_us;
  early.lots += decrease;
  early.ahead += old.ahead - queue.ahead;
  early.optimistic += old.optimistic - queue.optimistic;
  early.pessimistic += old.pessimistic - queue.pessimistic;
}

void QueueModelRule::Move(QueueState& queue, Lots before, Lots after,
                          Lots decrease) const noexcept {
  queue.pessimistic = std::min(queue.pessimistic, after);
  queue.optimistic = std::max<Lots>(0, queue.optimistic - std::max<Lots>(0, decrease));
  queue.optimistic = std::min(queue.optimistic, after);
  const auto level = static_cast<double>(after);
  if (model_ == QueueModel::kRiskAverse || model_ == QueueModel::kL3Fifo || decrease < 0) {
    queue.ahead = std::min(queue.ahead, level);
    return;
  }
  const auto change = static_cast<double>(decrease);
  const double front = queue.ahead;
  const double back = static_cast<double>(before) - front;
  const double chance = ChanceBehind(front, back);
  const double estimate = front - (1.0 - chance) * change + std::min(back - chance * change, 0.0);
  queue.ahead = std::min(estimate, level);
}

Lots QueueModelRule::Net(QueueState& queue, Lots traded, TsUs now_us) const noexcept {
  EarlyDecrease& early = queue.early;
  if (netting_us_ == 0 || early.lots == 0) return 0;
  if (now_us - early.ts_us > netting_us_) {
    early = EarlyDecrease{};
    return 0;
  }
  const Lots netted = std::min(traded, early.lots);
  const double share = static_cast<double>(netted) / static_cast<double>(early.lots);
  const auto optimistic =
      static_cast<Lots>(std::floor(static_cast<double>(early.optimistic) * share + 0.5));
  // At worst all that left from ahead of us was this trade.
  const EarlyDecrease taken{0, netted, early.ahead * share, optimistic,
                            std::min(netted, early.pessimistic)};
  queue.ahead += taken.ahead;
  queue.optimistic += taken.optimistic;
  queue.pessimistic += taken.pessimistic;
  early.lots -= netted;
  early.ahead -= taken.ahead;
  early.optimistic -= taken.optimistic;
  early.pessimistic -= taken.pessimistic;
  return netted;
}

Lots QueueModelRule::OnTrade(QueueState& queue, Lots traded, TsUs now_us) const noexcept {
  queue.traded += traded - Net(queue, traded, now_us);
  queue.pessimistic = Without(queue.pessimistic, traded);
  queue.optimistic = std::max<Lots>(0, queue.optimistic - traded);
  queue.ahead -= static_cast<double>(traded);
  const auto excess = static_cast<Lots>(std::floor(-queue.ahead + 0.5));
  if (excess < 1) return 0;
  queue.ahead = 0.0;
  return excess;
}

void QueueModelRule::OnRemoval(QueueState& queue, Lots removed) noexcept {
  queue.ahead = std::max(0.0, queue.ahead - static_cast<double>(removed));
  queue.optimistic = std::max<Lots>(0, queue.optimistic - removed);
  queue.pessimistic = Without(queue.pessimistic, removed);
}

double QueueModelRule::ChanceBehind(double front, double back) const noexcept {
  double chance = 0.0;
  switch (model_) {
    case QueueModel::kPower:
      chance = std::pow(back, n_) / (std::pow(back, n_) + std::pow(front, n_));
      break;
    case QueueModel::kPower2:
      chance = std::pow(back, n_) / std::pow(back + front, n_);
      break;
    case QueueModel::kPower3:
      chance = 1.0 - std::pow(front / (front + back), n_);
      break;
    case QueueModel::kLog:
      chance = std::log1p(back * lot_) / (std::log1p(back * lot_) + std::log1p(front * lot_));
      break;
    case QueueModel::kLog2:
      chance = std::log1p(back * lot_) / std::log1p((back + front) * lot_);
      break;
    case QueueModel::kRiskAverse:
    case QueueModel::kL3Fifo:
      break;
  }
  // An empty level divides 0 by 0; then nothing can be ahead.
  return std::isfinite(chance) ? chance : 1.0;
}

}  // namespace lobdesk::backtest
