"""Line editing as a Windows console does it: a plain object between keys and the screen.

The terminal's own erase characters (stty) work too, as they do everywhere else on the machine.

Source: ReadConsole and CONSOLE_READCONSOLE_CONTROL (learn.microsoft.com); the keys of cmd.exe's command line (`help doskey`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from lichen.subsystems.nt.console import keys
from lichen.subsystems.nt.console.completion import Completion
from lichen.subsystems.nt.console.keys import CONTROL, SHIFT, Key
from lichen.subsystems.nt.console.screen import PROCESSED_OUTPUT, TERMINAL_SEQUENCES, Screen, width_of

LONGEST_LINE: Final = 8192
_MOST_REMEMBERED: Final = 50
_TAB: Final = 8
_WORD: Final = re.compile(r"\S*\s*")
_SCREEN_MODE: Final = PROCESSED_OUTPUT | TERMINAL_SEQUENCES


class History:
    """The lines that were typed, oldest first."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, line: str) -> None:
        """Remember a line, unless it is empty or the same as the last one."""
        if line and (not self.lines or self.lines[-1] != line):
            self.lines.append(line)
            del self.lines[:-_MOST_REMEMBERED]


class LineEditor:
    """One line while it is typed. `press` returns what to send to the terminal."""

    def __init__(
        self,
        screen: Screen,
        history: History,
        echo: bool,
        initial: str = "",
        wakes: int = 0,
        completion: Completion | None = None,
    ) -> None:
        """`initial` has been shown already; `wakes` has a bit for each control character that ends the reading.

        `completion`: what Tab does, unless it is a character like another.
        """
        self.screen, self.history, self.echo, self.wakes = screen, history, echo, wakes
        self._completion = completion
        self.text, self.cursor = initial, len(initial)
        self.finished: str | None = None
        """What the program gets, once that is known."""
        self.waking_state = 0
        """The state of the key that ended the reading, if one of `wakes` did."""
        self._overtypes = False
        self._index = len(history.lines)
        self._column = 0
        self._row = 0
        self._prompt = screen.line
        self._begin(width_of(initial))
        self._actions: dict[int, Callable[[], None]] = {
            keys.BACK: self._erase_left, keys.DELETE: self._erase_right, keys.ESCAPE: self.clear,
            keys.LEFT: self._left, keys.RIGHT: self._right, keys.HOME: self._home, keys.END: self._end,
            keys.UP: lambda: self._recall(self._index - 1), keys.DOWN: lambda: self._recall(self._index + 1),
            keys.PRIOR: lambda: self._recall(0), keys.NEXT: lambda: self._recall(len(history.lines) - 1),
            keys.INSERT: self._toggle, keys.F1: self._copy_one, keys.F3: self._copy_rest, keys.F8: self._search,
        }  # fmt: skip
        self._actions_with_control: dict[int, Callable[[], None]] = {
            keys.LEFT: self._word_left, keys.RIGHT: self._word_right,
            keys.HOME: self._erase_to_home, keys.END: self._erase_to_end,
        }  # fmt: skip

    def _begin(self, before: int = 0) -> None:
        """The line begins `before` columns to the left of the cursor."""
        place = self.screen.lines_passed * self.screen.columns + self.screen.x - before
        self._row, self._column = divmod(place, self.screen.columns)

    # ---- keys

    def press(self, key: Key) -> str:
        """Obey a key."""
        character = key.character
        if character and character < " " and self.wakes >> ord(character) & 1:
            self.finished = self.text[: self.cursor] + character + self.text[self.cursor :]
            self.waking_state = key.state
            return ""
        if key.code == keys.RETURN:
            return self._finish()
        before, at = self.text, self.cursor
        with_control = self._actions_with_control.get(key.code) if key.state & CONTROL else None
        action = with_control or self._actions.get(key.code)
        if action is not None:
            action()
        elif key.code == keys.TAB and self._completion is not None:
            self.text, self.cursor = self._completion.press(before, at, bool(key.state & SHIFT))
        elif character:
            self._insert(character)
        return self._show(before, at) if self.echo else ""

    def erase_word(self) -> str:
        """Erase to the beginning of the word before the cursor (stty's werase)."""
        before, at = self.text, self.cursor
        self._word_left()
        self.text = self.text[: self.cursor] + before[at:]
        return self._show(before, at) if self.echo else ""

    def _finish(self) -> str:
        self.finished = self.text + "\r\n"
        if not self.echo:
            return ""
        self.history.add(self.text)
        return self._move_to(len(self.text)) + self.screen.write("\n", _SCREEN_MODE)

    def _insert(self, character: str) -> None:
        if len(self.text) >= LONGEST_LINE:
            return
        after = self.text[self.cursor + 1 :] if self._overtypes else self.text[self.cursor :]
        self.text = self.text[: self.cursor] + character + after
        self.cursor += 1

    def clear(self) -> None:
        """Forget what was typed."""
        self.text, self.cursor = "", 0

    def _erase_left(self) -> None:
        if self.cursor:
            self.cursor -= 1
            self._erase_right()

    def _erase_right(self) -> None:
        self.text = self.text[: self.cursor] + self.text[self.cursor + 1 :]

    def _erase_to_home(self) -> None:
        self.text, self.cursor = self.text[self.cursor :], 0

    def _erase_to_end(self) -> None:
        self.text = self.text[: self.cursor]

    def _left(self) -> None:
        self.cursor = max(0, self.cursor - 1)

    def _right(self) -> None:
        if self.cursor == len(self.text):
            self._copy_one()
        else:
            self.cursor += 1

    def _home(self) -> None:
        self.cursor = 0

    def _end(self) -> None:
        self.cursor = len(self.text)

    def _word_left(self) -> None:
        before = self.text[: self.cursor].rstrip()
        self.cursor = max(before.rfind(" "), before.rfind("\t")) + 1

    def _word_right(self) -> None:
        word = _WORD.match(self.text, self.cursor)
        self.cursor = word.end() if word else len(self.text)

    def _toggle(self) -> None:
        self._overtypes = not self._overtypes

    # ---- lines of before

    def _recall(self, index: int) -> None:
        lines = self.history.lines
        if lines and index < len(lines):
            self._index = max(index, 0)
            self.text = lines[self._index]
            self.cursor = len(self.text)

    @property
    def _template(self) -> str:
        return self.history.lines[-1] if self.history.lines else ""

    def _copy_one(self) -> None:
        for character in self._template[self.cursor : self.cursor + 1]:
            self._insert(character)

    def _copy_rest(self) -> None:
        rest = self._template[self.cursor :]
        if rest:
            self.text = self.text[: self.cursor] + rest
            self.cursor = len(self.text)

    def _search(self) -> None:
        beginning = self.text[: self.cursor]
        lines, count = self.history.lines, len(self.history.lines)
        for index in ((self._index - 1 - step) % count for step in range(count)):
            if lines[index].startswith(beginning):
                self._index, self.text = index, lines[index]
                return

    # ---- what is shown

    def redraw(self) -> str:
        """Show prompt and line again, on a row that others have left."""
        shown = self.screen.write("\r" + self._prompt, _SCREEN_MODE)
        self._begin()
        return shown + (self._write(self.text) + self._move_to(self.cursor) if self.echo else "")

    def _show(self, before: str, at: int) -> str:
        """Bring the screen from the line `before` with its cursor `at` to the line as it is now."""
        if self.text == before:
            return self._move_to(self.cursor) if self.cursor != at else ""
        at_end = at == len(before) and self.cursor == len(self.text)
        if at_end and self.text[:-1] == before:
            return self._write(self.text[at:], at)
        if at_end and before[:-1] == self.text and self._fits_in_row(before):
            return self.screen.write("\b \b" * self._width(before[-1:], at - 1), _SCREEN_MODE)
        same = len(self.text) if before.startswith(self.text) else self._common(before)
        return (
            self._move_to(same) + "\x1b[J" + self._write(self.text[same:], same) + self._move_to(self.cursor)
        )

    def _common(self, before: str) -> int:
        pairs = zip(before, self.text, strict=False)
        return next((i for i, (old, new) in enumerate(pairs) if old != new), min(len(before), len(self.text)))

    def _fits_in_row(self, text: str) -> bool:
        return self._column + self._width(text, 0) < self.screen.columns

    def _write(self, text: str, start: int = 0) -> str:
        """Show text as the line's characters from `start` on; at the right edge the cursor goes on to the next row."""
        column = self._column + self._width(self.text[:start], 0)
        shown = "".join(self._pictures(text, column))
        sent = self.screen.write(shown, _SCREEN_MODE)
        if self.screen.x == self.screen.columns:
            sent += self.screen.write(" \r", _SCREEN_MODE)
        return sent

    def _pictures(self, text: str, column: int) -> list[str]:
        """What each character looks like, the first of them in a column counted from the line's first row."""
        pictures = []
        for character in text:
            picture = character
            if character == "\t":
                picture = " " * (_TAB - column % _TAB)
            elif character < " " or character == "\x7f":
                picture = "^" + chr(ord(character) ^ 0x40)
            pictures.append(picture)
            column += width_of(picture)
        return pictures

    def _width(self, text: str, start: int) -> int:
        """How many columns text takes as the line's characters from `start` on."""
        if text.isascii() and text.isprintable():
            return len(text)
        column = self._column + (self._width(self.text[:start], 0) if start else 0)
        return sum(width_of(picture) for picture in self._pictures(text, column))

    def _move_to(self, index: int) -> str:
        down, column = divmod(self._column + self._width(self.text[:index], 0), self.screen.columns)
        return self.screen.move(column, max(0, self._row + down - self.screen.scrolled))
