// The order book of one symbol as a depth-limited feed defines it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lobdesk/book/book_level.hpp"
#include "lobdesk/book/book_side.hpp"
#include "lobdesk/units.hpp"

namespace lobdesk {

/// Both sides, and the checksum over their best levels.
class OrderBook {
 public:
  static constexpr std::size_t kChecksumLevels = 10;

  /// Sets a level; quantity zero deletes it.
  void Apply(Side side, const BookLevel& level);
  /// Cuts both sides. No removal message is sent for a level that falls out of the subscribed
  /// depth, so this follows each message (and never happens within one).
  void Cut(std::size_t depth) noexcept;
  void Clear() noexcept;

  /// CRC-32 over the digits of the ten best asks, then of the ten best bids, best first.
  [[nodiscard]] std::uint32_t Checksum() const noexcept;

  [[nodiscard]] const BookSide& Bids() const noexcept { return bids_; }
  [[nodiscard]] const BookSide& Asks() const noexcept { return asks_; }

 private:
  BookSide bids_{Side::kBid};
  BookSide asks_{Side::kAsk};
};

}  // namespace lobdesk
