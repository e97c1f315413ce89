#include "lobdesk/book/order_book.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "lobdesk/book/crc32.hpp"

namespace lobdesk {
namespace {

char* AppendDigits(const BookSide& side, char* out) noexcept {
  const std::size_t count = std::min(side.Size(), OrderBook::kChecksumLevels);
  for (std::size_t rank = 0; rank < count; ++rank) {
    const BookLevel& level = side.At(rank);
    // A copy of constant size is one or two instructions; the surplus is overwritten.
    std::memcpy(out, level.digits, BookLevel::kMaxDigits);
    out += level.digit_count;
  }
  return out;
}

}  // namespace

void OrderBook::Apply(Side side, const BookLevel& level) {
  BookSide& levels = side == Side::kBid ? bids_ : asks_;
  if (level.qty_lots == 0) {
    levels.Erase(level.price_ticks);
  } else {
    levels.Set(level);
  }
}

void OrderBook::Cut(std::size_t depth) noexcept {
  bids_.Cut(depth);
  asks_.Cut(depth);
}

void OrderBook::Clear() noexcept {
  bids_.Clear();
  asks_.Clear();
}

std::uint32_t OrderBook::Checksum() const noexcept {
  char text[2 * kChecksumLevels * BookLevel::kMaxDigits];
  const char* end = AppendDigits(bids_, AppendDigits(asks_, text));
  return Crc32(std::string_view(text, static_cast<std::size_t>(end - text)));
}

}  // namespace lobdesk
