// BookVerifier and its verdicts.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>
#include <string_view>
#include <vector>

#include "bindings.hpp"
#include "lobdesk/book/book_verifier.hpp"
#include "lobdesk/book/crc32.hpp"
#include "lobdesk/errors.hpp"

namespace py = pybind11;

namespace {

using lobdesk::BookSide;
using lobdesk::BookState;
using lobdesk::BookVerdict;
using lobdesk::BookVerifier;
using lobdesk::FrameKind;
using lobdesk::Level3Verdict;
using lobdesk::TradeEntry;
using lobdesk::Verdict;

const char* KindName(FrameKind kind) {
  constexpr const char* kNames[] = {"book", "trade", "instrument", "status",    "heartbeat", "ack",
                                    "pong", "error", "other",      "malformed", "level3"};
  return kNames[static_cast<int>(kind)];
}

const char* StateName(BookState state) {
  constexpr const char* kNames[] = {"verified", "failed", "unverified"};
  return kNames[static_cast<int>(state)];
}

constexpr std::size_t kReleaseBytes = 4096;  // about 4 µs of work

std::string_view View(const py::bytes& frame) { return static_cast<std::string_view>(frame); }

Verdict Feed(BookVerifier& verifier, const py::bytes& frame, std::int64_t recv_ts_us) {
  const std::string_view text = View(frame);
  Verdict verdict;
  // Giving the GIL back costs more than a small frame, and under contention far more.
  if (text.size() < kReleaseBytes) {
    verifier.Feed(text, recv_ts_us, &verdict);
  } else {
    const py::gil_scoped_release release;
    verifier.Feed(text, recv_ts_us, &verdict);
  }
  return verdict;
}

// Counts what the frames' book messages are; the caller keeps the frames alive.
py::tuple FeedMany(BookVerifier& verifier, const std::vector<py::bytes>& frames,
                   std::int64_t recv_ts_us) {
  std::vector<std::string_view> texts;
  texts.reserve(frames.size());
  for (const py::bytes& frame : frames) texts.push_back(View(frame));
  std::int64_t counts[3] = {};
  {
    const py::gil_scoped_release release;
    Verdict verdict;
    for (const std::string_view text : texts) {
      verifier.Feed(text, recv_ts_us, &verdict);
      for (const BookVerdict& book : verdict.books) ++counts[static_cast<int>(book.state)];
      for (const BookVerdict& book : verdict.level3) ++counts[static_cast<int>(book.state)];
    }
  }
  return py::make_tuple(counts[0], counts[1], counts[2]);
}

const lobdesk::Level3Book& Level3Of(const BookVerifier& verifier, std::string_view symbol) {
  const lobdesk::Level3Book* book = verifier.FindLevel3(symbol);
  if (book != nullptr && book->HasBook()) return *book;
  throw lobdesk::EngineError(std::string(symbol) + " has no order-level book now");
}

// Levels best first, each as (price_ticks, [(order_id, qty_lots, ts_ns), ...]) in queue order.
py::list ToList(const lobdesk::Level3Side& side) {
  py::list levels(side.Size());
  for (std::size_t rank = 0; rank < side.Size(); ++rank) {
    const lobdesk::Level3Level& level = side.At(rank);
    py::list queue(level.queue.size());
    for (std::size_t place = 0; place < level.queue.size(); ++place) {
      const lobdesk::Level3Order& order = *level.queue[place];
      queue[place] = py::make_tuple(order.id.View(), order.level.qty_lots, order.ts_ns);
    }
    levels[rank] = py::make_tuple(level.price_ticks, queue);
  }
  return levels;
}

py::tuple Level3Queues(const BookVerifier& verifier, std::string_view symbol) {
  const lobdesk::Level3Orders& orders = Level3Of(verifier, symbol).Orders();
  return py::make_tuple(ToList(orders.At(lobdesk::Side::kBid)),
                        ToList(orders.At(lobdesk::Side::kAsk)));
}

const char* Level3State(const BookVerifier& verifier, std::string_view symbol) {
  const lobdesk::Level3Book* book = verifier.FindLevel3(symbol);
  if (book == nullptr) return "none";
  if (book->IsLive()) return "live";
  return book->HasBook() ? "unchecked" : book->IsSuspect() ? "suspect" : "none";
}

py::list ToList(const BookSide& side) {
  py::list levels(side.Size());
  for (std::size_t rank = 0; rank < side.Size(); ++rank) {
    const lobdesk::BookLevel& level = side.At(rank);
    levels[rank] = py::make_tuple(level.price_ticks, level.qty_lots);
  }
  return levels;
}

template <typename Book>
py::object Instrument(const Book* book) {
  if (book == nullptr || !book->Scale().has_value()) return py::none();
  const lobdesk::Precisions& scale = *book->Scale();
  return py::make_tuple(scale.price, scale.qty, scale.is_inferred);
}

const char* State(const BookVerifier& verifier, std::string_view symbol) {
  const lobdesk::SymbolBook* book = verifier.Find(symbol);
  if (book == nullptr) return "none";
  return book->IsLive() ? "live" : book->IsSuspect() ? "suspect" : "none";
}

template <typename Named>
py::list ToPairs(const std::vector<Named>& entries) {
  py::list pairs;
  for (const Named& entry : entries) pairs.append(py::make_tuple(entry.symbol, entry.reason));
  return pairs;
}

// The entries stay where they are: a snapshot's changes are many, and copying them costs more than
// the verdict.
py::list Level3Verdicts(const py::object& self) {
  const auto& verdict = self.cast<const Verdict&>();
  py::list entries(verdict.level3.size());
  for (std::size_t i = 0; i < verdict.level3.size(); ++i) {
    entries[i] = py::cast(verdict.level3[i], py::return_value_policy::reference_internal, self);
  }
  return entries;
}

void BindVerdicts(py::module_& m) {
  py::class_<BookVerdict>(m, "BookVerdict")
      .def_readonly("symbol", &BookVerdict::symbol)
      .def_readonly("is_snapshot", &BookVerdict::is_snapshot)
      .def_property_readonly("state", [](const BookVerdict& v) { return StateName(v.state); })
      .def_readonly("reason", &BookVerdict::reason)
      .def_readonly("exch_ts_us", &BookVerdict::exch_ts_us)
      .def_readonly("expected", &BookVerdict::expected)
      .def_readonly("actual", &BookVerdict::actual)
      .def_readonly("is_inferred", &BookVerdict::is_inferred);
  py::class_<Level3Verdict, BookVerdict>(m, "Level3Verdict")
      .def_readonly("recv_ts_us", &Level3Verdict::recv_ts_us)
      .def_readonly("is_whole", &Level3Verdict::is_whole)
      .def_property_readonly("change_count",
                             [](const Level3Verdict& v) { return v.changes.size(); })
      .def(
          "line",
          [](const Level3Verdict& verdict, std::int64_t seq) {
            if (verdict.state != BookState::kVerified) {
              throw lobdesk::EngineError(verdict.symbol + ": the message is not verified");
            }
            std::string line;
            lobdesk::AppendOrdersLine(verdict, seq, &line);
            return py::bytes(line);
          },
          py::arg("seq"));
  py::class_<TradeEntry>(m, "TradeEntry")
      .def_readonly("symbol", &TradeEntry::symbol)
      .def_readonly("exch_ts_us", &TradeEntry::exch_ts_us)
      .def_readonly("recv_ts_us", &TradeEntry::recv_ts_us)
      .def_readonly("trade_id", &TradeEntry::trade_id)
      .def_property_readonly("side", [](const TradeEntry& t) { return t.is_sell ? "sell" : "buy"; })
      .def_readonly("ord_type", &TradeEntry::ord_type)
      .def_readonly("price_ticks", &TradeEntry::price_ticks)
      .def_readonly("qty_lots", &TradeEntry::qty_lots)
      .def_readonly("price_precision", &TradeEntry::price_precision)
      .def_readonly("qty_precision", &TradeEntry::qty_precision)
      .def(
          "line",
          [](const TradeEntry& trade, std::int64_t seq) {
            std::string line;
            lobdesk::AppendTradeLine(trade, seq, &line);
            return py::bytes(line);
          },
          py::arg("seq"));
  py::class_<Verdict>(m, "Verdict")
      .def_property_readonly("kind", [](const Verdict& v) { return KindName(v.kind); })
      .def_readonly("reason", &Verdict::reason)
      .def_readonly("books", &Verdict::books)
      .def_property_readonly("level3", &Level3Verdicts)
      .def_readonly("trades", &Verdict::trades)
      .def_property_readonly("refused", [](const Verdict& v) { return ToPairs(v.refused); })
      .def_property_readonly("ended", [](const Verdict& v) { return ToPairs(v.ended); })
      .def_property_readonly("level3_ended",
                             [](const Verdict& v) { return ToPairs(v.level3_ended); });
}

}  // namespace

void BindBook(py::module_& m) {
  BindVerdicts(m);
  m.def("crc32", [](const py::bytes& data) { return lobdesk::Crc32(View(data)); }, py::arg("data"));
  py::class_<BookVerifier>(m, "BookVerifier")
      .def(py::init<int, int>(), py::kw_only(), py::arg("depth") = 10, py::arg("book_levels") = 10)
      .def(
          "set_instrument",
          [](BookVerifier& self, std::string_view symbol, int price_precision, int qty_precision,
             bool inferred) {
            self.SetInstrument(symbol, {price_precision, qty_precision, inferred});
          },
          py::arg("symbol"), py::arg("price_precision"), py::arg("qty_precision"), py::kw_only(),
          py::arg("inferred") = false)
      .def(
          "reset",
          [](BookVerifier& self, std::optional<std::string_view> symbol) {
            symbol.has_value() ? self.Reset(*symbol) : self.ResetAll();
          },
          py::arg("symbol") = py::none())
      .def("feed", &Feed, py::arg("frame"), py::arg("recv_ts_us"))
      .def("feed_many", &FeedMany, py::arg("frames"), py::arg("recv_ts_us"),
           "Feed frames and return how many book messages were verified, failed, unverified.")
      .def(
          "snapshot_line",
          [](const BookVerifier& self, std::string_view symbol, std::int64_t seq) {
            std::string line;
            self.AppendSnapshotLine(symbol, seq, &line);
            return py::bytes(line);
          },
          py::arg("symbol"), py::arg("seq"))
      .def(
          "levels",
          [](const BookVerifier& self, std::string_view symbol) {
            const lobdesk::OrderBook& book = self.Book(symbol);
            return py::make_tuple(ToList(book.Bids()), ToList(book.Asks()));
          },
          py::arg("symbol"))
      .def("dump", [](const BookVerifier& self) { return py::bytes(self.Dump()); })
      .def(
          "load", [](BookVerifier& self, const py::bytes& books) { self.Load(View(books)); },
          py::arg("books"))
      .def("symbols", &BookVerifier::Symbols)
      .def(
          "checksum",
          [](const BookVerifier& self, std::string_view symbol) {
            return self.Book(symbol).Checksum();
          },
          py::arg("symbol"))
      .def("state", &State, py::arg("symbol"))
      .def("take_instruments", &BookVerifier::TakeInstruments, py::arg("other"))
      .def("level3_queues", &Level3Queues, py::arg("symbol"),
           "Bids and asks, best first: (price_ticks, [(order_id, qty_lots, ts_ns), ...]).")
      .def("level3_state", &Level3State, py::arg("symbol"))
      .def("level3_symbols", &BookVerifier::Level3Symbols)
      .def(
          "level3_instrument",
          [](const BookVerifier& self, std::string_view symbol) {
            return Instrument(self.FindLevel3(symbol));
          },
          py::arg("symbol"))
      .def(
          "instrument",
          [](const BookVerifier& self, std::string_view symbol) {
            return Instrument(self.Find(symbol));
          },
          py::arg("symbol"));
}
