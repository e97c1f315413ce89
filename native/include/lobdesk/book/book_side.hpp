// One side of an order book.
#pragma once

#include <cstddef>
#include <vector>

#include "lobdesk/book/book_level.hpp"
#include "lobdesk/units.hpp"

namespace lobdesk {

/// Levels of one side in one piece of memory, best first, with room at both ends: changes happen
/// near the best price and, when a level moves into the subscribed depth, at the other end.
class BookSide {
 public:
  explicit BookSide(Side side) : sign_{side == Side::kAsk ? 1 : -1} {}

  /// Inserts or replaces the level at its price.
  void Set(const BookLevel& level);
  /// Removes the level at a price, if there is one.
  void Erase(Ticks price_ticks);
  /// Keeps the best `depth` levels.
  void Cut(std::size_t depth) noexcept;
  void Clear() noexcept;

  [[nodiscard]] std::size_t Size() const noexcept { return end_ - begin_; }
  /// The level at a rank, 0 is the best; `rank` must be below `Size()`.
  [[nodiscard]] const BookLevel& At(std::size_t rank) const noexcept {
    return storage_[begin_ + rank];
  }

 private:
  [[nodiscard]] std::size_t Find(Ticks price_ticks) const noexcept;
  void OpenSlot(std::size_t rank);
  void Recenter();

  Ticks sign_;
  std::vector<BookLevel> storage_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace lobdesk
