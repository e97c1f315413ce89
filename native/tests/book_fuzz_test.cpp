// Feeds mutated frames to the verifier; meant for a build with sanitizers.
//
// Without arguments: 20,000 mutations of built-in frames (a unit test). Otherwise:
//   book_fuzz_test COUNT SEED [CAPTURE.cbcap...]
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "consistency.hpp"
#include "lobdesk/book/book_verifier.hpp"

namespace {

using lobdesk::BookState;
using lobdesk::BookVerifier;
using lobdesk::FrameKind;
using lobdesk::Verdict;

constexpr const char* kBuiltIn[] = {
    R"({"channel":"book","type":"snapshot","data":[{"symbol":"ALGO/USD","bids":[{"price":0.12275,)"
    R"("qty":100.00000000}],"asks":[{"price":0.12276,"qty":5.00000000}],"checksum":4261575455,)"
    R"("timestamp":"2024-10-03T10:00:00.000000Z"}]})",
    R"({"channel":"trade","type":"update","data":[{"symbol":"ALGO/USD","side":"sell","price":0.12275,)"
    R"("qty":1.5,"ord_type":"limit","trade_id":7,"timestamp":"2024-10-03T10:00:00.000000Z"}]})",
    R"({"channel":"instrument","type":"snapshot","data":{"assets":[],"pairs":[{"symbol":"ALGO/USD",)"
    R"("qty_precision":8,"qty_increment":1e-08,"price_precision":5,"price_increment":1e-05}]}})",
    R"({"method":"subscribe","result":{"channel":"book","depth":25,"symbol":"ALGO/USD"},)"
    R"("success":true,"req_id":3})",
    R"({"method":"unsubscribe","result":{"channel":"book","symbol":"A\/\u0042"},"success":true})",
    R"({"error":"Subscription depth not supported","method":"subscribe","success":false})",
    R"({"channel":"heartbeat"})",
    R"({"channel":"level3","type":"snapshot","data":[{"symbol":"ALGO/USD","checksum":3393654426,)"
    R"("bids":[{"order_id":"OA","limit_price":0.1,"order_qty":1.50,)"
    R"("timestamp":"2024-10-03T10:00:00.000000001Z"}],)"
    R"("asks":[{"order_id":"OB","limit_price":0.2,"order_qty":2,)"
    R"("timestamp":"2024-10-03T10:00:00.000000002Z"}]}]})",
    R"({"channel":"level3","type":"update","data":[{"symbol":"ALGO/USD","checksum":1284943541,"bids":[)"
    R"({"event":"add","order_id":"OC","limit_price":0.1,"order_qty":3,)"
    R"("timestamp":"2024-10-03T10:00:01.000000001Z"},{"event":"modify","order_id":"OA",)"
    R"("limit_price":0.1,"order_qty":1.2,"timestamp":"2024-10-03T10:00:02.000000000Z"}],)"
    R"("asks":[{"event":"delete","order_id":"OB"}],)"
    R"("timestamp":"2024-10-03T10:00:01.000000Z"}]})",
};

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
                                        "e-5",
                                        "E99999999999",
                                        "null",
                                        "true",
                                        "\xff",
                                        "\xc3\xa9",
                                        "\\u0041",
                                        "\\ud83d\\ude00",
                                        "\\ud800",
                                        "123456789012345678901234567890",
                                        "9223372036854775808",
                                        "4294967296",
                                        "-1",
                                        R"({"price":1,"qty":1},)",
                                        R"("symbol":"X",)",
                                        " "};

std::vector<std::string> ReadCapture(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::string data((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::vector<std::string> frames;
  std::size_t at = data.find('\n') + 1;
  while (at < data.size()) {
    const std::size_t end = data.find('\n', at);
    const std::size_t space = data.find(' ', at);
    const auto length = static_cast<std::size_t>(std::strtoull(&data[space + 1], nullptr, 10));
    frames.push_back(data.substr(end + 1, length));
    at = end + 2 + length;
  }
  return frames;
}

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : random_{seed} {}

  std::size_t Below(std::size_t bound) { return random_() % bound; }

  void Mutate(std::string* frame) {
    for (std::size_t left = 1 + Below(4); left > 0; --left) Once(frame);
  }

 private:
  void Once(std::string* frame) {
    const std::size_t at = Below(frame->size() + 1);
    switch (Below(6)) {
      case 0:
        if (at < frame->size()) (*frame)[at] = static_cast<char>((*frame)[at] ^ (1 << Below(8)));
        break;
      case 1:
        frame->erase(at, 1 + Below(40));
        break;
      case 2:
        frame->insert(at, kTokens[Below(std::size(kTokens))]);
        break;
      case 3:
        if (at < frame->size()) (*frame)[at] = static_cast<char>(Below(256));
        break;
      case 4:
        frame->insert(at, frame->substr(Below(frame->size() + 1), 1 + Below(60)));
        break;
      default:
        frame->resize(at);
    }
  }

  std::mt19937_64 random_;
};

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 20000;
  const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  std::vector<std::string> frames(std::begin(kBuiltIn), std::end(kBuiltIn));
  for (int i = 3; i < argc; ++i) {
    for (std::string& frame : ReadCapture(argv[i])) frames.push_back(std::move(frame));
  }
  Mutator mutator(seed);
  BookVerifier verifier(10, 10);
  Verdict verdict;
  std::uint64_t mutated = 0;
  std::uint64_t malformed = 0;
  std::uint64_t verified = 0;
  std::uint64_t level3_verified = 0;
  for (std::uint64_t i = 0; mutated < count; ++i) {
    std::string frame = frames[i % frames.size()];
    // Long runs of whole frames now and then, so that there are live books to damage.
    constexpr std::size_t kRarity[] = {1, 4, 30, 300};
    if (mutator.Below(kRarity[i / frames.size() % std::size(kRarity)]) == 0) {
      mutator.Mutate(&frame);
      ++mutated;
    }
    // An exact copy on the heap, so that a read beyond the end is a read out of bounds.
    const std::vector<char> bytes(frame.begin(), frame.end());
    verifier.Feed(std::string_view(bytes.data(), bytes.size()), 1, &verdict);
    malformed += verdict.kind == FrameKind::kMalformed ? 1 : 0;
    for (const lobdesk::BookVerdict& book : verdict.books) {
      verified += book.state == BookState::kVerified ? 1 : 0;
    }
    for (const lobdesk::Level3Verdict& book : verdict.level3) {
      level3_verified += book.state == BookState::kVerified ? 1 : 0;
    }
    if (!IsConsistent(verifier, verdict)) {
      std::fprintf(stderr, "contradiction after: %s\n", frame.c_str());
      return 1;
    }
  }
  std::printf("%llu mutated frames: %llu malformed, %llu verified books, %llu of level 3\n",
              static_cast<unsigned long long>(mutated), static_cast<unsigned long long>(malformed),
              static_cast<unsigned long long>(verified),
              static_cast<unsigned long long>(level3_verified));
  return verified > 0 && level3_verified > 0 ? 0 : 1;
}
