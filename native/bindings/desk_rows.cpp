#include "desk_rows.hpp"

#include <structmember.h>

#include <cstring>

namespace {

std::array<PyTypeObject*, 3> types{};

constexpr PyMemberDef Field(const char* name, std::size_t place, const char* text) {
  return {name, T_OBJECT_EX,
          static_cast<Py_ssize_t>(offsetof(RowObject, fields) + place * sizeof(PyObject*)),
          READONLY, text};
}

constexpr PyMemberDef kEnd{nullptr, 0, 0, 0, nullptr};

PyMemberDef order_fields[] = {Field("id", 0, "Identifier."),
                              Field("side", 1, "0 buy, 1 sell."),
                              Field("is_buy", 2, "Whether it buys."),
                              Field("price_ticks", 3, "Limit, 0 of a market order."),
                              Field("leaves_lots", 4, "Open quantity as known here."),
                              Field("status", 5, "Position in STATUSES."),
                              Field("is_pending", 6, "Whether no report has come yet."),
                              Field("has_request", 7, "Whether a request for it is under way."),
                              kEnd};

PyMemberDef fill_fields[] = {Field("order_id", 0, "Identifier of the order."),
                             Field("side", 1, "0 buy, 1 sell."),
                             Field("is_buy", 2, "Whether it bought."),
                             Field("price_ticks", 3, "Price."),
                             Field("qty_lots", 4, "Quantity."),
                             Field("is_maker", 5, "Whether the order rested."),
                             Field("symbol", 6, "Number of the symbol."),
                             kEnd};

PyMemberDef trade_fields[] = {Field("recv_ts_us", 0, "Receipt."),
                              Field("side", 1, "Aggressor: 0 buy, 1 sell."),
                              Field("is_buy", 2, "Whether the aggressor bought."),
                              Field("price_ticks", 3, "Price."),
                              Field("qty_lots", 4, "Quantity."),
                              Field("symbol", 5, "Number of the symbol."),
                              kEnd};

void Free(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  for (PyObject* field : reinterpret_cast<RowObject*>(self)->fields) Py_XDECREF(field);
  PyObject_Free(self);
  Py_DECREF(type);
}

/// Writes a row as the call that names its attributes would.
PyObject* Repr(PyObject* self) {
  const char* separator = "(";
  const char* name = std::strrchr(Py_TYPE(self)->tp_name, '.');
  PyObject* text = PyUnicode_FromString(name == nullptr ? Py_TYPE(self)->tp_name : name + 1);
  for (const PyMemberDef* field = Py_TYPE(self)->tp_members; field->name != nullptr; ++field) {
    PyObject* value =
        PyMember_GetOne(reinterpret_cast<const char*>(self), const_cast<PyMemberDef*>(field));
    if (value == nullptr) break;
    PyObject* more = PyUnicode_FromFormat("%s%s=%R", separator, field->name, value);
    Py_DECREF(value);
    PyUnicode_AppendAndDel(&text, more);
    separator = ", ";
  }
  PyUnicode_AppendAndDel(&text, PyUnicode_FromString(")"));
  return text;
}

PyTypeObject* Make(const char* name, const char* text, PyMemberDef* fields) {
  PyType_Slot slots[] = {{Py_tp_doc, const_cast<char*>(text)},
                         {Py_tp_members, fields},
                         {Py_tp_repr, reinterpret_cast<void*>(Repr)},
                         {Py_tp_dealloc, reinterpret_cast<void*>(Free)},
                         {0, nullptr}};
  PyType_Spec spec{name, sizeof(RowObject), 0,
                   Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  return reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
}

}  // namespace

bool AddRowTypes(PyObject* module) {
  types = {Make("lobdesk._native.OpenOrder", "A live order of the strategy.", order_fields),
           Make("lobdesk._native.OwnFill", "A fill of an own order.", fill_fields),
           Make("lobdesk._native.MarketTrade", "A trade of the market.", trade_fields)};
  for (PyTypeObject* type : types) {
    if (type == nullptr || PyModule_AddType(module, type) != 0) return false;
  }
  return true;
}

PyTypeObject* RowType(RowKind kind) { return types[static_cast<std::size_t>(kind)]; }
