// The extension module: one bind function per topic, nothing else.
#include <pybind11/pybind11.h>

#include "bindings.hpp"

PYBIND11_MODULE(_native, m, pybind11::mod_gil_not_used()) {
  m.doc() = "Native engine of lobdesk. Import it through lobdesk.engine.";
  BindErrors(m);
  BindBook(m);
  BindScan(m);
  BindWindows(m);
  BindBacktest(m);
}
