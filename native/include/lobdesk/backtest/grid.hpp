// Built-in strategies that work an order book by plan: a grid of quotes and a sliced order.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "lobdesk/backtest/strategy.hpp"

namespace lobdesk::backtest {

/// Keeps post-only orders on the lines of a price grid, on both sides of the market.
class Grid final : public Strategy {
 public:
  struct Settings {
    std::int64_t interval_us;
    Lots qty_lots;
    Lots max_position_lots;
    std::int64_t levels;  ///< Orders a side.
    Ticks spacing_ticks;  ///< Lines are its multiples.
  };

  explicit Grid(const Settings& settings) : settings_{settings} {}

  TsUs Start(TsUs first_exch_us) override { return first_exch_us + settings_.interval_us; }
  TsUs OnWake(LocalDesk& desk) override;
  [[nodiscard]] std::unique_ptr<Strategy> Clone() const override {
    return std::make_unique<Grid>(*this);
  }

 private:
  void Quote(LocalDesk& desk, std::size_t symbol);
  void QuoteSide(LocalDesk& desk, std::size_t symbol, std::uint8_t side);

  Settings settings_;
  std::int64_t last_id_ = 0;
  std::vector<Ticks> taken_;  // lines with a live order, of the side at hand
};

/// Buys or sells a quantity in equal slices over a time, each as a taker.
class Twap final : public Strategy {
 public:
  struct Settings {
    std::uint8_t side;
    Lots qty_lots;
    std::int64_t slices;
    std::int64_t start_after_us;  ///< From the first exchange time.
    std::int64_t duration_us;
  };

  explicit Twap(const Settings& settings) : settings_{settings} {}

  TsUs Start(TsUs first_exch_us) override;
  TsUs OnWake(LocalDesk& desk) override;
  [[nodiscard]] std::unique_ptr<Strategy> Clone() const override {
    return std::make_unique<Twap>(*this);
  }

 private:
  [[nodiscard]] TsUs SliceTime(std::int64_t slice) const noexcept;
  [[nodiscard]] Lots Target(std::int64_t slice) const noexcept;

  Settings settings_;
  TsUs start_us_ = 0;
  std::int64_t slice_ = 0;
  std::int64_t last_id_ = 0;
};

}  // namespace lobdesk::backtest
