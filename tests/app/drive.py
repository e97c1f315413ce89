"""Driving the desk in tests: wait for conditions, read the screen as text."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from textual.pilot import Pilot

from lobdesk.app.app import LobdeskApp

DEADLINE_S = 20.0


def screen_text(app: LobdeskApp) -> str:
    """Return what is on screen, one line a row."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips)


async def wait_until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    """Let the app work until a condition holds."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline_s:
            raise AssertionError(f"never came true; the screen is\n{screen_text(pilot.app)}")
        await asyncio.sleep(0.01)
    await pilot.pause()


async def wait_for_text(pilot: Pilot[None], text: str) -> None:
    """Let the app work until a text is on screen."""
    await wait_until(pilot, lambda: text in screen_text(pilot.app))
