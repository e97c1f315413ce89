// Levels of one side that lie outside its window: many, rarely touched.
#pragma once

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

/// One price of one side.
struct Level {
  Key key;
  Lots lots;
};

/// Levels sorted by key in chunks, so that one that comes or goes moves few others. Copyable.
class FarLevels {
 public:
  [[nodiscard]] bool IsEmpty() const noexcept { return chunks_.empty(); }
  [[nodiscard]] Key Worst() const noexcept {
    return IsEmpty() ? kNoLevel : chunks_.front().front().key;
  }
  [[nodiscard]] Key Best() const noexcept {
    return IsEmpty() ? kNoLevel : chunks_.back().back().key;
  }
  [[nodiscard]] std::size_t Count() const noexcept;
  [[nodiscard]] Lots At(Key key) const noexcept;
  /// Returns the best key worse than one, `kNoLevel` if there is none.
  [[nodiscard]] Key NextWorse(Key key) const noexcept;

  /// Sets a level's quantity (0 removes it) and returns the quantity before.
  Lots Set(Key key, Lots lots);
  /// Adds a level better than all.
  void Append(const Level& level);
  void Clear() noexcept;
  /// Appends all levels to others, worst first.
  void CopyTo(std::vector<Level>& levels) const;

 private:
  using Chunk = std::vector<Level>;
  static constexpr std::size_t kMost = 256;  // levels of a chunk

  /// Returns the last chunk that begins at or before a key; the first one if none does.
  [[nodiscard]] std::size_t Find(Key key) const noexcept;
  void Insert(std::size_t chunk, std::size_t at, const Level& level);
  void Remove(std::size_t chunk, std::size_t at);

  std::vector<Key> firsts_;    // of each chunk
  std::vector<Chunk> chunks_;  // none empty
};

}  // namespace lobdesk::backtest
