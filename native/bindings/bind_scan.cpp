// Journal lines to NumPy columns.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "arrays.hpp"
#include "bindings.hpp"
#include "lobdesk/arrow_columns.hpp"
#include "lobdesk/line_chain.hpp"
#include "lobdesk/market_records.hpp"
#include "lobdesk/price_grid.hpp"
#include "lobdesk/scan.hpp"

namespace py = pybind11;

namespace {

std::string_view Bytes(const py::buffer_info& info) {
  if (info.itemsize != 1 || info.ndim != 1 || (info.size > 0 && info.strides[0] != 1)) {
    throw py::value_error("data must be contiguous bytes");
  }
  return {static_cast<const char*>(info.ptr), static_cast<std::size_t>(info.size)};
}

template <typename T>
py::array_t<T> Levels(lobdesk::LargeVector<T>&& values) {
  constexpr auto kLevels = static_cast<py::ssize_t>(lobdesk::kBookLevels);
  const auto rows = static_cast<py::ssize_t>(values.size()) / kLevels;
  return ToArray(std::move(values), {rows, kLevels});
}

py::str Text(std::string_view text) {
  return py::reinterpret_steal<py::str>(
      PyUnicode_DecodeUTF8(text.data(), static_cast<py::ssize_t>(text.size()), "strict"));
}

py::list Texts(const std::vector<std::string>& texts) {
  py::list list;
  for (const auto& text : texts) list.append(Text(text));
  return list;
}

void PutLines(lobdesk::Lines&& lines, py::dict* columns) {
  (*columns)["offset"] = ToArray(std::move(lines.offset));
  (*columns)["length"] = ToArray(std::move(lines.length));
  py::list rejects;
  for (const auto& reject : lines.rejects) {
    rejects.append(py::make_tuple(reject.offset, reject.length, reject.reason));
  }
  (*columns)["rejects"] = std::move(rejects);
}

py::dict ScanSnapshots(const py::buffer& data, const std::string& symbol,
                       std::int64_t base_offset) {
  const py::buffer_info info = data.request();
  const std::string_view bytes = Bytes(info);
  lobdesk::SnapshotColumns scanned;
  {
    const py::gil_scoped_release release;
    scanned = lobdesk::ScanSnapshots(bytes, symbol, base_offset);
  }
  py::dict columns;
  columns["seq"] = ToArray(std::move(scanned.seq));
  columns["exch_ts_us"] = ToArray(std::move(scanned.exch_ts_us));
  columns["recv_ts_us"] = ToArray(std::move(scanned.recv_ts_us));
  columns["price_precision"] = ToArray(std::move(scanned.price_precision));
  columns["qty_precision"] = ToArray(std::move(scanned.qty_precision));
  columns["bid_ticks"] = Levels(std::move(scanned.bid_ticks));
  columns["bid_lots"] = Levels(std::move(scanned.bid_lots));
  columns["ask_ticks"] = Levels(std::move(scanned.ask_ticks));
  columns["ask_lots"] = Levels(std::move(scanned.ask_lots));
  columns["checksum"] = ToArray(std::move(scanned.checksum));
  columns["verified"] = ToArray(std::move(scanned.verified));
  PutLines(std::move(scanned.lines), &columns);
  return columns;
}

py::dict ScanTrades(const py::buffer& data, const std::string& symbol, std::int64_t base_offset) {
  const py::buffer_info info = data.request();
  const std::string_view bytes = Bytes(info);
  lobdesk::TradeColumns scanned;
  {
    const py::gil_scoped_release release;
    scanned = lobdesk::ScanTrades(bytes, symbol, base_offset);
  }
  py::dict columns;
  columns["seq"] = ToArray(std::move(scanned.seq));
  columns["exch_ts_us"] = ToArray(std::move(scanned.exch_ts_us));
  columns["recv_ts_us"] = ToArray(std::move(scanned.recv_ts_us));
  columns["trade_id"] = ToArray(std::move(scanned.trade_id));
  columns["side"] = ToArray(std::move(scanned.side));
  columns["ord_type"] = ToArray(std::move(scanned.ord_type));
  columns["ord_types"] = Texts(scanned.ord_types);
  columns["price_ticks"] = ToArray(std::move(scanned.price_ticks));
  columns["qty_lots"] = ToArray(std::move(scanned.qty_lots));
  columns["price_precision"] = ToArray(std::move(scanned.price_precision));
  columns["qty_precision"] = ToArray(std::move(scanned.qty_precision));
  PutLines(std::move(scanned.lines), &columns);
  return columns;
}

py::array FrameTexts(const py::array_t<std::uint8_t, py::array::c_style>& raw,
                     const py::array_t<std::int64_t, py::array::c_style>& raw_begin) {
  const std::string_view bytes(reinterpret_cast<const char*>(raw.data()),
                               static_cast<std::size_t>(raw.size()));
  const auto begins = raw_begin.unchecked<1>();
  const py::ssize_t rows = raw_begin.size() - 1;
  if (rows < 0) throw py::value_error("raw_begin must hold rows + 1 positions");
  py::array frames(py::dtype("O"), py::array::ShapeContainer{rows});
  auto** slots = static_cast<PyObject**>(frames.mutable_data());
  for (py::ssize_t row = 0; row < rows; ++row) {
    if (begins(row) < 0 || begins(row + 1) < begins(row) || begins(row + 1) > raw.size()) {
      throw py::value_error("raw_begin must rise within raw");
    }
    const auto begin = static_cast<std::size_t>(begins(row));
    const auto length = static_cast<std::size_t>(begins(row + 1)) - begin;
    PyObject* old = slots[row];
    slots[row] = Text(bytes.substr(begin, length)).release().ptr();
    Py_XDECREF(old);
  }
  return frames;
}

py::dict ScanEvents(const py::buffer& data, std::int64_t base_offset) {
  const py::buffer_info info = data.request();
  const std::string_view bytes = Bytes(info);
  lobdesk::EventColumns scanned;
  {
    const py::gil_scoped_release release;
    scanned = lobdesk::ScanEvents(bytes, base_offset);
  }
  py::dict columns;
  columns["raw"] = ToArray(std::move(scanned.raw));
  columns["raw_begin"] = ToArray(std::move(scanned.raw_begin));
  columns["seq"] = ToArray(std::move(scanned.seq));
  columns["recv_ts_us"] = ToArray(std::move(scanned.recv_ts_us));
  columns["mono_us"] = ToArray(std::move(scanned.mono_us));
  columns["conn"] = ToArray(std::move(scanned.conn));
  columns["dir"] = ToArray(std::move(scanned.dir));
  columns["boot"] = ToArray(std::move(scanned.boot));
  columns["channel"] = ToArray(std::move(scanned.channel));
  columns["type"] = ToArray(std::move(scanned.type));
  columns["symbol"] = ToArray(std::move(scanned.symbol));
  columns["names"] = Texts(scanned.names);
  PutLines(std::move(scanned.lines), &columns);
  return columns;
}

py::tuple CheckLineChain(const py::buffer& data, std::optional<std::uint32_t> previous) {
  const py::buffer_info info = data.request();
  const std::string_view bytes = Bytes(info);
  lobdesk::LineChain chain;
  {
    const py::gil_scoped_release release;
    chain = lobdesk::CheckLineChain(bytes, previous);
  }
  return py::make_tuple(ToArray(std::move(chain.bad)), chain.last);
}

py::dict TakeArrow(const py::object& result, std::size_t rows) {
  const auto capsule = result.attr("__arrow_c_stream__")().cast<py::capsule>();
  if (std::string_view(capsule.name()) != "arrow_array_stream") {
    throw py::value_error("not a stream of Arrow arrays");
  }
  auto* stream = static_cast<ArrowArrayStream*>(capsule.get_pointer());
  std::vector<lobdesk::ArrowColumn> taken;
  {
    const py::gil_scoped_release release;
    taken = lobdesk::ReadArrowStream(stream, rows);
  }
  py::dict columns;
  for (auto& column : taken) {
    const py::ssize_t width = column.width;
    const py::str name(column.name);
    std::visit(
        [&](auto&& values) {
          const auto rows = static_cast<py::ssize_t>(values.size()) / width;
          columns[name] = width == 1 ? ToArray(std::move(values), {rows})
                                     : ToArray(std::move(values), {rows, width});
        },
        std::move(column.values));
  }
  return columns;
}

template <typename T>
using Array = py::array_t<T, py::array::c_style>;

template <typename T>
const T* Column(const Array<T>& array, py::ssize_t rows, bool is_levels = false) {
  constexpr auto kLevels = static_cast<py::ssize_t>(lobdesk::kRecordLevels);
  const bool fits = is_levels ? array.ndim() == 2 && array.shape(1) == kLevels : array.ndim() == 1;
  if (!fits || array.shape(0) != rows) {
    throw py::value_error("columns must have the same rows, levels ten columns");
  }
  return array.data();
}

py::object ToTicks(const Array<std::int64_t>& mantissas, const Array<std::int8_t>& precision,
                   int digits, std::int64_t step) {
  const py::ssize_t rows = precision.size();
  if (mantissas.ndim() < 1 || mantissas.shape(0) != rows || precision.ndim() != 1) {
    throw py::value_error("each row of mantissas must have its precision");
  }
  if (step < 1) throw py::value_error("step must be positive");
  const std::size_t width = rows == 0 ? 1 : static_cast<std::size_t>(mantissas.size() / rows);
  lobdesk::LargeVector<std::int32_t> ticks;
  bool is_fine = false;
  {
    const py::gil_scoped_release release;
    ticks.resize(static_cast<std::size_t>(mantissas.size()));
    is_fine = lobdesk::ToTicks(mantissas.data(), precision.data(), static_cast<std::size_t>(rows),
                               width, {digits, step}, ticks.data());
  }
  if (!is_fine) return py::none();
  return ToArray(std::move(ticks), {mantissas.shape(), mantissas.shape() + mantissas.ndim()});
}

py::tuple BuildRecords(
    const Array<std::int64_t>& seq, const Array<std::int64_t>& exch_ts_us,
    const Array<std::int64_t>& recv_ts_us, const Array<std::uint8_t>& starts_segment,
    const Array<std::int32_t>& bid_ticks, const Array<std::int64_t>& bid_lots,
    const Array<std::int32_t>& ask_ticks, const Array<std::int64_t>& ask_lots,
    const Array<std::int64_t>& trade_seq, const Array<std::int64_t>& trade_exch_ts_us,
    const Array<std::int64_t>& trade_recv_ts_us, const Array<std::uint8_t>& trade_side,
    const Array<std::int32_t>& trade_price_ticks, const Array<std::int64_t>& trade_qty_lots) {
  const py::ssize_t rows = seq.size();
  const py::ssize_t trades = trade_seq.size();
  const lobdesk::BookRows book_rows{static_cast<std::size_t>(rows), Column(seq, rows),
                                    Column(exch_ts_us, rows),       Column(recv_ts_us, rows),
                                    Column(starts_segment, rows),   Column(bid_ticks, rows, true),
                                    Column(bid_lots, rows, true),   Column(ask_ticks, rows, true),
                                    Column(ask_lots, rows, true)};
  const lobdesk::TradeRows trade_rows{
      static_cast<std::size_t>(trades), Column(trade_seq, trades),
      Column(trade_exch_ts_us, trades), Column(trade_recv_ts_us, trades),
      Column(trade_side, trades),       Column(trade_price_ticks, trades),
      Column(trade_qty_lots, trades)};
  lobdesk::MarketRecords built;
  {
    const py::gil_scoped_release release;
    built = lobdesk::BuildMarketRecords(book_rows, trade_rows);
  }
  py::dict counts;
  counts["depth_messages"] = built.depth_messages;
  counts["trades"] = built.trades;
  counts["clears"] = built.clears;
  counts["split_messages"] = built.split_messages;
  return py::make_tuple(ToArray(std::move(built.records)), counts);
}

}  // namespace

void BindScan(py::module_& m) {
  PYBIND11_NUMPY_DTYPE(lobdesk::WrittenRecord, exch_ts_us, recv_ts_us, price_ticks, kind, side,
                       flags, qty_lots);
  m.def(
      "build_market_records", &BuildRecords, py::kw_only(), py::arg("seq").noconvert(),
      py::arg("exch_ts_us").noconvert(), py::arg("recv_ts_us").noconvert(),
      py::arg("starts_segment").noconvert(), py::arg("bid_ticks").noconvert(),
      py::arg("bid_lots").noconvert(), py::arg("ask_ticks").noconvert(),
      py::arg("ask_lots").noconvert(), py::arg("trade_seq").noconvert(),
      py::arg("trade_exch_ts_us").noconvert(), py::arg("trade_recv_ts_us").noconvert(),
      py::arg("trade_side").noconvert(), py::arg("trade_price_ticks").noconvert(),
      py::arg("trade_qty_lots").noconvert(),
      "Return the event stream of one symbol's snapshots and trades, and counts of what it holds. "
      "Exchange times of either must not go backwards.");
  m.def("to_ticks", &ToTicks, py::arg("mantissas").noconvert(), py::arg("precision").noconvert(),
        py::kw_only(), py::arg("digits"), py::arg("step"),
        "Return prices in multiples of step, int32; None if one is none or does not fit.");
  m.def("check_line_chain", &CheckLineChain, py::arg("data"), py::kw_only(),
        py::arg("previous") = py::none(),
        "Return where raw event lines begin whose checksum is wrong, and the last line's checksum; "
        "previous is that of the line before, None if unknown.");
  m.def("take_arrow", &TakeArrow, py::arg("result"), py::kw_only(), py::arg("rows") = 0,
        "Return the columns of a query result that exports Arrow's C stream: integers without "
        "nulls, fixed lists of them as [rows, width]. rows: about how many there are.");
  m.def("scan_snapshots", &ScanSnapshots, py::arg("data"), py::kw_only(), py::arg("symbol"),
        py::arg("base_offset") = 0,
        "Return the columns of one symbol's snapshot lines; levels are [rows, 10], missing ones "
        "(0, 0). A line that does not fit is in rejects: (offset, length, reason).");
  m.def("scan_trades", &ScanTrades, py::arg("data"), py::kw_only(), py::arg("symbol"),
        py::arg("base_offset") = 0,
        "Return the columns of one symbol's trade lines; ord_type counts in ord_types.");
  m.def("scan_events", &ScanEvents, py::arg("data"), py::kw_only(), py::arg("base_offset") = 0,
        "Return the columns of raw event lines; boot, channel, type and symbol count in names, "
        "-1 where a frame does not say; dir is 0 in, 1 out, 2 note; the frame of a row is "
        "raw[raw_begin[row]:raw_begin[row + 1]], see frame_texts.");
  m.def("frame_texts", &FrameTexts, py::arg("raw").noconvert(), py::arg("raw_begin").noconvert(),
        "Return the frames of scan_events as texts, shape [rows].");
}
