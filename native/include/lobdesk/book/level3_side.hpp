// One side of an order-level book.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "lobdesk/book/level3_order.hpp"
#include "lobdesk/units.hpp"

namespace lobdesk {

/// The orders of one price, the first to trade in front.
struct Level3Level {
  Ticks price_ticks = 0;
  std::vector<Level3Order*> queue;

  /// Where an order stands in the queue; its end if it is not there.
  [[nodiscard]] std::size_t Find(const Level3Order* order) const noexcept;
  /// Lots of the orders before a place.
  [[nodiscard]] Lots LotsBefore(std::size_t place) const noexcept;
};

/// Price levels of one side. It points to orders and owns none of them.
class Level3Side {
 public:
  explicit Level3Side(Side side) : sign_{side == Side::kAsk ? 1 : -1} {}

  /// Puts an order at the end of its price's queue and returns the level.
  Level3Level& Add(Level3Order* order);
  /// Takes an order out, and its level if that was the last one.
  void Remove(const Level3Order* order);
  /// The level of a price, or null.
  [[nodiscard]] Level3Level* Find(Ticks price_ticks) noexcept;
  [[nodiscard]] const Level3Level* Find(Ticks price_ticks) const noexcept;
  void Clear() noexcept;

  [[nodiscard]] std::size_t Size() const noexcept { return levels_.size(); }
  /// The level at a rank, 0 is the best; `rank` must be below `Size()`.
  [[nodiscard]] const Level3Level& At(std::size_t rank) const noexcept {
    return *levels_[levels_.size() - 1 - rank];
  }

 private:
  using Levels = std::vector<std::unique_ptr<Level3Level>>;

  [[nodiscard]] std::size_t Place(Ticks price_ticks) const noexcept;
  void Retire(std::size_t place) noexcept;

  Ticks sign_;
  Levels levels_;  // worst first: nearly all changes are at the other end
  Levels spare_;   // emptied levels, whose memory is used again
};

}  // namespace lobdesk
