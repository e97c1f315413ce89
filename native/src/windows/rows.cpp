#include "lobdesk/windows/rows.hpp"

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
[[noreturn]] void RefuseBook(std::int64_t row, const BookRow& book) {
  for (int i = 0; i < 2 * kBookLevels; ++i) {
    const std::string level = std::string(i < kBookLevels ? "ask" : "bid") + " level " +
                              std::to_string(i % kBookLevels + 1);
    if (book.px[i] == book.px[i] && !(book.px[i] > 0.0 && std::isfinite(book.px[i]))) {
      Refuse(row, level + " has a price that is not positive and finite");
    }
    if (!(book.qty[i] >= 0.0 && std::isfinite(book.qty[i]))) {
      Refuse(row, level + " has a quantity that is negative or infinite");
    }
  }
  Refuse(row, "the book cannot be used");
}

LOBDESK_KERNEL bool IsUsable(const BookRow& book) noexcept {
  constexpr double kMax = std::numeric_limits<double>::max();
  int bad = 0;
  for (int i = 0; i < 2 * kBookLevels; ++i) {
    bad |= static_cast<int>(book.px[i] <= 0.0) | static_cast<int>(book.px[i] > kMax) |
           static_cast<int>(book.qty[i] < 0.0) | static_cast<int>(book.qty[i] > kMax);
  }
  return bad == 0;
}

double Scale(std::int8_t precision, std::int64_t row) {
  if (precision < 0 || precision > kMaxPrecision) {
    Refuse(row, "precision " + std::to_string(precision) + " is not between 0 and 18");
  }
  return kPowersOfTen[precision];
}

LOBDESK_KERNEL void BuildKernel(const BookColumns& books, const FeatureOptions& options,
                                const FeatureColumns& out) {
  FeatureComputer computer(options.sets, options.vwm_levels);
  const int columns = computer.Columns();
  RollingNormalizer normalizer(columns, options.window_rows, options.min_rows);
  std::vector<double> x(static_cast<std::size_t>(columns));
  BookRow book;
  for (std::int64_t row = 0; row < books.rows; ++row) {
    if (row > 0 && books.segment[row] != books.segment[row - 1]) {
      computer.Reset();
      normalizer.Reset();
    }
    LoadRow(books.sides, row, Scale(books.price_precision[row], row),
            Scale(books.qty_precision[row], row), book);
    if (!IsUsable(book)) RefuseBook(row, book);
    const double vwm = computer.Compute(book, books.exch_ts_us[row], x.data());
    out.vwm[row] = vwm;
    float* z = out.z + row * columns;
    if (vwm == vwm) {
      out.ready[row] = normalizer.Step(x.data(), z);
    } else {
      for (int c = 0; c < columns; ++c) z[c] = 0.0F;
      out.ready[row] = false;
    }
  }
}

LOBDESK_KERNEL void ComputeKernel(const SideRows<double>& sides, std::int64_t rows,
                                  const FeatureOptions& options, double* features, double* vwm) {
  FeatureComputer computer(options.sets, options.vwm_levels);
  const int columns = computer.Columns();
  BookRow book;
  for (std::int64_t row = 0; row < rows; ++row) {
    LoadRow(sides, row, book);
    if (!IsUsable(book)) RefuseBook(row, book);
    double* out = features + row * columns;
    vwm[row] = computer.Compute(book, 0, out);
    if (vwm[row] != vwm[row]) {
      for (int c = 0; c < columns; ++c) out[c] = vwm[row];
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
    double sum = 0.0;
    for (int c = 0; c < columns; ++c) sum += values[c] * 0.0;  // 0 unless a value is not finite
    if (sum != 0.0) Refuse(row, "a value is not finite");
    ready[row] = normalizer.Step(values, z + row * columns);
  }
}

#if LOBDESK_HAS_AVX2_CLONE
LOBDESK_AVX2 void BuildAvx2(const BookColumns& books, const FeatureOptions& options,
                            const FeatureColumns& out) {
  BuildKernel(books, options, out);
}
LOBDESK_AVX2 void ComputeAvx2(const SideRows<double>& sides, std::int64_t rows,
                              const FeatureOptions& options, double* features, double* vwm) {
  ComputeKernel(sides, rows, options, features, vwm);
}
LOBDESK_AVX2 void NormalizeAvx2(const double* x, const std::int32_t* segment, std::int64_t rows,
                                int columns, const FeatureOptions& options, float* z, bool* ready) {
  NormalizeKernel(x, segment, rows, columns, options, z, ready);
}
#endif

}  // namespace

void BuildFeatureRows(const BookColumns& books, const FeatureOptions& options,
                      const FeatureColumns& out) {
#if LOBDESK_HAS_AVX2_CLONE
  if (HasAvx2()) return BuildAvx2(books, options, out);
#endif
  BuildKernel(books, options, out);
}

void ComputeFeatures(const SideRows<double>& sides, std::int64_t rows,
                     const FeatureOptions& options, double* features, double* vwm) {
#if LOBDESK_HAS_AVX2_CLONE
  if (HasAvx2()) return ComputeAvx2(sides, rows, options, features, vwm);
#endif
  ComputeKernel(sides, rows, options, features, vwm);
}

void VolumeWeightedMids(const SideRows<double>& sides, std::int64_t rows, int levels, double* vwm) {
  BookRow book;
  for (std::int64_t row = 0; row < rows; ++row) {
    LoadRow(sides, row, book);
    if (!IsUsable(book)) RefuseBook(row, book);
    vwm[row] = VolumeWeightedMid(book, levels);
  }
}

void NormalizeRows(const double* x, const std::int32_t* segment, std::int64_t rows, int columns,
                   const FeatureOptions& options, float* z, bool* ready) {
#if LOBDESK_HAS_AVX2_CLONE
  if (HasAvx2()) return NormalizeAvx2(x, segment, rows, columns, options, z, ready);
#endif
  NormalizeKernel(x, segment, rows, columns, options, z, ready);
}

}  // namespace lobdesk
