// Decimal digits, many at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/// For what is a few instructions in a loop that waits for each of them.
#define LOBDESK_INLINE inline __attribute__((always_inline))

namespace lobdesk {

/// Returns eight bytes; unaligned.
LOBDESK_INLINE std::uint64_t LoadWord(const char* at) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

/// Returns the number that eight digit values spell, the first in the lowest byte.
LOBDESK_INLINE std::uint64_t EightDigits(std::uint64_t values) noexcept {
  values = values * 10 + (values >> 8);
  return ((values & 0x000000FF000000FFULL) * (100ULL + (1000000ULL << 32)) +
          ((values >> 16) & 0x000000FF000000FFULL) * (1ULL + (10000ULL << 32))) >>
         32;
}

/// Reads up to eight digits at `at`, where eight bytes can be read; returns how many there are.
LOBDESK_INLINE unsigned ReadEight(const char* at, std::uint64_t* number) noexcept {
  const std::uint64_t values = LoadWord(at) ^ 0x3030303030303030ULL;
  // The lowest set bit is exact; higher ones may be false, but only the lowest is used.
  const std::uint64_t others = ((values + 0x7676767676767676ULL) | values) & 0x8080808080808080ULL;
  if (others == 0) {
    *number = EightDigits(values);
    return 8;
  }
  const auto count = static_cast<unsigned>(__builtin_ctzll(others)) >> 3;
  *number = count == 0 ? 0 : EightDigits(values << (64 - 8 * count));
  return count;
}

/// Returns one bit for each of 64 bytes: whether it is a digit.
LOBDESK_INLINE std::uint64_t DigitMask(const char* at) noexcept {
  std::uint64_t mask = 0;
#if defined(__SSE2__)
  for (unsigned i = 0; i < 4; ++i) {
    const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 16 * i));
    const __m128i values = _mm_sub_epi8(text, _mm_set1_epi8('0'));
    const __m128i is_digit = _mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values);
    mask |= static_cast<std::uint64_t>(static_cast<unsigned>(_mm_movemask_epi8(is_digit)))
            << (16 * i);
  }
#else
  for (unsigned i = 0; i < 64; ++i) {
    mask |= static_cast<std::uint64_t>(static_cast<unsigned char>(at[i] - '0') <= 9U) << i;
  }
#endif
  return mask;
}

/// Returns how many of the sixteen bytes from `at` on are digits, up to the first that is none.
LOBDESK_INLINE unsigned CountDigits(const char* at) noexcept {
#if defined(__SSE2__)
  const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const __m128i values = _mm_sub_epi8(text, _mm_set1_epi8('0'));
  const __m128i is_digit = _mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values);
  const auto others = ~static_cast<unsigned>(_mm_movemask_epi8(is_digit));
  return static_cast<unsigned>(__builtin_ctz(others));  // the upper half is set
#else
  unsigned count = 0;
  while (count < 16 && static_cast<unsigned char>(at[count] - '0') <= 9U) ++count;
  return count;
#endif
}

/// Returns the number that the `count` digits before `end` spell; at most 16, and 16 bytes before
/// `end` can be read. Takes the same time for any count.
LOBDESK_INLINE std::uint64_t SixteenDigits(const char* end, unsigned count) noexcept {
#if defined(__SSE2__)
  alignas(16) static constexpr unsigned char kMask[32] = {
      0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
      0,    0,    0,    0,    0,    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
      0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
  const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(end - 16));
  const __m128i keep = _mm_loadu_si128(reinterpret_cast<const __m128i*>(kMask + count));
  const __m128i ones = _mm_and_si128(_mm_sub_epi8(text, _mm_set1_epi8('0')), keep);
  const __m128i tens =
      _mm_mullo_epi16(_mm_and_si128(ones, _mm_set1_epi16(0xFF)), _mm_set1_epi16(10));
  const __m128i pairs = _mm_add_epi16(tens, _mm_srli_epi16(ones, 8));
  const __m128i fours = _mm_madd_epi16(pairs, _mm_set1_epi32(100 | (1 << 16)));
  const __m128i packed = _mm_packs_epi32(fours, fours);
  const __m128i eights = _mm_madd_epi16(packed, _mm_set1_epi32(10000 | (1 << 16)));
  std::uint64_t halves = 0;
  _mm_storel_epi64(reinterpret_cast<__m128i*>(&halves), eights);
  return (halves & 0xFFFFFFFFULL) * 100000000ULL + (halves >> 32);
#else
  std::uint64_t number = 0;
  for (const char* at = end - count; at < end; ++at) {
    number = number * 10 + static_cast<std::uint64_t>(*at - '0');
  }
  return number;
#endif
}

}  // namespace lobdesk
