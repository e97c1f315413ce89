#include "lobdesk/book/level3_orders.hpp"

#include <algorithm>
#include <utility>

#include "lobdesk/book/crc32.hpp"

namespace lobdesk {
namespace {

void AppendDigits(const Level3Side& side, std::string* out) {
  const std::size_t count = std::min(side.Size(), Level3Orders::kChecksumLevels);
  for (std::size_t rank = 0; rank < count; ++rank) {
    for (const Level3Order* order : side.At(rank).queue) {
      out->append(order->level.digits, order->level.digit_count);
    }
  }
}

}  // namespace

QueuePlace Level3Orders::Add(const Level3Order& order) {
  const Level3Level& level = Of(order.side).Add(Keep(order));
  const std::size_t place = level.queue.size() - 1;
  return {static_cast<std::int64_t>(place), level.LotsBefore(place)};
}

Level3Order* Level3Orders::Keep(const Level3Order& order) {
  if (spare_.empty()) {
    // A node can only be made with a key; this one is replaced before anybody else sees it.
    spare_.push_back(index_.extract(index_.emplace(order.id.View(), order).first));
  }
  Index::node_type node = std::move(spare_.back());
  spare_.pop_back();
  node.mapped() = order;
  node.key() = node.mapped().id.View();
  return &index_.insert(std::move(node)).position->second;
}

void Level3Orders::Remove(Level3Order* order) {
  Of(order->side).Remove(order);
  spare_.push_back(index_.extract(order->id.View()));
}

void Level3Orders::Restate(Level3Order* order, const Level3Order& news) noexcept {
  order->level = news.level;
  order->ts_ns = news.ts_ns;
}

Level3Order* Level3Orders::Find(std::string_view id) noexcept {
  const auto found = index_.find(id);
  return found == index_.end() ? nullptr : &found->second;
}

QueuePlace Level3Orders::PlaceOf(const Level3Order& order) const noexcept {
  const Level3Level* level = At(order.side).Find(order.level.price_ticks);
  if (level == nullptr) return {};
  const std::size_t place = level->Find(&order);
  return {static_cast<std::int64_t>(place), level->LotsBefore(place)};
}

void Level3Orders::SortByTime(Side side, Ticks price_ticks) {
  Level3Level* level = Of(side).Find(price_ticks);
  if (level == nullptr) return;
  const auto is_earlier = [](const Level3Order* a, const Level3Order* b) {
    return a->ts_ns < b->ts_ns;
  };
  std::stable_sort(level->queue.begin(), level->queue.end(), is_earlier);
}

void Level3Orders::Clear() noexcept {
  bids_.Clear();
  asks_.Clear();
  index_.clear();
}

std::uint32_t Level3Orders::Checksum() {
  digits_.clear();
  AppendDigits(asks_, &digits_);
  AppendDigits(bids_, &digits_);
  return Crc32(digits_);
}

}  // namespace lobdesk
