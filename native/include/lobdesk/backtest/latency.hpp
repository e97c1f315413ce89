// How long requests and reports travel.
#pragma once

#include <array>
#include <vector>

#include "lobdesk/backtest/config.hpp"

namespace lobdesk::backtest {

/// Latency over time: linear between points, constant outside, whole microseconds towards zero.
class LatencyCurve {
 public:
  struct Point {
    TsUs at_us;
    std::int64_t latency_us;
  };

  LatencyCurve() = default;
  explicit LatencyCurve(std::vector<Point> points);

  [[nodiscard]] bool IsEmpty() const noexcept { return points_.empty(); }
  [[nodiscard]] std::int64_t At(TsUs ts_us) const noexcept;

 private:
  std::vector<Point> points_;
};

/// Latencies of one connection: by a table for each kind that has one, else constant.
class LatencyModel {
 public:
  /// \throws std::invalid_argument A latency is negative.
  explicit LatencyModel(const ModelConfig& config);

  [[nodiscard]] std::int64_t Entry(RequestKind kind, TsUs sent_us) const noexcept;
  [[nodiscard]] std::int64_t Response(std::size_t report_kind, TsUs exch_us) const noexcept;

 private:
  std::array<std::int64_t, 3> entry_us_;
  std::array<std::int64_t, kReportKinds> response_us_;
  std::array<LatencyCurve, 3> entry_;
  std::array<LatencyCurve, kReportKinds> response_;
};

}  // namespace lobdesk::backtest
