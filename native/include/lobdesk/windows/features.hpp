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
LOBDESK_KERNEL void DeepLob40(const BookRow& book, double vwm, double* __restrict out) noexcept {
  double price_bps[2 * kBookLevels];
  double log_qty[2 * kBookLevels];
  for (int i = 0; i < 2 * kBookLevels; ++i) {
    const double bps = (book.px[i] - vwm) / vwm * 1e4;
    price_bps[i] = book.px[i] == book.px[i] ? bps : 0.0;
  }
  Log1p<2 * kBookLevels>(book.qty, log_qty);
  for (int level = 0; level < kBookLevels; ++level) {
    out[4 * level] = price_bps[level];
    out[4 * level + 1] = log_qty[level];
    out[4 * level + 2] = price_bps[kBookLevels + level];
    out[4 * level + 3] = log_qty[kBookLevels + level];
  }
}

/// Writes the order-flow imbalance of each level between two books, in base units.
///
/// A bid that rises brings its quantity, one that falls takes the old one, one that stays the
/// difference; asks likewise with the other sign. A missing bid counts as price -inf, a missing ask
/// as +inf, both with quantity 0.
/// Source: Cont, Kukanov, Stoikov (2014), J. Financial Econometrics 12(1), eq. 3; by level: Kolm,
/// Turiel, Westray (2023), Mathematical Finance 33(4).
LOBDESK_KERNEL void Ofi10(const BookRow& before, const BookRow& now,
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
inline void State(const BookRow& book, double vwm, std::int64_t since_us, double* out) noexcept {
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

/// Turns the books of one segment, in order, into rows of concatenated feature sets.
class FeatureComputer {
 public:
  FeatureComputer(std::vector<FeatureSet> sets, int vwm_levels)
      : sets_{std::move(sets)}, vwm_levels_{vwm_levels} {
    for (const FeatureSet set : sets_) {
      columns_ += ColumnCount(set);
      needs_before_ = needs_before_ || set == FeatureSet::kOfi10;
    }
  }

  /// Starts a new segment: the next book has none before it.
  void Reset() noexcept { has_before_ = false; }

  /// Writes the features of the next book and returns its volume-weighted mid.
  ///
  /// If the mid is NaN the book has no features and `out` is untouched.
  LOBDESK_KERNEL double Compute(const BookRow& book, TsUs exch_ts_us, double* out) noexcept;

  [[nodiscard]] int Columns() const noexcept { return columns_; }

 private:
  std::vector<FeatureSet> sets_;
  int vwm_levels_;
  int columns_ = 0;
  bool needs_before_ = false;
  bool has_before_ = false;
  BookRow before_{};
  TsUs before_us_ = 0;
};

inline double FeatureComputer::Compute(const BookRow& book, TsUs exch_ts_us, double* out) noexcept {
  const double vwm = VolumeWeightedMid(book, vwm_levels_);
  if (!has_before_) {
    if (needs_before_) before_ = book;  // no flow in the first row
    before_us_ = exch_ts_us;
    has_before_ = true;
  }
  if (vwm == vwm) {
    for (const FeatureSet set : sets_) {
      switch (set) {
        case FeatureSet::kDeepLob40:
          DeepLob40(book, vwm, out);
          break;
        case FeatureSet::kOfi10:
          Ofi10(before_, book, out);
          break;
        case FeatureSet::kState:
          State(book, vwm, exch_ts_us - before_us_, out);
          break;
      }
      out += ColumnCount(set);
    }
  }
  if (needs_before_) before_ = book;
  before_us_ = exch_ts_us;
  return vwm;
}

}  // namespace lobdesk
