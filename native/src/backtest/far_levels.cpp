#include "lobdesk/backtest/far_levels.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace lobdesk::backtest {

namespace {

bool IsWorse(const Level& level, Key key) noexcept { return level.key < key; }

std::size_t FindIn(const std::vector<Level>& chunk, Key key) noexcept {
  const auto at = std::lower_bound(chunk.begin(), chunk.end(), key, IsWorse);
  return static_cast<std::size_t>(at - chunk.begin());
}

}  // namespace

std::size_t FarLevels::Find(Key key) const noexcept {
  const auto after = std::upper_bound(firsts_.begin(), firsts_.end(), key);
  return after == firsts_.begin() ? 0 : static_cast<std::size_t>(after - firsts_.begin()) - 1;
}

std::size_t FarLevels::Count() const noexcept {
  std::size_t count = 0;
  for (const Chunk& chunk : chunks_) count += chunk.size();
  return count;
}

Lots FarLevels::At(Key key) const noexcept {
  if (IsEmpty()) return 0;
  const Chunk& chunk = chunks_[Find(key)];
  const std::size_t at = FindIn(chunk, key);
  return at < chunk.size() && chunk[at].key == key ? chunk[at].lots : 0;
}

Key FarLevels::NextWorse(Key key) const noexcept {
  if (IsEmpty()) return kNoLevel;
  const std::size_t number = Find(key);
  const std::size_t at = FindIn(chunks_[number], key);
  if (at > 0) return chunks_[number][at - 1].key;
  return number > 0 ? chunks_[number - 1].back().key : kNoLevel;
}

Lots FarLevels::Set(Key key, Lots lots) {
  if (IsEmpty()) {
    if (lots != 0) Append({key, lots});
    return 0;
  }
  const std::size_t number = Find(key);
  Chunk& chunk = chunks_[number];
  const std::size_t at = FindIn(chunk, key);
  if (at == chunk.size() || chunk[at].key != key) {
    if (lots != 0) Insert(number, at, {key, lots});
    return 0;
  }
  const Lots before = chunk[at].lots;
  if (lots != 0) {
    chunk[at].lots = lots;
  } else {
    Remove(number, at);
  }
  return before;
}

void FarLevels::Append(const Level& level) {
  if (IsEmpty() || chunks_.back().size() == kMost) {
    chunks_.emplace_back();
    firsts_.push_back(level.key);
  }
  chunks_.back().push_back(level);
}

void FarLevels::Clear() noexcept {
  firsts_.clear();
  chunks_.clear();
}

void FarLevels::CopyTo(std::vector<Level>& levels) const {
  for (const Chunk& chunk : chunks_) levels.insert(levels.end(), chunk.begin(), chunk.end());
}

void FarLevels::Insert(std::size_t chunk, std::size_t at, const Level& level) {
  Chunk& levels = chunks_[chunk];
  levels.insert(levels.begin() + static_cast<std::ptrdiff_t>(at), level);
  firsts_[chunk] = levels.front().key;
  if (levels.size() <= kMost) return;
  const auto middle = levels.begin() + static_cast<std::ptrdiff_t>(kMost / 2);
  Chunk better(middle, levels.end());
  levels.erase(middle, levels.end());
  const auto next = static_cast<std::ptrdiff_t>(chunk) + 1;
  firsts_.insert(firsts_.begin() + next, better.front().key);
  chunks_.insert(chunks_.begin() + next, std::move(better));
}

void FarLevels::Remove(std::size_t chunk, std::size_t at) {
  Chunk& levels = chunks_[chunk];
  levels.erase(levels.begin() + static_cast<std::ptrdiff_t>(at));
  if (!levels.empty()) {
    firsts_[chunk] = levels.front().key;
    return;
  }
  firsts_.erase(firsts_.begin() + static_cast<std::ptrdiff_t>(chunk));
  chunks_.erase(chunks_.begin() + static_cast<std::ptrdiff_t>(chunk));
}

}  // namespace lobdesk::backtest
