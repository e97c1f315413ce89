#include "lobdesk/price_grid.hpp"

#include <limits>

namespace lobdesk {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
constexpr int kMaxDigits = 18;

std::int64_t PowerOfTen(int digits) noexcept {
  std::int64_t power = 1;
  for (int i = 0; i < digits; ++i) power *= 10;
  return power;
}

// Where the digits are those of the grid, and its step is one of them.
bool Narrow(const std::int64_t* values, std::size_t count, std::int32_t* ticks) noexcept {
  bool is_wrong = false;
  for (std::size_t i = 0; i < count; ++i) {
    is_wrong |= (values[i] > kMost) | (values[i] < -kMost);
    ticks[i] = static_cast<std::int32_t>(values[i]);
  }
  return !is_wrong;
}

bool Scale(const std::int64_t* values, std::size_t count, std::int64_t factor, std::int64_t step,
           std::int32_t* ticks) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    std::int64_t scaled = 0;
    if (__builtin_mul_overflow(values[i], factor, &scaled)) return false;
    const std::int64_t quotient = scaled / step;
    if (quotient * step != scaled || quotient > kMost || quotient < -kMost) return false;
    ticks[i] = static_cast<std::int32_t>(quotient);
  }
  return true;
}

}  // namespace

bool ToTicks(const std::int64_t* mantissas, const std::int8_t* precision, std::size_t rows,
             std::size_t width, const PriceGrid& grid, std::int32_t* ticks) noexcept {
  for (std::size_t row = 0; row < rows; ++row) {
    const int missing = grid.digits - precision[row];
    if (missing < 0 || missing > kMaxDigits) return false;
    const std::int64_t* values = mantissas + row * width;
    std::int32_t* out = ticks + row * width;
    const bool is_fine = missing == 0 && grid.step == 1
                             ? Narrow(values, width, out)
                             : Scale(values, width, PowerOfTen(missing), grid.step, out);
    if (!is_fine) return false;
  }
  return true;
}

}  // namespace lobdesk
