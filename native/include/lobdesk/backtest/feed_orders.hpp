// Orders of an order-level feed, as one of the two clocks knows them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "lobdesk/backtest/book.hpp"

namespace lobdesk::backtest {

/// What one order-level record does to the levels.
struct FeedChange {
  bool has_removal = false;  ///< Lots leave a level.
  std::uint8_t old_side = 0;
  Key old_key = 0;
  Lots removed = 0;
  std::int64_t old_place = 0;  ///< The order's place in the queue, smaller is earlier.
  bool has_addition = false;   ///< Lots join the end of a level.
  std::uint8_t side = 0;
  Key key = 0;
  Lots added = 0;
  std::int64_t place = 0;  ///< Of the order that joined, or came again.
};

/// Resting feed orders by dense number. Copyable.
class FeedOrders {
 public:
  explicit FeedOrders(std::size_t slots) : orders_(slots) {}

  /// Applies add, cancel or modify. `place` is the place that an order gets at a level's end.
  FeedChange Apply(const MarketRecord& record, std::int32_t slot, std::int64_t place) {
    FeedChange change;
    if (slot < 0) return change;
    FeedOrder& order = orders_[static_cast<std::size_t>(slot)];
    const Key key = ToKey(record.side, record.price_ticks);
    const bool is_in_place = record.kind == kModify && order.lots > 0 &&
                             order.side == record.side && order.key == key &&
                             record.qty_lots <= order.lots;
    if (order.lots > 0) {
      change.has_removal = true;
      change.old_side = order.side;
      change.old_key = order.key;
      change.old_place = order.place;
      change.removed = is_in_place ? order.lots - record.qty_lots : order.lots;
      order.lots -= change.removed;
    }
    if (record.kind == kCancel) order = FeedOrder{};  // its number may be another's next
    if (record.kind == kCancel || is_in_place) return change;
    const bool came_again = (record.flags & kSnapshot) != 0 && order.cleared >= record.qty_lots &&
                            order.side == record.side && order.key == key;
    order = {key, record.qty_lots, came_again ? order.place : place, record.side, 0};
    change.has_addition = true;
    change.side = record.side;
    change.key = key;
    change.added = record.qty_lots;
    change.place = order.place;
    return change;
  }

  /// Forgets what the feed cleared: of one side or both, all or those at least as good as a price.
  ///
  /// An order that comes again in a snapshot, with no more lots, still has its place.
  void Clear(std::uint8_t side, Ticks price_ticks) noexcept {
    for (FeedOrder& order : orders_) {
      const bool is_side = side == kBothSides || side == order.side;
      const bool is_there = is_side && order.lots > 0;
      if (is_there && (price_ticks == 0 || order.key >= ToKey(order.side, price_ticks))) {
        order.cleared = std::exchange(order.lots, 0);
      }
    }
  }

  /// Returns the place of a resting order; an unknown one was there first.
  [[nodiscard]] std::int64_t Place(std::int32_t slot) const noexcept {
    return slot < 0 ? 0 : orders_[static_cast<std::size_t>(slot)].place;
  }

 private:
  struct FeedOrder {
    Key key = 0;
    Lots lots = 0;
    std::int64_t place = 0;
    std::uint8_t side = 0;
    Lots cleared = 0;  ///< What it had before a clear.
  };
  std::vector<FeedOrder> orders_;
};

}  // namespace lobdesk::backtest
