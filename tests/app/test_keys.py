"""Every key of every context: one action, a help text, a place in the help and the palette."""

from __future__ import annotations

import importlib
import itertools

import pytest
from textual.binding import Binding

from lobdesk.app.app import PANES, WELCOME, LobdeskApp
from lobdesk.app.dialogs import ConfirmScreen, KeysScreen, PromptScreen, TextScreen
from lobdesk.app.keys import binding_rows, bindings_of
from lobdesk.app.panes.base import Pane
from lobdesk.app.widgets.grid import ResultGrid

# Keys that do not arrive through tmux, or that mean something else to terminals.
NEVER = {"ctrl+enter", "alt+enter", "ctrl+i", "ctrl+m", "ctrl+h", "ctrl+b", "ctrl+a"}


def pane_types() -> list[type[Pane]]:
    specs = [*PANES.values(), WELCOME]
    return [getattr(importlib.import_module(spec.module), spec.type_name) for spec in specs]


def contexts() -> list[tuple[str, list[Binding]]]:
    everywhere = bindings_of(LobdeskApp)
    found = [("app", everywhere)]
    found += [(pane.__name__, bindings_of(pane) + everywhere) for pane in pane_types()]
    others = (ConfirmScreen, KeysScreen, PromptScreen, TextScreen, ResultGrid)
    found += [(other.__name__, bindings_of(other)) for other in others]
    return found


@pytest.mark.parametrize(("name", "bindings"), contexts(), ids=lambda value: str(value)[:12])
def test_no_key_has_two_actions_in_one_context(name: str, bindings: list[Binding]) -> None:
    keys = [binding.key for binding in bindings]

    assert len(keys) == len(set(keys)), [key for key in keys if keys.count(key) > 1]


@pytest.mark.parametrize(("name", "bindings"), contexts(), ids=lambda value: str(value)[:12])
def test_every_key_has_help_text_and_identifier(name: str, bindings: list[Binding]) -> None:
    assert all(binding.description and binding.id for binding in bindings)


def test_no_key_is_one_that_terminals_swallow() -> None:
    bindings = itertools.chain.from_iterable(found for _, found in contexts())
    keys = {binding.key for binding in bindings}

    assert not keys & NEVER
    assert not [key for key in keys if key.startswith("alt+")]


def test_every_action_exists() -> None:
    owners = [*pane_types(), LobdeskApp, ConfirmScreen, KeysScreen, PromptScreen, TextScreen]
    for owner in [*owners, ResultGrid]:
        for binding in bindings_of(owner):
            name = binding.action.partition("(")[0]
            assert callable(getattr(owner, f"action_{name}", None)), (owner, binding.action)


def test_help_shows_keys_of_one_action_together() -> None:
    rows = dict(binding_rows(LobdeskApp))

    assert rows["?  f1"] == "Help"


@pytest.mark.parametrize("pane", pane_types(), ids=lambda pane: pane.__name__)
async def test_palette_offers_every_action_of_the_pane(pane: type[Pane], tmp_path) -> None:
    name = next((n for n, s in PANES.items() if s.type_name == pane.__name__), "welcome")
    if name == "books":
        (tmp_path / "l2").mkdir()
    app = LobdeskApp(tmp_path, pane=name)
    async with app.run_test() as pilot:
        await pilot.pause()
        await app.workers.wait_for_complete()
        await pilot.pause()
        offered = {command.title for command in app.get_system_commands(app.screen)}

    assert {binding.description for binding in bindings_of(pane)} <= offered
