// Several engines on the same data at once: equal states, and nothing for a thread sanitizer.
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

#include "lobdesk/backtest/grid.hpp"
#include "lobdesk/backtest/player.hpp"
#include "lobdesk/backtest/strategies.hpp"

namespace {

using namespace lobdesk::backtest;  // NOLINT(google-build-using-namespace): a test of this one

constexpr int kThreads = 4;
constexpr std::size_t kRows = 60'000;

std::vector<MarketRecord> MakeRecords(std::uint32_t seed) {
  std::vector<MarketRecord> records(kRows);
  std::uint32_t random = seed;
  std::int64_t now_us = 1'000'000;
  std::int32_t mid = 60'000;
  for (MarketRecord& record : records) {
    random = random * 1'664'525U + 1'013'904'223U;
    const std::uint32_t draw = random >> 8;
    now_us += draw % 4'000;
    mid += static_cast<std::int32_t>(draw % 3) - 1;
    const auto side = static_cast<std::uint8_t>((draw >> 4) & 1);
    const auto depth = static_cast<std::int32_t>((draw >> 5) % 8);
    const bool is_trade = draw % 11 == 0;
    const std::int32_t sign = side == kBid ? -1 : 1;
    record = {now_us,
              now_us + 2'000,
              mid + sign * (1 + (is_trade ? 0 : depth)),
              static_cast<std::uint8_t>(is_trade ? kTrade : kDepth),
              static_cast<std::uint8_t>(is_trade ? 1 - side : side),
              kLastOfMessage,
              static_cast<std::int64_t>(1 + draw % 300)};
  }
  return records;
}

std::uint64_t RunOnce(const std::vector<const MarketData*>& data,
                      const std::shared_ptr<MergedOrder>& merged) {
  ModelConfig model;
  model.sample_us = 100'000;
  const std::vector<InstrumentConfig> instruments(data.size());
  auto strategy = std::make_unique<Grid>(Grid::Settings{20'000, 50, 1'000, 3, 2});
  Player player(std::make_unique<Engine>(data, merged, model, instruments, std::move(strategy)),
                20'000);
  std::atomic<bool> is_over{false};
  std::thread pauses([&player, &is_over] {
    while (!is_over.load()) player.Pause();
  });
  const lobdesk::TsUs end_us = data.front()->LastUs();
  do {
    player.Run(end_us, INT64_MAX / 2, {}, [] {});
  } while ((player.Stopped() & kStopPaused) != 0);
  is_over.store(true);
  pauses.join();
  const std::uint64_t hash = player.GetEngine().StateHash();
  player.SeekEvent(1'000, [] {});
  player.SeekTime(end_us, [] {});
  const bool is_same = player.GetEngine().StateHash() == hash;
  return is_same ? hash : 0;
}

}  // namespace

int main() {
  std::vector<std::vector<MarketRecord>> records;
  std::vector<std::unique_ptr<MarketData>> made;
  std::vector<const MarketData*> data;
  for (std::uint32_t seed = 1; seed <= 3; ++seed) records.push_back(MakeRecords(seed));
  for (const auto& each : records) {
    made.push_back(std::make_unique<MarketData>(each.data(), each.size(), nullptr));
    data.push_back(made.back().get());
  }
  const auto merged = std::make_shared<MergedOrder>(data);
  std::vector<std::uint64_t> hashes(kThreads);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] { hashes[i] = RunOnce(data, merged); });
  }
  for (std::thread& each : threads) each.join();
  for (const std::uint64_t hash : hashes) {
    if (hash == 0 || hash != hashes[0]) {
      std::fprintf(stderr, "states differ between threads or after a seek\n");
      return 1;
    }
  }
  return 0;
}
