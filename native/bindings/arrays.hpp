// Moving vectors to NumPy without copying them.
#pragma once

#include <pybind11/numpy.h>

#include <memory>
#include <utility>
#include <vector>

/// Gives the vector's memory to a NumPy array of the given shape; the array owns it afterwards.
template <typename T>
pybind11::array_t<T> ToArray(std::vector<T>&& values, std::vector<pybind11::ssize_t> shape) {
  auto owner = std::make_unique<std::vector<T>>(std::move(values));
  T* data = owner->data();
  pybind11::capsule capsule(owner.get(), [](void* p) { delete static_cast<std::vector<T>*>(p); });
  owner.release();
  return pybind11::array_t<T>(std::move(shape), data, capsule);
}

/// As above, one-dimensional.
template <typename T>
pybind11::array_t<T> ToArray(std::vector<T>&& values) {
  const auto size = static_cast<pybind11::ssize_t>(values.size());
  return ToArray(std::move(values), {size});
}
