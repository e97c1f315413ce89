"""What our own records say."""

from __future__ import annotations

from typing import Any

import msgspec


class _Note(msgspec.Struct):
    kind: str = ""


_note_decoder = msgspec.json.Decoder(_Note)


def open_facts(raw: str) -> dict[str, Any]:
    """Return what a note ``open`` says; empty if it is no object."""
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except msgspec.DecodeError:
        return {}


def note_kind(raw: str) -> str:
    """Return a note's ``kind``; empty if it has none."""
    try:
        return _note_decoder.decode(raw).kind
    except msgspec.DecodeError:
        return ""
