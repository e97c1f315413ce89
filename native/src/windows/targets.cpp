#include "lobdesk/windows/targets.hpp"

#include <limits>

namespace lobdesk {
namespace {

// Returns the mean of vwm[first..last] as its distance from `base`: the differences are small, so
// their sum keeps the digits that a sum of prices would lose. Four sums hide the adder's latency;
// their order is fixed, so the bits are.
double MeanDistance(const double* vwm, std::int64_t first, std::int64_t last, double base) {
  double sums[4] = {0.0, 0.0, 0.0, 0.0};
  std::int64_t row = first;
  for (; row + 3 <= last; row += 4) {
    for (int i = 0; i < 4; ++i) sums[i] += vwm[row + i] - base;
  }
  for (int i = 0; row <= last; ++row, ++i) sums[i] += vwm[row] - base;
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) / static_cast<double>(last - first + 1);
}

double ReturnBps(const double* vwm, TargetKind kind, std::int64_t row, std::int64_t end) {
  const double base = vwm[row];
  if (kind == TargetKind::kPoint) return (vwm[end] - base) / base * 1e4;
  if (end == row) return (base - base) / base;
  return MeanDistance(vwm, row + 1, end, base) / base * 1e4;
}

void Store(const MidColumns& mids, TargetKind kind, std::int64_t row, std::int64_t end,
           double* target_bps, std::int64_t* end_row) {
  const double target =
      end < 0 ? std::numeric_limits<double>::quiet_NaN() : ReturnBps(mids.vwm, kind, row, end);
  target_bps[row] = target;
  end_row[row] = target == target ? end : -1;
}

// Returns one past the last row of the segment that starts at `first`.
std::int64_t SegmentEnd(const MidColumns& mids, std::int64_t first) {
  std::int64_t end = first + 1;
  while (end < mids.rows && mids.segment[end] == mids.segment[first]) ++end;
  return end;
}

}  // namespace

void RowTargets(const MidColumns& mids, TargetKind kind, std::int64_t horizon_rows,
                double* target_bps, std::int64_t* end_row) {
  for (std::int64_t first = 0; first < mids.rows;) {
    const std::int64_t end = SegmentEnd(mids, first);
    for (std::int64_t row = first; row < end; ++row) {
      const bool fits = horizon_rows < end - row;
      Store(mids, kind, row, fits ? row + horizon_rows : -1, target_bps, end_row);
    }
    first = end;
  }
}

void TimeTargets(const MidColumns& mids, const TsUs* ts_us, TargetKind kind,
                 std::int64_t horizon_us, double* target_bps, std::int64_t* end_row) {
  for (std::int64_t first = 0; first < mids.rows;) {
    const std::int64_t end = SegmentEnd(mids, first);
    std::int64_t last = first;
    for (std::int64_t row = first; row < end; ++row) {
      const TsUs until_us = ts_us[row] + horizon_us;
      if (last < row) last = row;
      while (last + 1 < end && ts_us[last + 1] <= until_us) ++last;
      const bool fits = ts_us[end - 1] >= until_us;
      Store(mids, kind, row, fits ? last : -1, target_bps, end_row);
    }
    first = end;
  }
}

}  // namespace lobdesk
