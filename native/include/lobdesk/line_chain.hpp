// Which raw event lines are not what was written, by the checksum that each carries.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace lobdesk {

/// What the checksums of lines in a row say.
struct LineChain {
  std::vector<std::int64_t> bad;      ///< Where damaged lines begin, bytes from the first line.
  std::optional<std::uint32_t> last;  ///< Checksum that the last line carries.
};

/// Compares each line with its checksum, which goes over the line before it as well.
///
/// A line whose predecessor is missing (its number jumps) cannot be compared and counts as whole;
/// so does the first one if `previous` is absent, and one behind a line without a checksum, which
/// no reader accepts anyway. Only the damaged line is named, not the one behind it: that follows
/// either from the checksum that is written in the damaged line, or from the one that its bytes
/// give.
[[nodiscard]] LineChain CheckLineChain(std::string_view data,
                                       std::optional<std::uint32_t> previous);

}  // namespace lobdesk
