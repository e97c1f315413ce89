// A strategy behind a C function pointer: plain structures in, a list of commands out.
//
// lobdesk/backtest/pointers.py mirrors these structures for NumPy, numba and ctypes. Whoever
// changes one raises kVersion.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "lobdesk/backtest/strategy.hpp"

namespace lobdesk::backtest {

/// A function returned something else than 0, or more commands than there is room for.
class StrategyError : public EngineError {
 public:
  using EngineError::EngineError;
};

/// One wake-up. The function writes the last three fields' answers.
struct CView {
  static constexpr std::uint32_t kVersion = 1;

  std::uint32_t version;
  std::uint32_t size;  ///< Bytes of this structure.
  std::int64_t now_us;
  std::uint32_t reasons;  ///< Bits of WakeReason.
  std::int32_t symbol_count;
  std::int32_t level_count;  ///< Levels of each side in `levels`.
  std::int32_t reserved;
  std::int64_t order_count;
  std::int64_t trade_count;
  std::int64_t fill_count;
  std::int64_t next_order_id;  ///< One more than the largest so far.
  std::int64_t state_bytes;
  std::int64_t command_capacity;
  std::int64_t command_count;  ///< Written by the function; 0 before.
  std::int64_t next_wake_us;   ///< Written by the function: one more wake-up, later than now.
};
static_assert(sizeof(CView) == 96);

struct CSymbol {
  std::int64_t bid_ticks;  ///< 0 while the side is empty, like the next three.
  std::int64_t bid_lots;
  std::int64_t ask_ticks;
  std::int64_t ask_lots;
  std::int64_t last_mid2;  ///< Twice the last valid mid in ticks; 0 before the first.
  std::int64_t position_lots;
};
static_assert(sizeof(CSymbol) == 48);

/// Of symbol s, side d and rank r at index (s * 2 + d) * level_count + r; 0 where there is none.
struct CLevel {
  std::int64_t price_ticks;
  std::int64_t qty_lots;
};

struct COrder {
  std::int64_t id;
  std::int64_t price_ticks;
  std::int64_t leaves_lots;
  std::int64_t filled_lots;
  std::int32_t symbol;
  std::uint8_t side;
  std::uint8_t status;
  std::uint8_t has_request;  ///< A cancel or modify is under way.
  std::uint8_t reserved;
};
static_assert(sizeof(COrder) == 40);

struct CCommand {
  std::int64_t id;
  std::int64_t price_ticks;
  std::int64_t qty_lots;
  std::int32_t symbol;  ///< Of cancel-all: -1 means all.
  std::uint8_t kind;    ///< Of RequestKind: 0 submit, 1 cancel, 2 modify, 3 cancel-all.
  std::uint8_t side;
  std::uint8_t type;  ///< 0 limit, 1 market.
  std::uint8_t tif;   ///< 0 GTC, 1 IOC, 2 FOK, 3 GTX.
};
static_assert(sizeof(CCommand) == 32);

/// Returns 0; anything else ends the run.
using CFunction = std::int32_t (*)(CView* view, const CSymbol* symbols, const CLevel* levels,
                                   const COrder* orders, const LocalTrade* trades,
                                   const FillRow* fills, CCommand* commands, void* state);

/// Calls a function at each wake-up; its state is a block of bytes that checkpoints copy.
class CStrategy final : public Strategy {
 public:
  static constexpr std::size_t kCommands = 256;

  CStrategy(CFunction function, WakeRule rule, std::size_t levels, std::vector<std::byte> state,
            std::shared_ptr<void> owner);

  [[nodiscard]] std::uint32_t Events() const noexcept override { return timer_.Events(); }
  TsUs Start(TsUs first_exch_us) override { return timer_.Start(first_exch_us); }
  TsUs OnWake(LocalDesk& desk) override;
  [[nodiscard]] std::unique_ptr<Strategy> Clone() const override {
    return std::make_unique<CStrategy>(*this);
  }

 private:
  void Show(const LocalDesk& desk);
  void Carry(LocalDesk& desk, std::int64_t count) const;

  CFunction function_;
  WakeTimer timer_;
  std::size_t level_count_;
  std::vector<std::byte> state_;
  std::shared_ptr<void> owner_;  // keeps the function's code
  TsUs own_wake_us_ = kNever;
  std::vector<CSymbol> symbols_;
  std::vector<CLevel> levels_;
  std::vector<COrder> orders_;
  std::vector<CCommand> commands_;
};

}  // namespace lobdesk::backtest
