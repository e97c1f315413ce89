// Frames as an exchange could send them: one a line, so that a run builds books and damages them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "../tests/consistency.hpp"
#include "lobdesk/book/book_verifier.hpp"

namespace {

void Demand(bool condition) {
  if (!condition) std::abort();
}

void DemandRoundTrip(const lobdesk::BookVerifier& verifier) {
  const std::string state = verifier.Dump();
  lobdesk::BookVerifier again(10, 10);
  again.Load(state);
  Demand(again.Dump() == state);
  Demand(again.Symbols() == verifier.Symbols());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  lobdesk::BookVerifier verifier(10, 10);
  lobdesk::Verdict verdict;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(line.size() < rest.size() ? line.size() + 1 : line.size());
    // An exact copy on the heap, so that a read beyond the end is a read out of bounds.
    const std::vector<char> frame(line.begin(), line.end());
    verifier.Feed(std::string_view(frame.data(), frame.size()), 1, &verdict);
    Demand(lobdesk::IsConsistent(verifier, verdict));
  }
  DemandRoundTrip(verifier);
  return 0;
}
