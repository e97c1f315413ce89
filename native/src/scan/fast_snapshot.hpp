// Snapshot lines as our own writer writes them, many digits at a time.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "lobdesk/scan.hpp"

namespace lobdesk {

/// One side of a book.
struct BookSide {
  std::array<Ticks, kBookLevels> ticks{};
  std::array<Lots, kBookLevels> lots{};
};

/// What one snapshot line says.
struct SnapshotRow {
  Seq seq = 0;
  TsUs exch_ts_us = 0;
  TsUs recv_ts_us = 0;
  std::int64_t price_precision = 0;
  std::int64_t qty_precision = 0;
  BookSide bids, asks;
  std::int64_t checksum = -1;
  std::int8_t verified = -1;
};

/// Reads lines of the usual shape: no sign, no empty side, no number beyond 16 digits.
///
/// All places where digits begin and end are found first, 64 bytes at a time, so that the numbers
/// do not wait for each other. A line that it reads is one that the slow reader would read, to the
/// same row; a line that it does not read may still be right.
class FastSnapshotReader {
 public:
  /// `data` is what the lines lie in: bytes behind a line are looked at, never those behind `data`.
  FastSnapshotReader(std::string_view data, std::string_view symbol);

  /// Returns false where the slow reader must decide; `*row` is then in any state.
  [[nodiscard]] bool Read(std::string_view line, SnapshotRow* row) const noexcept;

 private:
  std::string head_;  // Up to the number of the event; empty if the symbol is not plain text.
  const char* data_end_;
  bool has_bits_;
};

}  // namespace lobdesk
