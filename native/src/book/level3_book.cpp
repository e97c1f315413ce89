#include "lobdesk/book/level3_book.hpp"

#include <algorithm>

namespace lobdesk {
namespace {

OrderChange ChangeOf(OrderEvent event, const Level3Order& order, const QueuePlace& place) {
  return {order.id,
          event,
          order.side,
          order.level.price_ticks,
          order.level.qty_lots,
          order.ts_ns,
          place.orders_ahead,
          place.lots_ahead};
}

TsUs NewestOrder(const Frame& frame, const FrameLevel3& message, TsUs otherwise_us) {
  std::int64_t newest_ns = 0;
  for (std::size_t i = message.orders_begin; i < message.orders_end; ++i) {
    newest_ns = std::max(newest_ns, frame.orders[i].ts_ns);
  }
  return newest_ns > 0 ? newest_ns / 1000 : otherwise_us;
}

}  // namespace

void Level3Book::Apply(const Frame& frame, const FrameLevel3& message, TsUs recv_ts_us,
                       Level3Verdict* verdict) {
  verdict->symbol = symbol_;
  verdict->is_snapshot = frame.is_snapshot;
  verdict->exch_ts_us = message.exch_ts_us.has_value() ? *message.exch_ts_us
                                                       : NewestOrder(frame, message, recv_ts_us);
  verdict->recv_ts_us = recv_ts_us;
  verdict->expected = message.checksum;
  if (!frame.is_snapshot && !HasBook()) {
    verdict->reason = state_ == State::kNone ? "no_book" : suspect_reason_;
    return;
  }
  if (!message.checksum.has_value()) return Refuse("no_checksum", verdict);
  verdict->is_inferred = frame.is_snapshot && Infer(frame, message);
  if (!precisions_.has_value()) return Refuse("precision", verdict);
  const std::string_view fault = Convert(frame, message);
  if (!fault.empty()) return Refuse(fault, verdict);

  if (frame.is_snapshot) orders_.Clear();
  ApplyEvents(frame, message, verdict);
  checksum_ = orders_.Checksum();
  verdict->actual = checksum_;
  const bool is_unchecked = frame.is_snapshot && *message.checksum == 0 && checksum_ != 0;
  if (is_unchecked) {
    state_ = State::kUnchecked;
    verdict->reason = "unchecked";
    verdict->changes.clear();
  } else if (checksum_ == *message.checksum || AgreesByTime(*message.checksum, verdict)) {
    Accept(verdict);
  } else {
    Refuse("checksum", verdict);
    verdict->state = BookState::kFailed;
  }
}

void Level3Book::ApplyEvents(const Frame& frame, const FrameLevel3& message,
                             Level3Verdict* verdict) {
  touched_.clear();
  for (std::size_t i = 0; i < converted_.size(); ++i) {
    ApplyEvent(frame.orders[message.orders_begin + i].event, converted_[i], verdict);
  }
  Cut(Side::kBid, verdict);
  Cut(Side::kAsk, verdict);
}

void Level3Book::ApplyEvent(OrderEvent event, const Level3Order& order, Level3Verdict* verdict) {
  Level3Order* known = orders_.Find(order.id.View());
  const bool is_gone = event == OrderEvent::kDelete || order.level.qty_lots == 0;
  if (is_gone) {
    // An order beyond the depth that we follow may be named without being known.
    if (known != nullptr) Remove(known, verdict);
    return;
  }
  touched_.emplace_back(order.side, order.level.price_ticks);
  if (known != nullptr) return Modify(known, order, verdict);
  const QueuePlace place = orders_.Add(order);
  verdict->changes.push_back(ChangeOf(OrderEvent::kAdd, order, place));
}

void Level3Book::Modify(Level3Order* known, const Level3Order& news, Level3Verdict* verdict) {
  const bool is_elsewhere =
      known->side != news.side || known->level.price_ticks != news.level.price_ticks;
  const bool is_more = news.level.qty_lots > known->level.qty_lots && news.ts_ns != known->ts_ns;
  QueuePlace place;
  if (is_elsewhere || is_more) {
    orders_.Remove(known);
    place = orders_.Add(news);
  } else {
    Level3Orders::Restate(known, news);
    place = orders_.PlaceOf(*known);
  }
  verdict->changes.push_back(ChangeOf(OrderEvent::kModify, news, place));
}

void Level3Book::Remove(Level3Order* known, Level3Verdict* verdict) {
  const QueuePlace place = orders_.PlaceOf(*known);
  verdict->changes.push_back(ChangeOf(OrderEvent::kDelete, *known, place));
  orders_.Remove(known);
}

// Levels that leave the subscribed depth get no removal message.
void Level3Book::Cut(Side side, Level3Verdict* verdict) {
  while (orders_.At(side).Size() > depth_) {
    const Level3Level& worst = orders_.At(side).At(orders_.At(side).Size() - 1);
    for (std::size_t left = worst.queue.size(); left > 0; --left) {
      Level3Order* order = worst.queue.back();
      verdict->changes.push_back(ChangeOf(OrderEvent::kEvict, *order, orders_.PlaceOf(*order)));
      orders_.Remove(order);  // with the last one the level is gone
    }
  }
}

bool Level3Book::AgreesByTime(std::uint32_t expected, Level3Verdict* verdict) {
  for (const auto& [side, price_ticks] : touched_) orders_.SortByTime(side, price_ticks);
  const std::uint32_t by_time = orders_.Checksum();
  if (by_time != expected) return false;
  checksum_ = by_time;
  verdict->actual = by_time;
  for (OrderChange& change : verdict->changes) {
    const Level3Order* order = orders_.Find(change.id.View());
    if (order == nullptr || order->level.price_ticks != change.price_ticks) continue;
    const QueuePlace place = orders_.PlaceOf(*order);
    change.orders_ahead = place.orders_ahead;
    change.lots_ahead = place.lots_ahead;
  }
  return true;
}

void Level3Book::Accept(Level3Verdict* verdict) {
  verdict->is_whole = verdict->is_snapshot || state_ == State::kUnchecked;
  if (verdict->is_whole) TellWholeBook(verdict);
  state_ = State::kLive;
  verdict->state = BookState::kVerified;
  verdict->price_precision = precisions_->price;
  verdict->qty_precision = precisions_->qty;
}

void Level3Book::TellWholeBook(Level3Verdict* verdict) const {
  verdict->changes.clear();
  for (const Side side : {Side::kBid, Side::kAsk}) {
    const Level3Side& levels = orders_.At(side);
    for (std::size_t rank = 0; rank < levels.Size(); ++rank) {
      QueuePlace place;
      for (const Level3Order* order : levels.At(rank).queue) {
        verdict->changes.push_back(ChangeOf(OrderEvent::kAdd, *order, place));
        ++place.orders_ahead;
        place.lots_ahead = AddLots(place.lots_ahead, order->level.qty_lots);
      }
    }
  }
}

void Level3Book::Refuse(std::string_view reason, Level3Verdict* verdict) {
  verdict->state = BookState::kUnverified;
  verdict->reason = reason;
  verdict->changes.clear();
  state_ = State::kSuspect;
  suspect_reason_ = reason;
  orders_.Clear();
}

void Level3Book::Suspect(std::string_view reason) {
  if (!HasBook()) return;
  state_ = State::kSuspect;
  suspect_reason_ = reason;
  orders_.Clear();
}

void Level3Book::Drop() noexcept {
  state_ = State::kNone;
  orders_.Clear();
}

void Level3Book::SetPrecisions(const Precisions& precisions) {
  const bool is_same = precisions_.has_value() && precisions_->price == precisions.price &&
                       precisions_->qty == precisions.qty;
  if (!is_same) Suspect("precision");
  precisions_ = precisions;
}

void Level3Book::SetDepth(std::size_t depth) {
  if (depth != depth_) Suspect("subscription");
  depth_ = depth;
}

// As `SymbolBook` does; but a level-3 quantity need not carry all its digits, so what is inferred
// may be too few, and a later snapshot widens it.
bool Level3Book::Infer(const Frame& frame, const FrameLevel3& message) {
  if (precisions_.has_value() && !precisions_->is_inferred) return false;
  std::uint32_t price = 0;
  std::uint32_t qty = 0;
  for (std::size_t i = message.orders_begin; i < message.orders_end; ++i) {
    price = std::max(price, frame.orders[i].level.price.fraction_digits);
    qty = std::max(qty, frame.orders[i].level.qty.fraction_digits);
  }
  constexpr std::uint32_t kMax = 18;
  if (message.orders_begin == message.orders_end || price > kMax || qty > kMax) return false;
  Precisions found{static_cast<int>(price), static_cast<int>(qty), true};
  if (precisions_.has_value()) {
    found.price = std::max(found.price, precisions_->price);
    found.qty = std::max(found.qty, precisions_->qty);
    if (found.price == precisions_->price && found.qty == precisions_->qty) return false;
  }
  precisions_ = found;
  return true;
}

std::string_view Level3Book::Convert(const Frame& frame, const FrameLevel3& message) {
  converted_.clear();
  for (std::size_t i = message.orders_begin; i < message.orders_end; ++i) {
    const FrameOrder& source = frame.orders[i];
    Level3Order& order = converted_.emplace_back();
    order.id = OrderId(source.order_id);
    order.side = source.is_ask ? Side::kAsk : Side::kBid;
    order.ts_ns = source.ts_ns;
    if (source.event == OrderEvent::kDelete) continue;
    const std::string_view fault = ConvertOrder(source, &order);
    if (!fault.empty()) return fault;
  }
  return {};
}

std::string_view Level3Book::ConvertOrder(const FrameOrder& source, Level3Order* order) const {
  BookLevel* level = &order->level;
  NumberFault fault = source.level.price.Scale(precisions_->price, &level->price_ticks);
  if (fault == NumberFault::kNone) {
    fault = source.level.qty.Scale(precisions_->qty, &level->qty_lots);
  }
  if (fault == NumberFault::kNone && level->price_ticks == 0) fault = NumberFault::kNotPositive;
  if (fault != NumberFault::kNone) return FaultName(fault);
  const int price_digits = source.level.price.CopyDigits(level->digits);
  const int qty_digits = source.level.qty.CopyDigits(level->digits + price_digits);
  level->digit_count = static_cast<std::uint8_t>(price_digits + qty_digits);
  return {};
}

}  // namespace lobdesk
