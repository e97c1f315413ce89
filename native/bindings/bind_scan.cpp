#include "bindings.hpp"

void BindScan(pybind11::module_& m) { (void)m; }
