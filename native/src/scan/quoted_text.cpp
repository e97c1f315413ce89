#include "quoted_text.hpp"

#if defined(__x86_64__)

#include <tmmintrin.h>

#include <array>
#include <cstdint>

#include "digits.hpp"

#define LOBDESK_SHUFFLE __attribute__((target("ssse3,popcnt")))

namespace lobdesk {
namespace {

constexpr unsigned kBlock = 32;

using Places = std::array<std::uint8_t, 8>;

// For each set of eight bytes: the places of the others.
constexpr std::array<Places, 256> MakeTable() {
  std::array<Places, 256> table{};
  for (unsigned set = 0; set < 256; ++set) {
    unsigned count = 0;
    for (unsigned i = 0; i < 8; ++i) {
      if ((set >> i & 1U) == 0) table[set][count++] = static_cast<std::uint8_t>(i);
    }
  }
  return table;
}

constexpr std::array<Places, 256> kOthers = MakeTable();

// One bit for each of the block's bytes.
LOBDESK_SHUFFLE inline std::uint32_t Mask(__m128i low, __m128i high) noexcept {
  return static_cast<std::uint32_t>(_mm_movemask_epi8(low)) |
         static_cast<std::uint32_t>(_mm_movemask_epi8(high)) << 16;
}

LOBDESK_SHUFFLE inline __m128i Controls(__m128i text) noexcept {
  return _mm_cmpeq_epi8(_mm_min_epu8(text, _mm_set1_epi8(0x1F)), text);
}

// Writes the bytes of a block but those of a set, and up to seven more behind them.
LOBDESK_SHUFFLE inline char* WriteOthers(const char* at, std::uint32_t set, char* out) noexcept {
  for (unsigned i = 0; i < kBlock; i += 8) {
    const std::uint32_t drop = set >> i & 0xFFU;
    const __m128i text = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(at + i));
    const __m128i places = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(kOthers[drop].data()));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out), _mm_shuffle_epi8(text, places));
    out += 8 - __builtin_popcount(drop);
  }
  return out;
}

LOBDESK_SHUFFLE bool CopyShuffled(const char** from, const char* end, char** to) noexcept {
  const char* at = *from;
  char* out = *to;
  __m128i all = _mm_setzero_si128();
  std::uint32_t carry = 0;  // whether a backslash was the last byte before
  while (end - at >= static_cast<std::ptrdiff_t>(kBlock)) {
    const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 16));
    const __m128i slash = _mm_set1_epi8('\\');
    const __m128i quote = _mm_set1_epi8('"');
    const std::uint32_t slashes = Mask(_mm_cmpeq_epi8(low, slash), _mm_cmpeq_epi8(high, slash));
    const std::uint32_t quotes = Mask(_mm_cmpeq_epi8(low, quote), _mm_cmpeq_epi8(high, quote));
    const std::uint32_t controls = Mask(Controls(low), Controls(high));
    const std::uint32_t wrong = (quotes ^ (slashes << 1 | carry)) | controls;
    all = _mm_or_si128(all, _mm_or_si128(low, high));
    if (wrong != 0) {
      // What an escape makes wrong is the byte behind its backslash.
      auto length = static_cast<unsigned>(__builtin_ctz(wrong));
      const bool is_escaped = length == 0 ? carry != 0 : (slashes >> (length - 1) & 1U) != 0;
      const std::uint32_t behind = ~0U << length;
      out = WriteOthers(at, slashes | behind, out);
      at += length;
      if (is_escaped) --at;
      carry = 0;
      break;
    }
    out = WriteOthers(at, slashes, out);
    at += kBlock;
    carry = slashes >> 31;
  }
  *from = at - carry;
  *to = out;
  return _mm_movemask_epi8(all) == 0;
}

}  // namespace

bool CopyQuoted(const char** at, const char* end, char** out) noexcept {
  static const bool kCan =
      __builtin_cpu_supports("ssse3") != 0 && __builtin_cpu_supports("popcnt") != 0;
  return !kCan || CopyShuffled(at, end, out);
}

}  // namespace lobdesk

#else

namespace lobdesk {

bool CopyQuoted(const char**, const char*, char**) noexcept { return true; }

}  // namespace lobdesk

#endif
