#include "lobdesk/book/book_verifier.hpp"

#include <algorithm>
#include <stdexcept>

#include "lobdesk/book/json_text.hpp"
#include "lobdesk/errors.hpp"

namespace lobdesk {

BookVerifier::BookVerifier(int depth, int book_levels)
    : depth_{static_cast<std::size_t>(depth)}, book_levels_{static_cast<std::size_t>(book_levels)} {
  if (depth < 1) throw std::invalid_argument("depth must be at least 1");
  if (book_levels < 1) throw std::invalid_argument("book_levels must be at least 1");
}

void BookVerifier::Feed(std::string_view text, TsUs recv_ts_us, Verdict* verdict) {
  scanner_.Scan(text, &frame_);
  verdict->kind = frame_.kind;
  verdict->reason = frame_.reason;
  verdict->books.clear();
  verdict->level3.clear();
  verdict->trades.clear();
  verdict->refused.clear();
  verdict->ended.clear();
  verdict->level3_ended.clear();
  switch (frame_.kind) {
    case FrameKind::kBook:
      OnBook(recv_ts_us, verdict);
      break;
    case FrameKind::kLevel3:
      OnLevel3(recv_ts_us, verdict);
      break;
    case FrameKind::kTrade:
      OnTrades(recv_ts_us, verdict);
      break;
    case FrameKind::kInstrument:
      OnInstruments(verdict);
      break;
    case FrameKind::kAck:
      OnAck(verdict);
      break;
    case FrameKind::kMalformed:
      OnMalformed(recv_ts_us, verdict);
      OnMalformedLevel3(recv_ts_us, verdict);
      break;
    default:
      break;
  }
}

void BookVerifier::OnBook(TsUs recv_ts_us, Verdict* verdict) {
  verdict->books.reserve(frame_.books.size());
  for (const FrameBook& message : frame_.books) {
    Get(message.symbol)->Apply(frame_, message, recv_ts_us, &verdict->books.emplace_back());
  }
}

void BookVerifier::OnTrades(TsUs recv_ts_us, Verdict* verdict) const {
  for (const FrameTrade& trade : frame_.trades) {
    const SymbolBook* book = Find(trade.symbol);
    if (book == nullptr || !book->Scale().has_value()) {
      verdict->refused.push_back({std::string(trade.symbol), FaultName(NumberFault::kPrecision)});
      continue;
    }
    TradeEntry entry;
    entry.price_precision = book->Scale()->price;
    entry.qty_precision = book->Scale()->qty;
    NumberFault fault = trade.level.price.Scale(entry.price_precision, &entry.price_ticks);
    if (fault == NumberFault::kNone) {
      fault = trade.level.qty.Scale(entry.qty_precision, &entry.qty_lots);
    }
    if (fault == NumberFault::kNone && (entry.price_ticks == 0 || entry.qty_lots == 0)) {
      fault = NumberFault::kNotPositive;
    }
    if (fault != NumberFault::kNone) {
      verdict->refused.push_back({std::string(trade.symbol), FaultName(fault)});
      continue;
    }
    entry.symbol = trade.symbol;
    entry.ord_type = trade.ord_type;
    entry.exch_ts_us = trade.exch_ts_us;
    entry.recv_ts_us = recv_ts_us;
    entry.trade_id = trade.trade_id;
    entry.is_sell = trade.is_sell;
    verdict->trades.push_back(std::move(entry));
  }
}

void BookVerifier::OnInstruments(Verdict* verdict) {
  for (const FrameInstrument& pair : frame_.instruments) {
    SymbolBook* book = Get(pair.symbol);
    const bool was_live = book->IsLive();
    book->SetPrecisions({pair.price_precision, pair.qty_precision, false});
    if (was_live && !book->IsLive()) verdict->ended.push_back({book->Symbol(), "precision"});
    const auto found = level3_.find(pair.symbol);
    if (found == level3_.end()) continue;
    const bool had_book = found->second->HasBook();
    found->second->SetPrecisions(*book->Scale());
    if (had_book && !found->second->HasBook()) {
      verdict->level3_ended.push_back({book->Symbol(), "precision"});
    }
  }
}

void BookVerifier::OnAck(Verdict* verdict) {
  const FrameAck& ack = frame_.ack;
  if (!ack.is_success || ack.symbol.empty()) return;
  if (ack.channel == "level3") return OnLevel3Ack(verdict);
  if (ack.channel != "book") return;
  SymbolBook* book = Get(ack.symbol);
  const bool was_live = book->IsLive();
  const bool is_over = ack.method == "unsubscribe";
  if (is_over) {
    book->Drop();
  } else if (ack.method == "subscribe" && ack.depth.has_value()) {
    book->SetDepth(static_cast<std::size_t>(*ack.depth));
  }
  if (was_live && !book->IsLive()) {
    verdict->ended.push_back({book->Symbol(), is_over ? "unsubscribed" : "subscription"});
  }
}

// A book frame that cannot be read is a lost message. The books it names become suspect. So do
// all books deeper than the checksum, because the next checksum need not show the loss there.
void BookVerifier::OnMalformed(TsUs recv_ts_us, Verdict* verdict) {
  if (!frame_.may_be_book) return;
  for (const auto& [symbol, book] : books_) {
    const bool is_deep = book->Depth() > OrderBook::kChecksumLevels;
    if (!book->IsLive() || (!IsSeen(symbol) && !is_deep)) continue;
    book->Suspect("malformed");
    BookVerdict& about = verdict->books.emplace_back();
    about.symbol = symbol;
    about.reason = "malformed";
    about.exch_ts_us = recv_ts_us;
  }
}

bool BookVerifier::IsSeen(std::string_view symbol) const noexcept {
  const auto& seen = frame_.symbols_seen;
  return std::find(seen.begin(), seen.end(), symbol) != seen.end();
}

void BookVerifier::SetInstrument(std::string_view symbol, const Precisions& precisions) {
  const auto is_valid = [](int p) { return p >= 0 && p <= FrameScanner::kMaxPrecision; };
  if (symbol.empty()) throw std::invalid_argument("symbol is empty");
  if (!is_valid(precisions.price) || !is_valid(precisions.qty)) {
    throw std::invalid_argument("a precision must be between 0 and 18");
  }
  Get(symbol)->SetPrecisions(precisions);
  const auto found = level3_.find(symbol);
  if (found != level3_.end()) found->second->SetPrecisions(precisions);
}

void BookVerifier::Reset(std::string_view symbol) {
  const auto found = books_.find(symbol);
  if (found != books_.end()) found->second->Drop();
  const auto level3 = level3_.find(symbol);
  if (level3 != level3_.end()) level3->second->Drop();
}

void BookVerifier::ResetAll() noexcept {
  for (auto& [symbol, book] : books_) book->Drop();
  for (auto& [symbol, book] : level3_) book->Drop();
}

std::string BookVerifier::Dump() const {
  std::string bytes;
  AppendBytes(static_cast<std::uint32_t>(books_.size()), &bytes);
  AppendBytes(static_cast<std::uint32_t>(level3_.size()), &bytes);
  for (const auto& [symbol, book] : books_) book->AppendState(&bytes);
  for (const auto& [symbol, book] : level3_) book->AppendState(&bytes);
  return bytes;
}

void BookVerifier::Load(std::string_view bytes) {
  decltype(books_) books;
  decltype(level3_) level3;
  ByteReader reader(bytes);
  const auto book_count = reader.Take<std::uint32_t>();
  const auto level3_count = reader.Take<std::uint32_t>();
  for (auto left = book_count; left > 0; --left) {
    auto book = std::make_unique<SymbolBook>(SymbolBook::FromState(&reader));
    std::string symbol = book->Symbol();
    books.emplace(std::move(symbol), std::move(book));
  }
  for (auto left = level3_count; left > 0; --left) {
    auto book = std::make_unique<Level3Book>(Level3Book::FromState(&reader));
    std::string symbol = book->Symbol();
    level3.emplace(std::move(symbol), std::move(book));
  }
  if (!reader.IsEmpty()) throw EngineError("the stored books are followed by something else");
  books_ = std::move(books);
  level3_ = std::move(level3);
  last_ = nullptr;
}

void BookVerifier::AppendSnapshotLine(std::string_view symbol, Seq seq, std::string* out) const {
  Live(symbol).AppendSnapshotLine(seq, book_levels_, out);
}

const OrderBook& BookVerifier::Book(std::string_view symbol) const { return Live(symbol).Book(); }

const SymbolBook& BookVerifier::Live(std::string_view symbol) const {
  const SymbolBook* book = Find(symbol);
  if (book == nullptr || !book->IsLive()) {
    throw EngineError(std::string(symbol) + " has no verified book now");
  }
  return *book;
}

const SymbolBook* BookVerifier::Find(std::string_view symbol) const noexcept {
  if (last_ != nullptr && last_->Symbol() == symbol) return last_;
  const auto found = books_.find(symbol);
  return found == books_.end() ? nullptr : found->second.get();
}

SymbolBook* BookVerifier::Get(std::string_view symbol) {
  if (last_ != nullptr && last_->Symbol() == symbol) return last_;
  auto found = books_.find(symbol);
  if (found == books_.end()) {
    std::string name(symbol);
    auto book = std::make_unique<SymbolBook>(name, depth_);
    found = books_.emplace(std::move(name), std::move(book)).first;
  }
  last_ = found->second.get();
  return last_;
}

std::vector<std::string> BookVerifier::Symbols() const {
  std::vector<std::string> symbols;
  for (const auto& [symbol, book] : books_) {
    if (book->IsLive()) symbols.push_back(symbol);
  }
  return symbols;
}

void AppendTradeLine(const TradeEntry& trade, Seq seq, std::string* out) {
  const auto append = [&](const char* key, std::int64_t value) {
    *out += key;
    AppendInteger(value, out);
  };
  *out += "{\"v\":1,\"symbol\":";
  AppendJsonString(trade.symbol, out);
  append(",\"seq\":", seq);
  append(",\"exch_ts_us\":", trade.exch_ts_us);
  append(",\"recv_ts_us\":", trade.recv_ts_us);
  append(",\"trade_id\":", trade.trade_id);
  *out += trade.is_sell ? ",\"side\":\"sell\",\"ord_type\":" : ",\"side\":\"buy\",\"ord_type\":";
  AppendJsonString(trade.ord_type, out);
  append(",\"price_ticks\":", trade.price_ticks);
  append(",\"qty_lots\":", trade.qty_lots);
  append(",\"price_precision\":", trade.price_precision);
  append(",\"qty_precision\":", trade.qty_precision);
  *out += "}\n";
}

}  // namespace lobdesk
