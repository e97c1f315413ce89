// Raw event lines.
#include <limits>
#include <unordered_map>

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

  std::int32_t Number(std::string_view text) {
    if (text.empty()) return -1;
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

struct EventHead {
  Seq seq = 0;
  TsUs recv_ts_us = 0;
  TsUs mono_us = 0;
  std::int64_t conn = 0;
  std::uint8_t dir = 0;
  std::string_view boot, raw;
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

bool ReadHead(LineCursor& cursor, EventHead* head) {
  std::int64_t version = 0;
  std::int64_t crc = 0;
  if (!cursor.Literal("{\"v\":") || !cursor.Integer(&version)) return false;
  if (version != 1) return cursor.Fail("schema version is not 1");
  return cursor.Literal(",\"seq\":") && cursor.Integer(0, kMaxInt64, &head->seq) &&
         cursor.Literal(",\"recv_ts_us\":") && cursor.Integer(&head->recv_ts_us) &&
         cursor.Literal(",\"mono_us\":") && cursor.Integer(&head->mono_us) &&
         cursor.Literal(",\"boot\":") && cursor.RawString(&head->boot) &&
         cursor.Literal(",\"conn\":") && cursor.Integer(&head->conn) &&
         ReadDir(cursor, &head->dir) && cursor.Literal(",\"raw\":") &&
         cursor.RawString(&head->raw) && cursor.Literal(",\"crc\":") &&
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
  explicit EventReader(EventColumns* out) : out_{out}, names_{&out->names} {
    out_->raw_begin.push_back(0);
  }

  bool Read(LineCursor& cursor) {
    EventHead head;
    if (!ReadHead(cursor, &head)) return false;
    const std::size_t begin = out_->raw.size();
    boot_.clear();
    const char* why = AppendUnescaped(head.boot, &boot_);
    if (why == nullptr) why = AppendUnescaped(head.raw, &out_->raw);
    const std::string_view frame = std::string_view(out_->raw).substr(begin);
    if (why == nullptr && !(IsUtf8(frame) && IsUtf8(boot_))) why = "not UTF-8";
    if (why != nullptr) {
      out_->raw.resize(begin);
      return cursor.Fail(why);
    }
    Add(head, frame);
    return true;
  }

 private:
  void Add(const EventHead& head, std::string_view frame) {
    out_->seq.push_back(head.seq);
    out_->recv_ts_us.push_back(head.recv_ts_us);
    out_->mono_us.push_back(head.mono_us);
    out_->conn.push_back(head.conn);
    out_->dir.push_back(head.dir);
    out_->boot.push_back(names_.Number(boot_));
    const FrameFacts facts = ReadFrameFacts(frame);
    out_->channel.push_back(names_.Number(Plain(facts.channel, &buffer_)));
    out_->type.push_back(names_.Number(Plain(facts.type, &buffer_)));
    out_->symbol.push_back(names_.Number(Plain(facts.symbol, &buffer_)));
    out_->raw_begin.push_back(static_cast<std::int64_t>(out_->raw.size()));
  }

  EventColumns* out_;
  Names names_;
  std::string boot_;
  std::string buffer_;
};

}  // namespace

EventColumns ScanEvents(std::string_view data, std::int64_t base_offset) {
  EventColumns out;
  out.raw.reserve(data.size());
  EventReader reader(&out);
  ForEachLine(data, base_offset, &out.lines,
              [&](LineCursor& cursor) { return reader.Read(cursor); });
  return out;
}

}  // namespace lobdesk
