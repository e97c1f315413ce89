// CRC-32 (IEEE), the checksum of Kraken's books and of zlib.
#pragma once

#include <cstdint>
#include <string_view>

namespace lobdesk {

/// Returns the CRC-32 of the bytes; "123456789" gives 0xCBF43926.
[[nodiscard]] std::uint32_t Crc32(std::string_view bytes) noexcept;

}  // namespace lobdesk
