"""The line discipline N_TTY, without any I/O: typed bytes become lines, echo and signals; written ones become output.

The machine has its own because the host's would edit lines for the host's processes, not for guests. It is a plain object:
`receive` takes what was typed, `read` gives what a program reads, `write` gives what becomes of a program's output, `echo`
gathers what the discipline itself wants to show. Who waits, who is signalled and where bytes go is the terminal's business.

Every rule here was compared with the host's N_TTY, by a test that types the same at both. EXTPROC is kept, not obeyed.

Source: termios(3).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from lichen.executive.io.terminal import Character, Input, Local, Output, Settings

LIMIT: Final = 4096
"""The longest line, its end included; at most this much input is kept."""
_ECHO_LIMIT: Final = 4096
_SHOWN_LIMIT: Final = 16384
_CARET, _FIRST_COLUMN, _BACK, _ERASE_TAB, _ERASE_TAB_AFTER_TAB = 0x100, 0x200, 0x300, 0x400, 0x500
"""Marks in the echo: show as ^X; the line begins here; one column back; go back over a tab (with columns before it)."""
SIGINT, SIGQUIT, SIGTSTP = 2, 3, 20
_BACKSPACE, _TAB, _NEWLINE, _RETURN, _DELETE = 8, 9, 10, 13, 127
_EVERY_COLUMNS: Final = 8
_DISABLED: Final = 0
"""The value of a special character that is not in use; also what an end of file leaves in the input."""
_NOT_IN_TRANSLATION: Final = (0xD7, 0xF7)
_UPPER: Final = bytes(b for b in (*range(65, 91), *range(0xC0, 0xDF)) if b not in _NOT_IN_TRANSLATION)
_LOWER: Final = bytes(b for b in (*range(97, 123), *range(0xDF, 0x100)) if b not in _NOT_IN_TRANSLATION)
_TO_LOWER: Final = bytes.maketrans(_UPPER, bytes(b + 32 for b in _UPPER))
_TO_UPPER: Final = bytes.maketrans(_LOWER, bytes(b - 32 for b in _LOWER))
_CONTROLS: Final = bytes((*range(32), _DELETE))
_CONTROLS_OR_CONTINUING: Final = _CONTROLS + bytes(range(0x80, 0xC0))
_MOVES: Final = re.compile(rb"[\b\t\n\r]")
"""Output after which the column is not simply the number of characters."""
_WORD: Final = frozenset(b"_0123456789" + _UPPER + _LOWER)


def is_control(byte: int) -> bool:
    """Whether a byte is shown as ^X."""
    return byte < 32 or byte == _DELETE


class Received(NamedTuple):
    """What typing brought about, beside echo: `taken` bytes, signals for the foreground group, output to be dropped."""

    taken: int
    signals: tuple[int, ...]
    flushed: bool


class Discipline:
    """One terminal's state between keyboard, screen and program."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._echo: list[int] = []
        """What to show of what was typed: bytes, and the marks below; processed when output may go on."""
        self._shown = bytearray()
        """The echo that was processed and not yet taken."""
        self.stopped = False
        """Output is stopped, by ^S."""
        self.held = False
        """Output is stopped, by a request; ^Q does not start it."""
        self._input = bytearray()
        self._ends: deque[int] = deque()
        """Where each line of the input ends, counted from the first byte ever typed: canonical mode only."""
        self._taken = 0
        """How much was ever typed and is no more in the input."""
        self._complete = 0
        """How much of the input is lines that a program may read: canonical mode only."""
        self._literally = self._erasing = False
        self._column = self._first_column = 0
        self._signals: list[int] = []
        self._flushed = False
        self._edit: dict[int, Callable[[int], None]] = {}
        self._special: dict[int, Callable[[int], None]] = {}
        self._find_special()

    # ---- settings

    @property
    def canonical(self) -> bool:
        return bool(self.settings.local & Local.ICANON)

    @property
    def blocked(self) -> bool:
        """Whether nothing may be shown now."""
        return self.stopped or self.held

    def change(self, settings: Settings) -> None:
        """Obey other settings from now on; input that is there already stays readable."""
        before, self.settings = self.settings, settings
        self._find_special()
        if (before.local ^ settings.local) & Local.ICANON:
            self._ends.clear()
            self._literally = self._erasing = False
            self._complete = len(self._input) if self.canonical else 0
            if self._complete:
                self._ends.append(self._taken + self._complete)
        if before.input & ~settings.input & Input.IXON and not self.held:
            self.stopped = False

    def _find_special(self) -> None:
        """Tables of the characters that do something; of two meanings the later entry is the stronger one."""
        self._edit = self._editing() if self.canonical else {}
        special = dict(self._edit)
        iflag, local, characters = self.settings.input, self.settings.local, self.settings.characters
        if iflag & (Input.IGNCR | Input.ICRNL):
            special[_RETURN] = self._carriage_return
        if iflag & Input.INLCR:
            special[_NEWLINE] = lambda byte: self._translated(_RETURN)
        if local & Local.ISIG:
            for index, number in (
                (Character.SUSP, SIGTSTP),
                (Character.QUIT, SIGQUIT),
                (Character.INTR, SIGINT),
            ):
                special[characters[index]] = self._signal_sender(number)
        if iflag & Input.IXON:
            special[characters[Character.STOP]] = self._stop
            special[characters[Character.START]] = self._start
        special.pop(_DISABLED, None)
        self._special = special

    def _editing(self) -> dict[int, Callable[[int], None]]:
        characters, extended = self.settings.characters, self.settings.local & Local.IEXTEN
        edit: dict[int, Callable[[int], None]] = {}
        if extended:
            edit[characters[Character.EOL2]] = self._other_end
        edit[characters[Character.EOL]] = self._other_end
        edit[characters[Character.EOF]] = self._end_of_file
        edit[_NEWLINE] = self._newline
        if extended:
            if self.settings.local & Local.ECHO:
                edit[characters[Character.REPRINT]] = self._reprint
            edit[characters[Character.LNEXT]] = self._literal_next
        edit[characters[Character.KILL]] = self._kill_line
        if extended:
            edit[characters[Character.WERASE]] = self._erase_word
        edit[characters[Character.ERASE]] = self._erase_character
        edit.pop(_DISABLED, None)
        return edit

    # ---- typing

    def receive(self, data: bytes | bytearray) -> Received:
        """Take typed bytes, as many as there is room for: all of them while a line can still be ended."""
        self._signals, self._flushed = [], False
        settings = self.settings
        if not self._special and not settings.input & (Input.ISTRIP | Input.IUCLC | Input.PARMRK):
            taken = self._receive_raw(data)
        else:
            taken = self._receive_each(data)
        return Received(taken, tuple(self._signals), self._flushed)

    def _receive_raw(self, data: bytes | bytearray) -> int:
        if self.settings.local & Local.ECHO or self.stopped:
            return self._receive_each(data)
        taken = max(0, min(len(data), LIMIT - 1 - len(self._input)))
        self._input += data[:taken]
        return taken

    def _receive_each(self, data: bytes | bytearray) -> int:
        strip = self.settings.input & Input.ISTRIP
        lower = self.settings.input & Input.IUCLC and self.settings.local & Local.IEXTEN
        for index, typed in enumerate(data):
            room = LIMIT - 1 - len(self._input)
            if room <= 0:
                if not self.canonical or self._complete:
                    return index
                if room < 0:
                    self._input.pop()  # a line without end: only its end still fits
            byte = typed & 0x7F if strip else typed
            if lower:
                byte = _TO_LOWER[byte]
            if self._literally:
                self._literally = False
                self._plain(byte)
            else:
                self._special.get(byte, self._plain)(byte)
        return len(data)

    def _plain(self, byte: int) -> None:
        """A byte that only is what it is."""
        self._start_by_any()
        if self.settings.local & Local.ECHO:
            self._finish_erasing()
            self._mark_first_column()
            self._show(byte)
        self._keep(byte)

    def _keep(self, byte: int) -> None:
        if byte == 0xFF and self.settings.input & Input.PARMRK:
            self._input.append(byte)
        self._input.append(byte)

    def _carriage_return(self, byte: int) -> None:
        self._start_by_any()
        if not self.settings.input & Input.IGNCR:
            self._translated(_NEWLINE)

    def _translated(self, byte: int) -> None:
        """A byte that another one was turned into; signals and flow control are not looked for again."""
        self._start_by_any()
        edit = self._edit.get(byte)
        if edit is not None:
            edit(byte)
            return
        if byte == _NEWLINE and self.settings.local & Local.ECHO:
            self._finish_erasing()
            self._emit(byte)
            self._keep(byte)
        else:
            self._plain(byte)

    # ---- flow and signals

    def _stop(self, byte: int) -> None:
        self.stopped = True

    def _start(self, byte: int) -> None:
        if not self.held:
            self.stopped = False
        self._settle()

    def _start_by_any(self) -> None:
        both = Input.IXON | Input.IXANY
        if self.stopped and not self.held and self.settings.input & both == both:
            self.stopped = False
            self._settle()

    def _signal_sender(self, number: int) -> Callable[[int], None]:
        def send(byte: int) -> None:
            self._signals.append(number)
            if not self.settings.local & Local.NOFLSH:
                self._echo.clear()
                self._shown.clear()
                self.flush_input()
                self._flushed = True
            if self.settings.input & Input.IXON and not self.held:
                self.stopped = False
            if self.settings.local & Local.ECHO:
                self._show(byte)

        return send

    def flush_input(self) -> None:
        """Drop what was typed and not read."""
        self._taken += len(self._input)
        self._input.clear()
        self._ends.clear()
        self._complete = 0
        self._erasing = False

    # ---- ends of lines

    def _newline(self, byte: int) -> None:
        self._start_by_any()
        if self.settings.local & (Local.ECHO | Local.ECHONL):
            self._emit(byte)
        self._end(byte)

    def _end_of_file(self, byte: int) -> None:
        self._start_by_any()
        self._end(_DISABLED)

    def _other_end(self, byte: int) -> None:
        self._start_by_any()
        if self.settings.local & Local.ECHO:
            self._mark_first_column()
            self._show(byte)
        if byte == 0xFF and self.settings.input & Input.PARMRK:
            self._input.append(byte)
        self._end(byte)

    def _end(self, byte: int) -> None:
        self._input.append(byte)
        self._complete = len(self._input)
        self._ends.append(self._taken + self._complete)

    # ---- editing

    def _literal_next(self, byte: int) -> None:
        self._start_by_any()
        self._literally = True
        if self.settings.local & Local.ECHO:
            self._finish_erasing()
            if self.settings.local & Local.ECHOCTL:
                self._emit(ord("^"))
                self._emit(_BACKSPACE)

    def _reprint(self, byte: int) -> None:
        self._start_by_any()
        self._finish_erasing()
        self._show(byte)
        self._emit(_NEWLINE)
        if len(self._shown) < _SHOWN_LIMIT:  # or a few keys could keep the kernel busy for seconds
            for typed in self._input[self._complete :]:
                self._show(typed)

    def _erase_character(self, byte: int) -> None:
        self._start_by_any()
        self._erase(lambda erased: True, one_character=True)

    def _erase_word(self, byte: int) -> None:
        self._start_by_any()
        seen = False

        def goes_on(next_one: int) -> bool:
            nonlocal seen
            if next_one in _WORD:
                seen = True
                return True
            return not seen

        self._erase(goes_on)

    def _kill_line(self, byte: int) -> None:
        self._start_by_any()
        if len(self._input) == self._complete:
            return
        local = self.settings.local
        visibly = Local.ECHO | Local.ECHOK | Local.ECHOKE | Local.ECHOE
        if local & visibly == visibly:
            self._erase(lambda erased: True)
            return
        del self._input[self._complete :]
        if local & Local.ECHO:
            self._finish_erasing()
            self._show(self.settings.characters[Character.KILL])
            if local & Local.ECHOK:
                self._emit(_NEWLINE)

    def _erase(self, goes_on: Callable[[int], bool], one_character: bool = False) -> None:
        """Erase characters of the line from its end, while `goes_on` says so of the next one's first byte."""
        line = self._input
        if len(line) == self._complete:
            return
        while len(line) > self._complete:
            start = len(line) - 1
            while start > self._complete and self._continues(line[start]):
                start -= 1
            if self._continues(line[start]) or not goes_on(line[start]):
                break
            erased = bytes(line[start:])
            del line[start:]
            if self.settings.local & Local.ECHO:
                self._show_erased(erased, one_character)
            if one_character:
                break
        if len(line) == self._complete and self.settings.local & Local.ECHO:
            self._finish_erasing()

    def _show_erased(self, erased: bytes, one_character: bool) -> None:
        local, first = self.settings.local, erased[0]
        if local & Local.ECHOPRT:
            if not self._erasing:
                self._emit(ord("\\"))
                self._erasing = True
            self._show(first)
            for byte in erased[1:]:
                self._emit(byte)
                self._emit(_BACK)
        elif one_character and not local & Local.ECHOE:
            self._show(self.settings.characters[Character.ERASE])
        elif first == _TAB:
            self._show_erased_tab()
        elif local & Local.ECHOCTL or not is_control(first):
            for _ in range(2 if is_control(first) else 1):
                for byte in b"\b \b":
                    self._emit(byte)

    def _show_erased_tab(self) -> None:
        """Go back to where the tab began: what is left of the line says where that was."""
        line = self._input[self._complete :]
        tab = line.rfind(_TAB)
        last = line[tab + 1 :]
        visible = len(last.translate(None, self._without_width()))
        controls = len(last) - len(last.translate(None, _CONTROLS))
        width = visible + (2 * controls if self.settings.local & Local.ECHOCTL else 0)
        mark = _ERASE_TAB_AFTER_TAB if tab >= 0 else _ERASE_TAB
        self._emit(mark | width % _EVERY_COLUMNS)

    def _finish_erasing(self) -> None:
        if self._erasing:
            self._emit(ord("/"))
            self._erasing = False

    def _continues(self, byte: int) -> bool:
        """Whether a byte belongs to the character of the one before it."""
        return byte & 0xC0 == 0x80 and bool(self.settings.input & Input.IUTF8)

    # ---- echo

    def _mark_first_column(self) -> None:
        if len(self._input) == self._complete:
            self._emit(_FIRST_COLUMN)

    def _show(self, byte: int) -> None:
        """Echo a byte, a control character as ^X."""
        caret = is_control(byte) and byte != _TAB and self.settings.local & Local.ECHOCTL
        self._emit(byte | _CARET if caret else byte)

    def _emit(self, operation: int) -> None:
        """Echo a byte as it is, but for what becomes of all output; dropped when nobody looks at the echo."""
        if len(self._echo) >= _ECHO_LIMIT:
            self._settle()
            if self._echo:
                return
        self._echo.append(operation)

    def _settle(self) -> None:
        """Process the echo so far, unless output is stopped."""
        if self.blocked or not self._echo or len(self._shown) >= _SHOWN_LIMIT:
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
        self._settle()
        shown = bytes(self._shown)
        self._shown.clear()
        return shown

    # ---- output

    def write(self, data: bytes | bytearray | memoryview) -> bytes:
        """What becomes of a program's output."""
        flags = self.settings.output
        if not flags & Output.OPOST:
            return bytes(data)
        rare = Output.OLCUC | Output.OCRNL | Output.ONOCR
        if flags & rare or flags & Output.TABDLY == Output.XTABS:
            out = bytearray()
            for byte in bytes(data):
                self._process(byte, out)
            return bytes(out)
        data = bytes(data)
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
        if byte == _NEWLINE:
            if flags & (Output.ONLRET | Output.ONLCR):
                self._column = 0
            self._first_column = self._column
            if flags & Output.ONLCR:
                out.append(_RETURN)
        elif byte == _RETURN:
            if flags & Output.ONOCR and self._column == 0:
                return
            if flags & Output.OCRNL:
                byte = _NEWLINE
            if not flags & Output.OCRNL or flags & Output.ONLRET:
                self._first_column = self._column = 0
        elif byte == _TAB:
            width = _EVERY_COLUMNS - self._column % _EVERY_COLUMNS
            self._column += width
            if flags & Output.TABDLY == Output.XTABS:
                out += b" " * width
                return
        elif byte == _BACKSPACE:
            self._column -= self._column > 0
        elif not is_control(byte):
            if flags & Output.OLCUC:
                byte = _TO_UPPER[byte]
            self._column += not self._continues(byte)
        out.append(byte)

    # ---- reading

    @property
    def available(self) -> int:
        """How many bytes can be read (FIONREAD); ends of file do not count."""
        if not self.canonical:
            return len(self._input)
        files = sum(self._input[end - self._taken - 1] == _DISABLED for end in self._ends)
        return self._complete - files

    def readable(self, at_least: int = 1) -> bool:
        """Whether a read finds a line (or an end of file), in raw mode: `at_least` so many bytes."""
        return self._complete > 0 if self.canonical else len(self._input) >= at_least

    def read(self, size: int) -> bytes:
        """Take input: in canonical mode at most one line, empty for an end of file; in raw mode what there is."""
        if not self.canonical:
            data = bytes(self._input[:size])
            del self._input[:size]
            self._taken += len(data)
            return data
        end = self._ends[0] - self._taken
        is_file_end = self._input[end - 1] == _DISABLED
        text = end - is_file_end
        data = bytes(self._input[: min(size, text)])
        self._drop(end if len(data) == text else len(data))
        return data

    def _drop(self, count: int) -> None:
        """Forget input that was read."""
        del self._input[:count]
        self._complete -= count
        self._taken += count
        if self._ends[0] == self._taken:
            self._ends.popleft()
