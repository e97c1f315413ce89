// One order of a level-3 feed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>

#include "lobdesk/book/book_level.hpp"
#include "lobdesk/units.hpp"

namespace lobdesk {

using TsNs = std::int64_t;  ///< Nanoseconds since the Unix epoch, UTC.

/// An exchange's name of an order, kept without a piece of memory of its own.
class OrderId {
 public:
  static constexpr std::size_t kMaxBytes = 40;

  OrderId() = default;
  /// `text` has at most `kMaxBytes`.
  explicit OrderId(std::string_view text) noexcept
      : size_{static_cast<std::uint8_t>(text.size() < kMaxBytes ? text.size() : kMaxBytes)} {
    std::memcpy(text_, text.data(), size_);
  }

  [[nodiscard]] std::string_view View() const noexcept { return {text_, size_}; }

 private:
  std::uint8_t size_ = 0;
  char text_[kMaxBytes] = {};
};

/// A resting order, with the digits that the checksum is taken over: their number varies from order
/// to order, so nothing but the frame's own text has them.
struct Level3Order {
  OrderId id;
  BookLevel level;  ///< Price, what is left of the quantity, and both texts.
  TsNs ts_ns = 0;   ///< When it came to the book or was last amended.
  Side side = Side::kBid;
};

/// The sum of quantities that are not negative; what an int64 cannot hold is its largest value.
[[nodiscard]] inline Lots AddLots(Lots a, Lots b) noexcept {
  constexpr Lots kMax = std::numeric_limits<Lots>::max();
  return a > kMax - b ? kMax : a + b;
}

}  // namespace lobdesk
