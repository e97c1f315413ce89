"""Small questions over a pane: yes or no, one line of text, the list of keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult


class ConfirmScreen(ModalScreen[bool]):
    """Asks a question that is answered with ``y`` or ``n``."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "answer(True)", "Yes", id="confirm.yes"),
        Binding("n,escape,q", "answer(False)", "No", id="confirm.no"),
    ]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """Show the question and how to answer."""
        with Vertical(classes="dialog"):
            yield Label(Content(self._question))
            yield Label("y yes   n no", classes="dialog-hint")

    def action_answer(self, is_yes: bool) -> None:
        """Close with the answer."""
        self.dismiss(is_yes)


class PromptScreen(ModalScreen[str | None]):
    """Asks for one line of text; an answer that is refused stays to be corrected."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", id="prompt.leave"),
    ]

    def __init__(
        self, title: str, *, value: str = "", hint: str = "", check: Callable[[str], str]
    ) -> None:
        """Prepare the question.

        Args:
            title: What is asked.
            value: What stands in the line at first.
            hint: What may be written.
            check: Returns what is wrong with an answer, empty if nothing is.
        """
        super().__init__()
        self._title, self._value, self._hint, self._check = title, value, hint, check

    def compose(self) -> ComposeResult:
        """Show the question and the line."""
        with Vertical(classes="dialog"):
            yield Label(Content(self._title), classes="dialog-title")
            yield Input(self._value, id="answer", select_on_focus=False)
            yield Label(Content(self._hint), classes="dialog-hint", id="hint")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Close with the answer if it is a good one."""
        event.stop()
        wrong = self._check(event.value)
        if wrong:
            hint = self.query_one("#hint", Label)
            hint.update(Content(wrong))
            hint.add_class("-wrong")
        else:
            self.dismiss(event.value)

    def action_leave(self) -> None:
        """Close without an answer."""
        self.dismiss(None)


class KeysScreen(ModalScreen[None]):
    """Lists the keys of the pane in front and of the whole desk."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1", "leave", "Close", id="keys.leave"),
    ]

    def __init__(self, sections: Sequence[tuple[str, Sequence[tuple[str, str]]]]) -> None:
        """Prepare the list.

        Args:
            sections: Title and ``(keys, what they do)`` of each section.
        """
        super().__init__()
        self._sections = sections

    def compose(self) -> ComposeResult:
        """Show the list."""
        lines = []
        for title, keys in self._sections:
            lines.append(f"{title}")
            lines += [f"  {key:<22} {text}" for key, text in keys]
            lines.append("")
        with VerticalScroll(classes="dialog keys"):
            yield Static(Content("\n".join(lines)))
            yield Label("esc closes · every action is also in the palette (ctrl+p)")

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)


class TextScreen(ModalScreen[None]):
    """Shows a long text exactly as it is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "leave", "Close", id="text.leave"),
        Binding("y", "copy", "Copy", id="text.copy"),
    ]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        """Show the text, wrapped."""
        with VerticalScroll(classes="dialog wide"):
            yield Label(Content(self._title), classes="dialog-title")
            yield Static(Content(self._text))
            yield Label("y copies   esc closes", classes="dialog-hint")

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)

    def action_copy(self) -> None:
        """Copy through the terminal (OSC 52)."""
        self.app.copy_to_clipboard(self._text)
        self.notify("sent to the terminal's clipboard (tmux needs: set -g set-clipboard on)")
