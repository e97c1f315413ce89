#include "lobdesk/book/crc32.hpp"

#include <array>
#include <cstddef>

#include "crc32_folding.hpp"

namespace lobdesk {
namespace {

constexpr std::uint32_t kPolynomial = 0xEDB88320U;
constexpr std::size_t kSlices = 8;
using Table = std::array<std::array<std::uint32_t, 256>, kSlices>;

constexpr Table MakeTable() {
  Table table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ ((crc & 1U) != 0 ? kPolynomial : 0U);
    }
    table[0][byte] = crc;
  }
  for (std::size_t slice = 1; slice < kSlices; ++slice) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t previous = table[slice - 1][byte];
      table[slice][byte] = (previous >> 8) ^ table[0][previous & 0xFFU];
    }
  }
  return table;
}

constexpr Table kTable = MakeTable();

std::uint32_t LoadLittleEndian(const unsigned char* p) noexcept {
  return static_cast<std::uint32_t>(p[0]) | static_cast<std::uint32_t>(p[1]) << 8 |
         static_cast<std::uint32_t>(p[2]) << 16 | static_cast<std::uint32_t>(p[3]) << 24;
}

// Slice-by-8, on the inverted remainder.
std::uint32_t Update(std::uint32_t crc, const unsigned char* p, std::size_t left) noexcept {
  for (; left >= kSlices; left -= kSlices, p += kSlices) {
    const std::uint32_t low = crc ^ LoadLittleEndian(p);
    const std::uint32_t high = LoadLittleEndian(p + 4);
    crc = kTable[7][low & 0xFFU] ^ kTable[6][(low >> 8) & 0xFFU] ^ kTable[5][(low >> 16) & 0xFFU] ^
          kTable[4][low >> 24] ^ kTable[3][high & 0xFFU] ^ kTable[2][(high >> 8) & 0xFFU] ^
          kTable[1][(high >> 16) & 0xFFU] ^ kTable[0][high >> 24];
  }
  for (; left > 0; --left, ++p) {
    crc = (crc >> 8) ^ kTable[0][(crc ^ *p) & 0xFFU];
  }
  return crc;
}

}  // namespace

std::uint32_t Crc32(std::string_view bytes) noexcept {
  const auto* p = reinterpret_cast<const unsigned char*>(bytes.data());
  std::uint32_t crc = 0xFFFFFFFFU;
  std::size_t done = 0;
  if (bytes.size() >= kMinFoldedBytes && CanFoldCrc32()) {
    done = bytes.size() / 16 * 16;
    crc = FoldCrc32(crc, p, done);
  }
  return ~Update(crc, p + done, bytes.size() - done);
}

}  // namespace lobdesk
