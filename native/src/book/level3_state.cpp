// An order-level book as bytes and back, so that a restarted process can go on where another
// stopped.
#include <cstdint>

#include "lobdesk/book/book_state.hpp"
#include "lobdesk/book/level3_book.hpp"
#include "lobdesk/errors.hpp"

namespace lobdesk {
namespace {

void AppendSide(const Level3Side& side, std::string* out) {
  std::uint32_t count = 0;
  for (std::size_t rank = 0; rank < side.Size(); ++rank) {
    count += static_cast<std::uint32_t>(side.At(rank).queue.size());
  }
  AppendBytes(count, out);
  for (std::size_t rank = 0; rank < side.Size(); ++rank) {
    for (const Level3Order* order : side.At(rank).queue) {
      AppendShortText(order->id.View(), out);
      AppendBytes(order->ts_ns, out);
      AppendLevel(order->level, out);
    }
  }
}

void TakeSide(Side side, ByteReader* bytes, Level3Orders* orders) {
  for (auto left = bytes->Take<std::uint32_t>(); left > 0; --left) {
    Level3Order order;
    const std::string_view id = TakeShortText(bytes);
    if (id.empty() || id.size() > OrderId::kMaxBytes || orders->Find(id) != nullptr) {
      throw EngineError("the stored books hold an impossible order");
    }
    order.id = OrderId(id);
    order.side = side;
    order.ts_ns = bytes->Take<std::int64_t>();
    order.level = TakeLevel(bytes);
    orders->Add(order);
  }
}

}  // namespace

void Level3Book::AppendState(std::string* out) const {
  AppendShortText(symbol_, out);
  AppendBytes(static_cast<std::uint64_t>(depth_), out);
  AppendPrecisions(precisions_, out);
  AppendBytes(static_cast<std::uint8_t>(state_), out);
  AppendShortText(suspect_reason_, out);
  AppendBytes(checksum_, out);
  AppendSide(orders_.At(Side::kBid), out);
  AppendSide(orders_.At(Side::kAsk), out);
}

Level3Book Level3Book::FromState(ByteReader* bytes) {
  std::string symbol(TakeShortText(bytes));
  Level3Book book(std::move(symbol), bytes->Take<std::uint64_t>());
  book.precisions_ = TakePrecisions(bytes);
  const auto state = bytes->Take<std::uint8_t>();
  if (state > static_cast<std::uint8_t>(State::kUnchecked) || book.depth_ == 0) {
    throw EngineError("the stored books hold an impossible state");
  }
  book.state_ = static_cast<State>(state);
  book.suspect_reason_ = TakeReason(bytes);
  book.checksum_ = bytes->Take<std::uint32_t>();
  TakeSide(Side::kBid, bytes, &book.orders_);
  TakeSide(Side::kAsk, bytes, &book.orders_);
  const bool has_checksum = book.orders_.Checksum() == book.checksum_;
  if (book.HasBook() && (!book.precisions_.has_value() || !has_checksum)) {
    throw EngineError("a stored book does not have its checksum");
  }
  return book;
}

}  // namespace lobdesk
