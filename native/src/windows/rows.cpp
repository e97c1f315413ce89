#include "lobdesk/windows/rows.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "lobdesk/windows/rolling.hpp"
#include "lobdesk/windows/simd.hpp"

namespace lobdesk {
namespace {

[[noreturn]] void Refuse(std::int64_t row, const std::string& reason) {
  throw std::invalid_argument("row " + std::to_string(row) + ": " + reason);
}

// Explains a bad book; only called once one was found.
[[noreturn]] void RefuseBook(std::int64_t first, const BookBlock& block) {
  for (int i = 0; i < kBlockRows * kBookNumbers; ++i) {
    const std::int64_t row = first + i / kBookNumbers;
    const int number = i % kBookNumbers;
    const std::string level = std::string(number < kBookLevels ? "ask" : "bid") + " level " +
                              std::to_string(number % kBookLevels + 1);
    if (block.px[i] == block.px[i] && !(block.px[i] > 0.0 && std::isfinite(block.px[i]))) {
      Refuse(row, level + " has a price that is not positive and finite");
    }
    if (!(block.qty[i] >= 0.0 && std::isfinite(block.qty[i]))) {
      Refuse(row, level + " has a quantity that is negative or infinite");
    }
  }
  Refuse(first, "the book cannot be used");
}

// Refuses the first book of a block that no feature is defined for. `BookBlock` must be filled to
// its end, with books of the last rows again if there are fewer.
LOBDESK_KERNEL void CheckBooks(const BookBlock& block, std::int64_t first) {
  constexpr double kMax = std::numeric_limits<double>::max();
  int bad = 0;
  for (int i = 0; i < kBlockRows * kBookNumbers; ++i) {
    bad |= static_cast<int>(block.px[i] <= 0.0) | static_cast<int>(block.px[i] > kMax) |
           static_cast<int>(block.qty[i] < 0.0) | static_cast<int>(block.qty[i] > kMax);
  }
  if (bad != 0) RefuseBook(first, block);
}

Divisor Scale(std::int8_t precision, std::int64_t row) {
  if (precision < 0 || precision > kMaxPrecision) {
    Refuse(row, "precision " + std::to_string(precision) + " is not between 0 and 18");
  }
  return Divisor(kPowersOfTen[precision]);
}

// Rows of the block that begins at `first`.
int BlockRows(std::int64_t first, std::int64_t rows) {
  return static_cast<int>(std::min<std::int64_t>(kBlockRows, rows - first));
}

template <Isa kIsa>
LOBDESK_KERNEL void BuildKernel(const BookColumns& books, const FeatureOptions& options,
                                const FeatureColumns& out) {
  FeatureComputer computer(options.sets, options.vwm_levels);
  const int columns = computer.Columns();
  RollingNormalizer normalizer(columns, options.window_rows, options.min_rows);
  std::vector<double> x(static_cast<std::size_t>(columns * kBlockRows));
  std::vector<Divisor> px_scale(kBlockRows, Divisor(1.0)), qty_scale(kBlockRows, Divisor(1.0));
  bool is_first[kBlockRows];
  BookBlock block;
  for (std::int64_t first = 0; first < books.rows; first += kBlockRows) {
    const int count = BlockRows(first, books.rows);
    for (int i = 0; i < count; ++i) {
      const std::int64_t row = first + i;
      is_first[i] = row == 0 || books.segment[row] != books.segment[row - 1];
      px_scale[i] = Scale(books.price_precision[row], row);
      qty_scale[i] = Scale(books.qty_precision[row], row);
    }
    LoadRows<kIsa>(books.sides, first, count, px_scale.data(), qty_scale.data(), block);
    CheckBooks(block, first);
    double* vwm = out.vwm + first;
    computer.template Compute<kIsa>(block, count, is_first, books.exch_ts_us + first, x.data(),
                                    vwm);
    for (int i = 0; i < count; ++i) {
      if (is_first[i]) normalizer.Reset();
      float* z = out.z + (first + i) * columns;
      if (vwm[i] == vwm[i]) {
        out.ready[first + i] = normalizer.Step(x.data() + i * columns, z);
      } else {
        for (int c = 0; c < columns; ++c) z[c] = 0.0F;
        out.ready[first + i] = false;
      }
    }
  }
}

template <Isa kIsa>
LOBDESK_KERNEL void ComputeKernel(const SideRows<double>& sides, std::int64_t rows,
                                  const FeatureOptions& options, double* features, double* vwm) {
  FeatureComputer computer(options.sets, options.vwm_levels);
  const int columns = computer.Columns();
  const TsUs no_times[kBlockRows] = {};
  bool is_first[kBlockRows] = {true};
  BookBlock block;
  for (std::int64_t first = 0; first < rows; first += kBlockRows) {
    const int count = BlockRows(first, rows);
    LoadRows(sides, first, count, block);
    CheckBooks(block, first);
    double* out = features + first * columns;
    computer.template Compute<kIsa>(block, count, is_first, no_times, out, vwm + first);
    is_first[0] = false;
    for (int i = 0; i < count; ++i) {
      if (vwm[first + i] == vwm[first + i]) continue;
      for (int c = 0; c < columns; ++c) out[i * columns + c] = vwm[first + i];
    }
  }
}

LOBDESK_KERNEL void NormalizeKernel(const double* x, const std::int32_t* segment, std::int64_t rows,
                                    int columns, const FeatureOptions& options, float* z,
                                    bool* ready) {
  RollingNormalizer normalizer(columns, options.window_rows, options.min_rows);
  for (std::int64_t row = 0; row < rows; ++row) {
    if (row > 0 && segment[row] != segment[row - 1]) normalizer.Reset();
    const double* values = x + row * columns;
    int bad = 0;
    for (int c = 0; c < columns; ++c) bad |= static_cast<int>(!(std::abs(values[c]) <= kMaxValue));
    if (bad != 0) Refuse(row, "a value is not finite, or beyond 1e140");
    ready[row] = normalizer.Step(values, z + row * columns);
  }
}

// What RunFor compiles for each instruction set.
struct BuildJob {
  const BookColumns& books;
  const FeatureOptions& options;
  const FeatureColumns& out;

  template <Isa kIsa>
  LOBDESK_KERNEL void Run() const {
    BuildKernel<kIsa>(books, options, out);
  }
};

struct ComputeJob {
  const SideRows<double>& sides;
  std::int64_t rows;
  const FeatureOptions& options;
  double* features;
  double* vwm;

  template <Isa kIsa>
  LOBDESK_KERNEL void Run() const {
    ComputeKernel<kIsa>(sides, rows, options, features, vwm);
  }
};

struct NormalizeJob {
  const double* x;
  const std::int32_t* segment;
  std::int64_t rows;
  int columns;
  const FeatureOptions& options;
  float* z;
  bool* ready;

  template <Isa kIsa>
  LOBDESK_KERNEL void Run() const {
    NormalizeKernel(x, segment, rows, columns, options, z, ready);
  }
};

}  // namespace

void BuildFeatureRows(const BookColumns& books, const FeatureOptions& options,
                      const FeatureColumns& out, Isa isa) {
  RunFor(isa, BuildJob{books, options, out});
}

void ComputeFeatures(const SideRows<double>& sides, std::int64_t rows,
                     const FeatureOptions& options, double* features, double* vwm) {
  RunFor(BestIsa(), ComputeJob{sides, rows, options, features, vwm});
}

void VolumeWeightedMids(const SideRows<double>& sides, std::int64_t rows, int levels, double* vwm) {
  BookBlock block;
  for (std::int64_t first = 0; first < rows; first += kBlockRows) {
    const int count = BlockRows(first, rows);
    LoadRows(sides, first, count, block);
    CheckBooks(block, first);
    for (int i = 0; i < count; ++i) vwm[first + i] = VolumeWeightedMid(block.Row(i), levels);
  }
}

void NormalizeRows(const double* x, const std::int32_t* segment, std::int64_t rows, int columns,
                   const FeatureOptions& options, float* z, bool* ready) {
  RunFor(BestIsa(), NormalizeJob{x, segment, rows, columns, options, z, ready});
}

}  // namespace lobdesk
