"""What a terminal shows: echo and output on their way to the screen, and in which column they leave it.

Echo is processed only when it may be shown, as on Linux: what ^S holds back, and what a signal drops before it was shown,
moves no column. So it waits as a list of bytes and marks.

Source: termios(3).
"""

from __future__ import annotations

import re
from typing import Final

from lichen.executive.io.terminal import Input, Local, Output, Settings

BACKSPACE, TAB, NEWLINE, RETURN, DELETE = 8, 9, 10, 13, 127
_ECHO_LIMIT: Final = 4096
_SHOWN_LIMIT: Final = 16384
_CARET, _FIRST_COLUMN, _BACK, _ERASE_TAB, _ERASE_TAB_AFTER_TAB = 0x100, 0x200, 0x300, 0x400, 0x500
"""Marks in the echo: show as ^X; the line begins here; one column back; go back over a tab (with columns before it)."""
_EVERY_COLUMNS: Final = 8
_NOT_LETTERS: Final = (0xD7, 0xF7)
UPPER: Final = bytes(b for b in (*range(65, 91), *range(0xC0, 0xDF)) if b not in _NOT_LETTERS)
LOWER: Final = bytes(b for b in (*range(97, 123), *range(0xDF, 0x100)) if b not in _NOT_LETTERS)
_TO_UPPER: Final = bytes.maketrans(LOWER, bytes(b - 32 for b in LOWER))
_CONTROLS: Final = bytes((*range(32), DELETE))
_CONTROLS_OR_CONTINUING: Final = _CONTROLS + bytes(range(0x80, 0xC0))
_MOVES: Final = re.compile(rb"[\b\t\n\r]")
"""Output after which the column is not simply the number of characters."""


def is_control(byte: int) -> bool:
    """Whether a byte is shown as ^X."""
    return byte < 32 or byte == DELETE


class Display:
    """The way from a terminal to its screen."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stopped = False
        """Output is stopped, by ^S."""
        self.held = False
        """Output is stopped, by a request; ^Q does not start it."""
        self._echo: list[int] = []
        """What to show of what was typed: bytes and marks; processed when output may go on."""
        self._shown = bytearray()
        """The echo that was processed and not yet taken."""
        self._column = self._first_column = 0

    # ---- flow

    @property
    def blocked(self) -> bool:
        """Whether nothing may be shown now."""
        return self.stopped or self.held

    def start(self) -> None:
        """Let output go on that ^S had stopped."""
        if not self.held:
            self.stopped = False

    # ---- echo

    @property
    def full(self) -> bool:
        """Whether more echo than anybody should want waits to be taken."""
        return len(self._shown) >= _SHOWN_LIMIT

    def begin_line(self) -> None:
        """The line that is being typed begins here."""
        self.emit(_FIRST_COLUMN)

    def show(self, byte: int) -> None:
        """Echo a byte, a control character as ^X."""
        caret = is_control(byte) and byte != TAB and self.settings.local & Local.ECHOCTL
        self.emit(byte | _CARET if caret else byte)

    def emit(self, operation: int) -> None:
        """Echo a byte as it is, but for what becomes of all output; dropped when nobody looks at the echo."""
        if len(self._echo) >= _ECHO_LIMIT:
            self.settle()
            if self._echo:
                return
        self._echo.append(operation)

    def emit_without_width(self, byte: int) -> None:
        """Echo a byte that does not move the column."""
        self.emit(byte)
        self.emit(_BACK)

    def erase_tab(self, line: bytes | bytearray) -> None:
        """Go back to where a tab began that is no more: what is left of the line says where that was."""
        tab = line.rfind(TAB)
        last = line[tab + 1 :]
        visible = len(last.translate(None, self._without_width()))
        controls = len(last) - len(last.translate(None, _CONTROLS))
        width = visible + (2 * controls if self.settings.local & Local.ECHOCTL else 0)
        self.emit((_ERASE_TAB_AFTER_TAB if tab >= 0 else _ERASE_TAB) | width % _EVERY_COLUMNS)

    def drop_echo(self) -> None:
        """Forget the echo that was not taken."""
        self._echo.clear()
        self._shown.clear()

    def settle(self) -> None:
        """Process the echo so far, unless output is stopped."""
        if self.blocked or not self._echo or self.full:
            return
        post, out = self.settings.output & Output.OPOST, self._shown
        for operation in self._echo:
            byte = operation & 0xFF
            if operation > 0xFF:
                self._process_mark(operation & ~0xFF, byte)
            elif byte == 0xFF:
                self._column += 1
                out.append(byte)
            elif post:
                self._process(byte, out)
            else:
                out.append(byte)
        self._echo.clear()

    def _process_mark(self, mark: int, value: int) -> None:
        if mark == _CARET:
            self._shown += bytes((ord("^"), value ^ 0x40))
            self._column += 2
        elif mark == _FIRST_COLUMN:
            self._first_column = self._column
        elif mark == _BACK:
            self._column -= self._column > 0
        else:
            before = self._first_column if mark == _ERASE_TAB else 0
            width = _EVERY_COLUMNS - (before + value) % _EVERY_COLUMNS
            self._shown += b"\b" * width
            self._column = max(0, self._column - width)

    def take_echo(self) -> bytes:
        """What is to be shown now: ask after everything that may have echoed, and before output is written."""
        self.settle()
        shown = bytes(self._shown)
        self._shown.clear()
        return shown

    # ---- output

    def write(self, data: bytes) -> bytes:
        """What becomes of a program's output."""
        flags = self.settings.output
        if not flags & Output.OPOST:
            return data
        rare = Output.OLCUC | Output.OCRNL | Output.ONOCR
        if flags & rare or flags & Output.TABDLY == Output.XTABS:
            out = bytearray()
            for byte in data:
                self._process(byte, out)
            return bytes(out)
        start = data.rfind(b"\r")
        if flags & (Output.ONLCR | Output.ONLRET):
            start = max(start, data.rfind(b"\n"))
        self._advance(data[max(start, 0) :])
        return data.replace(b"\n", b"\r\n") if flags & Output.ONLCR else data

    def _advance(self, last_line: bytes) -> None:
        """Follow output that is shown as it is to the column where it ends."""
        plain = not _MOVES.search(last_line, 1)
        ignored = bytearray()
        for byte in last_line[:1] if plain else last_line:
            self._process(byte, ignored)
        if plain:
            self._column += len(last_line[1:].translate(None, self._without_width()))

    def _without_width(self) -> bytes:
        """The bytes that do not move the cursor."""
        return _CONTROLS_OR_CONTINUING if self.settings.input & Input.IUTF8 else _CONTROLS

    def _process(self, byte: int, out: bytearray) -> None:
        """One byte of output, with OPOST on."""
        flags = self.settings.output
        if byte == NEWLINE:
            if flags & (Output.ONLRET | Output.ONLCR):
                self._column = 0
            self._first_column = self._column
            if flags & Output.ONLCR:
                out.append(RETURN)
        elif byte == RETURN:
            if flags & Output.ONOCR and self._column == 0:
                return
            if flags & Output.OCRNL:
                byte = NEWLINE
            if not flags & Output.OCRNL or flags & Output.ONLRET:
                self._first_column = self._column = 0
        elif byte == TAB:
            width = _EVERY_COLUMNS - self._column % _EVERY_COLUMNS
            self._column += width
            if flags & Output.TABDLY == Output.XTABS:
                out += b" " * width
                return
        elif byte == BACKSPACE:
            self._column -= self._column > 0
        elif not is_control(byte):
            if flags & Output.OLCUC:
                byte = _TO_UPPER[byte]
            self._column += not self.continues(byte)
        out.append(byte)

    def continues(self, byte: int) -> bool:
        """Whether a byte belongs to the character of the one before it."""
        return byte & 0xC0 == 0x80 and bool(self.settings.input & Input.IUTF8)
