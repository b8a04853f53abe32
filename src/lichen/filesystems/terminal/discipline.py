"""The line discipline N_TTY, without any I/O: typed bytes become lines, echo and signals; written ones become output.

The machine has its own because the host's would edit lines for the host's processes, not for guests. It is a plain object:
`receive` takes what was typed, `read` gives what a program reads, `write` gives what becomes of a program's output, `echo`
gathers what the discipline itself wants to show. Who waits, who is signalled and where bytes go is the terminal's business.

Every rule here was compared with the host's N_TTY, by a test that types the same at both. EXTPROC is kept, not obeyed.

Source: termios(3).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from lichen.executive.io.terminal import Character, Input, Local, Settings
from lichen.filesystems.terminal.display import LOWER, NEWLINE, RETURN, TAB, UPPER, Display, is_control

LIMIT: Final = 4096
"""The longest line, its end included; at most this much input is kept."""
SIGINT, SIGQUIT, SIGTSTP = 2, 3, 20
_BACKSPACE: Final = 8
_DISABLED: Final = 0
"""The value of a special character that is not in use; also what an end of file leaves in the input."""
_TO_LOWER: Final = bytes.maketrans(UPPER, bytes(byte + 32 for byte in UPPER))
_WORD: Final = frozenset(b"_0123456789" + UPPER + LOWER)


class Received(NamedTuple):
    """What typing brought about, beside echo: `taken` bytes, signals for the foreground group, output to be dropped."""

    taken: int
    signals: tuple[int, ...]
    flushed: bool


class Discipline:
    """One terminal's state between keyboard, screen and program."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.display = Display(settings)
        self._input = bytearray()
        self._ends: deque[int] = deque()
        """Where each line of the input ends, counted from the first byte ever typed: canonical mode only."""
        self._taken = 0
        """How much was ever typed and is no more in the input."""
        self._complete = 0
        """How much of the input is lines that a program may read: canonical mode only."""
        self._literally = self._erasing = False
        self._signals: list[int] = []
        self._flushed = False
        self._edit: dict[int, _Action] = {}
        self._special: dict[int, _Action] = {}
        self._find_special()

    # ---- settings

    @property
    def canonical(self) -> bool:
        return bool(self.settings.local & Local.ICANON)

    def change(self, settings: Settings) -> None:
        """Obey other settings from now on; input that is there already stays readable."""
        before, self.settings = self.settings, settings
        self.display.settings = settings
        self._find_special()
        if (before.local ^ settings.local) & Local.ICANON:
            self._ends.clear()
            self._literally = self._erasing = False
            self._complete = len(self._input) if self.canonical else 0
            if self._complete:
                self._ends.append(self._taken + self._complete)
        if before.input & ~settings.input & Input.IXON:
            self.display.start()

    def _find_special(self) -> None:
        """Tables of the characters that do something; of two meanings the later entry is the stronger one."""
        self._edit = self._editing() if self.canonical else {}
        special = dict(self._edit)
        iflag, local, characters = self.settings.input, self.settings.local, self.settings.characters
        if iflag & (Input.IGNCR | Input.ICRNL):
            special[RETURN] = Discipline._carriage_return
        if iflag & Input.INLCR:
            special[NEWLINE] = lambda discipline, byte: discipline._translated(RETURN)
        if local & Local.ISIG:
            for index, number in (
                (Character.SUSP, SIGTSTP),
                (Character.QUIT, SIGQUIT),
                (Character.INTR, SIGINT),
            ):
                special[characters[index]] = _signal_sender(number)
        if iflag & Input.IXON:
            special[characters[Character.STOP]] = Discipline._stop
            special[characters[Character.START]] = Discipline._start
        special.pop(_DISABLED, None)
        self._special = special

    def _editing(self) -> dict[int, _Action]:
        characters, extended = self.settings.characters, self.settings.local & Local.IEXTEN
        edit: dict[int, _Action] = {}
        if extended:
            edit[characters[Character.EOL2]] = Discipline._other_end
        edit[characters[Character.EOL]] = Discipline._other_end
        edit[characters[Character.EOF]] = Discipline._end_of_file
        edit[NEWLINE] = Discipline._newline
        if extended:
            if self.settings.local & Local.ECHO:
                edit[characters[Character.REPRINT]] = Discipline._reprint
            edit[characters[Character.LNEXT]] = Discipline._literal_next
        edit[characters[Character.KILL]] = Discipline._kill_line
        if extended:
            edit[characters[Character.WERASE]] = Discipline._erase_word
        edit[characters[Character.ERASE]] = Discipline._erase_character
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
        if self.settings.local & Local.ECHO or self.display.stopped:
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
                self._special.get(byte, Discipline._plain)(self, byte)
        return len(data)

    def _plain(self, byte: int) -> None:
        """A byte that only is what it is."""
        self._start_by_any()
        if self.settings.local & Local.ECHO:
            self._finish_erasing()
            self._begin_line()
            self.display.show(byte)
        self._keep(byte)

    def _keep(self, byte: int) -> None:
        if byte == 0xFF and self.settings.input & Input.PARMRK:
            self._input.append(byte)
        self._input.append(byte)

    def _carriage_return(self, byte: int) -> None:
        self._start_by_any()
        if not self.settings.input & Input.IGNCR:
            self._translated(NEWLINE)

    def _translated(self, byte: int) -> None:
        """A byte that another one was turned into; signals and flow control are not looked for again."""
        self._start_by_any()
        edit = self._edit.get(byte)
        if edit is not None:
            edit(self, byte)
            return
        if byte == NEWLINE and self.settings.local & Local.ECHO:
            self._finish_erasing()
            self.display.emit(byte)
            self._keep(byte)
        else:
            self._plain(byte)

    # ---- flow and signals

    def _stop(self, byte: int) -> None:
        self.display.stopped = True

    def _start(self, byte: int) -> None:
        self.display.start()
        self.display.settle()

    def _start_by_any(self) -> None:
        both = Input.IXON | Input.IXANY
        if self.display.stopped and not self.display.held and self.settings.input & both == both:
            self._start(0)

    def _send(self, number: int, byte: int) -> None:
        self._signals.append(number)
        if not self.settings.local & Local.NOFLSH:
            self.display.drop_echo()
            self.flush_input()
            self._flushed = True
        if self.settings.input & Input.IXON:
            self.display.start()
        if self.settings.local & Local.ECHO:
            self.display.show(byte)

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
            self.display.emit(byte)
        self._end(byte)

    def _end_of_file(self, byte: int) -> None:
        self._start_by_any()
        self._end(_DISABLED)

    def _other_end(self, byte: int) -> None:
        self._start_by_any()
        if self.settings.local & Local.ECHO:
            self._begin_line()
            self.display.show(byte)
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
                self.display.emit(ord("^"))
                self.display.emit(_BACKSPACE)

    def _reprint(self, byte: int) -> None:
        self._start_by_any()
        self._finish_erasing()
        self.display.show(byte)
        self.display.emit(NEWLINE)
        if not self.display.full:  # or a few keys could keep the kernel busy for seconds
            for typed in self._input[self._complete :]:
                self.display.show(typed)

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
            self.display.show(self.settings.characters[Character.KILL])
            if local & Local.ECHOK:
                self.display.emit(NEWLINE)

    def _erase(self, goes_on: Callable[[int], bool], one_character: bool = False) -> None:
        """Erase characters of the line from its end, while `goes_on` says so of the next one's first byte."""
        line = self._input
        if len(line) == self._complete:
            return
        while len(line) > self._complete:
            start = len(line) - 1
            while start > self._complete and self.display.continues(line[start]):
                start -= 1
            if self.display.continues(line[start]) or not goes_on(line[start]):
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
                self.display.emit(ord("\\"))
                self._erasing = True
            self.display.show(first)
            for byte in erased[1:]:
                self.display.emit_without_width(byte)
        elif one_character and not local & Local.ECHOE:
            self.display.show(self.settings.characters[Character.ERASE])
        elif first == TAB:
            self.display.erase_tab(self._input[self._complete :])
        elif local & Local.ECHOCTL or not is_control(first):
            for _ in range(2 if is_control(first) else 1):
                for byte in b"\b \b":
                    self.display.emit(byte)

    def _finish_erasing(self) -> None:
        if self._erasing:
            self.display.emit(ord("/"))
            self._erasing = False

    # ---- what is shown

    @property
    def blocked(self) -> bool:
        """Whether nothing may be shown now."""
        return self.display.blocked

    def take_echo(self) -> bytes:
        """What is to be shown now: ask after everything that may have echoed, and before output is written."""
        return self.display.take_echo()

    def write(self, data: bytes | bytearray | memoryview) -> bytes:
        """What becomes of a program's output."""
        return self.display.write(bytes(data))

    def _begin_line(self) -> None:
        """Before the first byte of a line is echoed."""
        if len(self._input) == self._complete:
            self.display.begin_line()

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


_Action = Callable[[Discipline, int], None]
"""What a special character does; not a bound method, in which a discipline would refer to itself."""


def _signal_sender(number: int) -> _Action:
    return lambda discipline, byte: discipline._send(number, byte)
