// One side of a book: quantities by tick in a flat window, with a bitmap to find the next level.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "lobdesk/backtest/far_levels.hpp"
#include "lobdesk/units.hpp"

namespace lobdesk::backtest {

/// Levels of one side, larger keys better.
///
/// Keys within `kSpan` of each other, which is where a market happens, lie in a flat array; worse
/// ones wait in chunks. The window follows the best level. Copyable.
class LadderSide {
 public:
  static constexpr Key kSpan = 4096;

  [[nodiscard]] bool IsEmpty() const noexcept { return near_ == 0; }
  [[nodiscard]] std::size_t Count() const noexcept { return near_ + far_.Count(); }

  /// Returns the best key, `kNoLevel` if empty.
  [[nodiscard]] Key Best() const noexcept {
    return IsEmpty() ? kNoLevel : FirstFrom(static_cast<std::size_t>(top_ - bound_) >> 6);
  }

  /// Returns whether the best key is at least as good as another. Cheap if it is not even close.
  [[nodiscard]] bool Reaches(Key key) noexcept { return bound_ >= key && FindBest() >= key; }

  /// Returns the quantity at a key, 0 if there is no level. O(1) inside the window.
  [[nodiscard]] Lots At(Key key) const noexcept {
    const auto offset = static_cast<std::uint64_t>(top_ - key);
    return offset < static_cast<std::uint64_t>(kSpan) ? lots_[offset] : far_.At(key);
  }

  /// Sets a level's quantity (0 removes it) and returns the quantity before.
  Lots Set(Key key, Lots lots) {
    const auto offset = static_cast<std::uint64_t>(top_ - key);
    if (offset >= static_cast<std::uint64_t>(kSpan)) return SetFar(key, lots);
    const Lots before = lots_[offset];
    lots_[offset] = lots;
    // Whether a level comes, goes or stays, and whether it was the best, is what a processor cannot
    // guess: no branch on it.
    const std::uint64_t is_here = lots != 0 ? 1 : 0;
    const std::uint64_t was_here = before != 0 ? 1 : 0;
    words_[offset >> 6] ^= (is_here ^ was_here) << (offset & 63);
    bound_ = key > bound_ ? key : bound_;
    near_ += is_here - was_here;
    if (near_ == 0) FindFarBest();
    return before;
  }

  /// Returns the worst key, `kNoLevel` if empty.
  [[nodiscard]] Key Worst() const noexcept;

  /// Returns the next worse level's key, `kNoLevel` if there is none.
  [[nodiscard]] Key NextWorse(Key key) const noexcept;

  /// Removes all levels.
  void Clear() noexcept;

  /// The levels without the room for those that are not there.
  struct Packed {
    Key top = 0;
    std::vector<Level> levels;  ///< Worst first.
  };
  [[nodiscard]] Packed Pack() const;
  /// Becomes the side that was packed.
  void Unpack(const Packed& packed);

  /// Removes all levels at least as good as a key.
  void RemoveFrom(Key key);

 private:
  static constexpr std::size_t kWords = static_cast<std::size_t>(kSpan) / 64;

  [[nodiscard]] Key KeyOf(std::size_t word, int bit) const noexcept {
    return top_ - static_cast<Key>(word * 64) - bit;
  }
  /// Returns the best key of a word of the bitmap or those after it; there must be one.
  [[nodiscard]] Key FirstFrom(std::size_t word) const noexcept {
    while (words_[word] == 0) ++word;
    return KeyOf(word, __builtin_ctzll(words_[word]));
  }

  Key FindBest() noexcept;
  Lots SetFar(Key key, Lots lots);
  void FindFarBest();
  void Recentre(Key best);

  // What each record needs comes first. Better keys have smaller offsets.
  Key top_ = kSpan - 1;   // the best key of the window
  Key bound_ = kNoLevel;  // no level is better; the best may have gone since
  std::size_t near_ = 0;  // levels in the window
  std::array<std::uint64_t, kWords> words_{};
  std::array<Lots, static_cast<std::size_t>(kSpan)> lots_{};
  FarLevels far_;  // all worse than the window, which always has the best
};

}  // namespace lobdesk::backtest
