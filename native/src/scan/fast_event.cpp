#include "fast_event.hpp"

#include <cstring>

#include "digits.hpp"
#include "json_text.hpp"

namespace lobdesk {
namespace {

constexpr std::size_t kBefore = 16;  // digits are read backwards from their end
constexpr std::size_t kMostHead = 192;
constexpr std::size_t kMostTail = 64;
constexpr std::int64_t kMaxChecksum = 0xFFFFFFFF;
constexpr std::string_view kBootKey = ",\"boot\":\"";
constexpr std::string_view kConnKey = "\",\"conn\":";

// Walks over a line; what does not fit is remembered and asked for at the end.
class Walk {
 public:
  explicit Walk(const char* at) noexcept : at_{at} {}

  template <std::size_t kSize>
  LOBDESK_INLINE void Literal(const char (&text)[kSize]) noexcept {
    is_odd_ |= std::memcmp(at_, text, kSize - 1) != 0;
    at_ += kSize - 1;
  }

  LOBDESK_INLINE void Literal(std::string_view text) noexcept {
    is_odd_ |= std::memcmp(at_, text.data(), text.size()) != 0;
    at_ += text.size();
  }

  // A seventeenth digit is found by the literal behind.
  LOBDESK_INLINE std::int64_t Number() noexcept {
    const unsigned count = CountDigits(at_);
    is_odd_ |= (count == 0) | ((count > 1) & (*at_ == '0'));
    at_ += count;
    return static_cast<std::int64_t>(SixteenDigits(at_, count));
  }

  LOBDESK_INLINE std::uint8_t Dir() noexcept {
    Literal(",\"dir\":\"");
    if (*at_ == 'i') {
      Literal("in\",\"raw\":\"");
      return 0;
    }
    if (*at_ == 'o') {
      Literal("out\",\"raw\":\"");
      return 1;
    }
    Literal("note\",\"raw\":\"");
    return 2;
  }

  [[nodiscard]] const char* At() const noexcept { return at_; }
  [[nodiscard]] bool IsOdd() const noexcept { return is_odd_; }

 private:
  const char* at_;
  bool is_odd_ = false;
};

}  // namespace

void FastEventReader::ExpectBoot(std::string_view boot) {
  boot_.assign(kBootKey).append(boot).append(kConnKey);
}

std::size_t FastEventReader::Read(std::size_t begin, EventHead* head, char** raw,
                                  bool* is_ascii) const noexcept {
  const std::size_t left = data_.size() - begin;
  if (boot_.empty() || begin < kBefore || left < kMostHead + boot_.size()) return 0;
  Walk line(data_.data() + begin);
  line.Literal("{\"v\":1,\"seq\":");
  head->seq = line.Number();
  line.Literal(",\"recv_ts_us\":");
  head->recv_ts_us = line.Number();
  line.Literal(",\"mono_us\":");
  head->mono_us = line.Number();
  head->boot = {line.At() + kBootKey.size(), boot_.size() - kBootKey.size() - kConnKey.size()};
  line.Literal(boot_);
  head->conn = line.Number();
  head->dir = line.Dir();
  if (line.IsOdd()) return 0;

  const char* end = data_.data() + data_.size();
  const char* behind = line.At();
  if (ReadQuoted(&behind, end, raw, is_ascii) != nullptr) return 0;
  if (static_cast<std::size_t>(end - behind) < kMostTail) return 0;
  Walk tail(behind);
  tail.Literal(",\"crc\":");
  const std::int64_t crc = tail.Number();
  tail.Literal("}\n");
  if (tail.IsOdd() || crc > kMaxChecksum) return 0;
  return static_cast<std::size_t>(tail.At() - data_.data());
}

}  // namespace lobdesk
