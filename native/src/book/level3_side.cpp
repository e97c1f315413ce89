#include "lobdesk/book/level3_side.hpp"

#include <algorithm>
#include <utility>

namespace lobdesk {

std::size_t Level3Level::Find(const Level3Order* order) const noexcept {
  return static_cast<std::size_t>(std::find(queue.begin(), queue.end(), order) - queue.begin());
}

Lots Level3Level::LotsBefore(std::size_t place) const noexcept {
  Lots lots = 0;
  for (std::size_t i = 0; i < place; ++i) {
    lots = AddLots(lots, queue[i]->level.qty_lots);
  }
  return lots;
}

Level3Level& Level3Side::Add(Level3Order* order) {
  const Ticks price_ticks = order->level.price_ticks;
  const std::size_t place = Place(price_ticks);
  if (place == levels_.size() || levels_[place]->price_ticks != price_ticks) {
    if (spare_.empty()) spare_.push_back(std::make_unique<Level3Level>());
    spare_.back()->price_ticks = price_ticks;
    levels_.insert(levels_.begin() + static_cast<std::ptrdiff_t>(place), std::move(spare_.back()));
    spare_.pop_back();
  }
  levels_[place]->queue.push_back(order);
  return *levels_[place];
}

void Level3Side::Remove(const Level3Order* order) {
  const std::size_t place = Place(order->level.price_ticks);
  std::vector<Level3Order*>& queue = levels_[place]->queue;
  queue.erase(queue.begin() + static_cast<std::ptrdiff_t>(levels_[place]->Find(order)));
  if (queue.empty()) Retire(place);
}

Level3Level* Level3Side::Find(Ticks price_ticks) noexcept {
  const std::size_t place = Place(price_ticks);
  const bool is_found = place < levels_.size() && levels_[place]->price_ticks == price_ticks;
  return is_found ? levels_[place].get() : nullptr;
}

const Level3Level* Level3Side::Find(Ticks price_ticks) const noexcept {
  return const_cast<Level3Side*>(this)->Find(price_ticks);
}

void Level3Side::Clear() noexcept {
  while (!levels_.empty()) Retire(levels_.size() - 1);
}

std::size_t Level3Side::Place(Ticks price_ticks) const noexcept {
  const Ticks key = sign_ * price_ticks;
  const auto is_worse = [&](const std::unique_ptr<Level3Level>& level, Ticks wanted) {
    return sign_ * level->price_ticks > wanted;
  };
  const auto found = std::lower_bound(levels_.begin(), levels_.end(), key, is_worse);
  return static_cast<std::size_t>(found - levels_.begin());
}

void Level3Side::Retire(std::size_t place) noexcept {
  levels_[place]->queue.clear();
  spare_.push_back(std::move(levels_[place]));
  levels_.erase(levels_.begin() + static_cast<std::ptrdiff_t>(place));
}

}  // namespace lobdesk
