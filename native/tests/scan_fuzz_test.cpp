// Feeds mutated journal lines to the scanner; meant for a build with sanitizers.
//
// Each line stands twice: with bytes behind it, where the fast reader may take it, and at the very
// end, where only the slow one does. Both must say the same of it. An event line stands between
// others, and alone.
//
// Without arguments: 20,000 mutations (a unit test). Otherwise:  scan_fuzz_test COUNT SEED
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "event_rows.hpp"
#include "lobdesk/scan.hpp"

namespace {

constexpr std::string_view kTokens[] = {"\"",
                                        "\\",
                                        "{",
                                        "}",
                                        "[",
                                        "]",
                                        ",",
                                        ":",
                                        "0",
                                        "-",
                                        ".",
                                        "e5",
                                        "00",
                                        "null",
                                        "true",
                                        "false",
                                        "\xff",
                                        "\xc3\xa9",
                                        "\\u0041",
                                        "\\ud83d\\ude00",
                                        "\\ud800",
                                        "],[",
                                        "]],",
                                        "[[",
                                        "[1,1],",
                                        "1234567890123456",
                                        "12345678901234567",
                                        "9223372036854775807",
                                        "9223372036854775808",
                                        "4294967295",
                                        "4294967296",
                                        "\n",
                                        "\t",
                                        std::string_view("\0", 1),
                                        " "};

class Lines {
 public:
  explicit Lines(std::uint64_t seed) : random_{seed} {}

  std::size_t Below(std::size_t bound) { return random_() % bound; }

  std::string Snapshot() {
    std::string line = R"({"v":1,"symbol":"BTC/USD","seq":)" + Number();
    line += R"(,"exch_ts_us":)" + Number() + R"(,"recv_ts_us":)" + Number();
    line += R"(,"price_precision":)" + std::to_string(Below(19));
    line += R"(,"qty_precision":)" + std::to_string(Below(19));
    line += R"(,"bids":)" + Side(-1) + R"(,"asks":)" + Side(1);
    line += Below(8) == 0 ? std::string(R"(,"checksum":null)")
                          : R"(,"checksum":)" + std::to_string(Below(1ULL << 32));
    return line + (Below(8) == 0 ? R"(,"verified":null})" : R"(,"verified":true})");
  }

  std::string Trade() {
    std::string line = R"({"v":1,"symbol":"BTC/USD","seq":)" + Number();
    line += R"(,"exch_ts_us":)" + Number() + R"(,"recv_ts_us":)" + Number();
    line += R"(,"trade_id":)" + Number() + R"(,"side":"sell","ord_type":"market","price_ticks":)";
    line += Number() + R"(,"qty_lots":)" + Number();
    return line + R"(,"price_precision":1,"qty_precision":8})";
  }

  std::string Event() {
    std::string line = R"({"v":1,"seq":)" + Number() + R"(,"recv_ts_us":)" + Number();
    line += R"(,"mono_us":)" + Number() + R"(,"boot":"5f0c","conn":1,"dir":)" + Dir();
    line += R"(,"raw":"{\"channel\":\"book\",\"type\":\"update\",\"data\":[{\"symbol\":\")";
    line += Below(4) == 0 ? R"(BTC\/USD\")" : R"(BTC/USD\")";
    line += R"(,\"bids\":[{\"price\":)" + Number() + R"(.2,\"qty\":0.00100000}],\"asks\":[]}]})";
    if (Below(4) == 0) line.insert(line.find("raw") + 6 + Below(40), kTokens[Below(30)]);
    return line + R"(","crc":)" + std::to_string(Below(1ULL << 32)) + "}";
  }

  void Mutate(std::string* line) {
    for (std::size_t left = 1 + Below(3); left > 0; --left) Once(line);
  }

 private:
  // Any count of digits is as likely as any other.
  std::string Number() {
    std::string digits = std::to_string(1 + random_() % 9223372036854775806ULL);
    digits.resize(1 + Below(Below(4) == 0 ? 19 : 10));
    return digits.substr(0, 19);
  }

  std::string Dir() {
    const std::size_t which = Below(4);
    return which == 0 ? R"("out")" : which == 1 ? R"("note")" : R"("in")";
  }

  std::string Side(int direction) {
    std::string text = "[";
    std::int64_t price = 100000 + static_cast<std::int64_t>(Below(1000000));
    const std::size_t levels = Below(3) == 0 ? Below(12) : 10;
    for (std::size_t i = 0; i < levels; ++i) {
      price += direction * static_cast<std::int64_t>(1 + Below(9));
      if (i > 0) text += ',';
      text += '[' + std::to_string(price) + ',' + Number() + ']';
    }
    return text + "]";
  }

  void Once(std::string* line) {
    const std::size_t at = Below(line->size() + 1);
    switch (Below(6)) {
      case 0:
        if (at < line->size()) (*line)[at] = static_cast<char>((*line)[at] ^ (1 << Below(8)));
        break;
      case 1:
        line->erase(at, 1 + Below(20));
        break;
      case 2:
        line->insert(at, kTokens[Below(std::size(kTokens))]);
        break;
      case 3:
        if (at < line->size()) (*line)[at] = static_cast<char>('0' + Below(10));
        break;
      case 4:
        line->insert(at, line->substr(Below(line->size() + 1), 1 + Below(40)));
        break;
      default:
        line->resize(at);
    }
  }

  std::mt19937_64 random_;
};

// Each byte belongs to exactly one line that was taken or refused, in order.
bool Covers(const lobdesk::Lines& lines, std::size_t size) {
  std::int64_t covered = 0;
  for (const std::int64_t length : lines.length) covered += length;
  for (const lobdesk::Reject& reject : lines.rejects) {
    if (reject.reason.empty()) return false;
    covered += reject.length;
  }
  return covered == static_cast<std::int64_t>(size);
}

// An exact copy on the heap, so that a read beyond the end is a read out of bounds.
template <typename Scan>
auto ScanCopy(const std::string& text, Scan scan) {
  const std::vector<char> bytes(text.begin(), text.end());
  return scan(std::string_view(bytes.data(), bytes.size()));
}

// True if the rows of `alone` are the first rows of `more`.
template <typename Vector>
bool Begins(const Vector& more, const Vector& alone) {
  if (more.size() < alone.size()) return false;
  for (std::size_t i = 0; i < alone.size(); ++i) {
    if (more[i] != alone[i]) return false;
  }
  return true;
}

bool AreEqual(const lobdesk::SnapshotColumns& more, const lobdesk::SnapshotColumns& alone) {
  return Begins(more.seq, alone.seq) && Begins(more.exch_ts_us, alone.exch_ts_us) &&
         Begins(more.recv_ts_us, alone.recv_ts_us) &&
         Begins(more.price_precision, alone.price_precision) &&
         Begins(more.qty_precision, alone.qty_precision) &&
         Begins(more.bid_ticks, alone.bid_ticks) && Begins(more.bid_lots, alone.bid_lots) &&
         Begins(more.ask_ticks, alone.ask_ticks) && Begins(more.ask_lots, alone.ask_lots) &&
         Begins(more.checksum, alone.checksum) && Begins(more.verified, alone.verified) &&
         Begins(more.lines.offset, alone.lines.offset) &&
         more.lines.rejects.size() == alone.lines.rejects.size();
}

bool CheckSnapshot(const std::string& line, const std::string& behind, std::uint64_t* taken) {
  const auto scan = [](std::string_view data) {
    return lobdesk::ScanSnapshots(data, "BTC/USD", 7);
  };
  const auto more = ScanCopy(line + behind, scan);
  const auto alone = ScanCopy(line, scan);
  *taken += alone.seq.size();
  return Covers(more.lines, line.size() + behind.size()) && Covers(alone.lines, line.size()) &&
         AreEqual(more, alone);
}

bool CheckTrade(const std::string& line, std::uint64_t* taken) {
  const auto found =
      ScanCopy(line, [](std::string_view data) { return lobdesk::ScanTrades(data, "BTC/USD", 7); });
  *taken += found.seq.size();
  return Covers(found.lines, line.size()) && found.seq.size() == found.qty_lots.size();
}

// Between lines of its boot, where the fast reader may take it.
bool CheckEvent(const std::string& line, const std::string& around, std::uint64_t* taken) {
  constexpr std::int64_t kBase = 7;
  const std::string text = around + line + around + around;
  const auto found =
      ScanCopy(text, [](std::string_view data) { return lobdesk::ScanEvents(data, kBase); });
  *taken += found.seq.size();
  const std::string_view raw(reinterpret_cast<const char*>(found.raw.data()), found.raw.size());
  for (std::size_t i = 0; i < found.seq.size(); ++i) {
    const auto begin = static_cast<std::size_t>(found.raw_begin[i]);
    const auto end = static_cast<std::size_t>(found.raw_begin[i + 1]);
    if (!lobdesk::AreFactsEqual(raw.substr(begin, end - begin))) return false;
  }
  return Covers(found.lines, text.size()) && found.raw_begin.size() == found.seq.size() + 1 &&
         found.raw_begin.back() == static_cast<std::int64_t>(found.raw.size()) &&
         lobdesk::AreEventsEachAlone(found, text, kBase);
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 20000;
  Lines lines(argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1);
  const std::string good =
      R"({"v":1,"symbol":"BTC/USD","seq":1,"exch_ts_us":2,"recv_ts_us":3,)"
      R"("price_precision":1,"qty_precision":8,"bids":[[9,1]],"asks":[[10,1]],)"
      R"("checksum":5,"verified":true})"
      "\n";
  std::uint64_t taken = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::string line = i % 4 < 2 ? lines.Snapshot() : i % 4 == 2 ? lines.Trade() : lines.Event();
    if (lines.Below(4) != 0) lines.Mutate(&line);
    line += '\n';
    const bool is_right = i % 4 < 2    ? CheckSnapshot(line, good + good, &taken)
                          : i % 4 == 2 ? CheckTrade(line, &taken)
                                       : CheckEvent(line, lines.Event() + "\n", &taken);
    if (!is_right) {
      std::fprintf(stderr, "contradiction after: %s\n", line.c_str());
      return 1;
    }
  }
  std::printf("%llu lines, %llu rows\n", static_cast<unsigned long long>(count),
              static_cast<unsigned long long>(taken));
  return taken > 0 ? 0 : 1;
}
