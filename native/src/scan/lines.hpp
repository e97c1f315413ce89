// Cutting a block of bytes into lines and keeping what each line's reader accepts.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "line_cursor.hpp"
#include "lobdesk/scan.hpp"

namespace lobdesk {

/// About as many lines as there are, judged by the first one, so that columns rarely grow.
inline std::size_t GuessLines(std::string_view data) noexcept {
  constexpr std::size_t kShortest = 128;  // a first line of one byte must not ask for gigabytes
  const std::size_t first = std::min(data.find('\n'), data.size());
  return data.size() / std::max(first, kShortest) * 17 / 16 + 1;
}

/// Calls `read(cursor)` for every line; it returns whether the line fits, and adds its row only
/// then. Offsets or a reject are added here. Before, `read_fast(begin)` may take the line: it then
/// adds the row and returns where the next line begins, else 0.
template <typename ReadFast, typename Read>
void ForEachLine(std::string_view data, std::int64_t base_offset, Lines* lines, ReadFast read_fast,
                 Read read) {
  std::size_t begin = 0;
  while (begin < data.size()) {
    const auto offset = base_offset + static_cast<std::int64_t>(begin);
    if (const std::size_t next = read_fast(begin)) {
      lines->offset.push_back(offset);
      lines->length.push_back(static_cast<std::int64_t>(next - begin));
      begin = next;
      continue;
    }
    const auto* newline =
        static_cast<const char*>(std::memchr(data.data() + begin, '\n', data.size() - begin));
    const std::size_t end =
        newline == nullptr ? data.size() : static_cast<std::size_t>(newline - data.data());
    const std::size_t next = newline == nullptr ? end : end + 1;
    const auto length = static_cast<std::int64_t>(next - begin);
    LineCursor cursor(data.substr(begin, end - begin));
    if (read(cursor)) {
      lines->offset.push_back(offset);
      lines->length.push_back(length);
    } else {
      lines->rejects.push_back({offset, length, cursor.Reason()});
    }
    begin = next;
  }
}

/// The same where each line is read in one way.
template <typename Read>
void ForEachLine(std::string_view data, std::int64_t base_offset, Lines* lines, Read read) {
  ForEachLine(data, base_offset, lines, [](std::size_t) -> std::size_t { return 0; }, read);
}

}  // namespace lobdesk
