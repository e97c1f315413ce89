// The engine's exceptions, under the Python root LobdeskError.
#include "bindings.hpp"
#include "lobdesk/errors.hpp"

namespace py = pybind11;

void BindErrors(py::module_& m) {
  const py::object root = py::module_::import("lobdesk.errors").attr("LobdeskError");
  py::register_exception<lobdesk::EngineError>(m, "EngineError", root);
}
