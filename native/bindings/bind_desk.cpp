// What a Python strategy sees. Written against the C API: a strategy makes several calls per
// wake-up, and the general dispatch of pybind11 costs more than each of them.
#include "bind_desk.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "arguments.hpp"
#include "desk_rows.hpp"

namespace py = pybind11;
namespace bt = lobdesk::backtest;

namespace {

struct DeskObject {
  PyObject_HEAD bt::LocalDesk* desk;  // null outside a wake-up
  std::uint32_t reasons;
};

PyObject* desk_type = nullptr;
PyObject* order_error = nullptr;

bt::LocalDesk* DeskOf(PyObject* self) {
  bt::LocalDesk* desk = reinterpret_cast<DeskObject*>(self)->desk;
  if (desk == nullptr) {
    PyErr_SetString(PyExc_ValueError, "the desk can be used during a wake-up only");
  }
  return desk;
}

/// Reads the optional symbol, the only argument of most calls; returns the desk or null.
bt::LocalDesk* WithSymbol(const char* function, PyObject* self, PyObject* const* args,
                          Py_ssize_t count, PyObject* keywords, std::size_t* symbol) {
  bt::LocalDesk* desk = DeskOf(self);
  *symbol = 0;
  if (desk == nullptr || (count == 0 && keywords == nullptr)) return desk;
  Arguments<1> read{{"symbol"}, {0}, 0, 1};
  if (!read.Read(function, args, count, keywords)) return nullptr;
  *symbol = static_cast<std::size_t>(read.values[0]);
  if (*symbol < desk->SymbolCount()) return desk;
  PyErr_SetString(PyExc_IndexError, "there is no such symbol");
  return nullptr;
}

/// Makes a tuple of two new references, null if one is missing.
PyObject* NewPair(PyObject* first, PyObject* second) {
  PyObject* pair = first != nullptr && second != nullptr ? PyTuple_Pack(2, first, second) : nullptr;
  Py_XDECREF(first);
  Py_XDECREF(second);
  return pair;
}

bool AppendNew(PyObject* list, PyObject* item) {
  if (item == nullptr) return false;
  const bool is_done = PyList_Append(list, item) == 0;
  Py_DECREF(item);
  return is_done;
}

PyObject* GetNow(PyObject* self, void* /*closure*/) {
  const bt::LocalDesk* desk = DeskOf(self);
  return desk == nullptr ? nullptr : NewInt(desk->Now());
}

PyObject* GetReasons(PyObject* self, void* /*closure*/) {
  if (DeskOf(self) == nullptr) return nullptr;
  return NewInt(reinterpret_cast<DeskObject*>(self)->reasons);
}

PyObject* GetSymbolCount(PyObject* self, void* /*closure*/) {
  const bt::LocalDesk* desk = DeskOf(self);
  return desk == nullptr ? nullptr : NewInt(static_cast<std::int64_t>(desk->SymbolCount()));
}

PyObject* Best(const char* function, std::uint8_t side, PyObject* self, PyObject* const* args,
               Py_ssize_t count, PyObject* keywords) {
  std::size_t symbol = 0;
  const bt::LocalDesk* desk = WithSymbol(function, self, args, count, keywords, &symbol);
  if (desk == nullptr) return nullptr;
  const bt::LadderSide& levels = desk->LocalBook(symbol).Side(side);
  if (levels.IsEmpty()) Py_RETURN_NONE;
  return NewPair(NewInt(bt::ToTicks(side, levels.Best())), NewInt(levels.At(levels.Best())));
}

PyObject* BestBid(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  return Best("best_bid", bt::kBid, self, args, count, keywords);
}

PyObject* BestAsk(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  return Best("best_ask", bt::kAsk, self, args, count, keywords);
}

/// Both best prices in one call: a call from Python costs more than the answer.
PyObject* Touch(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  std::size_t symbol = 0;
  const bt::LocalDesk* desk = WithSymbol("touch", self, args, count, keywords, &symbol);
  if (desk == nullptr) return nullptr;
  const bt::Book& book = desk->LocalBook(symbol);
  const bt::LadderSide& bids = book.Side(bt::kBid);
  const bt::LadderSide& asks = book.Side(bt::kAsk);
  if (bids.IsEmpty() || asks.IsEmpty()) Py_RETURN_NONE;
  return NewPair(NewInt(bt::ToTicks(bt::kBid, bids.Best())),
                 NewInt(bt::ToTicks(bt::kAsk, asks.Best())));
}

PyObject* Levels(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  const bt::LocalDesk* desk = DeskOf(self);
  Arguments<3> read{{"side", "count", "symbol"}, {0, 10, 0}, 1, 3};
  if (desk == nullptr || !read.Read("levels", args, count, keywords)) return nullptr;
  const auto [side, wanted, symbol] = read.values;
  if (side != bt::kBid && side != bt::kAsk) {
    PyErr_SetString(PyExc_ValueError, "side must be 0 or 1");
    return nullptr;
  }
  if (symbol < 0 || static_cast<std::size_t>(symbol) >= desk->SymbolCount()) {
    PyErr_SetString(PyExc_IndexError, "there is no such symbol");
    return nullptr;
  }
  PyObject* list = PyList_New(0);
  if (list == nullptr) return nullptr;
  const auto each = static_cast<std::uint8_t>(side);
  const bt::LadderSide& levels = desk->LocalBook(static_cast<std::size_t>(symbol)).Side(each);
  bt::Key key = levels.Best();
  for (std::int64_t i = 0; i < wanted && key != bt::kNoLevel; ++i) {
    if (!AppendNew(list, NewPair(NewInt(bt::ToTicks(each, key)), NewInt(levels.At(key))))) {
      Py_DECREF(list);
      return nullptr;
    }
    key = levels.NextWorse(key);
  }
  return list;
}

PyObject* Position(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  std::size_t symbol = 0;
  const bt::LocalDesk* desk = WithSymbol("position", self, args, count, keywords, &symbol);
  return desk == nullptr ? nullptr : NewInt(desk->GetAccount(symbol).position);
}

PyObject* Equity(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  std::size_t symbol = 0;
  const bt::LocalDesk* desk = WithSymbol("equity", self, args, count, keywords, &symbol);
  if (desk == nullptr) return nullptr;
  const bt::Mid2 mid2 = desk->LocalBook(symbol).LastMid();
  return PyFloat_FromDouble(desk->GetAccount(symbol).Equity(desk->Instrument(symbol), mid2));
}

PyObject* Orders(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  std::size_t symbol = 0;
  const bt::LocalDesk* desk = WithSymbol("orders", self, args, count, keywords, &symbol);
  PyObject* list = desk == nullptr ? nullptr : PyList_New(0);
  if (list == nullptr) return nullptr;
  for (const std::int32_t slot : desk->LiveOrders()) {
    const bt::Order& order = desk->GetOrder(slot);
    if (static_cast<std::size_t>(order.symbol) != symbol) continue;
    PyObject* item = NewRow(
        RowKind::kOpenOrder, NewInt(order.id), NewInt(order.side), NewBool(order.side == bt::kBid),
        NewInt(order.price_ticks), NewInt(order.known_leaves),
        NewInt(static_cast<std::int64_t>(order.status)),
        NewBool(order.status == bt::Status::kPending), NewBool(order.requests_in_flight != 0));
    if (!AppendNew(list, item)) {
      Py_DECREF(list);
      return nullptr;
    }
  }
  return list;
}

PyObject* Fills(PyObject* self, PyObject* /*none*/) {
  const bt::LocalDesk* desk = DeskOf(self);
  PyObject* list = desk == nullptr ? nullptr : PyList_New(0);
  if (list == nullptr) return nullptr;
  const bt::FillRow* rows = desk->NewFills();
  for (std::size_t i = 0; i < desk->NewFillCount(); ++i) {
    const bt::FillRow& row = rows[i];
    PyObject* item = NewRow(RowKind::kOwnFill, NewInt(row.order_id), NewInt(row.side),
                            NewBool(row.side == bt::kBid), NewInt(row.price_ticks),
                            NewInt(row.qty_lots), NewBool(row.is_maker != 0), NewInt(row.symbol));
    if (!AppendNew(list, item)) {
      Py_DECREF(list);
      return nullptr;
    }
  }
  return list;
}

PyObject* Trades(PyObject* self, PyObject* /*none*/) {
  const bt::LocalDesk* desk = DeskOf(self);
  PyObject* list = desk == nullptr ? nullptr : PyList_New(0);
  if (list == nullptr) return nullptr;
  for (const bt::LocalTrade& trade : desk->NewTrades()) {
    PyObject* item = NewRow(RowKind::kMarketTrade, NewInt(trade.recv_ts_us), NewInt(trade.side),
                            NewBool(trade.side == bt::kBid), NewInt(trade.price_ticks),
                            NewInt(trade.qty_lots), NewInt(trade.symbol));
    if (!AppendNew(list, item)) {
      Py_DECREF(list);
      return nullptr;
    }
  }
  return list;
}

/// Runs a request; what the engine throws becomes a Python exception.
template <typename Send>
bool Sent(const Send& send) {
  try {
    send();
    return true;
  } catch (const bt::OrderError& error) {
    PyErr_SetString(order_error, error.what());
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
  return false;
}

bool SendOrder(bt::LocalDesk& desk, std::int64_t id, std::int64_t side, std::int64_t price_ticks,
               std::int64_t qty_lots, std::int64_t type, std::int64_t tif, std::int64_t symbol) {
  const char* fault = nullptr;
  if (side != bt::kBid && side != bt::kAsk) fault = "side must be 0 or 1";
  if (type < 0 || type > 1) fault = "order_type must be 0 or 1";
  if (tif < 0 || tif > 3) fault = "tif must be from 0 to 3";
  if (fault != nullptr) {
    PyErr_SetString(PyExc_ValueError, fault);
    return false;
  }
  return Sent([&] {
    desk.Submit(id, static_cast<std::size_t>(symbol), static_cast<std::uint8_t>(side), price_ticks,
                qty_lots, static_cast<bt::OrderType>(type), static_cast<bt::TimeInForce>(tif));
  });
}

PyObject* Submit(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  bt::LocalDesk* desk = DeskOf(self);
  Arguments<7> read{
      {"order_id", "side", "price_ticks", "qty_lots", "order_type", "tif", "symbol"}, {}, 4, 4};
  if (desk == nullptr || !read.Read("submit", args, count, keywords)) return nullptr;
  const auto& [id, side, price, lots, type, tif, symbol] = read.values;
  if (!SendOrder(*desk, id, side, price, lots, type, tif, symbol)) return nullptr;
  Py_RETURN_NONE;
}

/// Sends a limit order under the next free identifier and returns that.
PyObject* SendLimit(const char* function, std::uint8_t side, PyObject* self, PyObject* const* args,
                    Py_ssize_t count, PyObject* keywords) {
  bt::LocalDesk* desk = DeskOf(self);
  Arguments<4> read{{"price_ticks", "qty_lots", "tif", "symbol"}, {}, 2, 2};
  if (desk == nullptr || !read.Read(function, args, count, keywords)) return nullptr;
  const auto& [price, lots, tif, symbol] = read.values;
  const std::int64_t id = desk->NextOrderId();
  if (!SendOrder(*desk, id, side, price, lots, 0, tif, symbol)) return nullptr;
  return NewInt(id);
}

PyObject* Buy(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  return SendLimit("buy", bt::kBid, self, args, count, keywords);
}

PyObject* Sell(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  return SendLimit("sell", bt::kAsk, self, args, count, keywords);
}

/// Sends a market order under the next free identifier and returns that.
PyObject* SendMarket(const char* function, std::uint8_t side, PyObject* self, PyObject* const* args,
                     Py_ssize_t count, PyObject* keywords) {
  bt::LocalDesk* desk = DeskOf(self);
  Arguments<2> read{{"qty_lots", "symbol"}, {}, 1, 1};
  if (desk == nullptr || !read.Read(function, args, count, keywords)) return nullptr;
  const auto& [lots, symbol] = read.values;
  const std::int64_t id = desk->NextOrderId();
  if (!SendOrder(*desk, id, side, 0, lots, 1, 1, symbol)) return nullptr;
  return NewInt(id);
}

PyObject* BuyMarket(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  return SendMarket("buy_market", bt::kBid, self, args, count, keywords);
}

PyObject* SellMarket(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  return SendMarket("sell_market", bt::kAsk, self, args, count, keywords);
}

PyObject* Cancel(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  bt::LocalDesk* desk = DeskOf(self);
  Arguments<1> read{{"order_id"}, {}, 1, 1};
  if (desk == nullptr || !read.Read("cancel", args, count, keywords)) return nullptr;
  if (!Sent([&] { desk->Cancel(read.values[0]); })) return nullptr;
  Py_RETURN_NONE;
}

PyObject* CancelAll(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  bt::LocalDesk* desk = DeskOf(self);
  Arguments<1> read{{"symbol"}, {-1}, 0, 1};
  if (desk == nullptr || !read.Read("cancel_all", args, count, keywords)) return nullptr;
  if (!Sent([&] { desk->CancelAll(static_cast<std::int32_t>(read.values[0])); })) return nullptr;
  Py_RETURN_NONE;
}

PyObject* Modify(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  bt::LocalDesk* desk = DeskOf(self);
  Arguments<3> read{{"order_id", "price_ticks", "qty_lots"}, {}, 3, 3};
  if (desk == nullptr || !read.Read("modify", args, count, keywords)) return nullptr;
  const auto [id, price, lots] = read.values;
  if (!Sent([&, id = id, price = price, lots = lots] { desk->Modify(id, price, lots); })) {
    return nullptr;
  }
  Py_RETURN_NONE;
}

PyObject* Refuse(PyTypeObject* /*type*/, PyObject* /*args*/, PyObject* /*keywords*/) {
  PyErr_SetString(PyExc_TypeError, "a desk is handed to strategies; it cannot be made");
  return nullptr;
}

void Free(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_Free(self);
  Py_DECREF(type);
}

template <typename Function>
PyMethodDef Method(const char* name, Function function, const char* text) {
  return {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function)),
          METH_FASTCALL | METH_KEYWORDS, text};
}

PyMethodDef methods[] = {
    Method("best_bid", BestBid, "Return (price_ticks, qty_lots), None while the side is empty."),
    Method("best_ask", BestAsk, "Return (price_ticks, qty_lots), None while the side is empty."),
    Method("touch", Touch, "Return (bid_ticks, ask_ticks), None while a side is empty."),
    Method("levels", Levels, "Return [(price_ticks, qty_lots), ...] of a side, best first."),
    Method("position", Position, "Return the signed position in lots."),
    Method("equity", Equity, "Return cash + position x last valid mid - fees."),
    Method("orders", Orders, "Return OpenOrders in order of submission."),
    {"fills", Fills, METH_NOARGS, "Return OwnFills reported since the last wake-up."},
    {"trades", Trades, METH_NOARGS, "Return MarketTrades that arrived since the last wake-up."},
    Method("submit", Submit, "Send an order."),
    Method("buy", Buy, "Send a limit order to buy and return its identifier."),
    Method("sell", Sell, "Send a limit order to sell and return its identifier."),
    Method("buy_market", BuyMarket, "Send a market order to buy and return its identifier."),
    Method("sell_market", SellMarket, "Send a market order to sell and return its identifier."),
    Method("cancel", Cancel, "Ask for an order to be cancelled."),
    Method("cancel_all", CancelAll, "Ask for all orders that rest on arrival to be cancelled."),
    Method("modify", Modify, "Ask for another price or remaining quantity."),
    {nullptr, nullptr, 0, nullptr}};

PyGetSetDef properties[] = {
    {"now_us", GetNow, nullptr, "The local clock.", nullptr},
    {"reasons", GetReasons, nullptr, "Why it was woken, bits of WAKE_REASONS.", nullptr},
    {"symbol_count", GetSymbolCount, nullptr, "Number of symbols.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

}  // namespace

void BindDesk(py::module_& m) {
  static PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("What a strategy sees and may do; valid during a wake-up.")},
      {Py_tp_methods, methods},
      {Py_tp_getset, properties},
      {Py_tp_new, reinterpret_cast<void*>(Refuse)},
      {Py_tp_dealloc, reinterpret_cast<void*>(Free)},
      {0, nullptr}};
  static PyType_Spec spec{"lobdesk._native.LocalDesk", sizeof(DeskObject), 0, Py_TPFLAGS_DEFAULT,
                          slots};
  desk_type = PyType_FromSpec(&spec);
  if (desk_type == nullptr || !AddRowTypes(m.ptr())) throw py::error_already_set();
  m.add_object("LocalDesk", py::reinterpret_borrow<py::object>(desk_type));
  order_error = py::object(m.attr("OrderError")).release().ptr();
}

py::object MakeDesk() {
  auto* desk = PyObject_New(DeskObject, reinterpret_cast<PyTypeObject*>(desk_type));
  if (desk == nullptr) throw py::error_already_set();
  desk->desk = nullptr;
  desk->reasons = 0;
  return py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(desk));
}

void SetDesk(PyObject* object, bt::LocalDesk* desk, std::uint32_t reasons) noexcept {
  auto* self = reinterpret_cast<DeskObject*>(object);
  self->desk = desk;
  self->reasons = reasons;
}
