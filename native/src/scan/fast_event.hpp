// Raw event lines as our own writer writes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lobdesk/units.hpp"

namespace lobdesk {

/// What stands in a line before its frame.
struct EventHead {
  Seq seq = 0;
  TsUs recv_ts_us = 0;
  TsUs mono_us = 0;
  std::int64_t conn = 0;
  std::uint8_t dir = 0;
  std::string_view boot;  ///< With its escapes.
};

/// Reads lines of the usual shape: no sign, no number beyond 16 digits, the boot of the line
/// before.
///
/// The end of a line need not be known: a newline cannot stand within anything that it reads. A
/// line that it reads is one that the slow reader would read, to the same row; a line that it does
/// not read may still be right.
class FastEventReader {
 public:
  /// `data` is what the lines lie in: bytes around a line are looked at, never others.
  explicit FastEventReader(std::string_view data) noexcept : data_{data} {}

  /// Tells the boot of the last line, with its escapes.
  void ExpectBoot(std::string_view boot);

  /// Reads the line at `begin`; its frame's text goes to `*raw`, which has room for the rest of the
  /// data and moves behind it. Returns where the next line begins, 0 where the slow reader must
  /// decide; all else is then in any state.
  [[nodiscard]] std::size_t Read(std::size_t begin, EventHead* head, char** raw,
                                 bool* is_ascii) const noexcept;

 private:
  std::string_view data_;
  std::string boot_;  // From the key on to the next number; empty before the first line.
};

}  // namespace lobdesk
