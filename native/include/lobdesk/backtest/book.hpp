// Levels of both sides as a client of the feed keeps them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "lobdesk/backtest/ladder.hpp"
#include "lobdesk/backtest/record.hpp"

namespace lobdesk::backtest {

/// Ticks of a bid, -ticks of an ask; without a branch, because sides come at random.
[[nodiscard]] constexpr Key ToKey(std::uint8_t side, Ticks ticks) noexcept {
  const Key flip = -Key{side};
  return (ticks ^ flip) - flip;
}
[[nodiscard]] constexpr Ticks ToTicks(std::uint8_t side, Key key) noexcept {
  return ToKey(side, key);
}
[[nodiscard]] constexpr std::uint8_t Opposite(std::uint8_t side) noexcept {
  return static_cast<std::uint8_t>(1 - side);
}

/// Returns what a level shows after a depth record; nothing if it left the window.
[[nodiscard]] constexpr Lots ShownLots(const MarketRecord& record) noexcept {
  const auto is_shown = static_cast<Lots>((record.flags & kEvicted) == 0);
  return record.qty_lots & -is_shown;  // no branch
}

/// Twice a mid in ticks; 0 where a side is missing.
using Mid2 = std::int64_t;

/// A depth-limited book. The newest update wins: opposite levels that it crosses go. Copyable.
class Book {
 public:
  /// `window` > 0 cuts each side to that many levels after an update; 0 keeps all.
  explicit Book(std::size_t window) noexcept : window_{window} {}

  [[nodiscard]] const LadderSide& Side(std::uint8_t side) const noexcept { return sides_[side]; }

  /// Sets a level and returns its quantity before.
  Lots Update(std::uint8_t side, Key key, Lots lots) {
    LadderSide& mine = sides_[side];
    LadderSide& other = sides_[Opposite(side)];
    if (other.Reaches(-key) && lots != 0) Uncross(other, -key);
    const Lots before = mine.Set(key, lots);
    if (mine.IsEmpty()) NoteEmptied(side, key, before);
    if (window_ != 0) Cut(mine);
    return before;
  }

  /// Removes levels: of one side or both, all or (with a price) those at least as good.
  void Clear(std::uint8_t side, Ticks price_ticks);

  /// The book without the room for levels that are not there.
  struct Packed {
    std::array<LadderSide::Packed, 2> sides;
    Mid2 last_mid2 = 0;
  };
  [[nodiscard]] Packed Pack() const {
    return {{sides_[kBid].Pack(), sides_[kAsk].Pack()}, last_mid2_};
  }
  /// Becomes the book that was packed.
  void Unpack(const Packed& packed) {
    for (const std::uint8_t side : {kBid, kAsk}) sides_[side].Unpack(packed.sides[side]);
    last_mid2_ = packed.last_mid2;
  }

  /// Returns twice the mid, 0 if a side is empty.
  [[nodiscard]] Mid2 Mid() const noexcept {
    const bool is_whole = !sides_[kBid].IsEmpty() && !sides_[kAsk].IsEmpty();
    return is_whole ? sides_[kBid].Best() - sides_[kAsk].Best() : 0;
  }

  /// Returns twice the last mid that there was, 0 before the first.
  [[nodiscard]] Mid2 LastMid() const noexcept {
    const Mid2 mid2 = Mid();
    return mid2 != 0 ? mid2 : last_mid2_;
  }

 private:
  // The rare parts of Update, out of its way.
  void Uncross(LadderSide& other, Key key);
  void NoteEmptied(std::uint8_t side, Key key, Lots before) noexcept;
  void Cut(LadderSide& side);
  /// To be called before a change that may leave a side empty.
  void KeepMid() noexcept { last_mid2_ = LastMid(); }

  std::array<LadderSide, 2> sides_;
  std::size_t window_;
  Mid2 last_mid2_ = 0;
};

}  // namespace lobdesk::backtest
