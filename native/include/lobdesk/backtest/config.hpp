// The rules of one run.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "lobdesk/backtest/record.hpp"

namespace lobdesk::backtest {

enum class QueueModel : std::uint8_t {
  kRiskAverse,
  kPower,
  kPower2,
  kPower3,
  kLog,
  kLog2,
  kL3Fifo,
};

/// What a taking order gets.
enum class TakerRule : std::uint8_t {
  kConsume,   ///< Walks levels; what it took stays taken until the level's next update.
  kBestFull,  ///< Everything at the best price.
  kWalk,      ///< Walks levels; the book is immutable.
};

/// What a resting order gets of a trade beyond the quantity ahead of it.
enum class MakerRule : std::uint8_t {
  kShared,              ///< The excess; own orders at one price share it.
  kIndependentFull,     ///< Any excess fills it completely.
  kIndependentPartial,  ///< The excess; each own order has the whole trade.
};

/// Kinds of requests, each with a latency of its own.
enum class RequestKind : std::uint8_t { kSubmit, kCancel, kModify, kCancelAll };
constexpr std::size_t kReportKinds = 4;  ///< Answers to submit, cancel, modify; fills.

/// One measured round trip.
struct LatencyRow {
  TsUs request_us;
  TsUs exchange_us;
  TsUs response_us;
};

using LatencyTables = std::array<std::vector<LatencyRow>, kReportKinds>;

/// Fees from a volume of own fills on.
struct FeeTier {
  double min_volume;  ///< Quote units over 30 UTC days, today included, before the fill.
  std::int64_t maker_fee;
  std::int64_t taker_fee;
};

struct ModelConfig {
  TakerRule taker = TakerRule::kConsume;
  MakerRule maker = MakerRule::kShared;
  bool fills_remainder = false;  ///< A crossing GTC order's rest is filled at its limit.
  bool prevents_self_trade = true;
  bool caps_through = false;  ///< A trade through the price fills at most its own quantity.
  bool defers_unknown = false;
  QueueModel queue = QueueModel::kRiskAverse;
  double queue_n = 3.0;
  std::size_t window = 0;  ///< Recorded levels a side; 0 means all.
  bool truncates = false;  ///< The client cuts each side to the window.
  std::array<std::int64_t, 3> entry_us{5000, 5000, 5000};
  std::array<std::int64_t, kReportKinds> response_us{5000, 5000, 5000, 5000};
  std::int64_t netting_us = 0;  ///< A trade so long after its depth update is netted too; 0: off.
  std::vector<FeeTier> fee_tiers;      ///< Rising volumes from 0; if any, they replace the fees.
  LatencyTables latency_tables;        ///< By kind of report; if any, they replace the constants.
  TsUs end_us = kNever;                ///< Later events are not processed.
  std::int64_t sample_us = 1'000'000;  ///< Distance of equity samples; 0 for none.
};

/// Scale of fee rates: one part in 10^12.
constexpr std::int64_t kFeeScale = 1'000'000'000'000;

struct InstrumentConfig {
  double tick = 1.0;
  double lot = 1.0;
  double unit_value = 1.0;  ///< Quote value of one tick times one lot.
  std::int64_t maker_fee = 0;
  std::int64_t taker_fee = 0;
  Lots min_lots = 0;  ///< Smallest order; 0 if unknown.
};

}  // namespace lobdesk::backtest
