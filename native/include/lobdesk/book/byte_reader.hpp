// Reading back what AppendBytes wrote, from bytes that may be anything.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "lobdesk/errors.hpp"

namespace lobdesk {

/// Appends a number in this machine's byte order.
template <typename Number>
void AppendBytes(Number value, std::string* out) {
  static_assert(std::is_arithmetic_v<Number>);
  char bytes[sizeof(value)];
  std::memcpy(bytes, &value, sizeof(value));
  out->append(bytes, sizeof(value));
}

/// Takes numbers and texts off the front of a piece of memory.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) noexcept : left_{bytes} {}

  /// Throws EngineError if too little is left.
  template <typename Number>
  [[nodiscard]] Number Take() {
    Number value;
    std::memcpy(&value, TakeText(sizeof(value)).data(), sizeof(value));
    return value;
  }

  /// Throws EngineError if too little is left.
  [[nodiscard]] std::string_view TakeText(std::size_t size) {
    if (size > left_.size()) throw EngineError("the stored books are cut short");
    const std::string_view text = left_.substr(0, size);
    left_.remove_prefix(size);
    return text;
  }

  [[nodiscard]] bool IsEmpty() const noexcept { return left_.empty(); }

 private:
  std::string_view left_;
};

}  // namespace lobdesk
