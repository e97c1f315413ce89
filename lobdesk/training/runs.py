"""Training as a run: from settings to a folder with checkpoints, figures and a manifest."""

from __future__ import annotations

import os
import platform
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import lightning
import msgspec
import numpy as np
import torch

from lobdesk.dataset.datamodule import LOBDataModule
from lobdesk.errors import LobdeskError, TrainingError
from lobdesk.models import model_columns
from lobdesk.progress import JsonProgress
from lobdesk.runs import Run, create_run, open_run, write_json
from lobdesk.settings import TrainingSettings
from lobdesk.training.callbacks import CancelFlag, TrainingCancelledError
from lobdesk.training.evaluate import evaluate_fold
from lobdesk.training.fit import fit
from lobdesk.training.forecaster import LOBForecaster
from lobdesk.windows import WindowStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lobdesk.paths import DataPaths
    from lobdesk.progress import Fact, Progress

MIN_CHUNKS = 8
"""Chunks of a batch at least: neighbours alone make a poor sample."""

MAX_CHUNK_WINDOWS = 32

EVAL_BATCH_WINDOWS = 256
"""Windows of a validation or test batch; nothing but speed depends on it."""

MAX_AUTOMATIC_THREADS = 4

STORE_ID = re.compile(r"[0-9a-z]+")


def train(
    paths: DataPaths,
    settings: TrainingSettings,
    *,
    store_id: str | None = None,
    progress: Progress,
) -> Run:
    """Train, evaluate and record one run.

    SIGTERM and SIGINT cancel it with a checkpoint. The last line of ``progress.jsonl`` tells how
    the run ended: ``finished``, ``cancelled`` or ``failed``.

    Args:
        paths: The data directory.
        settings: What to train.
        store_id: Window store; None takes the newest.
        progress: Hears of every step, besides the run's own log.

    Raises:
        LobdeskError: The run could not start or failed; a run that started says so too.
        TrainingCancelledError: It was cancelled.
    """
    store = open_store(paths, store_id)
    data = make_data(store, settings)
    model_columns(settings.model, store.feature_names)  # refuses an unknown model before a run is
    config = msgspec.to_builtins(settings) | {
        "store": store.id,
        "target": data.target,
        "embargo_steps": data.embargo,
        "chunk_windows": data.chunk_windows,
        "symbols": store.symbols,
    }
    run = create_run(
        paths.runs,
        "train",
        name=f"{settings.model} {data.target}",
        config=config,
        inputs={"store": store.id},
    )
    return _work(run, data, settings, progress, resume=False)


def resume(
    paths: DataPaths,
    run_id: str,
    *,
    max_steps: int | None = None,
    max_epochs: int | None = None,
    progress: Progress,
) -> Run:
    """Go on with a run from its last checkpoint, with the settings it began with.

    Args:
        paths: The data directory.
        run_id: A training run.
        max_steps: A new limit, or None.
        max_epochs: A new limit, or None.
        progress: Hears of every step.

    Raises:
        LobdeskError: There is no such run or nothing to resume.
        TrainingCancelledError: It was cancelled again.
    """
    run, settings = open_training(paths, run_id)
    limits = {"max_steps": max_steps, "max_epochs": max_epochs}
    chosen = {name: limit for name, limit in limits.items() if limit is not None}
    settings = msgspec.structs.replace(settings, **chosen)
    data = make_data(open_store(paths, run.manifest.config["store"]), settings)
    run.manifest = msgspec.structs.replace(
        run.manifest, state="running", ended_ts_us=None, config=run.manifest.config | chosen
    )
    write_json(run.path / "manifest.json", msgspec.to_builtins(run.manifest))
    return _work(run, data, settings, progress, resume=True)


def evaluate_run(paths: DataPaths, run_id: str, *, progress: Progress) -> Run:
    """Judge the best weights of a training run again and replace its figures.

    Raises:
        LobdeskError: The run, its checkpoint or its store is missing.
    """
    run, settings = open_training(paths, run_id)
    use_threads(settings.threads)
    data = make_data(open_store(paths, run.manifest.config["store"]), settings)
    report = evaluate_fold(load_forecaster(run), data, progress=progress)
    kept = {"fit": run.metrics().get("fit", {})}
    write_json(run.path / "metrics.json", {"headline": headline(report), **kept, **report})
    progress.finish("finished", run=run.id)
    return run


def open_training(paths: DataPaths, run_id: str) -> tuple[Run, TrainingSettings]:
    """Return a training run and the settings it was made with.

    Raises:
        RunError: There is no such run.
        TrainingError: It is no training, or of a version with other settings.
    """
    run = open_run(paths.runs, run_id)
    if run.manifest.kind != "train":
        raise TrainingError(f"{run_id} is a run of kind {run.manifest.kind}, not a training")
    names = set(TrainingSettings.__struct_fields__)
    kept = {key: value for key, value in run.manifest.config.items() if key in names}
    try:
        return run, msgspec.convert(kept, TrainingSettings)
    except msgspec.ValidationError as error:
        raise TrainingError(f"{run_id}: its settings cannot be read: {error}") from error


def load_forecaster(run: Run) -> LOBForecaster:
    """Return the best weights of a training run.

    Raises:
        TrainingError: There is no checkpoint, or it is not one of ours.
    """
    path = run.path / "best.ckpt"
    if not path.is_file():
        raise TrainingError(
            f"{run.id} has no best.ckpt (state {run.manifest.state}); "
            f"finish it: lobdesk train --resume {run.id}"
        )
    try:
        loaded = LOBForecaster.load_from_checkpoint(path, weights_only=True, map_location="cpu")
    except (RuntimeError, KeyError, ValueError, OSError, EOFError, TypeError) as error:
        raise TrainingError(f"{path}: cannot be loaded: {error}") from error
    return loaded.eval()


def open_store(paths: DataPaths, store_id: str | None) -> WindowStore:
    """Return a window store by its identifier, or the newest one.

    Raises:
        TrainingError: There is none.
    """
    if store_id is not None:
        if not STORE_ID.fullmatch(store_id) or not (paths.windows / store_id).is_dir():
            raise TrainingError(f"{store_id!r} is not a window store in {paths.windows}")
        return WindowStore.open(paths.windows / store_id)
    manifests = list(paths.windows.glob("[!.]*/manifest.json")) if paths.windows.is_dir() else []
    if not manifests:
        raise TrainingError(f"{paths.windows} holds no window store; run: lobdesk build")
    newest = max(manifests, key=lambda path: (path.stat().st_mtime_ns, path.parent.name))
    return WindowStore.open(newest.parent)


def make_data(store: WindowStore, settings: TrainingSettings) -> LOBDataModule:
    """Return the fold that settings describe."""
    return LOBDataModule(
        store,
        settings.split,
        settings.fold,
        settings.target,
        task=settings.task,
        batch_size=settings.batch_size,
        eval_batch_size=EVAL_BATCH_WINDOWS,
        n_splits=settings.n_splits,
        val_fraction=settings.val_fraction,
        threshold_bps=settings.threshold_bps,
        threshold_quantile=settings.threshold_quantile,
        chunk_windows=settings.chunk_windows or automatic_chunk(settings.batch_size),
        seed=settings.seed,
    )


def automatic_chunk(batch_size: int) -> int:
    """Return windows of a chunk: as many as leave ``MIN_CHUNKS`` chunks in a batch."""
    return max(1, min(MAX_CHUNK_WINDOWS, batch_size // MIN_CHUNKS))


def use_threads(threads: int) -> None:
    """Set torch's threads; 0 means half of the cores, at most ``MAX_AUTOMATIC_THREADS``.

    Every operation waits for its slowest thread: on two busy cores, two threads made 17 windows a
    second where one made 390.
    """
    half = (os.cpu_count() or 1) // 2
    torch.set_num_threads(threads or max(1, min(MAX_AUTOMATIC_THREADS, half)))


def make_forecaster(data: LOBDataModule, settings: TrainingSettings) -> LOBForecaster:
    """Return fresh weights for a fold; equal seeds give equal weights."""
    torch.manual_seed(settings.seed)
    return LOBForecaster(
        model=settings.model,
        columns=model_columns(settings.model, data.feature_names),
        features=len(data.feature_names),
        window_rows=data.store.window_rows,
        task=settings.task,
        learning_rate=settings.learning_rate,
        class_weights=data.class_weights,
        class_means_bps=data.class_means_bps,
        volatility_floor_bps=data.volatility_floor_bps,
        target_scale=data.target_scale,
        seed=settings.seed,
    )


class _Both:
    """Tells two reporters the same; ends the run's log with the state."""

    def __init__(self, first: Progress, second: Progress) -> None:
        self._both = (first, second)

    def update(self, phase: str, done: int, total: int | None, **facts: Fact) -> None:
        for progress in self._both:
            progress.update(phase, done, total, **facts)

    def finish(self, state: str, **facts: Fact) -> None:
        for progress in self._both:
            progress.finish(state, **facts)


def _work(
    run: Run,
    data: LOBDataModule,
    settings: TrainingSettings,
    progress: Progress,
    *,
    resume: bool,
) -> Run:
    cancel = CancelFlag()
    use_threads(settings.threads)
    with cancel.on_signals(), _recorded(run, progress) as recorded:
        forecaster = make_forecaster(data, settings)
        fitted = fit(
            forecaster,
            data,
            run.path,
            max_steps=settings.max_steps,
            max_epochs=settings.max_epochs,
            resume=resume,
            progress=recorded,
            cancel=cancel,
        )
        report = evaluate_fold(load_forecaster(run), data, progress=recorded, cancel=cancel)
        metrics = {"headline": headline(report), "fit": fitted, **report}
        run.finish("finished", metrics=metrics, outputs=_outputs(run))
        recorded.finish("finished", run=run.id, **metrics["headline"])
    return run


@contextmanager
def _recorded(run: Run, progress: Progress) -> Iterator[Progress]:
    """Log progress in the run's folder, and every way the work can end but success."""
    with (run.path / "progress.jsonl").open("a", encoding="utf-8", buffering=1) as stream:
        both = _Both(JsonProgress(stream), progress)
        try:
            yield both
        except TrainingCancelledError:
            run.finish("cancelled")
            both.finish("cancelled", run=run.id)
            raise
        except BaseException as error:
            run.finish("failed")
            reason = str(error) if isinstance(error, LobdeskError) else repr(error)
            both.finish("failed", run=run.id, error=reason)
            raise


def headline(report: dict[str, Any]) -> dict[str, Any]:
    """Return the few figures that a list of runs shows."""
    model, imbalance = report["models"]["model"], report["models"]["imbalance"]
    names = ("break_even_fee_bps", "ic", "ic_se", "accuracy", "macro_f1", "mcc")
    chosen = {name: model[name] for name in names if name in model}
    return chosen | {"imbalance_ic": imbalance["ic"]}


def _outputs(run: Run) -> dict[str, Any]:
    return {
        "checkpoints": [p.name for p in sorted(run.path.glob("*.ckpt"))],
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": str(torch.__version__),
            "lightning": str(lightning.__version__),
        },
        "threads": torch.get_num_threads(),
    }
