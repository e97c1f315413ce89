// From the bytes of a frame to its parts.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "lobdesk/book/frame.hpp"
#include "lobdesk/book/json_cursor.hpp"

namespace lobdesk {

/// Reads frames of Kraken's WebSocket v2.
///
/// Any bytes give a frame: what is not valid JSON or has a known channel but not its shape is
/// `kMalformed` with a reason. Unknown keys and unknown channels are skipped, since the exchange
/// adds some now and then.
class FrameScanner {
 public:
  /// Parses one frame. `frame` holds views into `text` and this scanner until the next call.
  void Scan(std::string_view text, Frame* frame);

  static constexpr std::size_t kMaxSymbolBytes = 64;
  static constexpr int kMaxPrecision = 18;  ///< 10^18 is the largest scale an int64 holds.

 private:
  struct Envelope {
    std::string_view channel;
    std::string_view type;
    std::string_view method;
    const char* data = nullptr;    ///< Skipped so far, to be read when the channel is known.
    const char* result = nullptr;  ///< The same for an answer's result.
    bool has_type = false;
    bool has_success = false;
    bool is_success = false;
    bool has_error = false;
    bool is_data_read = false;
  };

  bool ScanFrame(Frame* frame);
  bool ScanUsualFrame(Frame* frame, bool* is_other);
  bool ScanUsualBook(Frame* frame, bool* is_other);
  bool ScanMember(std::string_view key, Envelope* envelope, Frame* frame);
  bool ScanChannelName(Envelope* envelope, Frame* frame);
  bool ScanError(Envelope* envelope, Frame* frame);
  bool FinishChannel(const Envelope& envelope, Frame* frame);
  bool FinishAnswer(const Envelope& envelope, Frame* frame);
  bool ScanResult(Frame* frame);
  bool ScanData(const Envelope& envelope, Frame* frame);
  bool ScanBook(Frame* frame);
  bool ScanBookMember(std::string_view key, FrameBook* book, unsigned* seen, Frame* frame);
  bool ScanLevels(std::size_t* begin, std::size_t* end, Frame* frame);
  bool ScanLevel(FrameLevel* level);
  bool ScanChecksum(std::optional<std::uint32_t>* checksum);
  bool ScanLevel3(Frame* frame);
  bool ScanLevel3Member(std::string_view key, FrameLevel3* message, unsigned* seen, Frame* frame);
  bool ScanOrders(bool is_ask, Frame* frame);
  bool ScanOrder(FrameOrder* order, bool is_snapshot);
  bool ScanOrderMember(std::string_view key, FrameOrder* order, unsigned* seen);
  bool ScanOrderId(std::string_view* id);
  bool ScanOrderEvent(FrameOrder* order);
  bool ScanTrade(Frame* frame);
  bool ScanTradeMember(std::string_view key, FrameTrade* trade, unsigned* seen);
  bool ScanInstruments(Frame* frame);
  bool ScanInstrument(Frame* frame);
  bool ScanPrecision(int* precision);
  bool ScanSymbol(std::string_view* symbol);
  bool ScanTimestamp(TsUs* ts_us);
  bool Once(unsigned bit, unsigned* seen);

  JsonCursor cursor_;
};

}  // namespace lobdesk
