"""The desk's own themes and the colours of the two sides of a book."""

from __future__ import annotations

from textual.theme import Theme

PALETTES = {
    # Distances under simulated colour blindness 92 / 103 / 86 against 26 / 48 / 121 of green-red.
    "blue-orange": {True: ("#4C9BE8", "#E8984C"), False: ("#1F5FA8", "#A84F00")},
    "green-red": {True: ("#26A69A", "#EF5350"), False: ("#00695C", "#B71C1C")},
    "mono": {True: ("#D5DAE1", "#D5DAE1"), False: ("#23272E", "#23272E")},
}
"""Name → is the theme dark → (bid or buy, ask or sell)."""

DARK = Theme(
    name="lobdesk-dark",
    primary="#4C9BE8",
    secondary="#8A94A6",
    accent="#6CC0B4",
    foreground="#C8CFD9",
    background="#10131A",
    surface="#10131A",
    panel="#1B212C",
    success="#7FBF8E",
    warning="#E3C55B",
    error="#EE7B84",
    dark=True,
    variables={"footer-key-foreground": "#6CC0B4", "border": "#39414F"},
)
LIGHT = Theme(
    name="lobdesk-light",
    primary="#1F5FA8",
    secondary="#5A6472",
    accent="#0B6E63",
    foreground="#1D232B",
    background="#FAFAF7",
    surface="#FAFAF7",
    panel="#E9EAE6",
    success="#1B6B35",
    warning="#7A5B00",
    error="#B3202C",
    dark=False,
    variables={"footer-key-foreground": "#0B6E63", "border": "#B9BEC6"},
)


def side_variables(palette: str, *, dark: bool) -> dict[str, str]:
    """Return the style variables of the two sides.

    Args:
        palette: Name in ``PALETTES``; an unknown one means the default.
        dark: Whether the theme is dark.
    """
    bid, ask = PALETTES.get(palette, PALETTES["blue-orange"])[dark]
    return {"bid": bid, "ask": ask}
