// The line of the order log.
#include <string>
#include <string_view>

#include "lobdesk/book/json_text.hpp"
#include "lobdesk/book/verdict.hpp"

namespace lobdesk {
namespace {

constexpr std::string_view kEvents[] = {"add", "modify", "delete", "evict"};

void AppendChange(const OrderChange& change, std::string* out) {
  *out += "[\"";
  *out += kEvents[static_cast<int>(change.event)];
  *out += change.side == Side::kBid ? "\",\"bid\"," : "\",\"ask\",";
  AppendJsonString(change.id.View(), out);
  for (const std::int64_t value : {change.price_ticks, change.qty_lots, change.orders_ahead,
                                   change.lots_ahead, change.ts_ns}) {
    *out += ',';
    AppendInteger(value, out);
  }
  *out += ']';
}

}  // namespace

void AppendOrdersLine(const Level3Verdict& verdict, Seq seq, std::string* out) {
  const auto append = [&](const char* key, std::int64_t value) {
    *out += key;
    AppendInteger(value, out);
  };
  *out += "{\"v\":1,\"symbol\":";
  AppendJsonString(verdict.symbol, out);
  append(",\"seq\":", seq);
  append(",\"exch_ts_us\":", verdict.exch_ts_us);
  append(",\"recv_ts_us\":", verdict.recv_ts_us);
  append(",\"price_precision\":", verdict.price_precision);
  append(",\"qty_precision\":", verdict.qty_precision);
  *out += verdict.is_whole ? ",\"type\":\"snapshot\",\"events\":["
                           : ",\"type\":\"update\",\"events\":[";
  bool is_first = true;
  for (const OrderChange& change : verdict.changes) {
    if (!is_first) *out += ',';
    is_first = false;
    AppendChange(change, out);
  }
  append("],\"checksum\":", verdict.expected.value_or(0));
  *out += ",\"verified\":true}\n";
}

}  // namespace lobdesk
