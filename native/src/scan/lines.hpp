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
/// then. Offsets or a reject are added here.
template <typename Read>
void ForEachLine(std::string_view data, std::int64_t base_offset, Lines* lines, Read read) {
  std::size_t begin = 0;
  while (begin < data.size()) {
    const auto* newline =
        static_cast<const char*>(std::memchr(data.data() + begin, '\n', data.size() - begin));
    const std::size_t end =
        newline == nullptr ? data.size() : static_cast<std::size_t>(newline - data.data());
    const std::size_t next = newline == nullptr ? end : end + 1;
    const auto offset = base_offset + static_cast<std::int64_t>(begin);
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

}  // namespace lobdesk
