// Snapshot and trade lines.
#include <limits>

#include "fast_snapshot.hpp"
#include "json_text.hpp"
#include "lines.hpp"
#include "lobdesk/utf8.hpp"

namespace lobdesk {
namespace {

constexpr std::int64_t kMaxInt64 = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMaxPrecision = 18;

struct Keys {
  Seq seq;
  TsUs exch_ts_us, recv_ts_us;
};

bool ReadVersion(LineCursor& cursor) {
  std::int64_t version = 0;
  return cursor.Literal("{\"v\":") && cursor.Integer(&version) &&
         (version == 1 || cursor.Fail("schema version is not 1"));
}

bool ReadSymbol(LineCursor& cursor, std::string_view expected) {
  std::string_view escaped;
  if (!cursor.Literal(",\"symbol\":") || !cursor.RawString(&escaped)) return false;
  if (escaped == expected) return true;
  std::string text;
  if (const char* why = AppendUnescaped(escaped, &text)) return cursor.Fail(why);
  return text == expected || cursor.Fail("symbol is not that of the folder");
}

bool ReadKeys(LineCursor& cursor, std::string_view symbol, Keys* keys) {
  return ReadVersion(cursor) && ReadSymbol(cursor, symbol) && cursor.Literal(",\"seq\":") &&
         cursor.Integer(0, kMaxInt64, &keys->seq) && cursor.Literal(",\"exch_ts_us\":") &&
         cursor.Integer(&keys->exch_ts_us) && cursor.Literal(",\"recv_ts_us\":") &&
         cursor.Integer(&keys->recv_ts_us);
}

bool ReadPrecisions(LineCursor& cursor, std::int64_t* price, std::int64_t* qty) {
  return cursor.Literal(",\"price_precision\":") && cursor.Integer(0, kMaxPrecision, price) &&
         cursor.Literal(",\"qty_precision\":") && cursor.Integer(0, kMaxPrecision, qty);
}

// Levels best first: `direction` is -1 where prices fall (bids), 1 where they rise.
bool ReadLevels(LineCursor& cursor, int direction, BookSide* book) {
  if (!cursor.Literal("[")) return false;
  if (cursor.Skip(']')) return true;
  for (std::size_t i = 0;; ++i) {
    if (i == kBookLevels) return cursor.Fail("more than ten levels");
    if (!cursor.Literal("[") || !cursor.Integer(&book->ticks[i]) || !cursor.Literal(",") ||
        !cursor.Integer(1, kMaxInt64, &book->lots[i]) || !cursor.Literal("]")) {
      return false;
    }
    if (i > 0 && (direction > 0 ? book->ticks[i] <= book->ticks[i - 1]
                                : book->ticks[i] >= book->ticks[i - 1])) {
      return cursor.Fail("levels are not best first");
    }
    if (cursor.Skip(']')) return true;
    if (!cursor.Literal(",")) return false;
  }
}

bool ReadVerdict(LineCursor& cursor, std::int64_t* checksum, std::int8_t* verified) {
  if (!cursor.Literal(",\"checksum\":")) return false;
  *checksum = -1;
  if (cursor.At('n') ? !cursor.Literal("null")
                     : !cursor.Integer(0, std::numeric_limits<std::uint32_t>::max(), checksum)) {
    return false;
  }
  if (!cursor.Literal(",\"verified\":")) return false;
  *verified = cursor.At('n') ? -1 : 1;
  return (*verified < 0 ? cursor.Literal("null}") : cursor.Literal("true}")) && cursor.End();
}

bool ReadSnapshot(LineCursor& cursor, std::string_view symbol, SnapshotRow* row) {
  Keys keys{};
  if (!ReadKeys(cursor, symbol, &keys) ||
      !ReadPrecisions(cursor, &row->price_precision, &row->qty_precision) ||
      !cursor.Literal(",\"bids\":") || !ReadLevels(cursor, -1, &row->bids) ||
      !cursor.Literal(",\"asks\":") || !ReadLevels(cursor, 1, &row->asks) ||
      !ReadVerdict(cursor, &row->checksum, &row->verified)) {
    return false;
  }
  row->seq = keys.seq;
  row->exch_ts_us = keys.exch_ts_us;
  row->recv_ts_us = keys.recv_ts_us;
  return true;
}

void Append(const BookSide& side, LargeVector<Ticks>* ticks, LargeVector<Lots>* lots) {
  ticks->insert(ticks->end(), side.ticks.begin(), side.ticks.end());
  lots->insert(lots->end(), side.lots.begin(), side.lots.end());
}

void Append(const SnapshotRow& row, SnapshotColumns* out) {
  out->seq.push_back(row.seq);
  out->exch_ts_us.push_back(row.exch_ts_us);
  out->recv_ts_us.push_back(row.recv_ts_us);
  out->price_precision.push_back(static_cast<std::int8_t>(row.price_precision));
  out->qty_precision.push_back(static_cast<std::int8_t>(row.qty_precision));
  Append(row.bids, &out->bid_ticks, &out->bid_lots);
  Append(row.asks, &out->ask_ticks, &out->ask_lots);
  out->checksum.push_back(row.checksum);
  out->verified.push_back(row.verified);
}

void Reserve(std::size_t rows, SnapshotColumns* out) {
  for (auto* column : {&out->seq, &out->exch_ts_us, &out->recv_ts_us, &out->checksum,
                       &out->lines.offset, &out->lines.length}) {
    column->reserve(rows);
  }
  for (auto* column : {&out->price_precision, &out->qty_precision, &out->verified}) {
    column->reserve(rows);
  }
  for (auto* column : {&out->bid_ticks, &out->bid_lots, &out->ask_ticks, &out->ask_lots}) {
    column->reserve(rows * kBookLevels);
  }
}

struct TradeTail {
  std::int64_t trade_id = 0;
  std::uint8_t side = 0;
  std::string ord_type;
  Ticks price_ticks = 0;
  Lots qty_lots = 0;
  std::int64_t price_precision = 0;
  std::int64_t qty_precision = 0;
};

bool ReadTradeTail(LineCursor& cursor, TradeTail* trade) {
  std::string_view side;
  std::string_view ord_type;
  if (!cursor.Literal(",\"trade_id\":") || !cursor.Integer(&trade->trade_id) ||
      !cursor.Literal(",\"side\":") || !cursor.RawString(&side)) {
    return false;
  }
  if (side != "buy" && side != "sell") return cursor.Fail("side is neither buy nor sell");
  trade->side = side == "sell" ? 1 : 0;
  if (!cursor.Literal(",\"ord_type\":") || !cursor.RawString(&ord_type)) return false;
  if (const char* why = AppendUnescaped(ord_type, &trade->ord_type)) return cursor.Fail(why);
  if (!IsUtf8(trade->ord_type)) return cursor.Fail("not UTF-8");
  return cursor.Literal(",\"price_ticks\":") && cursor.Integer(&trade->price_ticks) &&
         cursor.Literal(",\"qty_lots\":") && cursor.Integer(1, kMaxInt64, &trade->qty_lots) &&
         ReadPrecisions(cursor, &trade->price_precision, &trade->qty_precision) &&
         cursor.Literal("}") && cursor.End();
}

std::int32_t Intern(const std::string& text, std::vector<std::string>* names) {
  for (std::size_t i = 0; i < names->size(); ++i) {
    if ((*names)[i] == text) return static_cast<std::int32_t>(i);
  }
  names->push_back(text);
  return static_cast<std::int32_t>(names->size() - 1);
}

bool ReadTrade(LineCursor& cursor, std::string_view symbol, TradeColumns* out) {
  Keys keys{};
  TradeTail trade;
  if (!ReadKeys(cursor, symbol, &keys) || !ReadTradeTail(cursor, &trade)) return false;
  out->seq.push_back(keys.seq);
  out->exch_ts_us.push_back(keys.exch_ts_us);
  out->recv_ts_us.push_back(keys.recv_ts_us);
  out->trade_id.push_back(trade.trade_id);
  out->side.push_back(trade.side);
  out->ord_type.push_back(Intern(trade.ord_type, &out->ord_types));
  out->price_ticks.push_back(trade.price_ticks);
  out->qty_lots.push_back(trade.qty_lots);
  out->price_precision.push_back(static_cast<std::int8_t>(trade.price_precision));
  out->qty_precision.push_back(static_cast<std::int8_t>(trade.qty_precision));
  return true;
}

}  // namespace

SnapshotColumns ScanSnapshots(std::string_view data, std::string_view symbol,
                              std::int64_t base_offset) {
  SnapshotColumns out;
  Reserve(GuessLines(data), &out);
  const FastSnapshotReader fast(data, symbol);
  ForEachLine(data, base_offset, &out.lines, [&](LineCursor& cursor) {
    SnapshotRow row;
    if (!fast.Read(cursor.Text(), &row)) {
      row = SnapshotRow();
      if (!ReadSnapshot(cursor, symbol, &row)) return false;
    }
    Append(row, &out);
    return true;
  });
  return out;
}

TradeColumns ScanTrades(std::string_view data, std::string_view symbol, std::int64_t base_offset) {
  TradeColumns out;
  ForEachLine(data, base_offset, &out.lines,
              [&](LineCursor& cursor) { return ReadTrade(cursor, symbol, &out); });
  return out;
}

}  // namespace lobdesk
