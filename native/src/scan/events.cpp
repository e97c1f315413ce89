// Raw event lines.
#include <limits>
#include <unordered_map>

#include "fast_event.hpp"
#include "json_text.hpp"
#include "lines.hpp"
#include "lobdesk/utf8.hpp"

namespace lobdesk {
namespace {

constexpr std::int64_t kMaxInt64 = std::numeric_limits<std::int64_t>::max();

// Numbers for repeated texts; consecutive rows mostly repeat the same ones.
class Names {
 public:
  explicit Names(std::vector<std::string>* names) noexcept : names_{names} {}

  // `last` is the number that the row before had in the same column.
  std::int32_t Number(std::string_view text, std::int32_t last) {
    if (text.empty()) return -1;
    if (last >= 0 && (*names_)[static_cast<std::size_t>(last)] == text) return last;
    key_.assign(text);
    const auto [entry, is_new] = numbers_.try_emplace(key_, 0);
    if (is_new) {
      entry->second = static_cast<std::int32_t>(names_->size());
      names_->push_back(key_);
    }
    return entry->second;
  }

 private:
  std::vector<std::string>* names_;
  std::string key_;
  std::unordered_map<std::string, std::int32_t> numbers_;
};

bool ReadDir(LineCursor& cursor, std::uint8_t* dir) {
  std::string_view text;
  if (!cursor.Literal(",\"dir\":") || !cursor.RawString(&text)) return false;
  if (text == "in") {
    *dir = 0;
  } else if (text == "out") {
    *dir = 1;
  } else if (text == "note") {
    *dir = 2;
  } else {
    return cursor.Fail("dir is none of in, out, note");
  }
  return true;
}

// Reads a line; the frame's text goes to `*raw`, which moves behind it.
bool ReadEvent(LineCursor& cursor, EventHead* head, char** raw) {
  std::int64_t version = 0;
  std::int64_t crc = 0;
  if (!cursor.Literal("{\"v\":") || !cursor.Integer(&version)) return false;
  if (version != 1) return cursor.Fail("schema version is not 1");
  return cursor.Literal(",\"seq\":") && cursor.Integer(0, kMaxInt64, &head->seq) &&
         cursor.Literal(",\"recv_ts_us\":") && cursor.Integer(&head->recv_ts_us) &&
         cursor.Literal(",\"mono_us\":") && cursor.Integer(&head->mono_us) &&
         cursor.Literal(",\"boot\":") && cursor.RawString(&head->boot) &&
         cursor.Literal(",\"conn\":") && cursor.Integer(&head->conn) &&
         ReadDir(cursor, &head->dir) && cursor.Literal(",\"raw\":") && cursor.String(raw) &&
         cursor.Literal(",\"crc\":") &&
         cursor.Integer(0, std::numeric_limits<std::uint32_t>::max(), &crc) &&
         cursor.Literal("}") && cursor.End();
}

// A name of a frame as text; what is no proper text counts as absent.
std::string_view Plain(std::string_view escaped, std::string* buffer) {
  if (escaped.find('\\') == std::string_view::npos) return escaped;
  buffer->clear();
  return AppendUnescaped(escaped, buffer) == nullptr ? std::string_view(*buffer)
                                                     : std::string_view();
}

class EventReader {
 public:
  // A frame's text is never longer than its line, so the buffer never grows.
  EventReader(std::string_view data, EventColumns* out)
      : out_{out}, names_{&out->names}, fast_{data} {
    out_->raw.resize(data.size());
    Reserve(GuessLines(data));
    out_->raw_begin.push_back(0);
  }

  // Returns where the next line begins, 0 if `Read` must decide.
  std::size_t ReadFast(std::size_t begin) {
    EventHead head;
    char* end = Free();
    bool is_ascii = false;
    const std::size_t next = fast_.Read(begin, &head, &end, &is_ascii);
    if (next == 0) return 0;
    const std::string_view frame = FrameUpTo(end);
    if (!is_ascii && !IsUtf8(frame)) return 0;
    Add(head, frame);
    out_->boot.push_back(out_->boot.back());
    return next;
  }

  bool Read(LineCursor& cursor) {
    EventHead head;
    char* end = Free();
    if (!ReadEvent(cursor, &head, &end)) return false;
    const std::string_view frame = FrameUpTo(end);
    const std::string_view boot = Plain(head.boot, &boot_);
    if (boot.empty() && !head.boot.empty()) return cursor.Fail("boot is no text");
    if (!IsUtf8(frame) || !IsUtf8(boot)) return cursor.Fail("not UTF-8");
    Add(head, frame);
    AddName(boot, &out_->boot);
    fast_.ExpectBoot(head.boot);
    return true;
  }

  void Finish() { out_->raw.resize(used_); }

 private:
  void Reserve(std::size_t lines) {
    for (auto* column : {&out_->seq, &out_->recv_ts_us, &out_->mono_us, &out_->conn,
                         &out_->lines.offset, &out_->lines.length, &out_->raw_begin}) {
      column->reserve(lines + 1);
    }
    for (auto* column : {&out_->boot, &out_->channel, &out_->type, &out_->symbol}) {
      column->reserve(lines);
    }
    out_->dir.reserve(lines);
  }

  char* Free() noexcept { return reinterpret_cast<char*>(out_->raw.data()) + used_; }

  std::string_view FrameUpTo(const char* end) noexcept {
    const char* begin = Free();
    return {begin, static_cast<std::size_t>(end - begin)};
  }

  // Adds all but the boot.
  void Add(const EventHead& head, std::string_view frame) {
    used_ += frame.size();
    out_->seq.push_back(head.seq);
    out_->recv_ts_us.push_back(head.recv_ts_us);
    out_->mono_us.push_back(head.mono_us);
    out_->conn.push_back(head.conn);
    out_->dir.push_back(head.dir);
    const FrameFacts facts = ReadFrameFacts(frame);
    AddName(Plain(facts.channel, &buffer_), &out_->channel);
    AddName(Plain(facts.type, &buffer_), &out_->type);
    AddName(Plain(facts.symbol, &buffer_), &out_->symbol);
    out_->raw_begin.push_back(static_cast<std::int64_t>(used_));
  }

  void AddName(std::string_view text, LargeVector<std::int32_t>* column) {
    column->push_back(names_.Number(text, column->empty() ? -1 : column->back()));
  }

  EventColumns* out_;
  Names names_;
  FastEventReader fast_;
  std::size_t used_ = 0;
  std::string boot_;
  std::string buffer_;
};

}  // namespace

EventColumns ScanEvents(std::string_view data, std::int64_t base_offset) {
  EventColumns out;
  EventReader reader(data, &out);
  ForEachLine(
      data, base_offset, &out.lines, [&](std::size_t begin) { return reader.ReadFast(begin); },
      [&](LineCursor& cursor) { return reader.Read(cursor); });
  reader.Finish();
  return out;
}

}  // namespace lobdesk
