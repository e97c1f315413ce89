// The level-3 part of BookVerifier.
#include <algorithm>

#include "lobdesk/book/book_verifier.hpp"

namespace lobdesk {

void BookVerifier::OnLevel3(TsUs recv_ts_us, Verdict* verdict) {
  verdict->level3.reserve(frame_.level3.size());
  for (const FrameLevel3& message : frame_.level3) {
    GetLevel3(message.symbol)->Apply(frame_, message, recv_ts_us, &verdict->level3.emplace_back());
  }
}

void BookVerifier::OnLevel3Ack(Verdict* verdict) {
  const FrameAck& ack = frame_.ack;
  Level3Book* book = GetLevel3(ack.symbol);
  const bool had_book = book->HasBook();
  const bool is_over = ack.method == "unsubscribe";
  if (is_over) {
    book->Drop();
  } else if (ack.method == "subscribe" && ack.depth.has_value()) {
    book->SetDepth(static_cast<std::size_t>(*ack.depth));
  }
  if (had_book && !book->HasBook()) {
    verdict->level3_ended.push_back({book->Symbol(), is_over ? "unsubscribed" : "subscription"});
  }
}

void BookVerifier::OnMalformedLevel3(TsUs recv_ts_us, Verdict* verdict) {
  if (!frame_.may_be_level3) return;
  for (const auto& [symbol, book] : level3_) {
    const bool is_deep = book->Depth() > Level3Orders::kChecksumLevels;
    if (!book->HasBook() || (!IsSeen(symbol) && !is_deep)) continue;
    book->Suspect("malformed");
    Level3Verdict& about = verdict->level3.emplace_back();
    about.symbol = symbol;
    about.reason = "malformed";
    about.exch_ts_us = about.recv_ts_us = recv_ts_us;
  }
}

void BookVerifier::TakeInstruments(const BookVerifier& other) {
  for (const auto& [symbol, book] : other.books_) {
    if (!book->Scale().has_value() || book->Scale()->is_inferred) continue;
    Get(symbol)->SetPrecisions(*book->Scale());
    const auto found = level3_.find(symbol);
    if (found != level3_.end()) found->second->SetPrecisions(*book->Scale());
  }
}

const Level3Book* BookVerifier::FindLevel3(std::string_view symbol) const noexcept {
  const auto found = level3_.find(symbol);
  return found == level3_.end() ? nullptr : found->second.get();
}

Level3Book* BookVerifier::GetLevel3(std::string_view symbol) {
  auto found = level3_.find(symbol);
  if (found == level3_.end()) {
    std::string name(symbol);
    auto book = std::make_unique<Level3Book>(name, depth_);
    const SymbolBook* known = Find(symbol);
    if (known != nullptr && known->Scale().has_value() && !known->Scale()->is_inferred) {
      book->SetPrecisions(*known->Scale());
    }
    found = level3_.emplace(std::move(name), std::move(book)).first;
  }
  return found->second.get();
}

std::vector<std::string> BookVerifier::Level3Symbols() const {
  std::vector<std::string> symbols;
  for (const auto& [symbol, book] : level3_) {
    if (book->IsLive()) symbols.push_back(symbol);
  }
  return symbols;
}

}  // namespace lobdesk
