"""The registry of runs: one folder for each training or backtest."""

from __future__ import annotations

import json
import os
import re
import time
from typing import TYPE_CHECKING, Any

import msgspec

from lobdesk import __version__
from lobdesk.errors import RunError

if TYPE_CHECKING:
    from pathlib import Path

KINDS = {"train": "t", "backtest": "k", "signals": "s", "sweep": "w"}
RUN_ID = re.compile(r"[tksw][0-9]{4,}")


class RunManifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a run was made of.

    Attributes:
        id: Kind letter and number, for example ``k0007``.
        kind: ``train``, ``backtest``, ``signals`` or ``sweep``.
        name: For people.
        state: ``running``, ``finished``, ``cancelled`` or ``failed``.
        created_ts_us: Start, wall clock.
        ended_ts_us: End, or null while it runs.
        version: Of lobdesk.
        config: Everything needed to repeat the run; plain types.
        inputs: Digests of what it read.
        outputs: Digests and names of what it wrote.
    """

    id: str
    kind: str
    name: str
    state: str
    created_ts_us: int
    ended_ts_us: int | None = None
    version: str = __version__
    config: dict[str, Any] = msgspec.field(default_factory=dict)
    inputs: dict[str, Any] = msgspec.field(default_factory=dict)
    outputs: dict[str, Any] = msgspec.field(default_factory=dict)


class Run:
    """One run's folder: ``manifest.json``, ``metrics.json`` and what its kind adds."""

    def __init__(self, path: Path, manifest: RunManifest) -> None:
        self.path = path
        self.manifest = manifest

    @property
    def id(self) -> str:
        """Identifier, which is also the folder's name."""
        return self.manifest.id

    def finish(
        self,
        state: str,
        *,
        metrics: dict[str, Any] | None = None,
        outputs: dict[str, Any] | None = None,
        inputs: dict[str, Any] | None = None,
    ) -> None:
        """Write the metrics, then the final manifest; a reader sees both or the old one."""
        if metrics is not None:
            write_json(self.path / "metrics.json", metrics)
        self.manifest = msgspec.structs.replace(
            self.manifest,
            state=state,
            ended_ts_us=time.time_ns() // 1000,
            outputs=outputs if outputs is not None else self.manifest.outputs,
            inputs=inputs if inputs is not None else self.manifest.inputs,
        )
        write_json(self.path / "manifest.json", msgspec.to_builtins(self.manifest))

    def metrics(self) -> dict[str, Any]:
        """Return the metrics, empty if there are none yet.

        Raises:
            DamagedRunError: They cannot be read.
        """
        path = self.path / "metrics.json"
        if not path.is_file():
            return {}
        try:
            loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DamagedRunError(self.path, path.name, str(error)) from error
        return loaded


class DamagedRunError(RunError):
    """A file of a run cannot be read.

    Attributes:
        path: The run's folder.
    """

    def __init__(self, path: Path, file: str, reason: str) -> None:
        self.path = path
        super().__init__(
            f"{path / file}: is damaged ({reason}); restore it, or: lobdesk runs rm {path.name}"
        )


def create_run(
    runs_dir: Path,
    kind: str,
    *,
    name: str,
    config: dict[str, Any],
    inputs: dict[str, Any] | None = None,
) -> Run:
    """Make the folder of a new run and its first manifest.

    Raises:
        RunError: The folder cannot be made.
    """
    letter = KINDS[kind]
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        taken = [int(p.name[1:]) for p in runs_dir.iterdir() if RUN_ID.fullmatch(p.name)]
        number = max(taken, default=0) + 1
        while True:
            path = runs_dir / f"{letter}{number:04d}"
            try:
                path.mkdir()
                break
            except FileExistsError:
                number += 1
    except OSError as error:
        raise RunError(f"{runs_dir}: a run cannot be created: {error.strerror}") from error
    manifest = RunManifest(
        id=path.name,
        kind=kind,
        name=name,
        state="running",
        created_ts_us=time.time_ns() // 1000,
        config=config,
        inputs=inputs or {},
    )
    write_json(path / "manifest.json", msgspec.to_builtins(manifest))
    return Run(path, manifest)


def open_run(runs_dir: Path, run_id: str) -> Run:
    """Return a run by its identifier.

    Raises:
        RunError: There is no such run.
        DamagedRunError: Its manifest cannot be read.
    """
    path = runs_dir / run_id
    if not RUN_ID.fullmatch(run_id) or not (path / "manifest.json").is_file():
        raise RunError(f"{run_id!r} is not a run in {runs_dir}; see: lobdesk runs ls")
    try:
        text = (path / "manifest.json").read_bytes()
        return Run(path, msgspec.json.decode(text, type=RunManifest))
    except (OSError, msgspec.DecodeError) as error:
        raise DamagedRunError(path, "manifest.json", str(error)) from error


def list_runs(runs_dir: Path, kind: str | None = None) -> list[Run]:
    """Return all readable runs, newest first."""
    return scan_runs(runs_dir, kind)[0]


def scan_runs(runs_dir: Path, kind: str | None = None) -> tuple[list[Run], list[DamagedRunError]]:
    """Return the readable runs, newest first, and what is wrong with each of the others."""
    runs, damaged = [], []
    for path in sorted(runs_dir.iterdir()) if runs_dir.is_dir() else []:
        if not RUN_ID.fullmatch(path.name) or not (path / "manifest.json").is_file():
            continue
        try:
            run = open_run(runs_dir, path.name)
        except DamagedRunError as error:
            damaged.append(error)
            continue
        if kind is None or run.manifest.kind == kind:
            runs.append(run)
    runs.sort(key=lambda run: (run.manifest.created_ts_us, run.id), reverse=True)
    return runs, damaged


def export_run(runs_dir: Path, run_id: str, folder: Path) -> list[Path]:
    """Write a run's Parquet tables as CSV, and copy its JSON files, into a folder.

    Returns:
        The new files, named ``<run>-<table>.csv`` and ``<run>-<name>.json``.

    Raises:
        RunError: There is no such run, or a file of that name is there already.
    """
    import duckdb  # noqa: PLC0415 - only needed to convert

    run = open_run(runs_dir, run_id)
    names = {path: f"{run_id}-{path.stem}.csv" for path in sorted(run.path.glob("*.parquet"))}
    names |= {path: f"{run_id}-{path.name}" for path in sorted(run.path.glob("*.json"))}
    for name in names.values():
        if (folder / name).exists():
            raise RunError(f"{folder / name}: is there already; choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        for path, name in names.items():
            if path.suffix == ".parquet":
                connection.read_parquet(str(path)).write_csv(str(folder / name), header=True)
            else:
                (folder / name).write_bytes(path.read_bytes())
    return [folder / name for name in names.values()]


def write_json(path: Path, value: object) -> None:
    """Write a JSON file so that a reader sees the old one or the whole new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(value, indent=2, sort_keys=False) + "\n", encoding="utf-8")
    temporary.replace(path)
