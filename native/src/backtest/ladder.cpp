#include "lobdesk/backtest/ladder.hpp"

#include <algorithm>

namespace lobdesk::backtest {

Key LadderSide::Worst() const noexcept {
  if (!far_.IsEmpty()) return far_.Worst();
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
  return far_.NextWorse(key);
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
  far_.Clear();
  count_ = 0;
  best_ = kNoLevel;
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
  const Lots before = far_.Set(key, lots);
  count_ += static_cast<std::size_t>(lots != 0) - static_cast<std::size_t>(before != 0);
  return before;
}

void LadderSide::FindFarBest() {
  if (far_.IsEmpty()) {
    best_ = kNoLevel;
  } else {
    Recentre(far_.Best());
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
  far_.CopyTo(packed.levels);
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
      far_.Append(level);
      ++count_;
    }
  }
}

}  // namespace lobdesk::backtest
