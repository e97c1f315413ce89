#include "lobdesk/backtest/latency.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace lobdesk::backtest {

namespace {

__extension__ using Wide = __int128;

void RefuseNegative(std::int64_t latency_us) {
  if (latency_us < 0) throw std::invalid_argument("a latency is negative");
}

}  // namespace

LatencyCurve::LatencyCurve(std::vector<Point> points) : points_{std::move(points)} {
  for (const Point& point : points_) RefuseNegative(point.latency_us);
  std::stable_sort(points_.begin(), points_.end(),
                   [](const Point& a, const Point& b) { return a.at_us < b.at_us; });
}

std::int64_t LatencyCurve::At(TsUs ts_us) const noexcept {
  if (ts_us < points_.front().at_us) return points_.front().latency_us;
  const auto after =
      std::upper_bound(points_.begin(), points_.end(), ts_us,
                       [](TsUs value, const Point& point) { return value < point.at_us; });
  const Point& from = *std::prev(after);
  if (after == points_.end()) return from.latency_us;
  const Wide rise = Wide{after->latency_us - from.latency_us} * (ts_us - from.at_us);
  return from.latency_us + static_cast<std::int64_t>(rise / (after->at_us - from.at_us));
}

LatencyModel::LatencyModel(const ModelConfig& config)
    : entry_us_{config.entry_us}, response_us_{config.response_us} {
  for (const std::int64_t latency_us : entry_us_) RefuseNegative(latency_us);
  for (const std::int64_t latency_us : response_us_) RefuseNegative(latency_us);
  for (std::size_t kind = 0; kind < kReportKinds; ++kind) {
    std::vector<LatencyCurve::Point> entry;
    std::vector<LatencyCurve::Point> response;
    for (const LatencyRow& row : config.latency_tables[kind]) {
      entry.push_back({row.request_us, row.exchange_us - row.request_us});
      response.push_back({row.exchange_us, row.response_us - row.exchange_us});
    }
    if (kind < entry_.size()) entry_[kind] = LatencyCurve(std::move(entry));
    response_[kind] = LatencyCurve(std::move(response));
  }
}

std::int64_t LatencyModel::Entry(RequestKind kind, TsUs sent_us) const noexcept {
  const std::size_t index = kind == RequestKind::kCancelAll ? 1 : static_cast<std::size_t>(kind);
  return entry_[index].IsEmpty() ? entry_us_[index] : entry_[index].At(sent_us);
}

std::int64_t LatencyModel::Response(std::size_t report_kind, TsUs exch_us) const noexcept {
  const LatencyCurve& curve = response_[report_kind];
  return curve.IsEmpty() ? response_us_[report_kind] : curve.At(exch_us);
}

}  // namespace lobdesk::backtest
