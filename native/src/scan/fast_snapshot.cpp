#include "fast_snapshot.hpp"

#include <algorithm>
#include <cstring>

#include "digits.hpp"

#if defined(__x86_64__)
#define LOBDESK_BITS __attribute__((target("popcnt,bmi")))
#endif

namespace lobdesk {
namespace {

constexpr std::size_t kLongest = 1024;
constexpr std::size_t kBlock = 64;
constexpr unsigned kMostDigits = 16;
constexpr std::int64_t kMaxPrecision = 18;
constexpr std::int64_t kMaxChecksum = 0xFFFFFFFF;

// Compares with a literal; the caller knows that so many bytes can be read.
template <std::size_t kSize>
LOBDESK_INLINE bool Is(const char* at, const char (&text)[kSize]) noexcept {
  return std::memcmp(at, text, kSize - 1) == 0;
}

// The numbers of a line, in order. Anything odd is remembered and asked for at the end.
class Numbers {
 public:
  LOBDESK_INLINE Numbers(const char* begin, const char* end) noexcept : begin_{begin} {
    std::uint64_t carry = 0;
    std::size_t count = 0;
    for (const char* block = begin; block < end; block += kBlock) {
      const std::uint64_t digits = DigitMask(block);
      std::uint64_t edges = digits ^ (digits << 1 | carry);
      carry = digits >> 63;
      const auto base = static_cast<std::size_t>(block - begin);
      const auto more = static_cast<std::size_t>(__builtin_popcountll(edges));
      // Eight at a time, whether there are so many or not: no branch to guess for each.
      for (std::size_t done = 0; done < more; done += 8) {
        for (std::size_t i = 0; i < 8; ++i) {
          const int bit = __builtin_ctzll(edges | (1ULL << 63));
          edges_[count + done + i] = static_cast<std::uint16_t>(base + static_cast<unsigned>(bit));
          edges &= edges - 1;
        }
      }
      count += more;
    }
    count_ = count / 2;
  }

  // Whether another number follows.
  [[nodiscard]] LOBDESK_INLINE bool Has() const noexcept { return next_ < count_; }

  // The next number; `Has` must be true.
  LOBDESK_INLINE std::int64_t Take() noexcept {
    const char* first = begin_ + edges_[2 * next_];
    end_ = begin_ + edges_[2 * next_ + 1];
    ++next_;
    const auto digits = static_cast<unsigned>(end_ - first);
    is_odd_ |= (digits > kMostDigits) | ((digits > 1) & (*first == '0'));
    return static_cast<std::int64_t>(SixteenDigits(end_, std::min(digits, kMostDigits)));
  }

  // Behind the number taken last.
  [[nodiscard]] LOBDESK_INLINE const char* End() const noexcept { return end_; }

  // Takes a number of which exactly this text must stand in front; false if there is none.
  template <std::size_t kSize>
  LOBDESK_INLINE bool TakeBehind(const char (&text)[kSize], std::int64_t* number) noexcept {
    if (!Has()) return false;
    const char* before = end_;
    is_odd_ |= begin_ + edges_[2 * next_] != before + (kSize - 1) || !Is(before, text);
    *number = Take();
    return true;
  }

  LOBDESK_INLINE void Demand(bool is_right) noexcept { is_odd_ |= !is_right; }
  [[nodiscard]] LOBDESK_INLINE bool IsOdd() const noexcept { return is_odd_; }
  LOBDESK_INLINE void StartAt(const char* at) noexcept { end_ = at; }

 private:
  const char* begin_;
  const char* end_ = nullptr;
  std::size_t count_ = 0;
  std::size_t next_ = 0;
  bool is_odd_ = false;
  // Each block may add a bit a byte, and seven that are none.
  std::array<std::uint16_t, kLongest + kBlock + 8> edges_;
};

// Reads the levels of a side behind `head`; stops behind the last quantity.
template <std::size_t kSize>
LOBDESK_INLINE bool ReadSide(Numbers& numbers, const char (&head)[kSize], int direction,
                             BookSide* side) noexcept {
  for (std::size_t i = 0; i < kBookLevels; ++i) {
    Ticks* ticks = &side->ticks[i];
    if (!(i == 0 ? numbers.TakeBehind(head, ticks) : numbers.TakeBehind("],[", ticks))) {
      return false;
    }
    if (!numbers.TakeBehind(",", &side->lots[i])) return false;
    numbers.Demand(side->lots[i] > 0);
    if (i > 0) numbers.Demand((side->ticks[i] - side->ticks[i - 1]) * direction > 0);
    if (Is(numbers.End(), "]]")) return true;
  }
  return false;
}

LOBDESK_INLINE bool ReadLine(const char* at, const char* end, SnapshotRow* row) noexcept {
  Numbers numbers(at, end);
  numbers.StartAt(at);
  if (!numbers.TakeBehind("", &row->seq) ||
      !numbers.TakeBehind(",\"exch_ts_us\":", &row->exch_ts_us) ||
      !numbers.TakeBehind(",\"recv_ts_us\":", &row->recv_ts_us) ||
      !numbers.TakeBehind(",\"price_precision\":", &row->price_precision) ||
      !numbers.TakeBehind(",\"qty_precision\":", &row->qty_precision)) {
    return false;
  }
  numbers.Demand(row->price_precision <= kMaxPrecision && row->qty_precision <= kMaxPrecision);
  if (!ReadSide(numbers, ",\"bids\":[[", -1, &row->bids) ||
      !ReadSide(numbers, "]],\"asks\":[[", 1, &row->asks)) {
    return false;
  }
  const char* tail = numbers.End();
  if (Is(tail, "]],\"checksum\":null")) {
    row->checksum = -1;
    tail += sizeof("]],\"checksum\":null") - 1;
  } else {
    if (!numbers.TakeBehind("]],\"checksum\":", &row->checksum)) return false;
    numbers.Demand(row->checksum <= kMaxChecksum);
    tail = numbers.End();
  }
  constexpr std::size_t kVerdict = sizeof(",\"verified\":true}") - 1;
  if (numbers.IsOdd() || tail + kVerdict != end) return false;
  row->verified = Is(tail, ",\"verified\":true}") ? 1 : -1;
  return row->verified > 0 || Is(tail, ",\"verified\":null}");
}

#if defined(LOBDESK_BITS)
LOBDESK_BITS bool ReadLineWithBits(const char* at, const char* end, SnapshotRow* row) noexcept {
  return ReadLine(at, end, row);
}
#endif

bool ReadLinePlain(const char* at, const char* end, SnapshotRow* row) noexcept {
  return ReadLine(at, end, row);
}

bool IsPlain(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c > 0x20 && c < 0x7F && c != '"' && c != '\\'; });
}

}  // namespace

FastSnapshotReader::FastSnapshotReader(std::string_view data, std::string_view symbol)
    : data_end_{data.data() + data.size()}, has_bits_{false} {
  if (IsPlain(symbol)) head_.append("{\"v\":1,\"symbol\":\"").append(symbol).append("\",\"seq\":");
#if defined(LOBDESK_BITS)
  has_bits_ = __builtin_cpu_supports("popcnt") != 0 && __builtin_cpu_supports("bmi") != 0;
#endif
}

bool FastSnapshotReader::Read(std::string_view line, SnapshotRow* row) const noexcept {
  const std::size_t head = head_.size();
  const char* end = line.data() + line.size();
  // A block may reach beyond the line, and from a number found there a literal once more.
  const bool has_room = static_cast<std::size_t>(data_end_ - end) >= 2 * kBlock;
  if (head == 0 || !has_room || line.size() <= head || line.size() - head > kLongest ||
      std::memcmp(line.data(), head_.data(), head) != 0) {
    return false;
  }
  const char* at = line.data() + head;
#if defined(LOBDESK_BITS)
  if (has_bits_) return ReadLineWithBits(at, end, row);
#endif
  return ReadLinePlain(at, end, row);
}

}  // namespace lobdesk
