// Built-in strategies.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "lobdesk/backtest/strategy.hpp"

namespace lobdesk::backtest {

/// Keeps one post-only order at each best price (or some ticks behind it).
class JoinTouch final : public Strategy {
 public:
  struct Settings {
    std::int64_t interval_us;
    Lots qty_lots;
    Lots max_position_lots;
    Ticks offset_ticks;
  };

  explicit JoinTouch(const Settings& settings) : settings_{settings} {}

  TsUs Start(TsUs first_exch_us) override { return first_exch_us + settings_.interval_us; }
  TsUs OnWake(LocalDesk& desk) override;
  [[nodiscard]] std::unique_ptr<Strategy> Clone() const override {
    return std::make_unique<JoinTouch>(*this);
  }

 private:
  void Quote(LocalDesk& desk, std::size_t symbol);

  Settings settings_;
  std::int64_t last_id_ = 0;
  std::vector<std::vector<std::int32_t>> live_;  // slots by symbol, of one wake-up
};

/// Follows a signal: long above a threshold, short below its negative.
class SignalFollower final : public Strategy {
 public:
  struct Settings {
    double threshold;
    Lots max_position_lots;
    bool is_maker;      ///< Joins the touch instead of taking.
    bool holds_inside;  ///< Keeps the position while the signal is within the threshold.
  };
  /// Shared by all copies, never changed.
  struct Signals {
    std::vector<TsUs> ts_us;
    std::vector<double> values;
    std::vector<std::int32_t> symbols;
  };

  SignalFollower(const Settings& settings, std::shared_ptr<const Signals> signals)
      : settings_{settings}, signals_{std::move(signals)} {}

  TsUs Start(TsUs first_exch_us) override;
  TsUs OnWake(LocalDesk& desk) override;
  [[nodiscard]] std::unique_ptr<Strategy> Clone() const override {
    return std::make_unique<SignalFollower>(*this);
  }

 private:
  void Follow(LocalDesk& desk, std::size_t symbol, double value);
  // Cancels what is not wanted; returns the lots that may still fill on the wanted side.
  [[nodiscard]] Lots CancelOthers(LocalDesk& desk, std::size_t symbol, std::uint8_t side, Key touch,
                                  Lots wanted) const;

  Settings settings_;
  std::shared_ptr<const Signals> signals_;
  std::size_t next_ = 0;
  std::vector<std::optional<double>> due_;  // By symbol; empty between wake-ups.
  std::int64_t last_id_ = 0;
};

/// Carries out a list of requests, those of one instant in the order given.
class Script final : public Strategy {
 public:
  struct Action {
    TsUs ts_us;
    RequestKind kind;
    std::int64_t id;
    std::size_t symbol;
    std::uint8_t side;
    Ticks price_ticks;
    Lots lots;
    OrderType type;
    TimeInForce tif;
  };

  /// The actions must be sorted by time.
  explicit Script(std::vector<Action> actions)
      : actions_{std::make_shared<const std::vector<Action>>(std::move(actions))} {}

  TsUs Start(TsUs first_exch_us) override;
  TsUs OnWake(LocalDesk& desk) override;
  [[nodiscard]] std::unique_ptr<Strategy> Clone() const override {
    return std::make_unique<Script>(*this);
  }

 private:
  std::shared_ptr<const std::vector<Action>> actions_;
  std::size_t next_ = 0;
};

}  // namespace lobdesk::backtest
