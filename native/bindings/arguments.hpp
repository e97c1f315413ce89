// Arguments of functions written against the C API: whole numbers, by position or name.
#pragma once

#include <Python.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

constexpr std::array<const char*, 4> kTifNames{"GTC", "IOC", "FOK", "GTX"};

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

inline bool ToTif(PyObject* object, std::int64_t* value) {
  if (!PyUnicode_Check(object)) return ToInt(object, value);
  for (std::size_t i = 0; i < kTifNames.size(); ++i) {
    if (PyUnicode_CompareWithASCIIString(object, kTifNames[i]) == 0) {
      *value = static_cast<std::int64_t>(i);
      return true;
    }
  }
  PyErr_SetString(PyExc_ValueError, "tif must be GTC, IOC, FOK or GTX");
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
    if (std::strcmp(names[i], "tif") == 0) return ToTif(object, &values[i]);
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
