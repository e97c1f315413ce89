// Natural logarithm of 1 + x for many values at once.
#pragma once

#include <cstdint>
#include <cstring>

#include "lobdesk/windows/simd.hpp"

namespace lobdesk {

/// Writes ln(1 + x[i]) for finite x[i] >= 0; error below one unit in the last place.
///
/// The method of FreeBSD's log1p (k ln 2 + a polynomial in f / (2 + f)) without branches, so that
/// the loop vectorises. Plain IEEE operations only: the same bits on every machine, which the
/// vector mathematics of a C library does not promise.
template <int kCount>
LOBDESK_KERNEL void Log1p(const double* x, double* out) noexcept {
  constexpr double kLn2High = 6.93147180369123816490e-01;
  constexpr double kLn2Low = 1.90821492927058770002e-10;
  constexpr double kLg1 = 6.666666666666735130e-01;
  constexpr double kLg2 = 3.999999999940941908e-01;
  constexpr double kLg3 = 2.857142874366239149e-01;
  constexpr double kLg4 = 2.222219843214978396e-01;
  constexpr double kLg5 = 1.818357216161805012e-01;
  constexpr double kLg6 = 1.531383769920937332e-01;
  constexpr double kLg7 = 1.479819860511658591e-01;
  constexpr double kTwo52 = 4503599627370496.0;
  constexpr std::uint64_t kTwo52Bits = 0x4330000000000000;
  constexpr std::uint64_t kHalfRoot2 = std::uint64_t{0x3fe6a09e} << 32;  // sqrt(2)/2, upper half
  constexpr std::uint64_t kOne = std::uint64_t{0x3ff00000} << 32;
  for (int i = 0; i < kCount; ++i) {
    const double u = 1.0 + x[i];
    const double lost = x[i] < 1.0 ? x[i] - (u - 1.0) : 1.0 - (u - x[i]);  // in 1 + x, exact
    std::uint64_t bits;
    std::memcpy(&bits, &u, sizeof bits);
    bits += kOne - kHalfRoot2;
    const std::uint64_t exponent_bits = (bits >> 52) | kTwo52Bits;
    double k;
    std::memcpy(&k, &exponent_bits, sizeof k);
    k -= kTwo52 + 1023.0;
    const std::uint64_t scale_bits = (2046 - (bits >> 52)) << 52;
    double scale;  // 2^-k
    std::memcpy(&scale, &scale_bits, sizeof scale);
    bits = (bits & 0x000fffffffffffff) + kHalfRoot2;
    double mantissa;
    std::memcpy(&mantissa, &bits, sizeof mantissa);
    const bool is_near_one = k == 0.0;
    const double f = is_near_one ? x[i] : mantissa - 1.0;
    // lost / u; a twentieth of half a unit does not matter, so a parabola stands for 1 / mantissa.
    const double c = is_near_one ? 0.0 : lost * scale * (1.0 - f * (0.97 - 0.75 * f));
    const double half_square = 0.5 * f * f;
    const double s = f / (2.0 + f);
    const double z = s * s;
    const double w = z * z;
    const double odd = w * (kLg2 + w * (kLg4 + w * kLg6));
    const double even = z * (kLg1 + w * (kLg3 + w * (kLg5 + w * kLg7)));
    out[i] = s * (half_square + (even + odd)) + (k * kLn2Low + c) - half_square + f + k * kLn2High;
  }
}

}  // namespace lobdesk
