"""What the process that runs SQL from outside is asked; alone, so that it starts fast."""

from __future__ import annotations

import msgspec

PARQUET_NAME = "result.parquet"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What the worker is asked.

    Attributes:
        data_dir: Data directory.
        text: SQL from outside.
        temp_dir: Private folder for spilling and for a Parquet result.
        limit: Most rows; None for all.
        cpu_s: Most processor seconds.
        is_fenced: False skips the operating system's fence.
        is_parquet: True writes the rows to ``result.parquet`` instead of the pipe.
        variables: What ``getvariable`` returns; ``symbol`` may be a short name.
    """

    data_dir: str
    text: str
    temp_dir: str
    limit: int | None
    cpu_s: int
    is_fenced: bool
    is_parquet: bool
    variables: dict[str, str | int | float]
