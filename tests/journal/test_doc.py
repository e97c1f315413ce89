"""The worked example in the documentation is right."""

from __future__ import annotations

import re
import zlib

from lobdesk.journal.line import check_line
from tests.conftest import ROOT


def test_worked_checksum_example_is_right() -> None:
    text = (ROOT / "docs" / "journal.md").read_text(encoding="utf-8")
    lines = re.findall(r'^\{"v":1,"seq":\d+,.*"crc":\d+\}$', text, flags=re.MULTILINE)

    assert len(lines) == 2
    first = check_line(lines[0].encode() + b"\n", 0)
    second = check_line(lines[1].encode() + b"\n", first)

    assert f"crc32(0 ⏎ line 1) = {first}" in text
    assert f"crc32({first} ⏎ line 2) = {second}" in text
    body = lines[1].rpartition('"crc":')[0]
    assert zlib.crc32(f"{first}\n{body}".encode()) == second
