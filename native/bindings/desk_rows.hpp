// Rows that a strategy reads: orders, fills and trades with named attributes.
//
// Attributes are slots, which the interpreter reads almost as fast as local variables; the places
// of named tuples are several times slower.
#pragma once

#include <Python.h>

#include <array>
#include <cstddef>
#include <cstdint>

enum class RowKind : std::uint8_t { kOpenOrder, kOwnFill, kMarketTrade };

constexpr std::size_t kMostFields = 8;

struct RowObject {
  PyObject_HEAD PyObject* fields[kMostFields];  // null beyond those of the kind
};

/// Makes the types of all rows and adds them to a module; false with an exception set.
bool AddRowTypes(PyObject* module);

PyTypeObject* RowType(RowKind kind);

inline PyObject* NewInt(std::int64_t value) { return PyLong_FromLongLong(value); }

inline PyObject* NewBool(bool value) { return Py_NewRef(value ? Py_True : Py_False); }

/// Makes a row of new references in the order of its attributes; null if one is missing.
template <typename... Fields>
PyObject* NewRow(RowKind kind, Fields... fields) {
  static_assert(sizeof...(Fields) <= kMostFields);
  const std::array<PyObject*, kMostFields> all{fields...};
  auto* row = PyObject_New(RowObject, RowType(kind));
  bool is_whole = row != nullptr;
  for (std::size_t i = 0; i < kMostFields; ++i) {
    is_whole = is_whole && (all[i] != nullptr || i >= sizeof...(Fields));
    if (row != nullptr) {
      row->fields[i] = all[i];
    } else {
      Py_XDECREF(all[i]);
    }
  }
  if (is_whole) return reinterpret_cast<PyObject*>(row);
  Py_XDECREF(row);
  return nullptr;
}
