"""The figures of a training as text for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

COLUMNS = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "weighted_f1": "wtd F1",
    "balanced_accuracy": "bal.acc",
    "mcc": "MCC",
    "brier": "Brier",
    "ece": "ECE",
    "ic": "IC",
    "ic_se": "± se",
    "rank_ic": "rank IC",
    "r2": "R2",
    "trades": "trades",
    "break_even_fee_bps": "fee bps",
}
WIDTH = 9


def text_report(run_id: str, metrics: Mapping[str, Any]) -> str:
    """Return a table of all models, the samples and the confusion matrix of the model."""
    models: Mapping[str, Any] = metrics["models"]
    samples = metrics["samples"]
    shown = [name for name in COLUMNS if any(name in figures for figures in models.values())]
    lines = [
        f"{run_id}: {samples['train']:,} training, {samples['val']:,} validation, "
        f"{samples['test']:,} test windows",
        "",
        " " * 12 + "".join(f"{COLUMNS[name]:>{WIDTH}}" for name in shown),
    ]
    for model, figures in models.items():
        lines.append(f"{model:<12}" + "".join(_cell(figures.get(name)) for name in shown))
    if "confusion" in models["model"]:
        lines += ["", "model: true class in rows, predicted in columns (down, flat, up)"]
        lines += [
            "  " + "".join(f"{count:>{WIDTH},}" for count in row)
            for row in models["model"]["confusion"]
        ]
    fee = models["model"]["break_even_fee_bps"]
    told = "no trade was made" if fee is None else f"{fee:+.3f} bps per side, spread not counted"
    lines += ["", f"break-even fee of the model's strongest signals: {told}"]
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    if value is None:
        return f"{'-':>{WIDTH}}"
    return f"{value:>{WIDTH},}" if isinstance(value, int) else f"{value:>{WIDTH}.3f}"
