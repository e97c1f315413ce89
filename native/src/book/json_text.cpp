#include "lobdesk/book/json_text.hpp"

#include <charconv>

namespace lobdesk {

void AppendJsonString(std::string_view text, std::string* out) {
  constexpr char kHex[] = "0123456789abcdef";
  *out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      *out += '\\';
      *out += c;
    } else if (byte < 0x20) {
      *out += "\\u00";
      *out += kHex[byte >> 4];
      *out += kHex[byte & 15U];
    } else {
      *out += c;
    }
  }
  *out += '"';
}

void AppendInteger(std::int64_t value, std::string* out) {
  char text[20];
  const auto result = std::to_chars(text, text + sizeof(text), value);
  out->append(text, static_cast<std::size_t>(result.ptr - text));
}

}  // namespace lobdesk
