#include "json_text.hpp"

#include <cstdint>
#include <cstring>

#include "digits.hpp"
#include "line_cursor.hpp"
#include "quoted_text.hpp"

namespace lobdesk {
namespace {

void WriteUtf8(std::uint32_t code, char** out) {
  const auto put = [out](std::uint32_t byte) { *(*out)++ = static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6));
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

bool ReadHex4(const char* at, const char* end, std::uint32_t* code) {
  if (end - at < 4) return false;
  *code = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = at[i];
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

// Writes XXXX, and its second half if it is the first of a pair; `*at` stands behind the 'u'.
const char* WriteUnicode(const char** at, const char* end, char** out) {
  std::uint32_t code = 0;
  if (!ReadHex4(*at, end, &code)) return "broken \\u escape";
  *at += 4;
  if (code >= 0xDC00 && code < 0xE000) return "half of a surrogate pair";
  if (code >= 0xD800 && code < 0xDC00) {
    std::uint32_t low = 0;
    const bool is_pair = end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u' &&
                         ReadHex4(*at + 2, end, &low) && low >= 0xDC00 && low < 0xE000;
    if (!is_pair) return "half of a surrogate pair";
    *at += 6;
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  WriteUtf8(code, out);
  return nullptr;
}

// The lowest bit tells which of the first sixteen bytes is a quote, a backslash or a control
// character; 0 if none is. Sixteen bytes can be read.
LOBDESK_INLINE unsigned FindSpecial(const char* at) noexcept {
#if defined(__SSE2__)
  const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const __m128i last_control = _mm_set1_epi8(0x1F);
  const __m128i found = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(text, _mm_set1_epi8('"')),
                                                  _mm_cmpeq_epi8(text, _mm_set1_epi8('\\'))),
                                     _mm_cmpeq_epi8(_mm_min_epu8(text, last_control), text));
  return static_cast<unsigned>(_mm_movemask_epi8(found));
#else
  for (unsigned i = 0; i < 16; ++i) {
    if (at[i] == '"' || at[i] == '\\' || static_cast<unsigned char>(at[i]) < 0x20) return 1U << i;
  }
  return 0;
#endif
}

// Copies the bytes from `at` on that are neither quote, backslash nor control character, and
// returns where that ends. `*out` has room for all bytes up to `end`.
LOBDESK_INLINE const char* CopyPlain(const char* at, const char* end, char** out) noexcept {
  while (end - at >= 16) {
    // All sixteen are copied; what stands behind the special one is written over later.
    std::memcpy(*out, at, 16);
    const unsigned found = FindSpecial(at);
    if (found != 0) {
      const int plain = __builtin_ctz(found);
      *out += plain;
      return at + plain;
    }
    *out += 16;
    at += 16;
  }
  while (at < end && *at != '"' && *at != '\\' && static_cast<unsigned char>(*at) >= 0x20) {
    *(*out)++ = *at++;
  }
  return at;
}

// Writes the value of an escape; `*at` stands on the backslash and moves behind the escape.
const char* WriteEscape(const char** at, const char* end, char** out) {
  if (end - *at < 2) return "broken escape";
  const char c = (*at)[1];
  *at += 2;
  switch (c) {
    case '"':
    case '\\':
    case '/':
      *(*out)++ = c;
      return nullptr;
    case 'b':
      *(*out)++ = '\b';
      return nullptr;
    case 'f':
      *(*out)++ = '\f';
      return nullptr;
    case 'n':
      *(*out)++ = '\n';
      return nullptr;
    case 'r':
      *(*out)++ = '\r';
      return nullptr;
    case 't':
      *(*out)++ = '\t';
      return nullptr;
    case 'u':
      return WriteUnicode(at, end, out);
    default:
      return "unknown escape";
  }
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
    while (at_ < text_.size() && IsBlank(text_[at_])) ++at_;
  }

  static bool IsBlank(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

  std::string_view text_;
  std::size_t at_ = 0;
};

// Takes `head` and the text behind it up to a quote; false if that is empty or has an escape.
template <std::size_t kSize>
LOBDESK_INLINE bool TakeName(std::string_view frame, std::size_t* at, const char (&head)[kSize],
                             std::string_view* name) noexcept {
  constexpr std::size_t kLength = kSize - 1;
  const std::size_t begin = *at + kLength;
  if (begin + 16 > frame.size() || std::memcmp(frame.data() + *at, head, kLength) != 0) {
    return false;
  }
  const unsigned found = FindSpecial(frame.data() + begin);
  if (found == 0) return false;  // longer than names are
  const auto length = static_cast<std::size_t>(__builtin_ctz(found));
  *name = frame.substr(begin, length);
  *at = begin + length;
  return length > 0 && frame[*at] == '"';
}

// Frames that begin with all that is asked for, as most do.
bool ReadUsualFrame(std::string_view frame, FrameFacts* facts) noexcept {
  std::size_t at = 0;
  return TakeName(frame, &at, "{\"channel\":\"", &facts->channel) &&
         TakeName(frame, &at, "\",\"type\":\"", &facts->type) &&
         TakeName(frame, &at, "\",\"data\":[{\"symbol\":\"", &facts->symbol);
}

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
  const std::size_t before = out->size();
  out->resize(before + escaped.size());
  char* target = out->data() + before;
  const char* at = escaped.data();
  const char* end = at + escaped.size();
  const char* why = nullptr;
  while (why == nullptr && at < end) {
    at = CopyPlain(at, end, &target);
    if (at == end) break;
    why = *at == '\\' ? WriteEscape(&at, end, &target) : "character that must be escaped";
  }
  out->resize(static_cast<std::size_t>(target - out->data()));
  return why;
}

const char* ReadQuoted(const char** at, const char* end, char** out, bool* is_ascii) {
  // Through copies: what has its address taken does not stay in a register.
  const char* from = *at;
  char* to = *out;
  bool has_only_ascii = true;
  const char* why = nullptr;
  while (why == nullptr) {
    has_only_ascii &= CopyQuoted(&from, end, &to);
    const char* before = from;
    from = CopyPlain(from, end, &to);
    has_only_ascii &= from == before;
    if (from == end) {
      why = "string without an end";
    } else if (*from == '"') {
      ++from;
      break;
    } else if (*from != '\\') {
      why = "control character in a string";
    } else {
      why = WriteEscape(&from, end, &to);
      has_only_ascii = false;
    }
  }
  *at = from;
  *out = to;
  *is_ascii = has_only_ascii;
  return why;
}

bool LineCursor::String(char** out) {
  if (!Skip('"')) return Fail("expected a string");
  bool is_ascii = false;
  const char* why = ReadQuoted(&at_, end_, out, &is_ascii);
  return why == nullptr || Fail(why);
}

FrameFacts ReadFrameFacts(std::string_view frame) {
  FrameFacts facts;
  return ReadUsualFrame(frame, &facts) ? facts : WalkFrame(frame);
}

FrameFacts WalkFrame(std::string_view frame) {
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
      // What is known now needs no walk through the rest, which is most of the frame.
      if (!facts.channel.empty() && !facts.type.empty() && !facts.symbol.empty()) break;
    }
    if (!walker.Skip()) break;
  }
  return facts;
}

}  // namespace lobdesk
