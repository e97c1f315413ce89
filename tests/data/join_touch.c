// Strategies behind C function pointers, as tests and docs/backtest.md use them.
#include <stdint.h>

typedef struct {
  uint32_t version, size;
  int64_t now_us;
  uint32_t reasons;
  int32_t symbol_count, level_count, reserved;
  int64_t order_count, trade_count, fill_count, next_order_id, state_bytes, command_capacity;
  int64_t command_count, next_wake_us;  // written by the function
} View;
typedef struct {
  int64_t bid_ticks, bid_lots, ask_ticks, ask_lots, last_mid2, position_lots;
} Symbol;
typedef struct {
  int64_t price_ticks, qty_lots;
} Level;
typedef struct {
  int64_t id, price_ticks, leaves_lots, filled_lots;
  int32_t symbol;
  uint8_t side, status, has_request, reserved;
} Order;
typedef struct {
  int64_t id, price_ticks, qty_lots;
  int32_t symbol;
  uint8_t kind, side, type, tif;
} Command;

enum { SUBMIT, CANCEL };
enum { GTC, IOC, FOK, GTX };

typedef struct {
  int64_t qty_lots, max_position_lots, offset_ticks;
} Settings;

int32_t join_touch(View *view, const Symbol *symbols, const Level *levels, const Order *orders,
                   const void *trades, const void *fills, Command *commands, void *state) {
  const Settings *settings = state;
  const int64_t touch[2] = {symbols->bid_ticks, symbols->ask_ticks};
  int has_order[2] = {0, 0};
  if (touch[0] == 0 || touch[1] == 0) return 0;
  Command *next = commands;
  for (int64_t i = 0; i < view->order_count; ++i) {
    const Order *order = orders + i;
    has_order[order->side] = 1;
    const int64_t back = order->side == 0 ? -settings->offset_ticks : settings->offset_ticks;
    if (order->price_ticks == touch[order->side] + back) continue;
    if (order->status != 0 && !order->has_request) *next++ = (Command){.id = order->id, .kind = CANCEL};
  }
  int64_t id = view->next_order_id;
  for (uint8_t side = 0; side < 2; ++side) {
    const int64_t sign = side == 0 ? 1 : -1;
    if (has_order[side] || sign * symbols->position_lots >= settings->max_position_lots) continue;
    *next++ = (Command){.id = id++, .price_ticks = touch[side] - sign * settings->offset_ticks,
                        .qty_lots = settings->qty_lots, .kind = SUBMIT, .side = side, .tif = GTX};
  }
  view->command_count = next - commands;
  return 0;
}

int32_t buys_each_third_wake(View *view, const Symbol *symbols, const Level *levels,
                             const Order *orders, const void *trades, const void *fills,
                             Command *commands, void *state) {
  int64_t *count = state;
  if (++*count % 3 != 0 || symbols->ask_ticks == 0) return 0;
  commands[0] = (Command){.id = *count, .price_ticks = symbols->ask_ticks, .qty_lots = 1, .tif = IOC};
  view->command_count = 1;
  return 0;
}

int32_t checks_levels(View *view, const Symbol *symbols, const Level *levels, const Order *orders,
                      const void *trades, const void *fills, Command *commands, void *state) {
  view->next_wake_us = view->now_us + 777;
  if (view->level_count != 3 || levels[0].price_ticks != symbols->bid_ticks) return 1;
  if (levels[3].price_ticks != symbols->ask_ticks || levels[1].price_ticks >= levels[0].price_ticks) return 2;
  if ((levels[4].price_ticks != 0 && levels[4].price_ticks <= levels[3].price_ticks) || levels[3].qty_lots != symbols->ask_lots) return 3;
  commands[0] = (Command){.id = view->next_order_id, .price_ticks = 1, .qty_lots = 1, .tif = IOC};
  view->command_count = 1;
  return 0;
}

int32_t fails(View *view, const Symbol *symbols, const Level *levels, const Order *orders,
              const void *trades, const void *fills, Command *commands, void *state) {
  return 7;
}

int32_t floods(View *view, const Symbol *symbols, const Level *levels, const Order *orders,
               const void *trades, const void *fills, Command *commands, void *state) {
  view->command_count = 1000;
  return 0;
}

int32_t buys_nothing(View *view, const Symbol *symbols, const Level *levels, const Order *orders,
                     const void *trades, const void *fills, Command *commands, void *state) {
  commands[0] = (Command){.id = 5, .price_ticks = 10, .qty_lots = 0};
  view->command_count = 1;
  return 0;
}

int32_t unknown_kind(View *view, const Symbol *symbols, const Level *levels, const Order *orders,
                     const void *trades, const void *fills, Command *commands, void *state) {
  commands[0] = (Command){.kind = 9};
  view->command_count = 1;
  return 0;
}
