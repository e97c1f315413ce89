// Reads JSON once, from left to right, without building a tree.
#pragma once

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include "lobdesk/book/decimal_token.hpp"

namespace lobdesk {

/// A strict JSON reader over bytes that may be anything.
///
/// Every method returns false on the first fault and keeps its reason; nothing is read beyond
/// the end. Numbers keep their text (an exchange's checksum is over digits, not values).
class JsonCursor {
 public:
  /// Starts at the beginning of a text, which must outlive everything read from it.
  void Reset(std::string_view text);

  /// Calls `on_key(key)` for each member; it must read the value and return false on a fault.
  template <typename OnKey>
  [[nodiscard]] bool ReadObject(OnKey&& on_key) {
    if (!Expect('{')) return false;
    if (TryChar('}')) return true;
    do {
      std::string_view key;
      if (!ReadString(&key) || !Expect(':') || !on_key(key)) return false;
    } while (TryChar(','));
    return Expect('}');
  }

  /// Calls `on_item()` for each element; it must read the element and return false on a fault.
  template <typename OnItem>
  [[nodiscard]] bool ReadArray(OnItem&& on_item) {
    if (!Expect('[')) return false;
    if (TryChar(']')) return true;
    do {
      if (!on_item()) return false;
    } while (TryChar(','));
    return Expect(']');
  }

  /// Reads a string; the view points into the text, or into this cursor if it held escapes.
  [[nodiscard]] bool ReadString(std::string_view* out);
  [[nodiscard]] bool ReadNumber(DecimalToken* out);
  [[nodiscard]] bool ReadBool(bool* out);
  /// Reads and checks any value, at most `kMaxDepth` deep.
  [[nodiscard]] bool SkipValue();
  /// Reads `null` if it comes next.
  [[nodiscard]] bool TryNull();
  /// Reads exactly this text if it comes next, white space and all; else nothing.
  [[nodiscard]] bool TryText(std::string_view text) noexcept {
    if (static_cast<std::size_t>(end_ - at_) < text.size() ||
        std::memcmp(at_, text.data(), text.size()) != 0) {
      return false;
    }
    at_ += text.size();
    return true;
  }
  /// True if nothing but white space is left.
  [[nodiscard]] bool IsAtEnd() noexcept {
    Peek();
    return at_ == end_;
  }
  /// True if nothing but white space is left; otherwise a fault.
  [[nodiscard]] bool ExpectEnd();

  /// Returns the next character that is no white space, or 0 at the end.
  char Peek() noexcept {
    // The exchange writes no white space, and everything above it is a larger byte.
    if (at_ < end_ && static_cast<unsigned char>(*at_) <= ' ') SkipSpace();
    return at_ < end_ ? *at_ : '\0';
  }
  /// Position that `Seek` takes back.
  [[nodiscard]] const char* Position() const noexcept { return at_; }
  void Seek(const char* position) noexcept { at_ = position; }

  /// Notes a fault found by the caller; always false.
  bool Fail(std::string_view reason);
  /// What was wrong first, and at which byte; empty if nothing.
  [[nodiscard]] const std::string& Reason() const noexcept { return reason_; }

  static constexpr int kMaxDepth = 64;

 private:
  bool Expect(char expected) { return TryChar(expected) || FailExpected(expected); }
  bool TryChar(char expected) noexcept {
    if (Peek() != expected || at_ == end_) return false;
    ++at_;
    return true;
  }
  bool FailExpected(char expected);
  void SkipSpace() noexcept;
  bool ReadEscapedString(const char* start, std::string_view* out);
  bool ReadEscape(std::string* out);
  bool ReadHex4(unsigned* out);
  bool ReadExponent(DecimalToken* out);
  bool SkipNested(int depth);

  const char* begin_ = nullptr;
  const char* at_ = nullptr;
  const char* end_ = nullptr;
  std::string unescaped_;  // reserved once per text, so views into it stay valid
  std::string reason_;
};

}  // namespace lobdesk
