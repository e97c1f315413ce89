// One side of a book: quantities by tick in a flat window, with a bitmap to find the next level.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "lobdesk/units.hpp"

namespace lobdesk::backtest {

/// Price of a level such that a larger key is a better price: ticks of a bid, -ticks of an ask.
using Key = std::int64_t;

/// Best key of an empty side; worse than every level.
constexpr Key kNoLevel = std::numeric_limits<Key>::min() / 4;

/// Levels of one side, larger keys better.
///
/// Keys within `kSpan` of each other, which is where a market happens, lie in a flat array; worse
/// ones wait in a sorted vector. The window follows the best level. Copyable.
class LadderSide {
 public:
  static constexpr Key kSpan = 4096;

  struct Level {
    Key key;
    Lots lots;
  };

  [[nodiscard]] Key Best() const noexcept { return best_; }
  [[nodiscard]] bool IsEmpty() const noexcept { return count_ == 0; }
  [[nodiscard]] std::size_t Count() const noexcept { return count_; }

  /// Returns the quantity at a key, 0 if there is no level. O(1) inside the window.
  [[nodiscard]] Lots At(Key key) const noexcept {
    const auto offset = static_cast<std::uint64_t>(key - base_);
    return offset < static_cast<std::uint64_t>(kSpan) ? lots_[offset] : FarAt(key);
  }

  /// Sets a level's quantity (0 removes it) and returns the quantity before.
  Lots Set(Key key, Lots lots) {
    const auto offset = static_cast<std::uint64_t>(key - base_);
    if (offset >= static_cast<std::uint64_t>(kSpan)) return SetFar(key, lots);
    const Lots before = lots_[offset];
    lots_[offset] = lots;
    if (before == 0) {
      if (lots != 0) Insert(key, offset);
    } else if (lots == 0) {
      Remove(key, offset);
    }
    return before;
  }

  /// Returns the worst key, `kNoLevel` if empty.
  [[nodiscard]] Key Worst() const noexcept;

  /// Returns the next worse level's key, `kNoLevel` if there is none.
  [[nodiscard]] Key NextWorse(Key key) const noexcept;

  /// Removes all levels.
  void Clear() noexcept;

  /// Removes all levels at least as good as a key.
  void RemoveFrom(Key key) {
    while (best_ >= key && count_ != 0) Set(best_, 0);
  }

 private:
  static constexpr std::size_t kWords = static_cast<std::size_t>(kSpan) / 64;
  static_assert(kWords == 64, "one summary word covers all words");

  void Insert(Key key, std::uint64_t offset) noexcept {
    words_[offset >> 6] |= std::uint64_t{1} << (offset & 63);
    summary_ |= std::uint64_t{1} << (offset >> 6);
    ++count_;
    if (key > best_) best_ = key;
  }

  void Remove(Key key, std::uint64_t offset) {
    std::uint64_t& word = words_[offset >> 6];
    word &= ~(std::uint64_t{1} << (offset & 63));
    if (word == 0) summary_ &= ~(std::uint64_t{1} << (offset >> 6));
    --count_;
    if (key == best_) FindBest();
  }

  void FindBest() {
    if (summary_ == 0) {
      FindFarBest();
      return;
    }
    const auto word = static_cast<Key>(63 - __builtin_clzll(summary_));
    const auto bit = static_cast<Key>(63 - __builtin_clzll(words_[static_cast<std::size_t>(word)]));
    best_ = base_ + word * 64 + bit;
  }

  [[nodiscard]] Lots FarAt(Key key) const noexcept;
  Lots SetFar(Key key, Lots lots);
  Lots ReplaceFar(Key key, Lots lots);
  void FindFarBest();
  void Recentre(Key best);

  std::array<Lots, static_cast<std::size_t>(kSpan)> lots_{};
  std::array<std::uint64_t, kWords> words_{};
  std::uint64_t summary_ = 0;
  Key base_ = 0;
  Key best_ = kNoLevel;
  std::size_t count_ = 0;
  std::vector<Level> far_;  // all worse than base_, worst first
};

}  // namespace lobdesk::backtest
