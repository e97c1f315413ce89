// Moving vectors to NumPy without copying them.
#pragma once

#include <pybind11/numpy.h>

#include <memory>
#include <utility>
#include <vector>

/// Gives the vector's memory to a NumPy array of the given shape; the array owns it afterwards.
template <typename T, typename A>
pybind11::array_t<T> ToArray(std::vector<T, A>&& values, std::vector<pybind11::ssize_t> shape) {
  using Vector = std::vector<T, A>;
  auto owner = std::make_unique<Vector>(std::move(values));
  T* data = owner->data();
  pybind11::capsule capsule(owner.get(), [](void* p) { delete static_cast<Vector*>(p); });
  owner.release();
  return pybind11::array_t<T>(std::move(shape), data, capsule);
}

/// As above, one-dimensional.
template <typename T, typename A>
pybind11::array_t<T> ToArray(std::vector<T, A>&& values) {
  const auto size = static_cast<pybind11::ssize_t>(values.size());
  return ToArray(std::move(values), {size});
}
