"""The keyboard of a console: whose turn the terminal is, and the input records that come of what was typed.

A program that reads takes the terminal: no editing and no echo by it, only its signals. One whose input and output both are
the terminal takes it before, with what it writes, so that what is typed after a prompt is its own, and what is typed ahead
shows when it is read, as on Windows. It has the terminal until it ends, is stopped, or starts a Linux program, which finds the
terminal as it expects it. Nothing more is taken out of it than is asked for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container
from enum import Enum
from types import GeneratorType
from typing import TYPE_CHECKING, Final

from lichen.executive.io.file import File
from lichen.executive.io.opening import Poll
from lichen.executive.io.terminal import (
    Character,
    FlushQueue,
    GetForeground,
    GetSettings,
    Input,
    Local,
    Queue,
    SetSettings,
    Settings,
)
from lichen.executive.status import Failure, Interrupted, Status
from lichen.executive.wait import TIMED_OUT, Blocks, Changes, Wait
from lichen.subsystems.nt.console.keys import (
    RECORD_SIZE,
    Decoder,
    Key,
    is_release_of,
    key_of_record,
    key_records,
)

if TYPE_CHECKING:
    from lichen.executive.processes import Process

PROCESSED_INPUT, LINE_INPUT, ECHO_INPUT, WINDOW_INPUT, TERMINAL_INPUT = 0x1, 0x2, 0x4, 0x8, 0x200
"""ENABLE_*_INPUT: the modes of an input handle."""
USUAL_MODE: Final = 0x1F7
_ESCAPE_SECONDS: Final = 0.05
"""How long the rest of a key's sequence may take after the Escape that it begins with."""
_MOST_RECORDS: Final = 4096
_READ_SIZE: Final = 256


class Happening(Enum):
    """What a reader may meet instead of a key."""

    ENDED = 1
    """The terminal is gone."""
    INTERRUPTED = 2
    """^C was typed."""
    CONTINUED = 3
    """The process was stopped, and continued."""


class Keyboard:
    """The input side of a console, over `terminal`."""

    def __init__(self, terminal: File, interactive: bool, attached: Container[Process]) -> None:
        """`interactive`: the program's input and output both are the terminal; `attached`: whose console this is."""
        self.terminal, self.interactive, self._attached = terminal, interactive, attached
        self.mode = USUAL_MODE
        self.records: deque[bytes] = deque()
        self.changes = Changes()
        """Wakes those who wait for input when something happens that is none: a stop, ^C."""
        self.interrupted = False
        self._decoder = Decoder()
        self._held: tuple[Settings, Settings] | None = None
        """The terminal's settings before it was taken, and those that it was given, while it is."""
        self._holders: dict[Process, None] = {}
        """Processes that keep the terminal between their calls."""
        self._borrowers: list[Process] = []
        """Linux programs that were given the terminal as it was."""
        self._high_surrogate = ""

    # ---- whose terminal it is

    @property
    def usual(self) -> Settings:
        """The terminal's settings for everybody else."""
        found = self._held[0] if self._held else self.terminal.control(GetSettings())
        assert isinstance(found, Settings)
        return found

    def take(self, process: Process) -> Blocks[None]:
        """Have the terminal pass on every key, for a process in the foreground: others are stopped."""
        before, wanted = self.usual, self._settings_for(process)
        self._decoder.as_sent = bool(self.mode & TERMINAL_INPUT)
        if self._held is None or self.terminal.control(GetSettings()) != wanted:
            yield from self._set(process, wanted)
            self._held = before, wanted

    def _settings_for(self, process: Process) -> Settings:
        usual = self.usual
        local = usual.local & ~(Local.ICANON | Local.ECHO | Local.ECHONL | Local.IEXTEN | Local.ISIG)
        input = usual.input & ~(Input.INLCR | Input.IGNCR | Input.ISTRIP | Input.IUCLC)
        characters = bytearray(usual.characters)
        characters[Character.MIN], characters[Character.TIME] = 1, 0
        if self.mode & PROCESSED_INPUT:
            local |= Local.ISIG
        else:
            input &= ~Input.IXON
        if process.group.is_orphaned():  # nobody could continue it, so ^Z is a character
            characters[Character.SUSP] = 0
        return usual._replace(local=local, input=input, characters=bytes(characters))

    def _set(self, process: Process, settings: Settings) -> Blocks[None]:
        while True:
            yield from self.while_stopped(process)
            try:
                waiting = self.terminal.control(SetSettings(settings))
                if isinstance(waiting, GeneratorType):
                    yield from waiting
                return
            except Interrupted:
                continue

    def while_stopped(self, process: Process) -> Blocks[None]:
        """Wait until a process is continued."""
        while process.stopped:
            yield Wait((self.changes,), interruptible=False)

    def give_back(self) -> None:
        """Let the terminal be as it was, unless somebody else has changed it meanwhile."""
        if self._held is None:
            return
        (before, taken), self._held = self._held, None
        try:
            if self.terminal.control(GetSettings()) == taken:
                waiting = self.terminal.control(SetSettings(before))
                if isinstance(waiting, GeneratorType):  # of a background process, whose terminal it is not
                    waiting.close()
        except Failure:
            return  # the terminal is gone

    def require_attached(self, process: Process) -> None:
        """INVALID_HANDLE for a process that has left the console: nobody would put the terminal back after its end."""
        if process not in self._attached:
            raise Failure(Status.INVALID_HANDLE)

    def hold(self, process: Process) -> Blocks[None]:
        """Keep the terminal for a process that reads."""
        self.require_attached(process)
        self._holders[process] = None
        return self.take(process)

    def let_go(self, process: Process) -> None:
        """A process needs the terminal no more."""
        self._holders.pop(process, None)
        if not self._holders:
            self.give_back()

    def lend(self, borrower: Process | None = None) -> None:
        """The terminal is as it was, for a Linux program; who held it takes it again when it reads, or writes after that."""
        self._holders.clear()
        self.give_back()
        if borrower is not None:
            self._borrowers = [*self._borrowing(), borrower]

    def _borrowing(self) -> list[Process]:
        """The borrowers that go on."""
        return [borrower for borrower in self._borrowers if borrower.exit_status is None]

    def expect(self, process: Process) -> None:
        """A program writes that may want to read next: it takes the terminal if that is its own to take."""
        attached = process in self._attached
        if not self.interactive or not attached or process in self._holders or process.stopped:
            return
        self._borrowers = self._borrowing()
        try:
            if self._borrowers or self.terminal.control(GetForeground()) != process.group.id:
                return
        except Failure:
            return  # not the terminal of this process's session, or none any more
        next(self.hold(process), None)

    # ---- records

    @property
    def ready(self) -> bool:
        """Whether something was typed or written that was not read."""
        return bool(self.records) or bool(self.terminal.poll() & Poll.READABLE)

    def add(self, record: bytes) -> None:
        """Put one more record behind the others; dropped when nobody has read the many there are."""
        if len(self.records) < _MOST_RECORDS:
            self.records.append(record)
            self.changes.notify()
            self.terminal.readiness.wake()

    def flush(self) -> None:
        """Drop all that was not read."""
        self.records.clear()
        self._decoder.finish()
        waiting = self.terminal.control(FlushQueue(Queue.INPUT))
        if isinstance(waiting, GeneratorType):
            waiting.close()

    def fetch(self, process: Process, size: int = _READ_SIZE) -> bool:
        """Make records of what was typed; false when nothing was, or it is not this process's turn."""
        if process.stopped or len(self.records) >= _MOST_RECORDS:
            return False
        if not self.terminal.poll() & Poll.READABLE:
            return False
        data = self.terminal.read(size)
        if isinstance(data, GeneratorType):  # not in the foreground
            data.close()
            return False
        assert isinstance(data, bytes)
        self._keep(self._decoder.feed(data))
        return bool(data)

    def _keep(self, keys: list[Key]) -> None:
        for key in keys:
            self.records.extend(key_records(key))

    def wait(self, process: Process, size: int = _READ_SIZE) -> Blocks[Happening | None]:
        """Wait until there are records (None), or something else happens. The process has taken the terminal."""
        while not self.records:
            if process.stopped:
                self.give_back()
                yield from self.while_stopped(process)
                yield from self.hold(process)
                return Happening.CONTINUED
            if self.interrupted:
                self.interrupted = False
                return Happening.INTERRUPTED
            poll = self.terminal.poll()
            if poll & Poll.HANGUP:
                return Happening.ENDED
            if poll & Poll.READABLE:
                yield from self._read(process, size)
                continue
            clock = process.machine.scheduler.clock
            deadline = clock() + _ESCAPE_SECONDS if self._decoder.unfinished else None
            objects = (self.terminal.ready(Poll.READABLE), self.changes)
            if (yield Wait(objects, deadline, interruptible=False)) == TIMED_OUT:
                self._keep(self._decoder.finish())
        return None

    def _read(self, process: Process, size: int) -> Blocks[None]:
        """Read what is there; a background process is stopped for that."""
        try:
            data = self.terminal.read(size)
            if isinstance(data, GeneratorType):
                data = yield from data
            assert isinstance(data, bytes)
            self._keep(self._decoder.feed(data))
        except Interrupted:
            return

    def next_key(self, process: Process) -> Blocks[Key | Happening]:
        """The next key that goes down, taking no more out of the terminal than that."""
        while True:
            happening = yield from self.wait(process, 1)
            if happening is not None:
                return happening
            key = key_of_record(self.records.popleft())
            if key is None:
                continue
            if self.records and is_release_of(key, self.records[0]):
                self.records.popleft()
            unit, self._high_surrogate = self._high_surrogate + key.character, ""
            if "\ud800" <= unit[-1:] <= "\udbff":
                self._high_surrogate = unit[-1:]
                continue
            return key._replace(character=unit.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))

    def take_records(self, room: int) -> bytes:
        """Records out of the queue, as many as fit."""
        count = min(len(self.records), room // RECORD_SIZE)
        return b"".join(self.records.popleft() for _ in range(count))
