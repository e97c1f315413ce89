// Ten levels a side of one book as floating-point numbers: where integers end and features begin.
#pragma once

#include <cstdint>
#include <limits>

#include "lobdesk/windows/simd.hpp"

namespace lobdesk {

inline constexpr int kBookLevels = 10;

/// Exact in double up to 10^22.
inline constexpr double kPowersOfTen[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                          1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
inline constexpr int kMaxPrecision = 18;

/// One book. Asks come first, then bids, each best first; a missing level has price NaN and
/// quantity 0.
struct BookRow {
  double px[2 * kBookLevels];
  double qty[2 * kBookLevels];

  [[nodiscard]] double AskPx(int level) const noexcept { return px[level]; }
  [[nodiscard]] double BidPx(int level) const noexcept { return px[kBookLevels + level]; }
  [[nodiscard]] double AskQty(int level) const noexcept { return qty[level]; }
  [[nodiscard]] double BidQty(int level) const noexcept { return qty[kBookLevels + level]; }
};

/// Ten levels of one side as they are stored: `ticks` or `lots` of level 0 to 9, or floats.
template <typename T>
struct SideRows {
  const T* ask_px;
  const T* ask_qty;
  const T* bid_px;
  const T* bid_qty;
};

/// Converts one row of doubles; a level with NaN as price or quantity is missing.
LOBDESK_KERNEL void LoadRow(const SideRows<double>& rows, std::int64_t row,
                            BookRow& book) noexcept {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const std::int64_t at = row * kBookLevels;
  for (int i = 0; i < kBookLevels; ++i) {
    const double ask_px = rows.ask_px[at + i], ask_qty = rows.ask_qty[at + i];
    const double bid_px = rows.bid_px[at + i], bid_qty = rows.bid_qty[at + i];
    const bool has_ask = ask_px == ask_px && ask_qty == ask_qty;
    const bool has_bid = bid_px == bid_px && bid_qty == bid_qty;
    book.px[i] = has_ask ? ask_px : kNan;
    book.qty[i] = has_ask ? ask_qty : 0.0;
    book.px[kBookLevels + i] = has_bid ? bid_px : kNan;
    book.qty[kBookLevels + i] = has_bid ? bid_qty : 0.0;
  }
}

/// Converts one row of ticks and lots; a level with 0 lots is missing.
///
/// Dividing by a power of ten gives the double nearest to the decimal number, as parsing its text
/// would; multiplying by 10^-p would not.
LOBDESK_KERNEL void LoadRow(const SideRows<std::int64_t>& rows, std::int64_t row, double px_scale,
                            double qty_scale, BookRow& book) noexcept {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const std::int64_t at = row * kBookLevels;
  double ticks[2 * kBookLevels];
  double lots[2 * kBookLevels];
  for (int i = 0; i < kBookLevels; ++i) {
    ticks[i] = static_cast<double>(rows.ask_px[at + i]);
    lots[i] = static_cast<double>(rows.ask_qty[at + i]);
    ticks[kBookLevels + i] = static_cast<double>(rows.bid_px[at + i]);
    lots[kBookLevels + i] = static_cast<double>(rows.bid_qty[at + i]);
  }
  for (int i = 0; i < 2 * kBookLevels; ++i) {
    book.px[i] = lots[i] == 0.0 ? kNan : ticks[i] / px_scale;
    book.qty[i] = lots[i] / qty_scale;
  }
}

/// Returns the volume-weighted mid of the best `levels` levels, NaN if a side is empty.
///
/// (a qb + b qa) / (qa + qb); for more than one level a and b are the volume-weighted average
/// prices of the sides and qa, qb their sums.
inline double VolumeWeightedMid(const BookRow& book, int levels) noexcept {
  double ask = book.AskPx(0), bid = book.BidPx(0);
  double ask_qty = book.AskQty(0), bid_qty = book.BidQty(0);
  if (levels > 1 && ask == ask && bid == bid) {
    double ask_value = 0.0, bid_value = 0.0;
    ask_qty = bid_qty = 0.0;
    for (int i = 0; i < levels; ++i) {
      if (book.AskPx(i) == book.AskPx(i)) ask_value += book.AskPx(i) * book.AskQty(i);
      if (book.BidPx(i) == book.BidPx(i)) bid_value += book.BidPx(i) * book.BidQty(i);
      ask_qty += book.AskQty(i);
      bid_qty += book.BidQty(i);
    }
    ask = ask_value / ask_qty;
    bid = bid_value / bid_qty;
  }
  return (ask * bid_qty + bid * ask_qty) / (ask_qty + bid_qty);
}

}  // namespace lobdesk
