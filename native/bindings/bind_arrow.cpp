// Columns of NumPy as an Arrow C stream: the consumer reads our memory in place.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bindings.hpp"
#include "lobdesk/arrow_abi.hpp"

namespace py = pybind11;

namespace {

constexpr std::int64_t kNullable = 2;

struct Column {
  std::string name;
  std::string format;
  py::array values;
  std::optional<py::array> validity;     // a bitmap
  std::optional<py::array> text_begins;  // of texts: where each begins in the values
  bool has_words = false;
  std::vector<std::int32_t> word_offsets;
  std::string words;
  std::vector<std::int32_t> list_offsets;  // of lists

  [[nodiscard]] bool IsList() const noexcept { return !list_offsets.empty(); }
};

/// All columns. Consumers may let go of it on any thread.
struct Table {
  std::vector<Column> columns;
  std::int64_t rows = 0;
  Table() = default;
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;
  ~Table() {
    const py::gil_scoped_acquire acquire;
    columns.clear();
  }
};
using TablePtr = std::shared_ptr<const Table>;

/// What a schema or array of ours points to.
struct Parts {
  TablePtr table;
  std::vector<ArrowSchema> schemas;
  std::vector<ArrowSchema*> schema_children, schema_values;
  std::vector<ArrowArray> arrays;
  std::vector<ArrowArray*> array_children, array_values;
  std::vector<std::array<const void*, 3>> buffers;
};

void ReleaseSchema(ArrowSchema* schema) {
  for (std::int64_t i = 0; i < schema->n_children; ++i) {
    if (schema->children[i]->release != nullptr) schema->children[i]->release(schema->children[i]);
  }
  if (schema->dictionary != nullptr && schema->dictionary->release != nullptr) {
    schema->dictionary->release(schema->dictionary);
  }
  delete static_cast<std::shared_ptr<Parts>*>(schema->private_data);
  schema->release = nullptr;
}

void ReleaseArray(ArrowArray* array) {
  for (std::int64_t i = 0; i < array->n_children; ++i) {
    if (array->children[i]->release != nullptr) array->children[i]->release(array->children[i]);
  }
  if (array->dictionary != nullptr && array->dictionary->release != nullptr) {
    array->dictionary->release(array->dictionary);
  }
  delete static_cast<std::shared_ptr<Parts>*>(array->private_data);
  array->release = nullptr;
}

// A consumer may move a child out and outlive its parent, so each holds all parts.
void* Hold(const std::shared_ptr<Parts>& parts) { return new std::shared_ptr<Parts>(parts); }

/// A stream of one batch.
struct Source {
  TablePtr table;
  bool is_over = false;
};

int GetSchema(ArrowArrayStream* stream, ArrowSchema* out) {
  const TablePtr& table = static_cast<Source*>(stream->private_data)->table;
  auto parts = std::make_shared<Parts>();
  parts->table = table;
  const std::size_t count = table->columns.size();
  parts->schemas.resize(2 * count);
  parts->schema_values.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    const Column& column = table->columns[i];
    ArrowSchema* inner = &parts->schemas[count + i];  // words of codes, or values of lists
    const char* format = column.has_words ? "u" : column.format.c_str();
    if (column.has_words || column.IsList()) {
      *inner = {format, "element", nullptr, 0, 0, nullptr, nullptr, ReleaseSchema, Hold(parts)};
    }
    parts->schema_values[i] = inner;
    parts->schemas[i] = {column.IsList() ? "+l" : column.format.c_str(),
                         column.name.c_str(),
                         nullptr,
                         column.validity ? kNullable : 0,
                         column.IsList() ? 1 : 0,
                         column.IsList() ? &parts->schema_values[i] : nullptr,
                         column.has_words ? inner : nullptr,
                         ReleaseSchema,
                         Hold(parts)};
    parts->schema_children.push_back(&parts->schemas[i]);
  }
  *out = {"+s",
          "",
          nullptr,
          0,
          static_cast<std::int64_t>(count),
          parts->schema_children.data(),
          nullptr,
          ReleaseSchema,
          Hold(parts)};
  return 0;
}

void MakeArrays(const std::shared_ptr<Parts>& parts) {
  const Table& table = *parts->table;
  const std::size_t count = table.columns.size();
  parts->arrays.resize(2 * count);
  parts->array_values.resize(count);
  parts->buffers.resize(2 * count + 1);
  for (std::size_t i = 0; i < count; ++i) {
    const Column& column = table.columns[i];
    ArrowArray* inner = &parts->arrays[count + i];
    auto& inner_buffers = parts->buffers[count + i];
    if (column.has_words) {
      inner_buffers = {nullptr, column.word_offsets.data(), column.words.data()};
      const auto length = static_cast<std::int64_t>(column.word_offsets.size()) - 1;
      *inner = {length,       0,          0, 3, 0, inner_buffers.data(), nullptr, nullptr,
                ReleaseArray, Hold(parts)};
    } else if (column.IsList()) {
      inner_buffers = {nullptr, column.values.data(), nullptr};
      *inner = {column.values.size(), 0,          0, 2, 0, inner_buffers.data(), nullptr, nullptr,
                ReleaseArray,         Hold(parts)};
    }
    parts->array_values[i] = inner;
    auto& buffers = parts->buffers[i];
    buffers = {column.validity ? column.validity->data() : nullptr, column.values.data(), nullptr};
    if (column.IsList()) buffers[1] = column.list_offsets.data();
    if (column.text_begins) buffers = {buffers[0], column.text_begins->data(), buffers[1]};
    parts->arrays[i] = {table.rows,
                        column.validity ? -1 : 0,
                        0,
                        column.text_begins ? 3 : 2,
                        column.IsList() ? 1 : 0,
                        buffers.data(),
                        column.IsList() ? &parts->array_values[i] : nullptr,
                        column.has_words ? inner : nullptr,
                        ReleaseArray,
                        Hold(parts)};
    parts->array_children.push_back(&parts->arrays[i]);
  }
}

int GetNext(ArrowArrayStream* stream, ArrowArray* out) {
  auto* source = static_cast<Source*>(stream->private_data);
  *out = ArrowArray{};
  if (source->is_over) return 0;  // the end: an array without a release
  source->is_over = true;
  auto parts = std::make_shared<Parts>();
  parts->table = source->table;
  MakeArrays(parts);
  *out = {parts->table->rows,
          0,
          0,
          1,
          static_cast<std::int64_t>(parts->array_children.size()),
          parts->buffers.back().data(),
          parts->array_children.data(),
          nullptr,
          ReleaseArray,
          Hold(parts)};
  return 0;
}

const char* GetError(ArrowArrayStream* /*stream*/) { return nullptr; }

void ReleaseStream(ArrowArrayStream* stream) {
  delete static_cast<Source*>(stream->private_data);
  stream->release = nullptr;
}

void FreeCapsule(PyObject* capsule) {
  auto* stream =
      static_cast<ArrowArrayStream*>(PyCapsule_GetPointer(capsule, "arrow_array_stream"));
  if (stream->release != nullptr) stream->release(stream);
  delete stream;
}

using ColumnTuple = std::tuple<std::string, std::string, py::array, std::optional<py::array>,
                               std::optional<std::vector<std::string>>>;

void CheckShape(const Column& column, std::int64_t rows) {
  const py::array& values = column.values;
  const bool is_contiguous = (values.flags() & py::array::c_style) != 0;
  // Flags are bits, so only whole bytes can be counted.
  const bool fits = column.text_begins     ? column.text_begins->size() == rows + 1
                    : column.format == "b" ? values.size() == (rows + 7) / 8
                                           : values.ndim() > 0 && values.shape(0) == rows;
  const bool has_bits = !column.validity || column.validity->size() == (rows + 7) / 8;
  if (!is_contiguous || !fits || !has_bits || values.ndim() > 2) {
    throw py::value_error("column " + column.name + " does not have the rows of the table");
  }
}

/// \param columns (name, format, values, validity bitmap, words that the values number); values of
/// two dimensions are lists.
/// \param text_begins Name of a column of bytes -> where each row's text begins, rows + 1
/// positions.
py::object ArrowStream(const std::vector<ColumnTuple>& columns, std::int64_t rows,
                       const std::map<std::string, py::array_t<std::int64_t>>& text_begins) {
  auto table = std::make_shared<Table>();
  table->rows = rows;
  for (const auto& [name, format, values, validity, words] : columns) {
    Column column{name, format, values, validity, std::nullopt, words.has_value(), {0}, {}, {}};
    if (const auto found = text_begins.find(name); found != text_begins.end()) {
      column.text_begins = found->second;
    }
    CheckShape(column, rows);
    for (const std::string& word : words.value_or(std::vector<std::string>{})) {
      column.words += word;
      column.word_offsets.push_back(static_cast<std::int32_t>(column.words.size()));
    }
    for (std::int64_t row = 0; values.ndim() == 2 && row <= rows; ++row) {
      column.list_offsets.push_back(static_cast<std::int32_t>(row * values.shape(1)));
    }
    table->columns.push_back(std::move(column));
  }
  auto stream = std::make_unique<ArrowArrayStream>();
  *stream = {GetSchema, GetNext, GetError, ReleaseStream, new Source{std::move(table)}};
  PyObject* capsule = PyCapsule_New(stream.get(), "arrow_array_stream", FreeCapsule);
  if (capsule == nullptr) {
    stream->release(stream.get());
    throw py::error_already_set();
  }
  (void)stream.release();
  return py::reinterpret_steal<py::object>(capsule);
}

}  // namespace

void BindArrow(py::module_& m) {
  m.def("arrow_stream", &ArrowStream, py::arg("columns"), py::arg("rows"), py::kw_only(),
        py::arg("text_begins") = std::map<std::string, py::array_t<std::int64_t>>());
}
