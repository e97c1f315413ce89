"""Open orders, the transport's clock, and the money line of the replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobdesk.app.panes.replay.model import order_rows
from lobdesk.app.text import instant_text
from lobdesk.app.widgets.rows import Row, RowView

if TYPE_CHECKING:
    from lobdesk.app.panes.replay.model import Player

ORDER_CELLS = (8, 6, 14, 16, 16, 16)
ORDER_TITLES = ("id", "side", "price", "quantity", "ahead", "status")


class PlayerView(RowView):
    """A view that asks the player only when a frame is painted."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._player: Player | None = None

    def show(self, player: Player) -> None:
        """Show another player, or the same one at another instant."""
        self._player = player
        self.touch()


class OrdersView(PlayerView):
    """The strategy's live orders with what is before them in the queue."""

    def rows(self, width: int, height: int) -> list[Row]:  # noqa: ARG002 - cut by the caller
        """Describe a header and one line an order."""
        if self._player is None:
            return []
        rows: list[Row] = [((_line(ORDER_TITLES), "dim"),)]
        rows += [
            ((_line(cells), "bid" if cells[1] == "BUY" else "ask"),)
            for cells in order_rows(self._player)
        ]
        if len(rows) == 1:
            rows.append(((" none", "dim"),))
        return rows[:height]


class TransportView(PlayerView):
    """Where we are and how fast time passes."""

    def rows(self, width: int, height: int) -> list[Row]:  # noqa: ARG002 - one row always
        """Describe one line."""
        if self._player is None:
            return []
        player = self._player
        replay = player.replay
        sign, word, style = ("▶", "playing", "good") if player.is_playing else ("‖", "paused", "")
        return [
            (
                (f" {sign} {word:<8}", f"{style}+strong" if style else "strong"),
                (f"{instant_text(player.view.now_us)}   ", "strong"),
                (f"speed x{player.speed:g}   ", "accent"),
                (f"event {player.view.event_index:,} of {replay.event_count:,}   ", ""),
                ("▲ bought ", "bid"),
                ("▼ sold", "ask"),
            )
        ]


def money_facts(player: Player, digest_text: str) -> tuple[Row, ...]:
    """Return position, equity and fees for the strip, and whether the replay is the run."""
    view = player.view
    style = "good" if digest_text.startswith("✓") else "bad"
    facts: list[Row] = [
        ((f"position {player.qty.text(view.position_lots, signed=True)}", "strong"),),
        ((f"equity {view.equity:+.4f}", "strong"),),
        ((digest_text or "checking the digest …", style if digest_text else "dim"),),
        ((f"realized {view.realized:+.4f}", ""),),
        ((f"fees {view.fee:.4f}", ""),),
        ((f"cash {view.cash:+.4f}", "dim"),),
    ]
    return tuple(facts)


def _line(cells: tuple[str, ...]) -> str:
    return " " + "".join(
        text.ljust(room) if i in {0, 1, 5} else text.rjust(room) + "  "
        for i, (text, room) in enumerate(zip(cells, ORDER_CELLS, strict=True))
    )
