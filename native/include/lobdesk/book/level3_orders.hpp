// All orders of one symbol: by id, by price, and in the order of their queues.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lobdesk/book/level3_order.hpp"
#include "lobdesk/book/level3_side.hpp"
#include "lobdesk/units.hpp"

namespace lobdesk {

/// Where an order stands among those of its price.
struct QueuePlace {
  std::int64_t orders_ahead = 0;
  Lots lots_ahead = 0;
};

/// An order-level book without any protocol.
class Level3Orders {
 public:
  static constexpr std::size_t kChecksumLevels = 10;

  /// Puts an order, whose id must be new, at the end of its queue.
  QueuePlace Add(const Level3Order& order);
  /// Takes an order out.
  void Remove(Level3Order* order);
  /// Gives an order another quantity, text and time where it stands.
  static void Restate(Level3Order* order, const Level3Order& news) noexcept;
  /// The order of an id, or null.
  [[nodiscard]] Level3Order* Find(std::string_view id) noexcept;
  /// Where an order stands now.
  [[nodiscard]] QueuePlace PlaceOf(const Level3Order& order) const noexcept;
  /// Puts the queue of a price, if there is one, in the order of time.
  void SortByTime(Side side, Ticks price_ticks);
  void Clear() noexcept;

  /// CRC-32 over the digits of each order of the ten best asks, then of the ten best bids.
  [[nodiscard]] std::uint32_t Checksum();

  [[nodiscard]] const Level3Side& At(Side side) const noexcept {
    return side == Side::kBid ? bids_ : asks_;
  }
  [[nodiscard]] std::size_t Size() const noexcept { return index_.size(); }

 private:
  // A key points into its own node, which never moves.
  using Index = std::unordered_map<std::string_view, Level3Order>;

  [[nodiscard]] Level3Side& Of(Side side) noexcept { return side == Side::kBid ? bids_ : asks_; }
  Level3Order* Keep(const Level3Order& order);

  Index index_;
  std::vector<Index::node_type> spare_;  // nodes of removed orders, used again
  Level3Side bids_{Side::kBid};
  Level3Side asks_{Side::kAsk};
  std::string digits_;  // scratch of the checksum
};

}  // namespace lobdesk
