#include "lobdesk/utf8.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace lobdesk {
namespace {

// Returns the length of the sequence that starts at p, or 0 if it is not well formed.
std::size_t SequenceLength(const unsigned char* p, std::size_t left) noexcept {
  const unsigned lead = p[0];
  const std::size_t length = lead < 0x80                   ? 1
                             : lead >= 0xC2 && lead < 0xE0 ? 2
                             : lead >= 0xE0 && lead < 0xF0 ? 3
                             : lead >= 0xF0 && lead < 0xF5 ? 4
                                                           : 0;
  if (length == 0 || length > left) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((p[i] & 0xC0U) != 0x80U) return 0;
  }
  const bool is_overlong = (lead == 0xE0 && p[1] < 0xA0) || (lead == 0xF0 && p[1] < 0x90);
  const bool is_beyond = (lead == 0xED && p[1] > 0x9F) || (lead == 0xF4 && p[1] > 0x8F);
  return is_overlong || is_beyond ? 0 : length;
}

}  // namespace

bool IsUtf8(std::string_view bytes) noexcept {
  const auto* p = reinterpret_cast<const unsigned char*>(bytes.data());
  std::size_t left = bytes.size();
  constexpr std::uint64_t kHighBits = 0x8080808080808080U;
  while (left > 0) {
    std::uint64_t word = 0;
    if (left >= sizeof(word)) {
      std::memcpy(&word, p, sizeof(word));
      if ((word & kHighBits) == 0) {
        p += sizeof(word);
        left -= sizeof(word);
        continue;
      }
    }
    const std::size_t length = SequenceLength(p, left);
    if (length == 0) return false;
    p += length;
    left -= length;
  }
  return true;
}

}  // namespace lobdesk
