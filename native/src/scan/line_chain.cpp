#include "lobdesk/line_chain.hpp"

#include <charconv>
#include <cstring>
#include <string>

#include "lobdesk/book/crc32.hpp"

namespace lobdesk {
namespace {

constexpr std::string_view kKey = "\"crc\":";
constexpr std::string_view kHead = "{\"v\":1,\"seq\":";

struct Line {
  std::string_view body;  // up to and including the comma before the key
  std::optional<std::uint32_t> crc;
  std::optional<std::int64_t> seq;
};

template <typename T>
std::optional<T> Number(std::string_view digits) {
  T value{};
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

Line Read(std::string_view text) {
  Line line;
  const std::size_t key = text.rfind(kKey);
  if (key == std::string_view::npos || text.back() != '}') return line;
  line.body = text.substr(0, key);
  const std::size_t begin = key + kKey.size();
  line.crc = Number<std::uint32_t>(text.substr(begin, text.size() - 1 - begin));
  if (text.substr(0, kHead.size()) == kHead) {
    const std::size_t end = text.find(',', kHead.size());
    line.seq = Number<std::int64_t>(text.substr(kHead.size(), end - kHead.size()));
  }
  return line;
}

class Checker {
 public:
  Checker(std::optional<std::uint32_t> previous, LineChain* out) : out_{out} {
    out_->last = previous;
  }

  void Next(std::int64_t offset, std::string_view text) {
    const Line line = Read(text);
    if (suspect_ && line.seq && line.seq == expected_if_damaged_) {
      // The number went away and came back: nothing was missing, the number is damaged.
      out_->bad.push_back(*suspect_);
      expected_ = expected_if_damaged_;
    }
    suspect_.reset();
    std::optional<std::uint32_t> computed;
    const bool follows = !line.crc || !out_->last || Follows(line, &computed);
    const bool jumps = expected_ && line.seq && *line.seq > *expected_;
    const auto next = expected_ ? std::optional(*expected_ + 1) : std::nullopt;
    if (!follows && jumps) {
      suspect_ = offset;
      expected_if_damaged_ = next;
    } else if (!follows) {
      out_->bad.push_back(offset);
    }
    expected_ = (follows || jumps) && line.seq ? std::optional(*line.seq + 1) : next;
    out_->last = line.crc;
    computed_ = !follows && !jumps ? computed : std::nullopt;
  }

 private:
  bool Follows(const Line& line, std::optional<std::uint32_t>* computed) {
    *computed = Checksum(*out_->last, line.body);
    return *computed == line.crc || (computed_ && Checksum(*computed_, line.body) == *line.crc);
  }

  std::uint32_t Checksum(std::uint32_t previous, std::string_view body) {
    buffer_ = std::to_string(previous);
    buffer_ += '\n';
    buffer_ += body;
    return Crc32(buffer_);
  }

  LineChain* out_;
  std::optional<std::uint32_t> computed_;  // by the bytes of a damaged line before
  std::optional<std::int64_t> expected_;
  std::optional<std::int64_t> expected_if_damaged_;
  std::optional<std::int64_t> suspect_;
  std::string buffer_;
};

}  // namespace

LineChain CheckLineChain(std::string_view data, std::optional<std::uint32_t> previous) {
  LineChain chain;
  Checker checker(previous, &chain);
  std::size_t begin = 0;
  while (begin < data.size()) {
    const auto* newline =
        static_cast<const char*>(std::memchr(data.data() + begin, '\n', data.size() - begin));
    const std::size_t end =
        newline == nullptr ? data.size() : static_cast<std::size_t>(newline - data.data());
    checker.Next(static_cast<std::int64_t>(begin), data.substr(begin, end - begin));
    begin = newline == nullptr ? end : end + 1;
  }
  return chain;
}

}  // namespace lobdesk
