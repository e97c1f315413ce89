// The desk as Python sees it.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>

#include "lobdesk/backtest/strategy.hpp"

/// Adds the type; needs `OrderError` in the module.
void BindDesk(pybind11::module_& m);

/// Returns a desk that cannot be used before SetDesk.
[[nodiscard]] pybind11::object MakeDesk();

/// Opens a desk for one wake-up, or closes it with null.
void SetDesk(PyObject* object, lobdesk::backtest::LocalDesk* desk, std::uint32_t reasons) noexcept;
