"""What a journal proves about itself."""

from pathlib import Path

from lobdesk.paths import JournalRoot
from lobdesk.verify import Counts, verify_journal


def verified_counts(root: Path) -> Counts:
    """Return the counts of a journal whose chain and re-derivation hold."""
    report = verify_journal(JournalRoot("recorder", root))

    assert report.problems == []
    assert report.total.chain_ok
    assert report.total.rederived_equal
    return report.total
