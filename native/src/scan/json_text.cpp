#include "json_text.hpp"

#include <cstdint>
#include <cstring>

#include "line_cursor.hpp"

namespace lobdesk {
namespace {

void AppendUtf8(std::uint32_t code, std::string* out) {
  if (code < 0x80) {
    out->push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out->push_back(static_cast<char>(0xC0 | (code >> 6)));
    out->push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else if (code < 0x10000) {
    out->push_back(static_cast<char>(0xE0 | (code >> 12)));
    out->push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else {
    out->push_back(static_cast<char>(0xF0 | (code >> 18)));
    out->push_back(static_cast<char>(0x80 | ((code >> 12) & 0x3F)));
    out->push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (code & 0x3F)));
  }
}

bool ReadHex4(std::string_view text, std::size_t at, std::uint32_t* code) {
  if (at + 4 > text.size()) return false;
  *code = 0;
  for (std::size_t i = at; i < at + 4; ++i) {
    const char c = text[i];
    std::uint32_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<std::uint32_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<std::uint32_t>(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<std::uint32_t>(c - 'A') + 10;
    } else {
      return false;
    }
    *code = *code * 16 + digit;
  }
  return true;
}

// Reads \uXXXX, and its second half if it is the first of a pair; `at` stands behind the 'u'.
const char* AppendUnicode(std::string_view text, std::size_t* at, std::string* out) {
  std::uint32_t code = 0;
  if (!ReadHex4(text, *at, &code)) return "broken \\u escape";
  *at += 4;
  if (code >= 0xDC00 && code < 0xE000) return "half of a surrogate pair";
  if (code >= 0xD800 && code < 0xDC00) {
    std::uint32_t low = 0;
    if (text.substr(*at, 2) != "\\u" || !ReadHex4(text, *at + 2, &low) || low < 0xDC00 ||
        low >= 0xE000) {
      return "half of a surrogate pair";
    }
    *at += 6;
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  AppendUtf8(code, out);
  return nullptr;
}

bool HasControl(std::string_view text) noexcept {
  bool found = false;  // no early exit: the compiler turns this into vector code
  for (const char c : text) found |= static_cast<unsigned char>(c) < 0x20;
  return found;
}

// Walks the keys of a JSON object that may have blanks, without checking what it skips.
class FrameWalker {
 public:
  explicit FrameWalker(std::string_view text) noexcept : text_{text} {}

  bool Enter(char open) {
    Blanks();
    return Take(open);
  }

  // Next key of the object; false at its end or where it is no object any more.
  bool Key(std::string_view* key) {
    Blanks();
    Take(',');
    Blanks();
    if (!String(key)) return false;
    Blanks();
    if (!Take(':')) return false;
    Blanks();
    return true;
  }

  bool String(std::string_view* value) {
    if (!AtChar('"')) return false;
    LineCursor cursor(text_.substr(at_));
    if (!cursor.RawString(value)) return false;
    at_ += value->size() + 2;
    return true;
  }

  bool Skip() {
    std::string_view ignored;
    if (AtChar('"')) return String(&ignored);
    int depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        if (!String(&ignored)) return false;
        continue;
      }
      if (depth == 0 && (c == ',' || c == '}' || c == ']')) return true;
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      ++at_;
    }
    return false;
  }

  [[nodiscard]] bool AtChar(char c) const noexcept { return at_ < text_.size() && text_[at_] == c; }

 private:
  bool Take(char c) noexcept {
    if (!AtChar(c)) return false;
    ++at_;
    return true;
  }
  void Blanks() noexcept {
    while (at_ < text_.size() && std::strchr(" \t\r\n", text_[at_]) != nullptr) ++at_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// The object that `data` (an array of them), `result` or `params` holds.
void ReadInner(FrameWalker* walker, FrameFacts* facts) {
  while (walker->Enter('[')) {
  }
  if (!walker->Enter('{')) return;
  std::string_view key;
  while ((facts->symbol.empty() || facts->channel.empty()) && walker->Key(&key)) {
    if (key == "symbol" && facts->symbol.empty()) {
      if (walker->Enter('[')) {
        walker->String(&facts->symbol);
        return;
      }
      if (walker->String(&facts->symbol)) continue;
    } else if (key == "channel" && facts->channel.empty() && walker->String(&facts->channel)) {
      continue;
    }
    if (!walker->Skip()) return;
  }
}

}  // namespace

const char* AppendUnescaped(std::string_view escaped, std::string* out) {
  if (HasControl(escaped)) return "control character in a string";
  std::size_t at = 0;
  while (at < escaped.size()) {
    const auto* slash =
        static_cast<const char*>(std::memchr(escaped.data() + at, '\\', escaped.size() - at));
    if (slash == nullptr) break;
    const auto stop = static_cast<std::size_t>(slash - escaped.data());
    out->append(escaped.data() + at, stop - at);
    if (stop + 1 >= escaped.size()) return "broken escape";
    const char c = escaped[stop + 1];
    at = stop + 2;
    if (c == 'u') {
      if (const char* why = AppendUnicode(escaped, &at, out)) return why;
      continue;
    }
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
    const auto which = kNames.find(c);
    if (which == std::string_view::npos) return "unknown escape";
    out->push_back(kValues[which]);
  }
  out->append(escaped.data() + at, escaped.size() - at);
  return nullptr;
}

FrameFacts ReadFrameFacts(std::string_view frame) {
  FrameFacts facts;
  FrameWalker walker(frame);
  if (!walker.Enter('{')) return facts;
  std::string_view key;
  while ((facts.channel.empty() || facts.type.empty() || facts.symbol.empty()) &&
         walker.Key(&key)) {
    const bool is_type = key == "type" || key == "method" || key == "kind";
    if (key == "channel" && walker.String(&facts.channel)) continue;
    if (is_type && facts.type.empty() && walker.String(&facts.type)) continue;
    if (key == "symbol" && walker.String(&facts.symbol)) continue;
    if (key == "data" || key == "result" || key == "params") {
      FrameWalker inner = walker;
      ReadInner(&inner, &facts);
    }
    if (!walker.Skip()) break;
  }
  return facts;
}

}  // namespace lobdesk
