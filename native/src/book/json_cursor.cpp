#include "lobdesk/book/json_cursor.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace lobdesk {
namespace {

bool IsDigit(char c) noexcept { return c >= '0' && c <= '9'; }

// The records of this project are little-endian, and so are the machines it runs on.
int LowestByte(std::uint64_t word) noexcept { return __builtin_ctzll(word) / 8; }

// Returns the first quote, backslash or control character, or the end.
const char* FindSpecial(const char* at, const char* end) noexcept {
  // Eight bytes at once: a byte of `x` that is zero (or below n) sets its top bit, and the lowest
  // bit that is set is never a false one.
  constexpr std::uint64_t kOnes = 0x0101010101010101U;
  constexpr std::uint64_t kTops = 0x8080808080808080U;
  while (end - at >= 8) {
    std::uint64_t x = 0;
    std::memcpy(&x, at, sizeof(x));
    const std::uint64_t quote = x ^ (kOnes * '"');
    const std::uint64_t backslash = x ^ (kOnes * '\\');
    const std::uint64_t found = (((quote - kOnes) & ~quote) | ((backslash - kOnes) & ~backslash) |
                                 ((x - kOnes * 0x20) & ~x)) &
                                kTops;
    if (found != 0) return at + LowestByte(found);
    at += 8;
  }
  for (; at < end; ++at) {
    const auto c = static_cast<unsigned char>(*at);
    if (c == '"' || c == '\\' || c < 0x20) break;
  }
  return at;
}

void AppendUtf8(unsigned code, std::string* out) {
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

}  // namespace

void JsonCursor::Reset(std::string_view text) {
  begin_ = text.data();
  at_ = begin_;
  end_ = begin_ + text.size();
  unescaped_.clear();
  reason_.clear();
}

bool JsonCursor::Fail(std::string_view reason) {
  if (reason_.empty()) {
    reason_.append(reason);
    reason_ += " at byte " + std::to_string(at_ - begin_);
  }
  return false;
}

bool JsonCursor::FailExpected(char expected) {
  const char quoted[] = {'\'', expected, '\'', '\0'};
  return Fail(std::string("expected ") + quoted);
}

void JsonCursor::SkipSpace() noexcept {
  while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
}

bool JsonCursor::TryNull() {
  if (Peek() != 'n' || end_ - at_ < 4 || std::memcmp(at_, "null", 4) != 0) return false;
  at_ += 4;
  return true;
}

bool JsonCursor::ExpectEnd() { return IsAtEnd() || Fail("unexpected text after the value"); }

bool JsonCursor::ReadBool(bool* out) {
  const char next = Peek();
  if (next == 't' && end_ - at_ >= 4 && std::memcmp(at_, "true", 4) == 0) {
    at_ += 4;
    *out = true;
    return true;
  }
  if (next == 'f' && end_ - at_ >= 5 && std::memcmp(at_, "false", 5) == 0) {
    at_ += 5;
    *out = false;
    return true;
  }
  return Fail("expected true or false");
}

bool JsonCursor::ReadString(std::string_view* out) {
  if (Peek() != '"' || at_ == end_) return Fail("expected a string");
  const char* start = ++at_;
  at_ = FindSpecial(at_, end_);
  if (at_ == end_) return Fail("unterminated string");
  if (*at_ == '\\') return ReadEscapedString(start, out);
  if (*at_ != '"') return Fail("control character in a string");
  *out = std::string_view(start, static_cast<std::size_t>(at_ - start));
  ++at_;
  return true;
}

bool JsonCursor::ReadEscapedString(const char* start, std::string_view* out) {
  // Earlier views point into this buffer, so it must never move. Unescaping does not lengthen, and
  // no part of the text is read more than twice (skipped, then read in a known order).
  const std::size_t room = 2 * static_cast<std::size_t>(end_ - begin_);
  if (unescaped_.capacity() < room) unescaped_.reserve(room);
  const std::size_t first = unescaped_.size();
  unescaped_.append(start, static_cast<std::size_t>(at_ - start));
  while (at_ < end_) {
    const char c = *at_;
    if (static_cast<unsigned char>(c) < 0x20) return Fail("control character in a string");
    ++at_;
    if (c == '"') {
      *out = std::string_view(unescaped_).substr(first);
      return true;
    }
    if (c != '\\') {
      unescaped_.push_back(c);
    } else if (!ReadEscape(&unescaped_)) {
      return false;
    }
  }
  return Fail("unterminated string");
}

bool JsonCursor::ReadEscape(std::string* out) {
  if (at_ == end_) return Fail("unterminated string");
  constexpr std::string_view kNames = "\"\\/bfnrt";
  constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
  const char name = *at_++;
  if (const std::size_t index = kNames.find(name); index != std::string_view::npos) {
    out->push_back(kValues[index]);
    return true;
  }
  unsigned code = 0;
  if (name != 'u' || !ReadHex4(&code)) return Fail("bad escape in a string");
  if (code >= 0xD800 && code < 0xDC00) {
    unsigned low = 0;
    if (end_ - at_ < 2 || at_[0] != '\\' || at_[1] != 'u') return Fail("half a surrogate pair");
    at_ += 2;
    if (!ReadHex4(&low) || low < 0xDC00 || low > 0xDFFF) return Fail("half a surrogate pair");
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  } else if (code >= 0xDC00 && code < 0xE000) {
    return Fail("half a surrogate pair");
  }
  AppendUtf8(code, out);
  return true;
}

bool JsonCursor::ReadHex4(unsigned* out) {
  if (end_ - at_ < 4) return false;
  unsigned value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = *at_++;
    const char lower = static_cast<char>(c | 0x20);
    if (IsDigit(c)) {
      value = value * 16 + static_cast<unsigned>(c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      value = value * 16 + static_cast<unsigned>(lower - 'a' + 10);
    } else {
      return false;
    }
  }
  *out = value;
  return true;
}

bool JsonCursor::ReadNumber(DecimalToken* out) {
  *out = DecimalToken{};
  Peek();
  if (at_ < end_ && *at_ == '-') {
    out->is_negative = true;
    ++at_;
  }
  if (at_ == end_ || !IsDigit(*at_)) return Fail("expected a number");
  out->text = at_;
  std::uint64_t mantissa = 0;
  const auto read_digits = [&] {
    const char* start = at_;
    // Unsigned, so a number that is too long wraps; it is told apart below and never used.
    for (; at_ < end_ && IsDigit(*at_); ++at_) {
      mantissa = mantissa * 10 + static_cast<unsigned>(*at_ - '0');
    }
    return static_cast<std::size_t>(at_ - start);
  };
  const std::size_t whole = read_digits();
  if (whole > 1 && *out->text == '0') return Fail("leading zero in a number");
  std::size_t fraction = 0;
  if (at_ < end_ && *at_ == '.') {
    ++at_;
    fraction = read_digits();
    if (fraction == 0) return Fail("no digit after the point");
  }
  constexpr std::size_t kMaxDigits = 10000;
  if (whole > kMaxDigits || fraction > kMaxDigits) return Fail("a number of absurd length");
  out->mantissa = mantissa;
  out->whole_digits = static_cast<std::uint32_t>(whole);
  out->fraction_digits = static_cast<std::uint32_t>(fraction);
  out->is_too_long = whole + fraction > 19 && out->SignificantDigits() > 19;
  if (at_ == end_ || (*at_ | 0x20) != 'e') return true;
  ++at_;
  return ReadExponent(out);
}

bool JsonCursor::ReadExponent(DecimalToken* out) {
  const bool is_negative = at_ < end_ && *at_ == '-';
  if (at_ < end_ && (*at_ == '-' || *at_ == '+')) ++at_;
  if (at_ == end_ || !IsDigit(*at_)) return Fail("no digit in an exponent");
  int exponent = 0;
  for (; at_ < end_ && IsDigit(*at_); ++at_) {
    exponent = std::min(exponent * 10 + (*at_ - '0'), 10000);
  }
  out->has_exponent = true;
  out->exponent = is_negative ? -exponent : exponent;
  return true;
}

bool JsonCursor::SkipValue() { return SkipNested(0); }

bool JsonCursor::SkipNested(int depth) {
  if (depth > kMaxDepth) return Fail("nested too deeply");
  switch (Peek()) {
    case '{':
      return ReadObject([&](std::string_view) { return SkipNested(depth + 1); });
    case '[':
      return ReadArray([&] { return SkipNested(depth + 1); });
    case '"': {
      std::string_view ignored;
      return ReadString(&ignored);
    }
    case 't':
    case 'f': {
      bool ignored = false;
      return ReadBool(&ignored);
    }
    case 'n':
      return TryNull() || Fail("expected null");
    default: {
      DecimalToken ignored;
      return ReadNumber(&ignored);
    }
  }
}

}  // namespace lobdesk
