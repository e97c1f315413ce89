#include "lobdesk/arrow_columns.hpp"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "lobdesk/errors.hpp"

namespace lobdesk {
namespace {

constexpr std::int64_t kListedLevels = 10;

// Lets go of a structure of the interface when its time is over.
template <typename T>
class Owned {
 public:
  Owned() noexcept = default;
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() {
    if (value_.release != nullptr) value_.release(&value_);
  }
  T* Get() noexcept { return &value_; }
  T* operator->() noexcept { return &value_; }

 private:
  T value_{};
};

[[noreturn]] void Refuse(const ArrowSchema& schema) {
  throw EngineError("column " + std::string(schema.name) + ": format " + schema.format +
                    " is no column of integers");
}

// Values in each row of a list of a fixed number of them.
std::int64_t ListWidth(const ArrowSchema& schema) {
  const std::string_view digits = std::string_view(schema.format).substr(3);
  std::int64_t width = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), width);
  const bool is_read = error == std::errc() && end == digits.data() + digits.size() && width > 0;
  if (!is_read || schema.n_children != 1 || std::string_view(schema.children[0]->format) != "l") {
    Refuse(schema);
  }
  return width;
}

ArrowColumn Prepare(const ArrowSchema& schema) {
  ArrowColumn column;
  column.name = schema.name == nullptr ? "" : schema.name;
  const std::string_view format = schema.format;
  if (format.substr(0, 3) == "+w:") {
    column.width = ListWidth(schema);
  } else if (format == "+l") {
    // Parts hold levels as lists, which are written faster; each has them all.
    if (schema.n_children != 1 || std::string_view(schema.children[0]->format) != "l") {
      Refuse(schema);
    }
    column.width = kListedLevels;
  } else if (format == "i") {
    column.values.emplace<LargeVector<std::int32_t>>();
  } else if (format == "c") {
    column.values.emplace<LargeVector<std::int8_t>>();
  } else if (format == "C") {
    column.values.emplace<LargeVector<std::uint8_t>>();
  } else if (format != "l") {
    Refuse(schema);
  }
  return column;
}

bool HasNulls(const ArrowArray& array) noexcept {
  return array.null_count != 0 && array.n_buffers > 0 && array.buffers[0] != nullptr;
}

// Where the values of a batch's lists begin, all of which have the column's width.
std::int64_t ListBegin(const ArrowArray& array, const ArrowColumn& column) {
  if (array.n_buffers < 2) return array.offset * column.width;  // a fixed-size list has no offsets
  const auto* offsets = static_cast<const std::int32_t*>(array.buffers[1]) + array.offset;
  for (std::int64_t row = 0; row < array.length; ++row) {
    if (offsets[row + 1] - offsets[row] != column.width) {
      throw EngineError("column " + column.name + " holds a list of another length than " +
                        std::to_string(column.width));
    }
  }
  return array.length > 0 ? offsets[0] : 0;
}

void Append(const ArrowArray& array, ArrowColumn* column) {
  const bool is_list = column->width > 1 || array.n_children > 0;
  const ArrowArray& values = is_list ? *array.children[0] : array;
  if (HasNulls(array) || HasNulls(values)) {
    throw EngineError("column " + column->name + " holds nulls");
  }
  const std::int64_t begin = is_list ? ListBegin(array, *column) + values.offset : values.offset;
  const std::int64_t count = array.length * column->width;
  std::visit(
      [&](auto& out) {
        using Value = typename std::decay_t<decltype(out)>::value_type;
        const auto* data = static_cast<const Value*>(values.buffers[1]);
        if (count > 0) out.insert(out.end(), data + begin, data + begin + count);
      },
      column->values);
}

void Check(ArrowArrayStream* stream, int code) {
  if (code == 0) return;
  const char* why = stream->get_last_error(stream);
  throw EngineError(why == nullptr ? "the query failed" : why);
}

}  // namespace

std::vector<ArrowColumn> ReadArrowStream(ArrowArrayStream* stream, std::size_t rows) {
  Owned<ArrowSchema> schema;
  Check(stream, stream->get_schema(stream, schema.Get()));
  std::vector<ArrowColumn> columns;
  for (std::int64_t i = 0; i < schema->n_children; ++i) {
    columns.push_back(Prepare(*schema->children[i]));
    const std::size_t values = rows * static_cast<std::size_t>(columns.back().width);
    std::visit([values](auto& out) { out.reserve(values); }, columns.back().values);
  }
  while (true) {
    Owned<ArrowArray> batch;
    Check(stream, stream->get_next(stream, batch.Get()));
    if (batch->release == nullptr) return columns;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      Append(*batch->children[static_cast<std::int64_t>(i)], &columns[i]);
    }
  }
}

}  // namespace lobdesk
