// Query results to columns, by Arrow's C stream interface.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "lobdesk/large_vector.hpp"

extern "C" {

// The structures of Arrow's C data interface, as its specification prints them.
// Source: https://arrow.apache.org/docs/format/CDataInterface.html
struct ArrowSchema {
  const char* format;
  const char* name;
  const char* metadata;
  std::int64_t flags;
  std::int64_t n_children;
  struct ArrowSchema** children;
  struct ArrowSchema* dictionary;
  void (*release)(struct ArrowSchema*);
  void* private_data;
};

struct ArrowArray {
  std::int64_t length;
  std::int64_t null_count;
  std::int64_t offset;
  std::int64_t n_buffers;
  std::int64_t n_children;
  const void** buffers;
  struct ArrowArray** children;
  struct ArrowArray* dictionary;
  void (*release)(struct ArrowArray*);
  void* private_data;
};

struct ArrowArrayStream {
  int (*get_schema)(struct ArrowArrayStream*, struct ArrowSchema* out);
  int (*get_next)(struct ArrowArrayStream*, struct ArrowArray* out);
  const char* (*get_last_error)(struct ArrowArrayStream*);
  void (*release)(struct ArrowArrayStream*);
  void* private_data;
};
}

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
