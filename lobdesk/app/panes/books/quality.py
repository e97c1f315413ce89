"""The quality strip of a recording: checksums, gaps, resyncs, span."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobdesk.app.text import duration_text

if TYPE_CHECKING:
    from lobdesk.app.panes.books.model import BookTape
    from lobdesk.app.widgets.rows import Row
    from lobdesk.index import Quality

OLD_US = 100_000
"""From this age on, the strip says how old the book under the cursor is."""


def quality_facts(quality: Quality | None, tape: BookTape) -> tuple[Row, ...]:
    """Return the facts of the strip, most important first."""
    facts: list[Row] = []
    if quality is not None:
        facts += _recording_facts(quality)
    now = tape.facts()
    if now is not None:
        seq, recv_ts_us, verified, starts_segment = now
        word, style = ("✓ verified", "good") if verified == 1 else ("no checksum", "dim")
        facts.append(((f"seq {seq:,} ", ""), (word, style)))
        if starts_segment:
            facts.append((("starts a segment", "warn"),))
        if tape.now_us - tape.book_us >= OLD_US:
            facts.append(((f"book {duration_text(tape.now_us - tape.book_us)} old", ""),))
        facts.append(((f"receipt {(recv_ts_us - tape.book_us) / 1000:+.1f} ms", "dim"),))
    facts.append(((f"span {duration_text(tape.end_us - tape.start_us)}", "dim"),))
    return tuple(facts)


def _recording_facts(quality: Quality) -> list[Row]:
    total = quality.verified + quality.failed + quality.unverified
    facts: list[Row] = []
    if total:
        sign, style = ("✕", "bad") if quality.failed else ("✓", "good")
        facts.append(((f"{sign} checksum {quality.verified:,} of {total:,}", style),))
    else:
        facts.append((("source without checksums", "warn"),))
    if quality.failed:
        facts.append(((f"{quality.failed:,} failed", "bad"),))
    gaps = f"gaps {quality.gaps:,}"
    if quality.gaps:
        gaps += f" ({duration_text(quality.gap_us)})"
    facts.append(((gaps, "warn" if quality.gaps else ""),))
    facts.append(((f"resyncs {quality.resyncs:,}", "warn" if quality.resyncs else ""),))
    for name, count in (("unverified", quality.unverified), ("crossed", quality.crossed)):
        if count:
            facts.append(((f"{name} {count:,}", "warn"),))
    return facts
