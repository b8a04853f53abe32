"""The screen of a console, as far as a terminal lets one know it: where the cursor is, and how to say things to it.

A Windows program asks where the cursor is, moves it, fills and colours; a terminal only listens. So the screen follows
everything that the console writes. Where the first row lies on the terminal is unknown until a program clears the screen,
which does no harm: rows are counted from the cursor's first place, and all moves are relative.

Source: GetConsoleScreenBufferInfo and its family (learn.microsoft.com, "Console functions"); ECMA-48 for the sequences.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import groupby
from typing import Final

PROCESSED_OUTPUT, WRAP_AT_EOL, TERMINAL_SEQUENCES, NO_AUTO_RETURN = 1, 2, 4, 8
"""ENABLE_*_OUTPUT: the modes of an output handle."""
PLAIN: Final = 7
"""The attribute of text that nobody has coloured."""
_INTENSE, _REVERSE, _UNDERSCORE = 0x8, 0x4000, 0x8000
_USUAL_SIZE: Final = (80, 25)
_MOST: Final = 1000
"""The largest width and height that anybody is told of."""
_GLYPHS: Final = " ☺☻♥♦♣♠\a\b\t\n♂♀\r♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"
_AS_GLYPHS: Final = {number: glyph for number, glyph in enumerate(_GLYPHS) if ord(glyph) >= 32} | {
    number: "⌂" if number == 0x7F else "?" for number in range(0x7F, 0xA0)
}
"""What control characters look like on a console that does not obey them."""
_TOKEN: Final = re.compile(
    r"[^\x00-\x1f\x7f]+|\x1b\[([0-9;:?<=>]*)[ -/]*([@-~])|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|\x1b(?![\[\]PX^_])[ -/]*[0-~]|[\x00-\x1a\x1c-\x1f\x7f]"
    r"|(\x1b(?:\[[0-9;:?<=>]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)\Z)"
)
_LONGEST_SEQUENCE: Final = 4096
_TAB: Final = 8

Cell = tuple[str, int]
"""A character, or several that are alike, and their attribute."""


def width_of(text: str) -> int:
    """How many columns a text without control characters takes."""
    if text.isascii():
        return len(text)
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def rendition(attribute: int) -> str:
    """The sequence that has a terminal write in the colours of a Windows attribute."""
    codes = ["0"]
    if attribute & _UNDERSCORE:
        codes.append("4")
    if attribute & _REVERSE:
        codes.append("7")
    for colour, base, usual in ((attribute & 15, 30, PLAIN), (attribute >> 4 & 15, 40, 0)):
        if colour != usual:
            # Windows has blue in the lowest bit, terminals have red there.
            number = (colour & 1) << 2 | colour & 2 | (colour & 4) >> 2
            codes.append(str(base + number + (60 if colour & _INTENSE else 0)))
    return f"\x1b[{';'.join(codes)}m" if len(codes) > 1 else "\x1b[m"


class Screen:
    """Follows a terminal's cursor. Its methods return what has to be sent to the terminal."""

    def __init__(self) -> None:
        self.columns, self.rows = _USUAL_SIZE
        self.x = self.y = 0
        """Where the cursor is; x == columns when the last column has just been written."""
        self.attribute = PLAIN
        self.cursor_size, self.cursor_visible = 25, True
        self.scrolled = 0
        """How many rows have left at the top."""
        self.line = ""
        """What was written before the cursor since its row began."""
        self._saved = (0, 0)
        self._unfinished = ""

    def resize(self, columns: int, rows: int) -> None:
        """The terminal has this size; zeros mean that it does not know."""
        usual_columns, usual_rows = _USUAL_SIZE
        self.columns, self.rows = min(columns or usual_columns, _MOST), min(rows or usual_rows, _MOST)
        self.x, self.y = min(self.x, self.columns), min(self.y, self.rows - 1)

    @property
    def position(self) -> tuple[int, int]:
        """The cursor as programs are told of it."""
        return min(self.x, self.columns - 1), self.y

    @property
    def lines_passed(self) -> int:
        """The number of the cursor's row, counted so that scrolling does not change it."""
        return self.y + self.scrolled

    # ---- text

    def write(self, text: str, mode: int) -> str:
        """A program writes at the cursor."""
        if not mode & TERMINAL_SEQUENCES:
            text = text.translate(_AS_GLYPHS)
        if mode & PROCESSED_OUTPUT and not mode & NO_AUTO_RETURN:
            text = text.replace("\r\n", "\n")  # the terminal returns by itself
        self._follow(text)
        return text

    def _follow(self, text: str) -> None:
        if text.isprintable() and not self._unfinished:
            self._advance(text)
            return
        text, self._unfinished = self._unfinished + text, ""
        for token in _TOKEN.finditer(text):
            found = token.group()
            if token.group(3):
                self._unfinished = found if len(found) <= _LONGEST_SEQUENCE else ""
            elif found[0] >= " " and found[0] != "\x7f":
                self._advance(found)
            elif found[0] == "\x1b":
                self._obey(found, token.group(1) or "", token.group(2))
            else:
                self._control(found)

    def _advance(self, text: str) -> None:
        end = self.x + width_of(text)
        down = max(end - 1, 0) // self.columns
        self.x = end - down * self.columns
        self.line = (self.line + text)[-self.columns :]
        self._down(down)

    def _down(self, count: int) -> None:
        beyond = max(0, self.y + count - (self.rows - 1))
        self.y += count - beyond
        self.scrolled += beyond

    def _control(self, character: str) -> None:
        if character == "\n":
            self.x, self.line = 0, ""
            self._down(1)
        elif character == "\r":
            self.x, self.line = 0, ""
        elif character == "\b":
            self.x = max(0, min(self.x, self.columns - 1) - 1)
            self.line = self.line[:-1]
        elif character == "\t":
            self.x = min((self.x // _TAB + 1) * _TAB, self.columns - 1)
            self.line = (self.line + "\t")[-self.columns :]

    def _obey(self, sequence: str, parameters: str, final: str | None) -> None:
        """A sequence that may move the cursor."""
        if final is None:
            self._obey_short(sequence)
            return
        numbers = [int(part[:4]) if part.isdecimal() else 0 for part in parameters.split(";", 2)[:2]]
        first = max(numbers[0], 1)
        x, y = min(self.x, self.columns - 1), self.y
        if final in "Hf":
            x, y = (max(numbers[1], 1) if len(numbers) > 1 else 1) - 1, first - 1
        elif final in "ABCDEF":
            down = {"A": -first, "B": first, "E": first, "F": -first}.get(final, 0)
            right = {"C": first, "D": -first}.get(final, 0)
            x, y = (0 if final in "EF" else x + right), y + down
        elif final in "G`":
            x = first - 1
        elif final == "d":
            y = first - 1
        elif final == "s" and not parameters:
            self._saved = self.x, self.y
            return
        elif final == "u" and not parameters:
            x, y = self._saved
        elif parameters in ("?1049", "?1047", "?47") or final == "r":
            x = y = 0
        else:
            return
        self._place(x, y)

    def _obey_short(self, sequence: str) -> None:
        if sequence == "\x1b7":
            self._saved = self.x, self.y
        elif sequence == "\x1b8":
            self._place(*self._saved)
        elif sequence == "\x1bc":
            self._place(0, 0)
        elif sequence == "\x1bM":
            self._place(self.x, self.y - 1)
        elif sequence in ("\x1bD", "\x1bE"):
            self._down(1)

    def _place(self, x: int, y: int) -> None:
        self.x, self.y = min(max(x, 0), self.columns - 1), min(max(y, 0), self.rows - 1)
        self.line = ""

    # ---- the cursor and the rest of the screen

    def move(self, x: int, y: int) -> str:
        """Put the cursor into a place of the screen."""
        before = self.x, self.y
        sequence = self._moves(x, y)
        self._place(x, y)
        return sequence if (self.x, self.y) != before else ""

    def _moves(self, x: int, y: int) -> str:
        rows = min(max(y, 0), self.rows - 1) - self.y
        vertical = f"\x1b[{abs(rows)}{'B' if rows > 0 else 'A'}" if rows else ""
        return f"{vertical}\x1b[{min(max(x, 0), self.columns - 1) + 1}G"

    def show_cursor(self, visible: bool) -> str:
        """Show or hide the cursor."""
        self.cursor_visible = visible
        return "\x1b[?25h" if visible else "\x1b[?25l"

    def colour(self, attribute: int) -> str:
        """Use other colours from now on."""
        self.attribute = attribute
        return rendition(attribute)

    def reset(self) -> str:
        """Undo what a program has left that others would not expect."""
        shown = "" if self.cursor_visible else self.show_cursor(True)
        return shown if self.attribute == PLAIN else shown + self.colour(PLAIN)

    def fill(self, x: int, y: int, character: str, count: int) -> tuple[str, int]:
        """Write one character `count` times from a place on, without moving the cursor; what to send, and how many fit."""
        if not (0 <= x < self.columns and 0 <= y < self.rows):
            return "", 0
        count = max(0, min(count, (self.rows - y) * self.columns - x))
        if count == self.rows * self.columns and character == " ":
            column, row = self.position
            return f"\x1b[2J\x1b[{row + 1};{column + 1}H", count
        shown = character if character.isprintable() else " "
        sizes = [min(count, self.columns - x)]
        full, rest = divmod(count - sizes[0], self.columns)
        sizes += [self.columns] * full + ([rest] if rest else [])
        return self._elsewhere(x, y, [[(shown * size, self.attribute)] for size in sizes if size]), count

    def write_cells(self, x: int, y: int, rows: Sequence[Sequence[Cell]]) -> str:
        """Write a rectangle of characters with their attributes, without moving the cursor."""
        visible = [row[: max(0, self.columns - x)] for row in rows[: max(0, self.rows - y)]]
        return self._elsewhere(x, y, visible, x)

    def _elsewhere(self, x: int, y: int, rows: Sequence[Sequence[Cell]], left: int = 0) -> str:
        """Rows from a place on, the further ones beginning at the column `left`; the cursor is back afterwards."""
        parts = ["\x1b7"]
        before = self.x, self.y, self.line
        for number, row in enumerate(rows):
            parts.append(self._moves(left if number else x, y + number))
            self.y = y + number
            for attribute, cells in groupby(row, key=lambda cell: cell[1]):
                text = "".join(character if character.isprintable() else " " for character, _ in cells)
                parts.append((rendition(attribute) if attribute != self.attribute else "") + text)
                if attribute != self.attribute:
                    parts.append(rendition(self.attribute))
        self.x, self.y, self.line = before
        return "".join((*parts, "\x1b8")) if rows else ""
