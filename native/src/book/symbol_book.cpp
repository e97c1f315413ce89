#include "lobdesk/book/symbol_book.hpp"

#include <algorithm>

#include "lobdesk/book/json_text.hpp"

namespace lobdesk {

std::string_view FaultName(NumberFault fault) noexcept {
  switch (fault) {
    case NumberFault::kNone:
      return "";
    case NumberFault::kPrecision:
      return "precision";
    case NumberFault::kOverflow:
      return "overflow";
    case NumberFault::kNotPositive:
      return "not_positive";
    case NumberFault::kExponent:
      return "exponent";
  }
  return "";
}

void SymbolBook::Apply(const Frame& frame, const FrameBook& message, TsUs recv_ts_us,
                       BookVerdict* verdict) {
  verdict->symbol = symbol_;
  verdict->is_snapshot = frame.is_snapshot;
  verdict->exch_ts_us = message.exch_ts_us.value_or(recv_ts_us);
  verdict->expected = message.checksum;
  if (!frame.is_snapshot && state_ != State::kLive) {
    verdict->reason = state_ == State::kNone ? "no_book" : suspect_reason_;
    return;
  }
  if (!message.checksum.has_value()) return Refuse("no_checksum", verdict);
  verdict->is_inferred = frame.is_snapshot && Infer(frame, message);
  if (!precisions_.has_value()) return Refuse("precision", verdict);
  converted_.clear();
  std::string_view fault = Convert(frame, message.bids_begin, message.bids_end);
  const std::size_t bid_count = converted_.size();
  if (fault.empty()) fault = Convert(frame, message.asks_begin, message.asks_end);
  if (!fault.empty()) return Refuse(fault, verdict);

  if (frame.is_snapshot) book_.Clear();
  for (std::size_t i = 0; i < converted_.size(); ++i) {
    book_.Apply(i < bid_count ? Side::kBid : Side::kAsk, converted_[i]);
  }
  book_.Cut(depth_);
  exch_ts_us_ = verdict->exch_ts_us;
  recv_ts_us_ = recv_ts_us;
  checksum_ = book_.Checksum();
  verdict->actual = checksum_;
  if (checksum_ == *message.checksum) {
    state_ = State::kLive;
    verdict->state = BookState::kVerified;
  } else {
    Refuse("checksum", verdict);
    verdict->state = BookState::kFailed;
  }
}

void SymbolBook::Refuse(std::string_view reason, BookVerdict* verdict) {
  verdict->state = BookState::kUnverified;
  verdict->reason = reason;
  state_ = State::kSuspect;
  suspect_reason_ = reason;
  book_.Clear();
}

void SymbolBook::Suspect(std::string_view reason) {
  if (state_ != State::kLive) return;
  state_ = State::kSuspect;
  suspect_reason_ = reason;
  book_.Clear();
}

void SymbolBook::Drop() noexcept {
  state_ = State::kNone;
  book_.Clear();
}

void SymbolBook::SetPrecisions(const Precisions& precisions) {
  const bool is_same = precisions_.has_value() && precisions_->price == precisions.price &&
                       precisions_->qty == precisions.qty;
  if (!is_same) Suspect("precision");
  precisions_ = precisions;
}

void SymbolBook::SetDepth(std::size_t depth) {
  if (depth != depth_) Suspect("subscription");
  depth_ = depth;
}

// Takes the precisions from a snapshot's digits, unless the exchange has told them. Returns true
// if they are new.
bool SymbolBook::Infer(const Frame& frame, const FrameBook& message) {
  if (precisions_.has_value() && !precisions_->is_inferred) return false;
  std::uint32_t price = 0;
  std::uint32_t qty = 0;
  const auto widen = [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      price = std::max(price, frame.levels[i].price.fraction_digits);
      qty = std::max(qty, frame.levels[i].qty.fraction_digits);
    }
    return end > begin;
  };
  const bool has_bids = widen(message.bids_begin, message.bids_end);
  const bool has_asks = widen(message.asks_begin, message.asks_end);
  constexpr std::uint32_t kMax = 18;
  if ((!has_bids && !has_asks) || price > kMax || qty > kMax) return false;
  const Precisions found{static_cast<int>(price), static_cast<int>(qty), true};
  if (precisions_.has_value() && precisions_->price >= found.price &&
      precisions_->qty >= found.qty) {
    return false;
  }
  precisions_ = found;
  return true;
}

std::string_view SymbolBook::Convert(const Frame& frame, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i) {
    BookLevel& level = converted_.emplace_back();
    const std::string_view fault = ConvertLevel(frame.levels[i], &level);
    if (!fault.empty()) return fault;
  }
  return {};
}

std::string_view SymbolBook::ConvertLevel(const FrameLevel& source, BookLevel* level) const {
  NumberFault fault = source.price.Scale(precisions_->price, &level->price_ticks);
  if (fault == NumberFault::kNone) fault = source.qty.Scale(precisions_->qty, &level->qty_lots);
  if (fault == NumberFault::kNone && level->price_ticks == 0) fault = NumberFault::kNotPositive;
  if (fault != NumberFault::kNone) return FaultName(fault);
  if (level->qty_lots == 0) return {};  // a deletion's text is never used
  const int price_digits = source.price.CopyDigits(level->digits);
  const int qty_digits = source.qty.CopyDigits(level->digits + price_digits);
  level->digit_count = static_cast<std::uint8_t>(price_digits + qty_digits);
  return {};
}

void SymbolBook::AppendSnapshotLine(Seq seq, std::size_t levels, std::string* out) const {
  const auto append_side = [&](const BookSide& side) {
    const std::size_t count = std::min(levels, side.Size());
    for (std::size_t rank = 0; rank < count; ++rank) {
      *out += rank == 0 ? "[" : ",[";
      AppendInteger(side.At(rank).price_ticks, out);
      *out += ',';
      AppendInteger(side.At(rank).qty_lots, out);
      *out += ']';
    }
  };
  *out += "{\"v\":1,\"symbol\":";
  AppendJsonString(symbol_, out);
  *out += ",\"seq\":";
  AppendInteger(seq, out);
  *out += ",\"exch_ts_us\":";
  AppendInteger(exch_ts_us_, out);
  *out += ",\"recv_ts_us\":";
  AppendInteger(recv_ts_us_, out);
  *out += ",\"price_precision\":";
  AppendInteger(precisions_->price, out);
  *out += ",\"qty_precision\":";
  AppendInteger(precisions_->qty, out);
  *out += ",\"bids\":[";
  append_side(book_.Bids());
  *out += "],\"asks\":[";
  append_side(book_.Asks());
  *out += "],\"checksum\":";
  AppendInteger(checksum_, out);
  *out += ",\"verified\":true}\n";
}

}  // namespace lobdesk
