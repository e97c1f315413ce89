// Raw event lines read many at a time must be what each of them is alone.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../src/scan/json_text.hpp"
#include "lobdesk/scan.hpp"

namespace lobdesk {

/// One accepted or refused line, whatever made it.
struct EventRow {
  std::int64_t offset = 0;
  std::int64_t length = 0;
  std::vector<std::int64_t> numbers;
  std::vector<std::string> texts;
  bool operator==(const EventRow& other) const {
    return offset == other.offset && length == other.length && numbers == other.numbers &&
           texts == other.texts;
  }
};

/// All lines in order, accepted or refused.
inline std::vector<EventRow> EventRows(const EventColumns& columns) {
  std::vector<EventRow> rows;
  const auto name = [&](std::int32_t number) {
    return number < 0 ? std::string("none") : columns.names[static_cast<std::size_t>(number)];
  };
  for (std::size_t i = 0; i < columns.seq.size(); ++i) {
    const auto begin = reinterpret_cast<const char*>(columns.raw.data()) + columns.raw_begin[i];
    const auto size = static_cast<std::size_t>(columns.raw_begin[i + 1] - columns.raw_begin[i]);
    rows.push_back({columns.lines.offset[i],
                    columns.lines.length[i],
                    {columns.seq[i], columns.recv_ts_us[i], columns.mono_us[i], columns.conn[i],
                     columns.dir[i]},
                    {name(columns.boot[i]), name(columns.channel[i]), name(columns.type[i]),
                     name(columns.symbol[i]), std::string(begin, size)}});
  }
  for (const Reject& reject : columns.lines.rejects) {
    rows.push_back({reject.offset, reject.length, {}, {reject.reason}});
  }
  std::sort(rows.begin(), rows.end(),
            [](const EventRow& a, const EventRow& b) { return a.offset < b.offset; });
  return rows;
}

/// The first line of a text is read the slow way, and so is one that stands alone.
inline bool AreEventsEachAlone(const EventColumns& together, std::string_view text,
                               std::int64_t base_offset) {
  std::vector<EventRow> alone;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
    const auto offset = base_offset + static_cast<std::int64_t>(begin);
    const std::vector<EventRow> rows =
        EventRows(ScanEvents(text.substr(begin, end - begin), offset));
    alone.insert(alone.end(), rows.begin(), rows.end());
    begin = end;
  }
  return EventRows(together) == alone;
}

/// Whether the usual way to look into a frame finds what the slow one does.
inline bool AreFactsEqual(std::string_view frame) {
  const FrameFacts facts = ReadFrameFacts(frame);
  const FrameFacts walked = WalkFrame(frame);
  return facts.channel == walked.channel && facts.type == walked.type &&
         facts.symbol == walked.symbol;
}

}  // namespace lobdesk
