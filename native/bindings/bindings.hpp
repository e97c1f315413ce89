// What module.cpp needs of each binding file.
#pragma once

#include <pybind11/pybind11.h>

void BindErrors(pybind11::module_& m);
void BindBook(pybind11::module_& m);
void BindScan(pybind11::module_& m);
void BindWindows(pybind11::module_& m);
void BindArrow(pybind11::module_& m);
void BindBacktest(pybind11::module_& m);
