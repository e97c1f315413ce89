#include "bindings.hpp"

void BindBook(pybind11::module_& m) { (void)m; }
