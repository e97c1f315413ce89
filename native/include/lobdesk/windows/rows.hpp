// Whole columns: features, normalization, and both in one pass.
#pragma once

#include <cstdint>
#include <vector>

#include "lobdesk/windows/book_row.hpp"
#include "lobdesk/windows/features.hpp"
#include "lobdesk/windows/simd.hpp"

namespace lobdesk {

/// What to compute for each row.
struct FeatureOptions {
  std::vector<FeatureSet> sets;
  int vwm_levels = 1;
  std::int64_t window_rows = 0;
  std::int64_t min_rows = 0;
};

/// The books of one symbol in integers, one row each; `segment` changes where a segment starts.
struct BookColumns {
  SideRows<std::int64_t> sides;
  const std::int8_t* price_precision;
  const std::int8_t* qty_precision;
  const TsUs* exch_ts_us;
  const std::int32_t* segment;
  std::int64_t rows;
};

/// Where the results of a symbol go.
struct FeatureColumns {
  float* z;     // rows x columns, normalized
  bool* ready;  // enough rows before, and a volume-weighted mid
  double* vwm;  // NaN where a side is missing
};

/// Computes and normalizes all rows in one pass; no row sees a later one.
///
/// A row without volume-weighted mid is not ready, has z-scores 0, and does not enter the
/// statistics of later rows. Throws std::invalid_argument if a precision is out of range, a
/// quantity is negative, or a price is not positive. The result does not depend on `isa`, which the
/// machine must have.
void BuildFeatureRows(const BookColumns& books, const FeatureOptions& options,
                      const FeatureColumns& out, Isa isa = BestIsa());

/// Computes features without normalization; rows without volume-weighted mid are NaN.
///
/// Throws std::invalid_argument if a quantity is negative or infinite, or a price is not positive
/// or infinite.
void ComputeFeatures(const SideRows<double>& sides, std::int64_t rows,
                     const FeatureOptions& options, double* features, double* vwm);

/// Writes the volume-weighted mid of each row, NaN where a side is missing. Throws as above.
void VolumeWeightedMids(const SideRows<double>& sides, std::int64_t rows, int levels, double* vwm);

/// Normalizes `rows` x `columns` values; `segment` changes where a segment starts.
///
/// Throws std::invalid_argument naming the row that holds a value that is not finite or beyond
/// 1e140.
void NormalizeRows(const double* x, const std::int32_t* segment, std::int64_t rows, int columns,
                   const FeatureOptions& options, float* z, bool* ready);

}  // namespace lobdesk
