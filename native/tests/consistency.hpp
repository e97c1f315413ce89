// What must hold of a verifier after any frame whatever.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "lobdesk/book/book_verifier.hpp"

namespace lobdesk {

/// The checksum from first principles, one bit at a time. The digits are those on the wire: a
/// number with fewer of them than its symbol has counts as it was sent.
inline std::uint32_t SlowChecksum(const OrderBook& book) {
  std::string text;
  for (const BookSide* side : {&book.Asks(), &book.Bids()}) {
    for (std::size_t i = 0; i < side->Size() && i < OrderBook::kChecksumLevels; ++i) {
      text.append(side->At(i).digits, side->At(i).digit_count);
    }
  }
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

/// Tells whether a side is cut, sorted and free of empty levels.
inline bool IsProper(const BookSide& side, Ticks sign, std::size_t depth) {
  for (std::size_t i = 0; i < side.Size(); ++i) {
    if (side.At(i).qty_lots <= 0 || side.At(i).price_ticks <= 0) return false;
    if (i > 0 && sign * side.At(i).price_ticks <= sign * side.At(i - 1).price_ticks) return false;
  }
  return side.Size() <= depth;
}

/// The same for level 3, whose queues must also hold every order exactly once.
inline bool IsConsistentLevel3(const BookVerifier& verifier, const Verdict& verdict) {
  for (const Level3Verdict& about : verdict.level3) {
    const Level3Book* book = verifier.FindLevel3(about.symbol);
    if (book == nullptr) return false;
    std::size_t queued = 0;
    for (const Side side : {Side::kBid, Side::kAsk}) {
      const Level3Side& levels = book->Orders().At(side);
      if (levels.Size() > book->Depth()) return false;
      for (std::size_t rank = 0; rank < levels.Size(); ++rank) {
        if (levels.At(rank).queue.empty()) return false;
        queued += levels.At(rank).queue.size();
      }
    }
    if (queued != book->Orders().Size()) return false;
    if (about.state != BookState::kVerified) continue;
    std::string line;
    AppendOrdersLine(about, 1, &line);
  }
  return true;
}

/// Returns false if the verdict contradicts the verifier's state.
inline bool IsConsistent(const BookVerifier& verifier, const Verdict& verdict) {
  if (verdict.kind == FrameKind::kMalformed && verdict.reason.empty()) return false;
  for (std::size_t i = 0; i < verdict.books.size(); ++i) {
    const BookVerdict& book = verdict.books[i];
    bool is_last = true;
    for (std::size_t j = i + 1; j < verdict.books.size(); ++j) {
      is_last = is_last && verdict.books[j].symbol != book.symbol;
    }
    if (!is_last) continue;
    const SymbolBook* state = verifier.Find(book.symbol);
    if (state == nullptr || state->IsLive() != (book.state == BookState::kVerified)) return false;
    if (book.state != BookState::kVerified) continue;
    if (state->Book().Checksum() != book.expected) return false;
    if (SlowChecksum(state->Book()) != book.expected) return false;
    if (!IsProper(state->Book().Bids(), -1, state->Depth())) return false;
    if (!IsProper(state->Book().Asks(), 1, state->Depth())) return false;
    std::string line;
    verifier.AppendSnapshotLine(book.symbol, 1, &line);
  }
  return IsConsistentLevel3(verifier, verdict);
}

}  // namespace lobdesk
