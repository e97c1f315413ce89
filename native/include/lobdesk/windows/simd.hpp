// One source, several instruction sets, the same bits.
//
// Kernels are written once as plain loops and compiled for every x86-64, for AVX2 and for AVX-512.
// Each column is computed on its own and operations are only fused where the result is rounded like
// the unfused one (see Divide), so all give identical results.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#define LOBDESK_KERNEL inline __attribute__((always_inline))

namespace lobdesk {

enum class Isa : std::uint8_t { kBase, kAvx2, kAvx512 };

/// Returns the best instruction set of this machine; compiled for x86-64 only.
inline Isa BestIsa() noexcept {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") == 0 || __builtin_cpu_supports("fma") == 0) return Isa::kBase;
  const bool has_avx512 =
      __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
      __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512bw") != 0;
  return has_avx512 ? Isa::kAvx512 : Isa::kAvx2;
#else
  return Isa::kBase;
#endif
}

#if defined(__x86_64__)
template <typename Job>
__attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma,prefer-vector-width=512"))) void
RunAvx512(const Job& job) {
  job.template Run<Isa::kAvx512>();
}

template <typename Job>
__attribute__((target("avx2,fma"))) void RunAvx2(const Job& job) {
  job.template Run<Isa::kAvx2>();
}
#endif

/// Calls `job.Run<isa>()`, an inlined kernel, as compiled for an instruction set of this machine.
template <typename Job>
void RunFor(Isa isa, const Job& job) {
#if defined(__x86_64__)
  if (isa == Isa::kAvx512) return RunAvx512(job);
  if (isa == Isa::kAvx2) return RunAvx2(job);
#endif
  (void)isa;
  job.template Run<Isa::kBase>();
}

/// A divisor that many numbers share.
struct Divisor {
  explicit Divisor(double divisor) noexcept : value{divisor}, inverse{1.0 / divisor} {}

  double value;
  double inverse;
};

/// Returns x / divisor, correctly rounded either way.
///
/// With FMA: two corrections of x * (1 / divisor). The first makes the quotient faithful, the
/// second makes it the one that division gives (Markstein 1990, IBM J. Res. Dev. 34(1), theorem 5),
/// three times as fast.
template <Isa kIsa>
LOBDESK_KERNEL double Divide(double x, const Divisor& divisor) noexcept {
  if constexpr (kIsa == Isa::kBase) return x / divisor.value;
  const double guess = x * divisor.inverse;
  const double faithful = std::fma(std::fma(-guess, divisor.value, x), divisor.inverse, guess);
  return std::fma(std::fma(-faithful, divisor.value, x), divisor.inverse, faithful);
}

/// Returns the double nearest to an integer, as a conversion does; AVX2 has none for vectors.
template <Isa kIsa>
LOBDESK_KERNEL double ToDouble(std::int64_t value) noexcept {
  if constexpr (kIsa != Isa::kAvx2) return static_cast<double>(value);  // one instruction
  // The halves become mantissas of 2^52 + low and 2^84 + 2^63 + high * 2^32; one sum rounds.
  const auto bits = static_cast<std::uint64_t>(value);
  const std::uint64_t low_bits = (bits & 0xffffffff) | 0x4330000000000000;
  const std::uint64_t high_bits = (bits >> 32) ^ 0x4530000080000000;
  double low, high;
  std::memcpy(&low, &low_bits, sizeof low);
  std::memcpy(&high, &high_bits, sizeof high);
  return (high - 19342822341709703277445120.0) + low;
}

/// Returns 1 / sqrt(x) for x from 1e-300 to 1e300 with a relative error below 1e-10.
///
/// Three of Newton's steps from a guess by the exponent: enough for a float, and twice as fast as
/// root and division.
LOBDESK_KERNEL double InverseRoot(double x) noexcept {
  std::uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  bits = 0x5fe6eb50c7b537a9 - (bits >> 1);
  double root;
  std::memcpy(&root, &bits, sizeof root);
  const double half = 0.5 * x;
  root = root * (1.5 - half * root * root);
  root = root * (1.5 - half * root * root);
  return root * (1.5 - half * root * root);
}

}  // namespace lobdesk
