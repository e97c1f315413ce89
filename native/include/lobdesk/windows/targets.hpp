// Forward returns of the volume-weighted mid.
#pragma once

#include <cstdint>

#include "lobdesk/units.hpp"

namespace lobdesk {

enum class TargetKind : std::uint8_t { kPoint, kMean };

/// Mids of consecutive rows; `segment` changes where a segment starts.
struct MidColumns {
  const double* vwm;
  const std::int32_t* segment;
  std::int64_t rows;
};

/// Writes (m - vwm_t) / vwm_t * 1e4 with m the mid `horizon_rows` later, or the mean of the mids in
/// between, the last one included; and the row of that last mid.
///
/// NaN and -1 where the segment ends before, or a mid that is needed is NaN.
void RowTargets(const MidColumns& mids, TargetKind kind, std::int64_t horizon_rows,
                double* target_bps, std::int64_t* end_row);

/// As above with a horizon in time: the last row is the last one at or before t + `horizon_us`.
///
/// NaN and -1 where the segment does not reach t + `horizon_us`. If no row falls in between the
/// book has not changed: the target is 0 and the last row is t itself. Times must not go back
/// within a segment.
void TimeTargets(const MidColumns& mids, const TsUs* ts_us, TargetKind kind,
                 std::int64_t horizon_us, double* target_bps, std::int64_t* end_row);

}  // namespace lobdesk
