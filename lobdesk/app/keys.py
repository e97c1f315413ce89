"""What each key does, read from the bindings themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.binding import Binding

if TYPE_CHECKING:
    from textual.dom import DOMNode

NAMES = {
    "question_mark": "?", "colon": ":", "comma": ",", "full_stop": ".", "less_than_sign": "<",
    "greater_than_sign": ">", "left_square_bracket": "[", "right_square_bracket": "]",
    "left_curly_bracket": "{", "right_curly_bracket": "}", "plus": "+", "minus": "-",
    "left": "←", "right": "→", "up": "↑", "down": "↓", "enter": "⏎", "space": "␣",
}  # fmt: skip


def bindings_of(node: type[DOMNode]) -> list[Binding]:
    """Return the bindings that a class itself declares, one for each key."""
    declared = node.__dict__.get("BINDINGS", [])
    return list(Binding.make_bindings(declared))


def key_pair(back: str, on: str, action: str, text: str, name: str) -> tuple[Binding, Binding]:
    """Return two keys for ``action(-1)`` and ``action(1)``; the footer shows them as one."""
    group = Binding.Group(text, compact=True)
    back_action, on_action = f"{action}(-1)", f"{action}(1)"
    return (
        Binding(back, back_action, f"{text} back", key_display=NAMES[back], id=f"{name}_back",
                group=group),
        Binding(on, on_action, f"{text} on", key_display=NAMES[on], id=f"{name}_on", group=group),
    )  # fmt: skip


def key_name(key: str) -> str:
    """Return a key as it is written on a keyboard."""
    *modifiers, last = key.split("+")
    return "+".join([*modifiers, NAMES.get(last, last)])


def binding_rows(node: type[DOMNode]) -> list[tuple[str, str]]:
    """Return ``(keys, what they do)`` of a class, keys of one action together."""
    keys: dict[tuple[str, str], list[str]] = {}
    for binding in bindings_of(node):
        keys.setdefault((binding.action, binding.description), []).append(key_name(binding.key))
    return [("  ".join(names), text) for (_, text), names in keys.items()]
