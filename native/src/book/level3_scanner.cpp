// The level-3 part of FrameScanner.
#include "lobdesk/book/frame_scanner.hpp"
#include "lobdesk/book/level3_order.hpp"
#include "lobdesk/book/timestamp.hpp"

namespace lobdesk {
namespace {

// Members that an element must have, as bits.
enum Level3Member : unsigned { kSymbol = 1, kBids = 2, kAsks = 4, kChecksum = 8, kTimestamp = 16 };
enum OrderMember : unsigned {
  kOrderId = 1,
  kPrice = 2,
  kQty = 4,
  kOrderTimestamp = 8,
  kEvent = 16,
  kAllOfOrder = 15,
};

}  // namespace

bool FrameScanner::ScanLevel3(Frame* frame) {
  FrameLevel3 message;
  unsigned seen = 0;
  message.orders_begin = frame->orders.size();
  const auto on_key = [&](std::string_view key) {
    return ScanLevel3Member(key, &message, &seen, frame);
  };
  if (!cursor_.ReadObject(on_key)) return false;
  constexpr unsigned kRequired = kSymbol | kBids | kAsks;
  if ((seen & kRequired) != kRequired) return cursor_.Fail("symbol, bids or asks is missing");
  message.orders_end = frame->orders.size();
  frame->level3.push_back(message);
  return true;
}

bool FrameScanner::ScanLevel3Member(std::string_view key, FrameLevel3* message, unsigned* seen,
                                    Frame* frame) {
  if (key == "symbol") {
    if (!Once(kSymbol, seen) || !ScanSymbol(&message->symbol)) return false;
    frame->symbols_seen.push_back(message->symbol);
    return true;
  }
  if (key == "bids") return Once(kBids, seen) && ScanOrders(false, frame);
  if (key == "asks") return Once(kAsks, seen) && ScanOrders(true, frame);
  if (key == "checksum") return Once(kChecksum, seen) && ScanChecksum(&message->checksum);
  if (key != "timestamp") return cursor_.SkipValue();
  TsUs ts_us = 0;
  if (!Once(kTimestamp, seen) || !ScanTimestamp(&ts_us)) return false;
  message->exch_ts_us = ts_us;
  return true;
}

bool FrameScanner::ScanOrders(bool is_ask, Frame* frame) {
  return cursor_.ReadArray([&] {
    FrameOrder& order = frame->orders.emplace_back();
    order.is_ask = is_ask;
    return ScanOrder(&order, frame->is_snapshot);
  });
}

bool FrameScanner::ScanOrder(FrameOrder* order, bool is_snapshot) {
  unsigned seen = 0;
  const auto on_key = [&](std::string_view key) { return ScanOrderMember(key, order, &seen); };
  if (!cursor_.ReadObject(on_key)) return false;
  if (is_snapshot) {
    order->event = OrderEvent::kAdd;
  } else if ((seen & kEvent) == 0) {
    return cursor_.Fail("an order lacks its event");
  }
  // A deletion needs no more than a name.
  const unsigned required = order->event == OrderEvent::kDelete ? kOrderId : kAllOfOrder;
  return (seen & required) == required || cursor_.Fail("an order lacks a member");
}

bool FrameScanner::ScanOrderMember(std::string_view key, FrameOrder* order, unsigned* seen) {
  if (key == "order_id") return Once(kOrderId, seen) && ScanOrderId(&order->order_id);
  if (key == "limit_price") return Once(kPrice, seen) && cursor_.ReadNumber(&order->level.price);
  if (key == "order_qty") return Once(kQty, seen) && cursor_.ReadNumber(&order->level.qty);
  if (key == "event") return Once(kEvent, seen) && ScanOrderEvent(order);
  if (key != "timestamp") return cursor_.SkipValue();
  std::string_view text;
  if (!Once(kOrderTimestamp, seen) || !cursor_.ReadString(&text)) return false;
  return ParseRfc3339Ns(text, &order->ts_ns) || cursor_.Fail("timestamp is not RFC 3339");
}

bool FrameScanner::ScanOrderId(std::string_view* id) {
  if (!ScanSymbol(id)) return false;
  return id->size() <= OrderId::kMaxBytes || cursor_.Fail("an order's name is too long");
}

bool FrameScanner::ScanOrderEvent(FrameOrder* order) {
  std::string_view event;
  if (!cursor_.ReadString(&event)) return false;
  if (event == "add") {
    order->event = OrderEvent::kAdd;
  } else if (event == "modify") {
    order->event = OrderEvent::kModify;
  } else if (event == "delete") {
    order->event = OrderEvent::kDelete;
  } else {
    return cursor_.Fail("event is none of add, modify and delete");
  }
  return true;
}

}  // namespace lobdesk
