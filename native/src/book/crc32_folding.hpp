// CRC-32 by carry-less multiplication, where the processor has it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lobdesk {

inline constexpr std::size_t kMinFoldedBytes = 64;

/// True if `FoldCrc32` runs on this processor.
[[nodiscard]] bool CanFoldCrc32() noexcept;

/// Continues an inverted remainder over `size` bytes, a multiple of 16 and at least 64.
[[nodiscard]] std::uint32_t FoldCrc32(std::uint32_t crc, const unsigned char* p,
                                      std::size_t size) noexcept;

}  // namespace lobdesk
