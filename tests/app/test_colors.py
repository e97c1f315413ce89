"""Colours are real in every theme: readable on its background, and never the only carrier."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.color import Color

from lobdesk.app.app import LobdeskApp
from lobdesk.app.colors import PALETTES
from lobdesk.app.widgets.rows import STYLE_NAMES, RowView
from lobdesk.settings import PALETTE_NAMES, AppSettings

MIN_CONTRAST = 4.5


def contrast(one: Color, other: Color) -> float:
    def luminance(color: Color) -> float:
        parts = [
            c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in color.normalized
        ]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["lobdesk-dark", "lobdesk-light"])
@pytest.mark.parametrize("palette", PALETTES)
async def test_every_style_is_readable_on_the_background(
    tmp_path: Path, theme: str, palette: str
) -> None:
    app = LobdeskApp(tmp_path, settings=AppSettings(theme=theme, palette=palette))
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        view = app.query_one("#header", RowView)
        background = view.background_colors[1]
        for name in STYLE_NAMES:
            style = view._style(name)
            assert style.color is not None
            shown = Color.from_rich_color(style.color)
            assert contrast(shown, background) >= MIN_CONTRAST, (name, shown.hex)


def test_settings_accept_exactly_the_palettes_there_are() -> None:
    assert set(PALETTE_NAMES) == set(PALETTES)
