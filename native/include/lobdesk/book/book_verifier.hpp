// Checks every book message of one connection against the exchange's checksum.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lobdesk/book/frame.hpp"
#include "lobdesk/book/frame_scanner.hpp"
#include "lobdesk/book/level3_book.hpp"
#include "lobdesk/book/symbol_book.hpp"
#include "lobdesk/book/verdict.hpp"
#include "lobdesk/units.hpp"

namespace lobdesk {

/// The books of all symbols of one connection.
///
/// A frame is parsed wholly before anything is applied. Live recording, re-derivation and import
/// use this same code, so that they cannot disagree.
class BookVerifier {
 public:
  /// `depth` holds until a subscription's answer names another one; `book_levels` is what a
  /// snapshot line keeps of each side. Throws std::invalid_argument if one is not positive.
  BookVerifier(int depth, int book_levels);

  /// Judges and applies one frame; `verdict` is overwritten.
  void Feed(std::string_view text, TsUs recv_ts_us, Verdict* verdict);

  /// Sets a symbol's precisions. Throws std::invalid_argument if one is not in 0..18 or the name
  /// is empty.
  void SetInstrument(std::string_view symbol, const Precisions& precisions);
  /// Takes over the precisions that an exchange told another connection: not every endpoint has
  /// the channel that tells them.
  void TakeInstruments(const BookVerifier& other);
  /// Forgets one book.
  void Reset(std::string_view symbol);
  /// Forgets all books; precisions and depths stay.
  void ResetAll() noexcept;

  /// Returns all books, precisions and depths as bytes for `Load`, on the same machine.
  [[nodiscard]] std::string Dump() const;
  /// Takes over what `Dump` returned, in place of all that is here. Throws EngineError and changes
  /// nothing if the bytes are no such thing.
  void Load(std::string_view bytes);

  /// Appends the L2Snapshot line of a symbol. Throws EngineError without a verified book.
  void AppendSnapshotLine(std::string_view symbol, Seq seq, std::string* out) const;
  /// The symbol's book. Throws EngineError without a verified book.
  [[nodiscard]] const OrderBook& Book(std::string_view symbol) const;
  /// What is known of a symbol, or null.
  [[nodiscard]] const SymbolBook* Find(std::string_view symbol) const noexcept;
  /// Symbols with a verified book, sorted.
  [[nodiscard]] std::vector<std::string> Symbols() const;
  /// What is known of a symbol's orders, or null.
  [[nodiscard]] const Level3Book* FindLevel3(std::string_view symbol) const noexcept;
  /// Symbols with a verified order-level book, sorted.
  [[nodiscard]] std::vector<std::string> Level3Symbols() const;

 private:
  SymbolBook* Get(std::string_view symbol);
  void OnBook(TsUs recv_ts_us, Verdict* verdict);
  void OnLevel3(TsUs recv_ts_us, Verdict* verdict);
  void OnTrades(TsUs recv_ts_us, Verdict* verdict) const;
  void OnInstruments(Verdict* verdict);
  void OnAck(Verdict* verdict);
  void OnLevel3Ack(Verdict* verdict);
  void OnMalformed(TsUs recv_ts_us, Verdict* verdict);
  void OnMalformedLevel3(TsUs recv_ts_us, Verdict* verdict);
  [[nodiscard]] bool IsSeen(std::string_view symbol) const noexcept;
  Level3Book* GetLevel3(std::string_view symbol);
  [[nodiscard]] const SymbolBook& Live(std::string_view symbol) const;

  std::size_t depth_;
  std::size_t book_levels_;
  FrameScanner scanner_;
  Frame frame_;
  std::map<std::string, std::unique_ptr<SymbolBook>, std::less<>> books_;
  std::map<std::string, std::unique_ptr<Level3Book>, std::less<>> level3_;
  SymbolBook* last_ = nullptr;  // most frames are about the same few symbols
};

/// Appends the line of one trade for the trade log.
void AppendTradeLine(const TradeEntry& trade, Seq seq, std::string* out);

}  // namespace lobdesk
