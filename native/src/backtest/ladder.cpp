#include "lobdesk/backtest/ladder.hpp"

#include <algorithm>

namespace lobdesk::backtest {

Key LadderSide::FindBest() noexcept {
  bound_ = Best();
  return bound_;
}

Key LadderSide::Worst() const noexcept {
  if (!far_.IsEmpty()) return far_.Worst();
  if (IsEmpty()) return kNoLevel;
  std::size_t word = kWords - 1;
  while (words_[word] == 0) --word;
  return KeyOf(word, 63 - __builtin_clzll(words_[word]));
}

Key LadderSide::NextWorse(Key key) const noexcept {
  const Key offset = std::max<Key>(top_ - key + 1, 0);
  if (offset < kSpan) {
    auto word = static_cast<std::size_t>(offset) >> 6;
    std::uint64_t bits = words_[word] & (~std::uint64_t{0} << (offset & 63));
    while (bits == 0 && ++word < kWords) bits = words_[word];
    if (bits != 0) return KeyOf(word, __builtin_ctzll(bits));
  }
  return far_.NextWorse(key);
}

void LadderSide::Clear() noexcept {
  for (std::size_t word = 0; word < kWords; ++word) {
    for (; words_[word] != 0; words_[word] &= words_[word] - 1) {
      lots_[word * 64 + static_cast<std::size_t>(__builtin_ctzll(words_[word]))] = 0;
    }
  }
  far_.Clear();
  near_ = 0;
  bound_ = kNoLevel;
}

void LadderSide::RemoveFrom(Key key) {
  while (Reaches(key)) Set(bound_, 0);
}

Lots LadderSide::SetFar(Key key, Lots lots) {
  const bool is_better = key > top_;
  if (lots != 0 && (is_better || IsEmpty())) {
    Recentre(key);
    return Set(key, lots);
  }
  return is_better ? 0 : far_.Set(key, lots);
}

void LadderSide::FindFarBest() {
  bound_ = kNoLevel;
  if (!far_.IsEmpty()) Recentre(far_.Best());
}

void LadderSide::Recentre(Key best) {
  Packed all = Pack();
  all.top = best + kSpan / 4;
  Unpack(all);
}

LadderSide::Packed LadderSide::Pack() const {
  Packed packed;
  packed.top = top_;
  packed.levels.reserve(Count());
  far_.CopyTo(packed.levels);
  for (std::size_t word = kWords; word-- > 0;) {
    std::uint64_t bits = words_[word];
    while (bits != 0) {
      const int bit = 63 - __builtin_clzll(bits);
      const Key key = KeyOf(word, bit);
      packed.levels.push_back({key, At(key)});
      bits ^= std::uint64_t{1} << bit;
    }
  }
  return packed;
}

void LadderSide::Unpack(const Packed& packed) {
  Clear();
  top_ = packed.top;
  for (const Level& level : packed.levels) {
    if (level.key > top_ - kSpan) {
      Set(level.key, level.lots);
    } else {
      far_.Append(level);
    }
  }
}

}  // namespace lobdesk::backtest
