"""What verify, the index and the gap report count where two connections were recorded."""

import pytest

from lobdesk.index import open_catalog, update_index
from lobdesk.index.gap_report import report_gaps
from lobdesk.paths import JournalRoot
from lobdesk.simulator import Fault
from lobdesk.verify import VerifyReport, verify_journal
from tests.daemon.conftest import SYMBOLS, exchange, notes, recording, until
from tests.daemon.test_redundant import level


def check(root) -> VerifyReport:
    """Demand that all three count the same; return verify's."""
    report = verify_journal(JournalRoot("recorder", root))
    assert report.is_good or report.total.failed
    update_index(root.parent)
    with open_catalog(root.parent) as catalog:
        days = report_gaps(catalog).days
        for symbol, counts in report.symbols.items():
            quality = catalog.quality(symbol)
            mine = [day for day in days if day.symbol == symbol]
            told = (counts.book_frames, counts.verified, counts.failed, counts.unverified)
            assert counts.book_frames == counts.verified + counts.failed + counts.unverified
            assert told == tuple(
                sum(getattr(day, name) or 0 for day in mine)
                for name in ("book_frames", "verified", "failed", "unverified")
            )
            assert told == (
                quality.book_frames, quality.verified, quality.failed, quality.unverified
            )  # fmt: skip
            assert sum(day.repeated for day in mine) == 0
            assert counts.resyncs == quality.resyncs == sum(day.resyncs for day in mine)
            assert counts.gaps == quality.gaps == sum(day.gaps for day in mine)
    return report


async def test_frame_that_a_second_line_repeats_is_verified_and_its_snapshot_no_resync(
    root,
) -> None:
    async with exchange() as server, recording(server.url, root, redundant=True) as daemon:
        await level(daemon)

    total = check(root).total
    assert total.verified == total.book_frames > 60
    assert (total.failed, total.unverified, total.resyncs, total.gaps) == (0, 0, 0, 0)
    assert not notes(root, "line")


async def test_faults_of_one_line_count_although_no_gap_tells_of_them(root) -> None:
    faults = [
        Fault(do="corrupt", after_frames=200, symbol="ETH/USD"),
        Fault(do="drop", after_frames=500, symbol="BTC/USD"),
    ]
    async with (
        exchange(faults=faults) as server,
        recording(server.url, root, redundant=True) as daemon,
    ):
        await until(lambda: server.plan.done["drop"] and daemon.report().resyncs >= 2)
        await level(daemon)

    total = check(root).total
    assert total.failed >= 2
    assert (total.gaps, total.resyncs) == (0, 0)
    assert {note["symbol"] for note in notes(root, "line")} == set(SYMBOLS)


@pytest.mark.parametrize("then_redundant", [True, False])
async def test_close_of_both_lines_and_a_restart_are_counted_alike(root, then_redundant) -> None:
    faults = [Fault(do="close", after_frames=300)]
    async with exchange(faults=faults) as server:
        async with recording(server.url, root, redundant=True) as daemon:
            await until(lambda: daemon.report().connects == 4)
            await level(daemon)
        async with recording(server.url, root, redundant=then_redundant) as daemon:
            await until(lambda: daemon.report().books["BTC/USD"].verified > 50)
            await level(daemon)

    report = check(root)
    assert {counts.gaps for counts in report.symbols.values()} == {2}
    assert {counts.resyncs for counts in report.symbols.values()} == {2}
