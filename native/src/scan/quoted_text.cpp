#include "quoted_text.hpp"

#if defined(__x86_64__)

#include <tmmintrin.h>

#include <array>
#include <cstdint>

#define LOBDESK_SHUFFLE __attribute__((target("ssse3")))

namespace lobdesk {
namespace {

// For each set of backslashes among eight bytes: which bytes stay, and how many.
struct Kept {
  std::array<std::uint8_t, 8> places{};
  std::uint8_t count = 0;
};

constexpr std::array<Kept, 256> MakeTable() {
  std::array<Kept, 256> table{};
  for (unsigned set = 0; set < 256; ++set) {
    for (unsigned i = 0; i < 8; ++i) {
      if ((set >> i & 1U) == 0)
        table[set].places[table[set].count++] = static_cast<std::uint8_t>(i);
    }
  }
  return table;
}

constexpr std::array<Kept, 256> kKept = MakeTable();

LOBDESK_SHUFFLE void CopyShuffled(const char** from, const char* end, char** to) noexcept {
  const char* at = *from;
  char* out = *to;
  while (end - at >= 16) {
    const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const auto slashes =
        static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(text, _mm_set1_epi8('\\'))));
    const auto quotes =
        static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(text, _mm_set1_epi8('"'))));
    const auto controls = static_cast<unsigned>(
        _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(text, _mm_set1_epi8(0x1F)), text)));
    // A backslash at the eighth place is left to the next round, which sees its quote.
    const unsigned length = 8 - (slashes >> 7 & 1U);
    const unsigned escapes = slashes & 0x7F;
    const unsigned inside = (1U << length) - 1;
    if (((quotes ^ escapes << 1) & 0xFF) != 0 || (controls & inside) != 0) break;
    const Kept& kept = kKept[escapes];
    const __m128i places = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(kept.places.data()));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out), _mm_shuffle_epi8(text, places));
    out += kept.count - (8 - length);
    at += length;
  }
  *from = at;
  *to = out;
}

}  // namespace

void CopyQuoted(const char** at, const char* end, char** out) noexcept {
  static const bool kCan = __builtin_cpu_supports("ssse3") != 0;
  if (kCan) CopyShuffled(at, end, out);
}

}  // namespace lobdesk

#else

namespace lobdesk {

void CopyQuoted(const char**, const char*, char**) noexcept {}

}  // namespace lobdesk

#endif
