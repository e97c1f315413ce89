// The instrument part of FrameScanner.
#include <cstdint>

#include "lobdesk/book/frame_scanner.hpp"

namespace lobdesk {

bool FrameScanner::ScanInstruments(Frame* frame) {
  return cursor_.ReadObject([&](std::string_view key) {
    if (key != "pairs") return cursor_.SkipValue();
    return cursor_.ReadArray([&] { return ScanInstrument(frame); });
  });
}

bool FrameScanner::ScanInstrument(Frame* frame) {
  FrameInstrument pair;
  unsigned seen = 0;
  const bool is_object = cursor_.ReadObject([&](std::string_view key) {
    if (key == "symbol") return Once(1, &seen) && ScanSymbol(&pair.symbol);
    if (key == "price_precision") return Once(2, &seen) && ScanPrecision(&pair.price_precision);
    if (key == "qty_precision") return Once(4, &seen) && ScanPrecision(&pair.qty_precision);
    return cursor_.SkipValue();
  });
  if (!is_object) return false;
  if (seen != 7) return cursor_.Fail("a pair lacks its symbol or a precision");
  frame->instruments.push_back(pair);
  return true;
}

bool FrameScanner::ScanPrecision(int* precision) {
  DecimalToken number;
  std::uint64_t value = 0;
  if (!cursor_.ReadNumber(&number)) return false;
  if (!number.ToInteger(kMaxPrecision, &value)) {
    return cursor_.Fail("a precision is not between 0 and 18");
  }
  *precision = static_cast<int>(value);
  return true;
}

}  // namespace lobdesk
