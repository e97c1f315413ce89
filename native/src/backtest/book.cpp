#include "lobdesk/backtest/book.hpp"

namespace lobdesk::backtest {

void Book::Clear(std::uint8_t side, Ticks price_ticks) {
  KeepMid();
  for (const std::uint8_t each : {kBid, kAsk}) {
    if (side != kBothSides && side != each) continue;
    if (price_ticks == 0) {
      sides_[each].Clear();
    } else {
      sides_[each].RemoveFrom(ToKey(each, price_ticks));
    }
  }
}

void Book::Uncross(LadderSide& other, Key key) {
  KeepMid();
  other.RemoveFrom(key);
}

/// A side is empty after `before` lots went at a key: the mid of before is the last.
void Book::NoteEmptied(std::uint8_t side, Key key, Lots before) noexcept {
  const LadderSide& other = sides_[Opposite(side)];
  if (before == 0 || other.IsEmpty()) return;
  last_mid2_ = ToTicks(side, key) + ToTicks(Opposite(side), other.Best());
}

void Book::Cut(LadderSide& side) {
  while (side.Count() > window_) side.Set(side.Worst(), 0);
}

}  // namespace lobdesk::backtest
