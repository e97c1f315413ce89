"""A journal of a newer version is refused and not touched."""

import pytest

from lobdesk.journal import EVENTS, NewerJournalError, list_segments, read_events
from lobdesk.journal.errors import BrokenChainError
from lobdesk.journal.seal import seal_segment
from tests.journal.events import last_segment, open_writer, write


def state(root) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("which", ["first", "last", "sealed"])
def test_newer_journal_is_refused_and_left_as_it_is(tmp_path, which) -> None:
    root = tmp_path / "l2"
    write(root, [f"record {n}" * 1000 for n in range(20)])
    path = last_segment(root)
    lines = path.read_bytes().splitlines(keepends=True)
    at = -1 if which == "last" else 0
    lines[at] = lines[at].replace(b'{"v":1,', b'{"v":2,"new":[],')
    path.write_bytes(b"".join(lines))
    if which == "sealed":
        seal_segment(list_segments(root / EVENTS)[-1])
    before = state(root)

    with pytest.raises(NewerJournalError, match=r"schema version 2, this lobdesk writes version 1"):
        open_writer(root)

    assert state(root) == before
    with pytest.raises(BrokenChainError):
        list(read_events(root))
