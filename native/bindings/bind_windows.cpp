#include "bindings.hpp"

void BindWindows(pybind11::module_& m) { (void)m; }
