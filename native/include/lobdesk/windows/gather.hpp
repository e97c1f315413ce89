// Batches of windows out of one matrix of rows.
#pragma once

#include <cstdint>

namespace lobdesk {

/// A matrix of features, one row after the other.
struct FeatureMatrix {
  const float* values;
  std::int64_t rows;
  std::int64_t columns;
};

/// Copies the windows that end with rows `last[0..count)` to `out`, count x window_rows x columns.
///
/// Throws std::invalid_argument naming a row whose window would leave the matrix, before anything
/// is written.
void GatherWindows(const FeatureMatrix& features, const std::int64_t* last, std::int64_t count,
                   std::int64_t window_rows, int threads, float* out);

}  // namespace lobdesk
