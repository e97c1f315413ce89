// Arguments of functions written against the C API: whole numbers or words for them.
#pragma once

#include <Python.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

/// A word for a whole number, in arguments of a name.
struct CodeName {
  const char* argument;
  const char* name;
  std::int64_t code;
};

constexpr std::array<CodeName, 10> kCodeNames{{{"side", "buy", 0},
                                               {"side", "sell", 1},
                                               {"side", "bid", 0},
                                               {"side", "ask", 1},
                                               {"order_type", "limit", 0},
                                               {"order_type", "market", 1},
                                               {"tif", "GTC", 0},
                                               {"tif", "IOC", 1},
                                               {"tif", "FOK", 2},
                                               {"tif", "GTX", 3}}};

inline bool ToInt(PyObject* object, std::int64_t* value) {
  if (PyLong_CheckExact(object)) {
    *value = PyLong_AsLongLong(object);
    return *value != -1 || PyErr_Occurred() == nullptr;
  }
  PyObject* whole = PyNumber_Index(object);  // numbers of NumPy
  if (whole == nullptr) return false;
  *value = PyLong_AsLongLong(whole);
  Py_DECREF(whole);
  return *value != -1 || PyErr_Occurred() == nullptr;
}

/// Returns whether an argument of this name may be a word.
inline bool HasWords(const char* argument) noexcept {
  return std::any_of(kCodeNames.begin(), kCodeNames.end(), [argument](const CodeName& known) {
    return std::strcmp(known.argument, argument) == 0;
  });
}

inline bool ToCode(const char* argument, PyObject* word, std::int64_t* value) {
  for (const CodeName& known : kCodeNames) {
    if (std::strcmp(known.argument, argument) == 0 &&
        PyUnicode_CompareWithASCIIString(word, known.name) == 0) {
      *value = known.code;
      return true;
    }
  }
  PyErr_Format(PyExc_ValueError, "%s cannot be %R", argument, word);
  return false;
}

/// Arguments of one call: whole numbers by position or name.
template <std::size_t kCount>
struct Arguments {
  std::array<const char*, kCount> names;
  std::array<std::int64_t, kCount> values;
  std::size_t required;
  std::size_t positional;

  bool Set(const char* function, std::size_t i, PyObject* object) {
    if (PyUnicode_Check(object) && HasWords(names[i])) {
      return ToCode(names[i], object, &values[i]);
    }
    if (ToInt(object, &values[i])) return true;
    // The same error, but it says where: there are no fractions of ticks or lots.
    PyObject* type =
        PyErr_ExceptionMatches(PyExc_OverflowError) ? PyExc_OverflowError : PyExc_TypeError;
    PyErr_Clear();
    PyErr_Format(type, "%s(): %s must be a whole number of 64 bits, not %R", function, names[i],
                 object);
    return false;
  }

  bool Read(const char* function, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    const auto given = static_cast<std::size_t>(count);
    if (given > positional) {
      PyErr_Format(PyExc_TypeError, "%s() takes at most %zu positional arguments", function,
                   positional);
      return false;
    }
    std::uint32_t seen = (1U << given) - 1U;
    for (std::size_t i = 0; i < given; ++i) {
      if (!Set(function, i, args[i])) return false;
    }
    const Py_ssize_t named = keywords == nullptr ? 0 : PyTuple_GET_SIZE(keywords);
    for (Py_ssize_t k = 0; k < named; ++k) {
      PyObject* name = PyTuple_GET_ITEM(keywords, k);
      std::size_t i = 0;
      while (i < kCount && PyUnicode_CompareWithASCIIString(name, names[i]) != 0) ++i;
      if (i == kCount || (seen & (1U << i)) != 0) {
        PyErr_Format(PyExc_TypeError, "%s() cannot take the argument %R", function, name);
        return false;
      }
      if (!Set(function, i, args[count + k])) return false;
      seen |= 1U << i;
    }
    for (std::size_t i = 0; i < required; ++i) {
      if ((seen & (1U << i)) == 0) {
        PyErr_Format(PyExc_TypeError, "%s() needs the argument '%s'", function, names[i]);
        return false;
      }
    }
    return true;
  }
};
