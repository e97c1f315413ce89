// Rolling z-scores over the rows strictly before each row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lobdesk/windows/simd.hpp"

namespace lobdesk {

/// Below this standard deviation a column counts as constant and its z-score is 0.
inline constexpr double kMinStd = 1e-9;

/// Larger values are refused: their squares would leave the range of a double.
inline constexpr double kMaxValue = 1e140;

/// Normalizes rows of one segment, each against the `window_rows` rows before it.
///
/// The rows of a segment are cut into blocks of `window_rows`. A window is then the end of one
/// block and the beginning of the next: for the end we keep mean and sum of squared deviations of
/// every suffix of the finished block, for the beginning we extend those of the running block, and
/// the two are merged (Chan, Golub, LeVeque 1979). Nothing is ever subtracted from a sum, so
/// neither a high price level nor an outlier that has left the window costs digits, and nothing
/// drifts. Values enter relative to a row that is inside every window that uses them (the first row
/// of the running block, the last row of the finished one), so a constant column is exactly
/// constant. O(1) a row on average, independent of `window_rows`.
class RollingNormalizer {
 public:
  RollingNormalizer(int columns, std::int64_t window_rows, std::int64_t min_rows)
      : columns_{columns},
        window_rows_{window_rows},
        min_rows_{min_rows},
        first_(static_cast<std::size_t>(columns)),
        last_(static_cast<std::size_t>(columns)),
        mean_(static_cast<std::size_t>(columns)),
        squares_(static_cast<std::size_t>(columns)) {}

  /// Starts a new segment: no row before it is seen.
  void Reset() noexcept {
    filled_ = 0;
    has_finished_block_ = false;
  }

  /// Writes the z-scores of row `x` (all 0 if not ready), then adds the row.
  ///
  /// Returns whether at least `min_rows` rows lay before it.
  LOBDESK_KERNEL bool Step(const double* x, float* z);

  [[nodiscard]] int Columns() const noexcept { return columns_; }

 private:
  LOBDESK_KERNEL void Score(const double* x, float* z, std::int64_t rows_before) const noexcept;
  LOBDESK_KERNEL void Add(const double* x);
  LOBDESK_KERNEL void ScoreAndAdd(const double* x, float* z) noexcept;
  LOBDESK_KERNEL void FinishBlock();

  [[nodiscard]] std::int64_t RowsOfFinishedBlock() const noexcept {
    return has_finished_block_ ? window_rows_ - filled_ : 0;
  }

  int columns_;
  std::int64_t window_rows_;
  std::int64_t min_rows_;
  std::int64_t filled_ = 0;  // rows of the running block
  bool has_finished_block_ = false;

  // Slot i, i < filled_: row i of the running block. Slot i, i >= filled_: mean of rows i.. of the
  // finished block, relative to last_; squares_of_end_ has their squared deviations.
  std::vector<double> slots_;
  std::vector<double> squares_of_end_;
  std::vector<double> first_;    // first row of the running block
  std::vector<double> last_;     // last row of the finished block
  std::vector<double> mean_;     // of the running block, relative to first_
  std::vector<double> squares_;  // of the running block
};

inline bool RollingNormalizer::Step(const double* x, float* z) {
  const std::int64_t rows_before = filled_ + RowsOfFinishedBlock();
  const bool is_ready = rows_before >= min_rows_;
  if (is_ready && filled_ < window_rows_ && has_finished_block_) {
    ScoreAndAdd(x, z);
    return true;
  }
  if (is_ready) {
    Score(x, z, rows_before);
  } else {
    for (int c = 0; c < columns_; ++c) z[c] = 0.0F;
  }
  Add(x);
  return is_ready;
}

inline void RollingNormalizer::Score(const double* x, float* z,
                                     std::int64_t rows_before) const noexcept {
  const double* __restrict first = first_.data();
  const double* __restrict mean = mean_.data();
  const double* __restrict squares = squares_.data();
  float* __restrict out = z;
  const double inverse = 1.0 / static_cast<double>(rows_before);
  const std::int64_t end_rows = RowsOfFinishedBlock();
  if (end_rows == 0) {
    for (int c = 0; c < columns_; ++c) {
      const double variance = squares[c] * inverse;
      const double score = ((x[c] - first[c]) - mean[c]) * InverseRoot(variance);
      out[c] = static_cast<float>(variance < kMinStd * kMinStd ? 0.0 : score);
    }
    return;
  }
  const double end_share = static_cast<double>(end_rows) * inverse;
  const double cross = end_share * static_cast<double>(filled_);
  const double* __restrict last = last_.data();
  const double* __restrict end_mean = slots_.data() + filled_ * columns_;
  const double* __restrict end_squares = squares_of_end_.data() + filled_ * columns_;
  for (int c = 0; c < columns_; ++c) {
    const double delta = (first[c] - last[c]) + (mean[c] - end_mean[c]);
    const double all_squares = (squares[c] + end_squares[c]) + delta * delta * cross;
    const double all_mean = mean[c] - delta * end_share;
    const double variance = all_squares * inverse;
    const double score = ((x[c] - first[c]) - all_mean) * InverseRoot(variance);
    out[c] = static_cast<float>(variance < kMinStd * kMinStd ? 0.0 : score);
  }
}

// Score, then Add, for a window that spans two blocks, with the running one begun: nearly all rows.
inline void RollingNormalizer::ScoreAndAdd(const double* x, float* z) noexcept {
  const double inverse = 1.0 / static_cast<double>(window_rows_);
  const double end_share = static_cast<double>(window_rows_ - filled_) * inverse;
  const double cross = end_share * static_cast<double>(filled_);
  const double next_inverse = 1.0 / static_cast<double>(filled_ + 1);
  const double* __restrict first = first_.data();
  const double* __restrict last = last_.data();
  double* __restrict mean = mean_.data();
  double* __restrict squares = squares_.data();
  double* __restrict slot = slots_.data() + filled_ * columns_;
  const double* __restrict end_squares = squares_of_end_.data() + filled_ * columns_;
  float* __restrict out = z;
#pragma GCC ivdep
  for (int c = 0; c < columns_; ++c) {
    const double value = x[c] - first[c];
    const double distance = (first[c] - last[c]) + (mean[c] - slot[c]);
    const double all_squares = (squares[c] + end_squares[c]) + distance * distance * cross;
    const double variance = all_squares * inverse;
    const double score = (value - (mean[c] - distance * end_share)) * InverseRoot(variance);
    out[c] = static_cast<float>(variance < kMinStd * kMinStd ? 0.0 : score);
    slot[c] = x[c];
    const double delta = value - mean[c];
    mean[c] += delta * next_inverse;
    squares[c] += delta * (value - mean[c]);
  }
  ++filled_;
}

inline void RollingNormalizer::Add(const double* x) {
  if (filled_ == window_rows_) FinishBlock();
  const auto end = static_cast<std::size_t>((filled_ + 1) * columns_);
  if (slots_.size() < end) slots_.resize(end);
  double* __restrict slot = slots_.data() + filled_ * columns_;
  double* __restrict first = first_.data();
  double* __restrict mean = mean_.data();
  double* __restrict squares = squares_.data();
  if (filled_ == 0) {
    for (int c = 0; c < columns_; ++c) {
      slot[c] = first[c] = x[c];
      mean[c] = squares[c] = 0.0;
    }
  } else {
    const double inverse = 1.0 / static_cast<double>(filled_ + 1);
    for (int c = 0; c < columns_; ++c) {
      slot[c] = x[c];
      const double value = x[c] - first[c];
      const double delta = value - mean[c];
      mean[c] += delta * inverse;
      squares[c] += delta * (value - mean[c]);
    }
  }
  ++filled_;
}

inline void RollingNormalizer::FinishBlock() {
  squares_of_end_.resize(slots_.size());
  double* __restrict last = last_.data();
  double* __restrict mean = mean_.data();
  double* __restrict squares = squares_.data();
  const double* last_row = slots_.data() + (window_rows_ - 1) * columns_;
  for (int c = 0; c < columns_; ++c) {
    last[c] = last_row[c];
    mean[c] = squares[c] = 0.0;
  }
  for (std::int64_t row = window_rows_ - 1; row >= 0; --row) {
    const double inverse = 1.0 / static_cast<double>(window_rows_ - row);
    double* __restrict slot = slots_.data() + row * columns_;
    double* __restrict end_squares = squares_of_end_.data() + row * columns_;
    for (int c = 0; c < columns_; ++c) {
      const double value = slot[c] - last[c];
      const double delta = value - mean[c];
      mean[c] += delta * inverse;
      squares[c] += delta * (value - mean[c]);
      slot[c] = mean[c];
      end_squares[c] = squares[c];
    }
  }
  filled_ = 0;
  has_finished_block_ = true;
}

}  // namespace lobdesk
