#include "lobdesk/book/book_side.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace lobdesk {
namespace {

constexpr std::size_t kFirstCapacity = 64;

}  // namespace

std::size_t BookSide::Find(Ticks price_ticks) const noexcept {
  const Ticks key = sign_ * price_ticks;
  std::size_t low = 0;
  std::size_t count = Size();
  while (count > 0) {
    const std::size_t half = count / 2;
    const bool is_before = sign_ * At(low + half).price_ticks < key;
    low = is_before ? low + half + 1 : low;
    count = is_before ? count - half - 1 : half;
  }
  return low;
}

void BookSide::Set(const BookLevel& level) {
  const std::size_t rank = Find(level.price_ticks);
  if (rank == Size() || At(rank).price_ticks != level.price_ticks) OpenSlot(rank);
  storage_[begin_ + rank] = level;
}

void BookSide::Erase(Ticks price_ticks) {
  const std::size_t rank = Find(price_ticks);
  if (rank == Size() || At(rank).price_ticks != price_ticks) return;
  const auto first = storage_.begin() + static_cast<std::ptrdiff_t>(begin_);
  const auto slot = first + static_cast<std::ptrdiff_t>(rank);
  const auto last = storage_.begin() + static_cast<std::ptrdiff_t>(end_);
  if (rank < Size() / 2) {
    std::move_backward(first, slot, slot + 1);
    ++begin_;
  } else {
    std::move(slot + 1, last, slot);
    --end_;
  }
}

void BookSide::OpenSlot(std::size_t rank) {
  if (begin_ == 0 || end_ == storage_.size()) Recenter();
  const auto first = storage_.begin() + static_cast<std::ptrdiff_t>(begin_);
  const auto slot = first + static_cast<std::ptrdiff_t>(rank);
  const auto last = storage_.begin() + static_cast<std::ptrdiff_t>(end_);
  if (rank < Size() / 2) {
    std::move(first, slot, first - 1);
    --begin_;
  } else {
    std::move_backward(slot, last, last + 1);
    ++end_;
  }
}

// Leaves at least one free slot at both ends, and so many that this is rare.
void BookSide::Recenter() {
  const std::size_t size = Size();
  const std::size_t capacity = std::max(storage_.size(), std::max(kFirstCapacity, 2 * size));
  std::vector<BookLevel> wider(capacity);
  const std::size_t begin = (capacity - size) / 2;
  std::copy(storage_.begin() + static_cast<std::ptrdiff_t>(begin_),
            storage_.begin() + static_cast<std::ptrdiff_t>(end_),
            wider.begin() + static_cast<std::ptrdiff_t>(begin));
  storage_ = std::move(wider);
  begin_ = begin;
  end_ = begin + size;
}

void BookSide::Cut(std::size_t depth) noexcept { end_ = std::min(end_, begin_ + depth); }

void BookSide::Clear() noexcept {
  begin_ = storage_.size() / 2;
  end_ = begin_;
}

}  // namespace lobdesk
