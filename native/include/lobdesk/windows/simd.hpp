// One source, two instruction sets, the same bits.
//
// Kernels are written once as plain loops and compiled twice: for every x86-64 and for AVX2. Each
// column is computed on its own and operations are never fused, so both give identical results.
#pragma once

#define LOBDESK_KERNEL inline __attribute__((always_inline))

#if defined(__x86_64__)
#define LOBDESK_HAS_AVX2_CLONE 1
#define LOBDESK_AVX2 __attribute__((target("avx2")))
#else
#define LOBDESK_HAS_AVX2_CLONE 0
#endif

namespace lobdesk {

/// Returns whether this machine runs the AVX2 clones.
inline bool HasAvx2() noexcept {
#if LOBDESK_HAS_AVX2_CLONE
  return __builtin_cpu_supports("avx2") != 0;
#else
  return false;
#endif
}

}  // namespace lobdesk
