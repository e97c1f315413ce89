// Digest of an engine's state.
#include <cstring>

#include "lobdesk/backtest/engine.hpp"

namespace lobdesk::backtest {

namespace {

/// FNV-1a over 64-bit words: cheap, and any changed word changes it.
class Hasher {
 public:
  void Add(std::uint64_t word) noexcept { hash_ = (hash_ ^ word) * 0x100000001b3ULL; }
  void Add(std::int64_t word) noexcept { Add(static_cast<std::uint64_t>(word)); }
  void Add(double value) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, &value, sizeof word);
    Add(word);
  }
  void Add(Int128 value) noexcept {
    Add(static_cast<std::uint64_t>(value));
    Add(static_cast<std::uint64_t>(value >> 64));
  }
  [[nodiscard]] std::uint64_t Get() const noexcept { return hash_; }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325ULL;
};

void AddBook(Hasher& hasher, const Book& book) {
  for (const std::uint8_t side : {kBid, kAsk}) {
    const LadderSide& levels = book.Side(side);
    for (Key key = levels.Best(); key != kNoLevel; key = levels.NextWorse(key)) {
      hasher.Add(key);
      hasher.Add(levels.At(key));
    }
    hasher.Add(static_cast<std::uint64_t>(levels.Count()));
  }
  hasher.Add(book.LastMid());
}

void AddOrder(Hasher& hasher, const Order& order) {
  hasher.Add(order.id);
  hasher.Add(order.key);
  hasher.Add(order.leaves);
  hasher.Add(order.place);
  hasher.Add(order.queue.ahead);
  hasher.Add(order.queue.optimistic);
  hasher.Add(order.queue.pessimistic);
  hasher.Add(order.queue.traded);
  hasher.Add(static_cast<std::uint64_t>(order.status));
  hasher.Add(order.known_leaves);
  hasher.Add(order.filled_lots);
  hasher.Add(static_cast<std::int64_t>(order.is_resting));
}

}  // namespace

std::uint64_t Engine::StateHash() const {
  Hasher hasher;
  hasher.Add(state_.now_us);
  hasher.Add(state_.events);
  hasher.Add(state_.next_wake_us);
  for (std::size_t i = 0; i < state_.symbols.size(); ++i) {
    const SymbolState& symbol = state_.symbols[i];
    AddBook(hasher, ExchangeBook(i));
    AddBook(hasher, LocalBook(i));
    hasher.Add(symbol.account.position);
    hasher.Add(symbol.account.cash);
    hasher.Add(symbol.account.fee);
    hasher.Add(symbol.account.realized);
  }
  for (const std::size_t at : state_.at) hasher.Add(static_cast<std::uint64_t>(at));
  for (const std::int32_t slot : state_.live) AddOrder(hasher, state_.orders[slot]);
  for (std::size_t i = 0; i < state_.requests.Size(); ++i) {
    const Request& request = state_.requests.At(i);
    hasher.Add(request.arrival_us);
    hasher.Add(static_cast<std::int64_t>(request.row));
  }
  for (std::size_t i = 0; i < state_.reports.Size(); ++i) {
    const Report& report = state_.reports.At(i);
    hasher.Add(report.arrival_us);
    hasher.Add(static_cast<std::int64_t>(report.row));
    hasher.Add(report.lots);
  }
  hasher.Add(static_cast<std::uint64_t>(state_.ledger.fills));
  hasher.Add(static_cast<std::uint64_t>(state_.ledger.orders));
  return hasher.Get();
}

}  // namespace lobdesk::backtest
