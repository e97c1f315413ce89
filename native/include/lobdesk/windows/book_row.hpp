// Ten levels a side of one book as floating-point numbers: where integers end and features begin.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>

#include "lobdesk/windows/simd.hpp"

namespace lobdesk {

inline constexpr int kBookLevels = 10;

/// Exact in double up to 10^22.
inline constexpr double kPowersOfTen[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                          1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
inline constexpr int kMaxPrecision = 18;

inline constexpr int kBookNumbers = 2 * kBookLevels;

/// One book: asks first, then bids, each best first; a missing level has price NaN and quantity 0.
struct BookView {
  const double* px;   // kBookNumbers
  const double* qty;  // kBookNumbers

  [[nodiscard]] double AskPx(int level) const noexcept { return px[level]; }
  [[nodiscard]] double BidPx(int level) const noexcept { return px[kBookLevels + level]; }
  [[nodiscard]] double AskQty(int level) const noexcept { return qty[level]; }
  [[nodiscard]] double BidQty(int level) const noexcept { return qty[kBookLevels + level]; }
};

/// Some consecutive books: longer loops than one book gives, few enough for the first-level cache.
/// Four were fastest of 1, 4, 8, 16 and 32.
inline constexpr int kBlockRows = 4;
///
/// Rows that were not loaded yet are empty books.
struct BookBlock {
  BookBlock() noexcept {
    std::fill(std::begin(px), std::end(px), std::numeric_limits<double>::quiet_NaN());
  }

  double px[kBlockRows * kBookNumbers];
  double qty[kBlockRows * kBookNumbers] = {};

  [[nodiscard]] BookView Row(int row) const noexcept {
    return {px + row * kBookNumbers, qty + row * kBookNumbers};
  }
};

/// Ten levels of one side as they are stored: `ticks` or `lots` of level 0 to 9, or floats.
template <typename T>
struct SideRows {
  const T* ask_px;
  const T* ask_qty;
  const T* bid_px;
  const T* bid_qty;
};

/// Converts rows of doubles; a level with NaN as price or quantity is missing.
LOBDESK_KERNEL void LoadRows(const SideRows<double>& sides, std::int64_t first, int count,
                             BookBlock& block) noexcept {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  for (int row = 0; row < count; ++row) {
    const std::int64_t at = (first + row) * kBookLevels;
    double* px = block.px + row * kBookNumbers;
    double* qty = block.qty + row * kBookNumbers;
    for (int i = 0; i < kBookLevels; ++i) {
      const double ask_px = sides.ask_px[at + i], ask_qty = sides.ask_qty[at + i];
      const double bid_px = sides.bid_px[at + i], bid_qty = sides.bid_qty[at + i];
      const bool has_ask = ask_px == ask_px && ask_qty == ask_qty;
      const bool has_bid = bid_px == bid_px && bid_qty == bid_qty;
      px[i] = has_ask ? ask_px : kNan;
      qty[i] = has_ask ? ask_qty : 0.0;
      px[kBookLevels + i] = has_bid ? bid_px : kNan;
      qty[kBookLevels + i] = has_bid ? bid_qty : 0.0;
    }
  }
}

/// Converts rows of ticks and lots; a level with 0 lots is missing.
///
/// Dividing by a power of ten gives the double nearest to the decimal number, as parsing its text
/// would; multiplying by 10^-p would not.
template <Isa kIsa>
LOBDESK_KERNEL void LoadRows(const SideRows<std::int64_t>& sides, std::int64_t first, int count,
                             const Divisor* px_scale, const Divisor* qty_scale,
                             BookBlock& block) noexcept {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  for (int row = 0; row < count; ++row) {
    const std::int64_t at = (first + row) * kBookLevels;
    double* px = block.px + row * kBookNumbers;
    double* qty = block.qty + row * kBookNumbers;
    for (int i = 0; i < kBookLevels; ++i) px[i] = ToDouble<kIsa>(sides.ask_px[at + i]);
    for (int i = 0; i < kBookLevels; ++i)
      px[kBookLevels + i] = ToDouble<kIsa>(sides.bid_px[at + i]);
    for (int i = 0; i < kBookLevels; ++i) qty[i] = ToDouble<kIsa>(sides.ask_qty[at + i]);
    for (int i = 0; i < kBookLevels; ++i)
      qty[kBookLevels + i] = ToDouble<kIsa>(sides.bid_qty[at + i]);
  }
  for (int row = 0; row < count; ++row) {
    double* px = block.px + row * kBookNumbers;
    double* qty = block.qty + row * kBookNumbers;
    const Divisor px_divisor = px_scale[row], qty_divisor = qty_scale[row];
    for (int i = 0; i < kBookNumbers; ++i) {
      const double price = Divide<kIsa>(px[i], px_divisor);
      px[i] = qty[i] == 0.0 ? kNan : price;
    }
    for (int i = 0; i < kBookNumbers; ++i) qty[i] = Divide<kIsa>(qty[i], qty_divisor);
  }
}

/// Returns the volume-weighted mid of the best `levels` levels, NaN if a side is empty.
///
/// (a qb + b qa) / (qa + qb); for more than one level a and b are the volume-weighted average
/// prices of the sides and qa, qb their sums.
inline double VolumeWeightedMid(const BookView& book, int levels) noexcept {
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
