// Query results to columns, by Arrow's C stream interface.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "lobdesk/arrow_abi.hpp"
#include "lobdesk/large_vector.hpp"

namespace lobdesk {

/// One column of integers; `width` values belong to each row.
struct ArrowColumn {
  std::string name;
  std::int64_t width = 1;
  std::variant<LargeVector<std::int64_t>, LargeVector<std::int32_t>, LargeVector<std::int8_t>,
               LargeVector<std::uint8_t>>
      values;
};

/// Reads a stream to its end and gives each column as one block of memory.
///
/// Columns are integers of 8, 32 or 64 bits, or lists of a fixed number of 64-bit integers, all
/// without nulls. Throws EngineError if they are not, or if the query fails. Memory for `rows` is
/// taken at once; there may be more.
[[nodiscard]] std::vector<ArrowColumn> ReadArrowStream(ArrowArrayStream* stream, std::size_t rows);

}  // namespace lobdesk
