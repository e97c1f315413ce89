"""Scenario files: small hand-worked cases in JSON, run and compared."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lobdesk.backtest.data import MarketData
from lobdesk.backtest.errors import RefusedDataError, ScenarioError
from lobdesk.backtest.model import (
    ALL_EVENTS,
    ORDER_TYPES,
    REASONS,
    REQUEST_KINDS,
    SIDES,
    STATUSES,
    TIMES_IN_FORCE,
)
from lobdesk.backtest.run import Backtest
from lobdesk.engine import script
from lobdesk.engine_records import KINDS, RECORD_DTYPE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from lobdesk.backtest.run import Result
    from lobdesk.engine import BacktestEngine

FEED_SIDES = {"bid": 0, "buy": 0, "ask": 1, "sell": 1, None: 255}
RENAMED = {"resp_us": "response_us"}
PRICE_LIMIT = 2**31 - 1
QTY_LIMIT = 2**53

Json = dict[str, Any]


def run_scenario(scenario: Json) -> Json:
    """Run one scenario and return what it asks for.

    Args:
        scenario: ``model``, ``instruments``, ``feed``, ``actions``, ``probes`` and ``end`` as
            docs/backtest.md describes.

    Returns:
        ``orders``, ``fills``, ``position``, ``cash``, ``fee``, ``realized``, ``equity``,
        ``errors``, ``probes``; or ``raised`` with the reason if the data were refused.

    Raises:
        ScenarioError: The scenario has a malformed part.
        BacktestError: Its model names something that does not exist.
    """
    instruments = scenario.get("instruments") or [{}]
    try:
        end_us = int(scenario["end"])
        data = [_market_data(scenario["feed"], i, each) for i, each in enumerate(instruments)]
    except RefusedDataError as error:
        return {"raised": str(error)}
    except KeyError as error:
        raise ScenarioError("feed or end", f"the key {error} is missing") from error
    given = scenario.get("model") or {}
    model = {RENAMED.get(key, key): each for key, each in given.items() if each is not None}
    backtest = Backtest(
        data,
        maker_fee=[each.get("maker") or "0" for each in instruments],
        taker_fee=[each.get("taker") or "0" for each in instruments],
        end_us=end_us,
        sample_us=0,
        **model,
    )
    running = backtest.start(script(_actions(scenario.get("actions") or [])))
    probes = scenario.get("probes") or []
    answers: dict[int, Json] = {}
    for i in sorted(range(len(probes)), key=lambda i: int(probes[i]["t"])):
        running.run(min(probes[i]["t"], end_us), ALL_EVENTS)
        answers[i] = _probe(running, probes[i])
    running.run(end_us, ALL_EVENTS)
    output = _output(backtest.finish(running))
    output["probes"] = [answers[i] for i in range(len(probes))]
    return output


def find_differences(output: Json, expect: Json) -> list[str]:
    """Return a line for each expected key that an output does not have, empty if it passes."""
    if expect.get("raises"):
        return [] if "raised" in output else ["expected the data to be refused"]
    if "raised" in output:
        return [f"refused: {output['raised']}"]
    found: list[str] = []
    for order_id, wanted in (expect.get("orders") or {}).items():
        got = output["orders"].get(order_id, {})
        found += [
            f"order {order_id}: {key} is {got.get(key)!r}, expected {value!r}"
            for key, value in wanted.items()
            if got.get(key) != value
        ]
    for order_id, reason in (expect.get("reason") or {}).items():
        got_reason = output["orders"].get(order_id, {}).get("reason")
        if got_reason != reason:
            found.append(f"order {order_id}: reason is {got_reason!r}, expected {reason!r}")
    for name in ("fills", "probes"):
        found += _compare_rows(name, output[name], expect.get(name))
    for name in ("position", "cash", "fee", "realized", "equity"):
        if name in expect and not _is_close(output[name], expect[name]):
            found.append(f"{name} is {output[name]}, expected {expect[name]}")
    codes = [error[1] for error in output["errors"]]
    if "errors" in expect and codes != expect["errors"]:
        found.append(f"errors are {codes}, expected {expect['errors']}")
    return found


def _compare_rows(name: str, rows: list[Json], wanted: list[Json] | None) -> list[str]:
    if wanted is None:
        return []
    if len(rows) != len(wanted):
        return [f"{len(rows)} {name}, expected {len(wanted)}"]
    return [
        f"{name}[{i}]: {key} is {row.get(key)!r}, expected {value!r}"
        for i, (row, each) in enumerate(zip(rows, wanted, strict=True))
        for key, value in each.items()
        if key not in row or not _is_close(row[key], value)
    ]


def _is_close(got: object, wanted: object) -> bool:
    if isinstance(wanted, list):
        return (
            isinstance(got, list)
            and len(got) == len(wanted)
            and all(_is_close(a, b) for a, b in zip(got, wanted, strict=True))
        )
    if isinstance(wanted, int | float) and not isinstance(wanted, bool):
        is_number = isinstance(got, int | float) and not isinstance(got, bool)
        return is_number and math.isclose(float(str(got)), wanted, rel_tol=1e-6, abs_tol=1e-6)
    return got == wanted


def _market_data(feed: Sequence[Json], symbol: int, instrument: Json) -> MarketData:
    rows = [(i, row) for i, row in enumerate(feed) if (row.get("sym") or 0) == symbol]
    name = f"symbol {symbol}"
    records: NDArray[np.void] = np.zeros(len(rows), dtype=RECORD_DTYPE)
    order_ids = np.zeros(len(rows), dtype=np.int64)
    for at, (i, row) in enumerate(rows):
        kind = KINDS.get(row["k"])
        if kind is None:
            raise RefusedDataError(name, f"row {i}: kind {row['k']!r} is unknown")
        if row.get("side") not in FEED_SIDES:
            raise RefusedDataError(name, f"row {i}: side {row['side']!r} is unknown")
        is_clear = row["k"] == "clear"
        price = _whole(name, i, "price", row.get("px"), PRICE_LIMIT, missing=is_clear)
        lots = _whole(
            name, i, "quantity", row.get("qty"), QTY_LIMIT, missing=is_clear or kind == 11
        )
        flags = int(row.get("flags") or 0)
        side = FEED_SIDES[row.get("side")]
        records[at] = (row["ex"], row["lo"], price, kind, side, flags, lots)
        order_ids[at] = row.get("oid") or 0
    return MarketData.from_records(
        records,
        symbol=name,
        tick=instrument.get("tick", "1"),
        lot=instrument.get("lot", "1"),
        order_ids=order_ids,
        qty_min=instrument.get("qty_min"),
    )


def _whole(name: str, row: int, what: str, value: object, limit: int, *, missing: bool) -> int:
    if value is None and missing:
        return 0
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if (
        not is_number
        or float(str(value)) != int(float(str(value)))
        or abs(float(str(value))) > limit
    ):
        raise RefusedDataError(name, f"row {row}: {what} {value!r} is off the grid")
    return int(float(str(value))) if isinstance(value, float) else int(str(value))


def _actions(
    actions: Sequence[Json],
) -> list[tuple[int, int, int, int, int, int, int, int, int]]:
    made = []
    for i, action in enumerate(actions):
        try:
            made.append(_action(action))
        except (KeyError, ValueError, TypeError) as error:
            raise ScenarioError(f"action {i}", f"cannot be read: {error!r}") from error
    return sorted(made, key=lambda action: action[0])


def _action(action: Mapping[str, Any]) -> tuple[int, int, int, int, int, int, int, int, int]:
    kind = REQUEST_KINDS.index(action["do"])
    is_submit = action["do"] == "submit"
    return (
        int(action["t"]),
        kind,
        int(action.get("id") or 0),
        int(action.get("sym") or 0),
        SIDES.index(action["side"]) if is_submit else 0,
        _plain(action.get("px") or 0),
        _plain(action.get("qty") or 0),
        ORDER_TYPES.index(action.get("type") or "limit") if is_submit else 0,
        TIMES_IN_FORCE.index(action.get("tif") or "GTC") if is_submit else 0,
    )


def _plain(value: float) -> int:
    if value != int(value):
        raise ValueError(f"{value} is off the grid")
    return int(value)


def _probe(running: BacktestEngine, probe: Json) -> Json:
    symbol = probe.get("sym") or 0
    order_id = probe.get("order")
    state = None if order_id is None else running.order_state(order_id)
    return {
        "status": None if state is None else STATUSES[state[0]],
        "ahead": None if state is None else state[1],
        "local_best": _best(running, symbol, local=True),
        "exch_best": _best(running, symbol, local=False),
    }


def _best(running: BacktestEngine, symbol: int, *, local: bool) -> list[int | None]:
    sides = running.levels(symbol, local=local, count=1)
    return [side[0][0] if side else None for side in sides]


def _output(result: Result) -> Json:
    orders = {
        str(row["order_id"]): {
            "status": STATUSES[row["status"]],
            "leaves": int(row["leaves_lots"]),
            "reason": REASONS[row["reason"]],
            "last_reject": REASONS[row["last_reject"]],
        }
        for row in result.orders
    }
    return {
        "orders": orders,
        "fills": [_fill(row) for row in result.fills],
        "position": [account.position_lots for account in result.accounts],
        "cash": [account.cash for account in result.accounts],
        "fee": [account.fee for account in result.accounts],
        "realized": [account.realized for account in result.accounts],
        "equity": [account.equity for account in result.accounts],
        "errors": [list(error) for error in result.errors],
    }


def _fill(row: np.void) -> Json:
    return {
        "order": int(row["order_id"]),
        "px": int(row["price_ticks"]),
        "qty": int(row["qty_lots"]),
        "maker": bool(row["is_maker"]),
        "certain": bool(row["is_certain"]),
        "exch_us": int(row["exch_ts_us"]),
        "local_us": int(row["local_ts_us"]),
        "fee": float(row["fee"]),
        "slip_arrival": _number(row["slip_arrival"]),
        "slip_decision": _number(row["slip_decision"]),
        "realized": float(row["realized"]),
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
