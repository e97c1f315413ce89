// Feature sets: one book (and the one before it) to a row of numbers.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "lobdesk/units.hpp"
#include "lobdesk/windows/book_row.hpp"
#include "lobdesk/windows/log1p.hpp"
#include "lobdesk/windows/simd.hpp"

namespace lobdesk {

enum class FeatureSet : std::uint8_t { kDeepLob40, kOfi10, kState };

/// Returns how many columns a set has.
[[nodiscard]] constexpr int ColumnCount(FeatureSet set) noexcept {
  switch (set) {
    case FeatureSet::kDeepLob40:
      return 4 * kBookLevels;
    case FeatureSet::kOfi10:
      return kBookLevels;
    case FeatureSet::kState:
      return 4;
  }
  return 0;
}

/// Writes DeepLOB's 40 columns: ask price, ask quantity, bid price, bid quantity for each level.
///
/// Prices in bps from the volume-weighted mid, quantities as ln(1 + qty); a missing level is 0, 0.
/// Source: Zhang, Zohren, Roberts (2019), DeepLOB, IEEE TSP 67(11), section III.
///
/// Row i goes to out + i * stride; rows whose mid is NaN get values without meaning.
template <Isa kIsa>
LOBDESK_KERNEL void DeepLob40(const BookBlock& block, int count, const double* vwm,
                              double* __restrict out, int stride) noexcept {
  double price_bps[kBlockRows * kBookNumbers];
  double log_qty[kBlockRows * kBookNumbers];
  for (int row = 0; row < count; ++row) {
    const Divisor mid(vwm[row]);
    const double* px = block.px + row * kBookNumbers;
    double* bps = price_bps + row * kBookNumbers;
    for (int i = 0; i < kBookNumbers; ++i) {
      const double distance = Divide<kIsa>(px[i] - mid.value, mid) * 1e4;
      bps[i] = px[i] == px[i] ? distance : 0.0;
    }
  }
  Log1p<kBlockRows * kBookNumbers>(block.qty, log_qty);
  for (int row = 0; row < count; ++row) {
    const double* bps = price_bps + row * kBookNumbers;
    const double* logs = log_qty + row * kBookNumbers;
    double* features = out + row * stride;
    for (int level = 0; level < kBookLevels; ++level) {
      features[4 * level] = bps[level];
      features[4 * level + 1] = logs[level];
      features[4 * level + 2] = bps[kBookLevels + level];
      features[4 * level + 3] = logs[kBookLevels + level];
    }
  }
}

/// Writes the order-flow imbalance of each level between two books, in base units.
///
/// A bid that rises brings its quantity, one that falls takes the old one, one that stays the
/// difference; asks likewise with the other sign. A missing bid counts as price -inf, a missing ask
/// as +inf, both with quantity 0.
/// Source: Cont, Kukanov, Stoikov (2014), J. Financial Econometrics 12(1), eq. 3; by level: Kolm,
/// Turiel, Westray (2023), Mathematical Finance 33(4).
LOBDESK_KERNEL void Ofi10(const BookView& before, const BookView& now,
                          double* __restrict out) noexcept {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const auto or_else = [](double px, double missing) { return px == px ? px : missing; };
  for (int level = 0; level < kBookLevels; ++level) {
    const double bid = or_else(now.BidPx(level), -kInf);
    const double bid_before = or_else(before.BidPx(level), -kInf);
    const double ask = or_else(now.AskPx(level), kInf);
    const double ask_before = or_else(before.AskPx(level), kInf);
    const double bid_flow = (bid >= bid_before ? now.BidQty(level) : 0.0) -
                            (bid <= bid_before ? before.BidQty(level) : 0.0);
    const double ask_flow = (ask <= ask_before ? now.AskQty(level) : 0.0) -
                            (ask >= ask_before ? before.AskQty(level) : 0.0);
    out[level] = bid_flow - ask_flow;
  }
}

/// Writes spread (bps of the vwm), imbalance of the best level and of ten levels (-1 to 1,
/// positive: more bids), and ln(1 + milliseconds since the row before).
inline void State(const BookView& book, double vwm, std::int64_t since_us, double* out) noexcept {
  double bid_qty = 0.0, ask_qty = 0.0;
  for (int level = 0; level < kBookLevels; ++level) {
    bid_qty += book.BidQty(level);
    ask_qty += book.AskQty(level);
  }
  const double best_bid_qty = book.BidQty(0), best_ask_qty = book.AskQty(0);
  const double since_ms = static_cast<double>(since_us) / 1e3;
  out[0] = (book.AskPx(0) - book.BidPx(0)) / vwm * 1e4;
  out[1] = (best_bid_qty - best_ask_qty) / (best_bid_qty + best_ask_qty);
  out[2] = (bid_qty - ask_qty) / (bid_qty + ask_qty);
  Log1p<1>(&since_ms, out + 3);
}

/// Turns consecutive books into rows of concatenated feature sets.
class FeatureComputer {
 public:
  FeatureComputer(std::vector<FeatureSet> sets, int vwm_levels)
      : sets_{std::move(sets)}, vwm_levels_{vwm_levels} {
    for (const FeatureSet set : sets_) columns_ += ColumnCount(set);
  }

  /// Writes volume-weighted mids and features of the next books; call it block after block.
  ///
  /// `is_first` tells which of them start a segment. Where the mid is NaN the features have no
  /// meaning.
  template <Isa kIsa>
  LOBDESK_KERNEL void Compute(const BookBlock& block, int count, const bool* is_first,
                              const TsUs* exch_ts_us, double* out, double* vwm) noexcept;

  [[nodiscard]] int Columns() const noexcept { return columns_; }

 private:
  void ComputeOfi10(const BookBlock& block, int count, const bool* is_first, double* out) noexcept;
  void ComputeState(const BookBlock& block, int count, const bool* is_first, const TsUs* exch_ts_us,
                    const double* vwm, double* out) noexcept;

  std::vector<FeatureSet> sets_;
  int vwm_levels_;
  int columns_ = 0;
  double px_before_[kBookNumbers] = {};  // last book of the block before
  double qty_before_[kBookNumbers] = {};
  TsUs before_us_ = 0;
};

template <Isa kIsa>
void FeatureComputer::Compute(const BookBlock& block, int count, const bool* is_first,
                              const TsUs* exch_ts_us, double* out, double* vwm) noexcept {
  for (int row = 0; row < count; ++row) vwm[row] = VolumeWeightedMid(block.Row(row), vwm_levels_);
  for (const FeatureSet set : sets_) {
    switch (set) {
      case FeatureSet::kDeepLob40:
        DeepLob40<kIsa>(block, count, vwm, out, columns_);
        break;
      case FeatureSet::kOfi10:
        ComputeOfi10(block, count, is_first, out);
        break;
      case FeatureSet::kState:
        ComputeState(block, count, is_first, exch_ts_us, vwm, out);
        break;
    }
    out += ColumnCount(set);
  }
}

inline void FeatureComputer::ComputeOfi10(const BookBlock& block, int count, const bool* is_first,
                                          double* out) noexcept {
  BookView before{px_before_, qty_before_};
  for (int row = 0; row < count; ++row) {
    const BookView now = block.Row(row);
    Ofi10(is_first[row] ? now : before, now, out + row * columns_);
    before = now;
  }
  for (int i = 0; i < kBookNumbers; ++i) {
    px_before_[i] = before.px[i];
    qty_before_[i] = before.qty[i];
  }
}

inline void FeatureComputer::ComputeState(const BookBlock& block, int count, const bool* is_first,
                                          const TsUs* exch_ts_us, const double* vwm,
                                          double* out) noexcept {
  for (int row = 0; row < count; ++row) {
    const TsUs since_us = is_first[row] ? 0 : exch_ts_us[row] - before_us_;
    State(block.Row(row), vwm[row], since_us, out + row * columns_);
    before_us_ = exch_ts_us[row];
  }
}

}  // namespace lobdesk
