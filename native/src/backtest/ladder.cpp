#include "lobdesk/backtest/ladder.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace lobdesk::backtest {

Key LadderSide::Worst() const noexcept {
  if (!far_.empty()) return far_.begin()->first;
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
  const auto next = far_.lower_bound(key);
  return next == far_.begin() ? kNoLevel : std::prev(next)->first;
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
  const auto at = far_.find(key);
  return at != far_.end() ? at->second : 0;
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
  if (lots == 0) {
    const auto at = far_.find(key);
    if (at == far_.end()) return 0;
    const Lots before = at->second;
    far_.erase(at);
    --count_;
    return before;
  }
  const auto [at, is_new] = far_.try_emplace(key, lots);
  count_ += is_new ? 1 : 0;
  return is_new ? 0 : std::exchange(at->second, lots);
}

void LadderSide::FindFarBest() {
  if (far_.empty()) {
    best_ = kNoLevel;
  } else {
    Recentre(far_.rbegin()->first);
  }
}

void LadderSide::Recentre(Key best) {
  Packed all = Pack();
  all.base = best - kSpan * 3 / 4;
  Unpack(all);
}

LadderSide::Packed LadderSide::Pack() const {
  Packed packed;
  packed.base = base_;
  packed.levels.reserve(count_);
  for (const auto& [key, lots] : far_) packed.levels.push_back({key, lots});
  for (std::size_t word = 0; word < kWords; ++word) {
    for (std::uint64_t bits = words_[word]; bits != 0; bits &= bits - 1) {
      const std::size_t offset = word * 64 + static_cast<std::size_t>(__builtin_ctzll(bits));
      packed.levels.push_back({base_ + static_cast<Key>(offset), lots_[offset]});
    }
  }
  return packed;
}

void LadderSide::Unpack(const Packed& packed) {
  Clear();
  base_ = packed.base;
  for (const Level& level : packed.levels) {
    if (level.key >= base_) {
      Set(level.key, level.lots);
    } else {
      far_.emplace_hint(far_.end(), level.key, level.lots);
      ++count_;
    }
  }
}

}  // namespace lobdesk::backtest
