// Files as a damaged disk could give them: journal lines, and the state of a checkpoint.
// The first byte chooses the reader.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "../tests/event_rows.hpp"
#include "lobdesk/book/book_verifier.hpp"
#include "lobdesk/errors.hpp"
#include "lobdesk/scan.hpp"

namespace {

constexpr std::int64_t kBase = 1000;

void Demand(bool condition) {
  if (!condition) std::abort();
}

// Every byte belongs to one line, in order, and each line is either accepted or refused.
void DemandLines(const lobdesk::Lines& lines, std::size_t rows, std::size_t size) {
  Demand(lines.offset.size() == rows && lines.length.size() == rows);
  const std::int64_t end = kBase + static_cast<std::int64_t>(size);
  std::int64_t total = 0;
  std::int64_t at = kBase;
  for (std::size_t i = 0; i < rows; ++i) {
    Demand(lines.offset[i] >= at && lines.length[i] > 0);
    at = lines.offset[i] + lines.length[i];
    total += lines.length[i];
  }
  Demand(at <= end);
  for (const lobdesk::Reject& reject : lines.rejects) {
    Demand(reject.offset >= kBase && reject.length > 0 && reject.offset + reject.length <= end);
    Demand(!reject.reason.empty());
    total += reject.length;
  }
  Demand(total <= end - kBase);
}

void Snapshots(std::string_view text) {
  const lobdesk::SnapshotColumns columns = lobdesk::ScanSnapshots(text, "BTC/USD", kBase);
  const std::size_t rows = columns.seq.size();
  DemandLines(columns.lines, rows, text.size());
  Demand(columns.bid_ticks.size() == rows * lobdesk::kBookLevels);
  Demand(columns.ask_lots.size() == rows * lobdesk::kBookLevels);
  Demand(columns.checksum.size() == rows && columns.verified.size() == rows);
}

void Trades(std::string_view text) {
  const lobdesk::TradeColumns columns = lobdesk::ScanTrades(text, "BTC/USD", kBase);
  const std::size_t rows = columns.seq.size();
  DemandLines(columns.lines, rows, text.size());
  Demand(columns.price_ticks.size() == rows && columns.side.size() == rows);
  for (const std::int32_t index : columns.ord_type) {
    Demand(index >= 0 && static_cast<std::size_t>(index) < columns.ord_types.size());
  }
}

void Events(std::string_view text) {
  const lobdesk::EventColumns columns = lobdesk::ScanEvents(text, kBase);
  const std::size_t rows = columns.seq.size();
  DemandLines(columns.lines, rows, text.size());
  Demand(columns.raw_begin.size() == rows + 1);
  for (std::size_t i = 0; i < rows; ++i) Demand(columns.raw_begin[i] <= columns.raw_begin[i + 1]);
  Demand(static_cast<std::size_t>(columns.raw_begin.back()) <= columns.raw.size());
  for (const auto* indices : {&columns.boot, &columns.channel, &columns.type, &columns.symbol}) {
    Demand(indices->size() == rows);
    for (const std::int32_t index : *indices) {
      Demand(index >= -1 && index < static_cast<std::int32_t>(columns.names.size()));
    }
  }
  Demand(lobdesk::AreFactsEqual(text));
  Demand(lobdesk::AreEventsEachAlone(columns, text, kBase));
}

void State(std::string_view bytes) {
  lobdesk::BookVerifier verifier(10, 10);
  try {
    verifier.Load(bytes);
  } catch (const lobdesk::EngineError&) {
    Demand(verifier.Symbols().empty());
    return;
  }
  const std::string state = verifier.Dump();
  lobdesk::BookVerifier again(10, 10);
  again.Load(state);
  Demand(again.Dump() == state);
  for (const std::string& symbol : verifier.Symbols()) {
    std::string line;
    verifier.AppendSnapshotLine(symbol, 1, &line);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::vector<char> copy(data + 1, data + size);
  const std::string_view text(copy.data(), copy.size());
  switch (data[0] % 4) {
    case 0:
      Snapshots(text);
      break;
    case 1:
      Trades(text);
      break;
    case 2:
      Events(text);
      break;
    default:
      State(text);
  }
  return 0;
}
