// One side of a book: quantities by tick in a flat window, with a bitmap to find the next level.
#pragma once

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

  [[nodiscard]] Key Best() const noexcept { return best_; }
  [[nodiscard]] bool IsEmpty() const noexcept { return count_ == 0; }
  [[nodiscard]] std::size_t Count() const noexcept { return count_; }

  /// Returns the quantity at a key, 0 if there is no level. O(1) inside the window.
  [[nodiscard]] Lots At(Key key) const noexcept {
    const auto offset = static_cast<std::uint64_t>(key - base_);
    return offset < static_cast<std::uint64_t>(kSpan) ? lots_[offset] : far_.At(key);
  }

  /// Sets a level's quantity (0 removes it) and returns the quantity before.
  Lots Set(Key key, Lots lots) {
    const auto offset = static_cast<std::uint64_t>(key - base_);
    if (offset >= static_cast<std::uint64_t>(kSpan)) return SetFar(key, lots);
    const Lots before = lots_[offset];
    lots_[offset] = lots;
    // Whether a level comes, goes or stays is what a processor cannot guess: no branch on it.
    const std::uint64_t is_here = lots != 0 ? 1 : 0;
    const std::uint64_t was_here = before != 0 ? 1 : 0;
    const std::uint64_t at = offset >> 6;
    const std::uint64_t word =
        (words_[at] & ~(std::uint64_t{1} << (offset & 63))) | (is_here << (offset & 63));
    words_[at] = word;
    summary_ = (summary_ & ~(std::uint64_t{1} << at)) | (std::uint64_t{word != 0} << at);
    count_ += is_here - was_here;
    const Key candidate = is_here != 0 ? key : kNoLevel;
    best_ = candidate > best_ ? candidate : best_;
    if (lots == 0 && key == best_) FindBest();
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
    Key base = 0;
    std::vector<Level> levels;  ///< Worst first.
  };
  [[nodiscard]] Packed Pack() const;
  /// Becomes the side that was packed.
  void Unpack(const Packed& packed);

  /// Removes all levels at least as good as a key.
  void RemoveFrom(Key key) {
    while (best_ >= key && count_ != 0) Set(best_, 0);
  }

 private:
  static constexpr std::size_t kWords = static_cast<std::size_t>(kSpan) / 64;
  static_assert(kWords == 64, "one summary word covers all words");

  void FindBest() {
    if (summary_ == 0) {
      FindFarBest();
      return;
    }
    const auto word = static_cast<Key>(63 - __builtin_clzll(summary_));
    const auto bit = static_cast<Key>(63 - __builtin_clzll(words_[static_cast<std::size_t>(word)]));
    best_ = base_ + word * 64 + bit;
  }

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
  FarLevels far_;  // all worse than base_
};

}  // namespace lobdesk::backtest
