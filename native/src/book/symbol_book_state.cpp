// A symbol's book as bytes and back, so that a restarted process can go on where another stopped.
#include <cstdint>

#include "lobdesk/book/symbol_book.hpp"
#include "lobdesk/errors.hpp"

namespace lobdesk {
namespace {

// Suspect reasons are compared and shown, never owned, so they come back as these constants.
constexpr std::string_view kReasons[] = {
    "",         "checksum",     "no_checksum", "precision",   "overflow",
    "exponent", "not_positive", "malformed",   "subscription"};

std::string_view KnownReason(std::string_view name) {
  for (const std::string_view reason : kReasons) {
    if (reason == name) return reason;
  }
  throw EngineError("the stored books name an unknown reason");
}

void AppendText(std::string_view text, std::string* out) {
  AppendBytes(static_cast<std::uint8_t>(text.size()), out);
  *out += text;
}

std::string_view TakeShortText(ByteReader* bytes) {
  return bytes->TakeText(bytes->Take<std::uint8_t>());
}

void AppendSide(const BookSide& side, std::string* out) {
  AppendBytes(static_cast<std::uint32_t>(side.Size()), out);
  for (std::size_t rank = 0; rank < side.Size(); ++rank) {
    const BookLevel& level = side.At(rank);
    AppendBytes(level.price_ticks, out);
    AppendBytes(level.qty_lots, out);
    AppendText(std::string_view(level.digits, level.digit_count), out);
  }
}

void TakeSide(Side side, ByteReader* bytes, OrderBook* book) {
  for (auto left = bytes->Take<std::uint32_t>(); left > 0; --left) {
    BookLevel level;
    level.price_ticks = bytes->Take<Ticks>();
    level.qty_lots = bytes->Take<Lots>();
    const std::string_view digits = TakeShortText(bytes);
    if (digits.size() > BookLevel::kMaxDigits || level.price_ticks <= 0 || level.qty_lots <= 0) {
      throw EngineError("the stored books hold an impossible level");
    }
    level.digit_count = static_cast<std::uint8_t>(digits.copy(level.digits, digits.size()));
    book->Apply(side, level);
  }
}

}  // namespace

void SymbolBook::AppendState(std::string* out) const {
  const Precisions precisions = precisions_.value_or(Precisions{});
  AppendText(symbol_, out);
  AppendBytes(static_cast<std::uint64_t>(depth_), out);
  AppendBytes(static_cast<std::uint8_t>(precisions_.has_value()), out);
  AppendBytes(static_cast<std::int32_t>(precisions.price), out);
  AppendBytes(static_cast<std::int32_t>(precisions.qty), out);
  AppendBytes(static_cast<std::uint8_t>(precisions.is_inferred), out);
  AppendBytes(static_cast<std::uint8_t>(state_), out);
  AppendText(suspect_reason_, out);
  AppendBytes(exch_ts_us_, out);
  AppendBytes(recv_ts_us_, out);
  AppendBytes(checksum_, out);
  AppendSide(book_.Bids(), out);
  AppendSide(book_.Asks(), out);
}

SymbolBook SymbolBook::FromState(ByteReader* bytes) {
  std::string symbol(TakeShortText(bytes));
  SymbolBook book(std::move(symbol), bytes->Take<std::uint64_t>());
  const bool has_precisions = bytes->Take<std::uint8_t>() != 0;
  Precisions precisions;
  precisions.price = bytes->Take<std::int32_t>();
  precisions.qty = bytes->Take<std::int32_t>();
  precisions.is_inferred = bytes->Take<std::uint8_t>() != 0;
  const auto is_valid = [](int precision) { return precision >= 0 && precision <= 18; };
  if (!is_valid(precisions.price) || !is_valid(precisions.qty)) {
    throw EngineError("the stored books hold an impossible precision");
  }
  if (has_precisions) book.precisions_ = precisions;
  const auto state = bytes->Take<std::uint8_t>();
  if (state > static_cast<std::uint8_t>(State::kSuspect) || book.depth_ == 0) {
    throw EngineError("the stored books hold an impossible state");
  }
  book.state_ = static_cast<State>(state);
  book.suspect_reason_ = KnownReason(TakeShortText(bytes));
  book.exch_ts_us_ = bytes->Take<TsUs>();
  book.recv_ts_us_ = bytes->Take<TsUs>();
  book.checksum_ = bytes->Take<std::uint32_t>();
  TakeSide(Side::kBid, bytes, &book.book_);
  TakeSide(Side::kAsk, bytes, &book.book_);
  if (book.IsLive() && (!has_precisions || book.book_.Checksum() != book.checksum_)) {
    throw EngineError("a stored book does not have its checksum");
  }
  return book;
}

}  // namespace lobdesk
