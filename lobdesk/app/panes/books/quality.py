"""The quality strip of a recording: checksums, gaps, resyncs, span."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobdesk.app.text import duration_text

if TYPE_CHECKING:
    from lobdesk.app.panes.books.model import BookTape
    from lobdesk.app.widgets.rows import Row
    from lobdesk.index import Quality


def quality_facts(quality: Quality | None, tape: BookTape) -> tuple[Row, ...]:
    """Return the facts of the strip, most important first."""
    facts: list[Row] = []
    if quality is not None:
        total = quality.verified + quality.failed + quality.unverified
        is_good = quality.failed == 0
        sign, style = ("✓", "good") if is_good else ("✕", "bad")
        facts.append(((f"{sign} checksum {quality.verified:,} of {total:,}", style),))
        if quality.failed:
            facts.append(((f"{quality.failed:,} failed", "bad"),))
        facts.append(((f"gaps {quality.gaps:,}", "warn" if quality.gaps else ""),))
        facts.append(((f"resyncs {quality.resyncs:,}", "warn" if quality.resyncs else ""),))
        if quality.unverified:
            facts.append(((f"unverified {quality.unverified:,}", "dim"),))
    now = tape.facts()
    if now is not None:
        seq, exch_ts_us, verified, starts_segment = now
        word, style = ("✓ verified", "good") if verified == 1 else ("no checksum", "dim")
        facts.append(((f"seq {seq:,} ", ""), (word, style)))
        if starts_segment:
            facts.append((("starts a segment", "warn"),))
        facts.append(((f"receipt {(tape.now_us - exch_ts_us) / 1000:+.1f} ms", "dim"),))
    facts.append(((f"span {duration_text(tape.end_us - tape.start_us)}", "dim"),))
    return tuple(facts)
