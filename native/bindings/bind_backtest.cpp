#include "bindings.hpp"

void BindBacktest(pybind11::module_& m) { (void)m; }
