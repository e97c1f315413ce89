// A symbol's book as bytes and back, so that a restarted process can go on where another stopped.
#include <cstdint>

#include "lobdesk/book/book_state.hpp"
#include "lobdesk/book/symbol_book.hpp"
#include "lobdesk/errors.hpp"

namespace lobdesk {
namespace {

void AppendSide(const BookSide& side, std::string* out) {
  AppendBytes(static_cast<std::uint32_t>(side.Size()), out);
  for (std::size_t rank = 0; rank < side.Size(); ++rank) AppendLevel(side.At(rank), out);
}

void TakeSide(Side side, ByteReader* bytes, OrderBook* book) {
  for (auto left = bytes->Take<std::uint32_t>(); left > 0; --left) {
    book->Apply(side, TakeLevel(bytes));
  }
}

}  // namespace

void SymbolBook::AppendState(std::string* out) const {
  AppendShortText(symbol_, out);
  AppendBytes(static_cast<std::uint64_t>(depth_), out);
  AppendPrecisions(precisions_, out);
  AppendBytes(static_cast<std::uint8_t>(state_), out);
  AppendShortText(suspect_reason_, out);
  AppendBytes(exch_ts_us_, out);
  AppendBytes(recv_ts_us_, out);
  AppendBytes(checksum_, out);
  AppendSide(book_.Bids(), out);
  AppendSide(book_.Asks(), out);
}

SymbolBook SymbolBook::FromState(ByteReader* bytes) {
  std::string symbol(TakeShortText(bytes));
  SymbolBook book(std::move(symbol), bytes->Take<std::uint64_t>());
  book.precisions_ = TakePrecisions(bytes);
  const auto state = bytes->Take<std::uint8_t>();
  if (state > static_cast<std::uint8_t>(State::kSuspect) || book.depth_ == 0) {
    throw EngineError("the stored books hold an impossible state");
  }
  book.state_ = static_cast<State>(state);
  book.suspect_reason_ = TakeReason(bytes);
  book.exch_ts_us_ = bytes->Take<TsUs>();
  book.recv_ts_us_ = bytes->Take<TsUs>();
  book.checksum_ = bytes->Take<std::uint32_t>();
  TakeSide(Side::kBid, bytes, &book.book_);
  TakeSide(Side::kAsk, bytes, &book.book_);
  const bool has_checksum = book.book_.Checksum() == book.checksum_;
  if (book.IsLive() && (!book.precisions_.has_value() || !has_checksum)) {
    throw EngineError("a stored book does not have its checksum");
  }
  return book;
}

}  // namespace lobdesk
