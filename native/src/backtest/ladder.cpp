#include "lobdesk/backtest/ladder.hpp"

#include <algorithm>

namespace lobdesk::backtest {

namespace {

bool IsWorse(const LadderSide::Level& level, Key key) noexcept { return level.key < key; }

}  // namespace

Key LadderSide::Worst() const noexcept {
  if (!far_.empty()) return far_.front().key;
  if (summary_ == 0) return kNoLevel;
  const auto word = static_cast<Key>(__builtin_ctzll(summary_));
  return base_ + word * 64 + __builtin_ctzll(words_[static_cast<std::size_t>(word)]);
}

Key LadderSide::NextWorse(Key key) const noexcept {
  const Key offset = std::min(key - base_, kSpan);
  if (offset > 0) {
    const auto last = static_cast<std::uint64_t>(offset - 1);
    const std::uint64_t in_word = words_[last >> 6] & (~std::uint64_t{0} >> (63 - (last & 63)));
    if (in_word != 0) {
      return base_ + static_cast<Key>((last >> 6) * 64) + 63 - __builtin_clzll(in_word);
    }
    const std::uint64_t words = summary_ & ((std::uint64_t{1} << (last >> 6)) - 1);
    if (words != 0) {
      const auto word = static_cast<Key>(63 - __builtin_clzll(words));
      return base_ + word * 64 + 63 - __builtin_clzll(words_[static_cast<std::size_t>(word)]);
    }
  }
  const auto next = std::lower_bound(far_.begin(), far_.end(), key, IsWorse);
  return next == far_.begin() ? kNoLevel : std::prev(next)->key;
}

void LadderSide::Clear() noexcept {
  while (summary_ != 0) {
    const auto word = static_cast<std::size_t>(__builtin_ctzll(summary_));
    while (words_[word] != 0) {
      lots_[word * 64 + static_cast<std::size_t>(__builtin_ctzll(words_[word]))] = 0;
      words_[word] &= words_[word] - 1;
    }
    summary_ &= summary_ - 1;
  }
  far_.clear();
  count_ = 0;
  best_ = kNoLevel;
}

Lots LadderSide::FarAt(Key key) const noexcept {
  const auto at = std::lower_bound(far_.begin(), far_.end(), key, IsWorse);
  return at != far_.end() && at->key == key ? at->lots : 0;
}

Lots LadderSide::SetFar(Key key, Lots lots) {
  const bool is_better = key >= base_ + kSpan;
  if (lots != 0 && (is_better || count_ == 0)) {
    Recentre(key);
    return Set(key, lots);
  }
  return is_better ? 0 : ReplaceFar(key, lots);
}

Lots LadderSide::ReplaceFar(Key key, Lots lots) {
  const auto at = std::lower_bound(far_.begin(), far_.end(), key, IsWorse);
  if (at == far_.end() || at->key != key) {
    if (lots != 0) {
      far_.insert(at, {key, lots});
      ++count_;
    }
    return 0;
  }
  const Lots before = at->lots;
  if (lots != 0) {
    at->lots = lots;
  } else {
    far_.erase(at);
    --count_;
  }
  return before;
}

void LadderSide::FindFarBest() {
  if (far_.empty()) {
    best_ = kNoLevel;
  } else {
    Recentre(far_.back().key);
  }
}

void LadderSide::Recentre(Key best) {
  // All levels pass through the sorted vector: the window's are all better than the far ones.
  for (std::size_t word = 0; word < kWords; ++word) {
    for (; words_[word] != 0; words_[word] &= words_[word] - 1) {
      const std::size_t offset =
          word * 64 + static_cast<std::size_t>(__builtin_ctzll(words_[word]));
      far_.push_back({base_ + static_cast<Key>(offset), lots_[offset]});
      lots_[offset] = 0;
    }
  }
  summary_ = 0;
  base_ = best - kSpan * 3 / 4;
  count_ = far_.size();
  best_ = kNoLevel;
  while (!far_.empty() && far_.back().key >= base_) {
    const Level level = far_.back();
    far_.pop_back();
    --count_;
    Set(level.key, level.lots);
  }
}

}  // namespace lobdesk::backtest
