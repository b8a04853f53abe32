"""Open files of a terminal, as guests hold them.

Source: termios(3) for MIN and TIME, ioctl_tty(2), poll(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.executive.io.file import Data, File
from lichen.executive.io.opening import Access, Open, Options, Poll
from lichen.executive.io.requests import BytesAvailable
from lichen.executive.io.terminal import (
    AcquireTerminal,
    Character,
    Control,
    DrainOutput,
    FlushQueue,
    GetDiscipline,
    GetExclusive,
    GetForeground,
    GetSession,
    GetSettings,
    GetWindowSize,
    HoldOutput,
    LeaveTerminal,
    PendingOutput,
    SendFlowCharacter,
    SetDiscipline,
    SetExclusive,
    SetForeground,
    SetSettings,
    SetWindowSize,
    When,
)
from lichen.executive.processes import Process
from lichen.executive.status import Failure, Interrupted, Status
from lichen.executive.wait import TIMED_OUT, Blocks, Wait, Waitable
from lichen.filesystems.terminal.terminal import SIGTTIN, SIGTTOU, Change, Terminal

if TYPE_CHECKING:
    from lichen.executive.io.location import Location

_CHANGES: Final = (SetSettings, FlushQueue, DrainOutput, HoldOutput, SendFlowCharacter, SetForeground)
"""Requests that a background process may not make."""
_GONE: Final = Poll.READABLE | Poll.WRITABLE | Poll.ERROR | Poll.HANGUP
_TENTH: Final = 0.1


class TerminalFile(File):
    """An open terminal."""

    __slots__ = ("terminal",)

    def __init__(self, location: Location, open: Open, terminal: Terminal) -> None:
        super().__init__(location, open)
        self.terminal = terminal
        terminal.files.add(self)
        terminal.was_opened = True
        if len(terminal.files) == 1:
            terminal.far.files_changed()

    def closed(self) -> None:
        terminal = self.terminal
        terminal.files.discard(self)
        if not terminal.files:
            terminal.far.files_changed()
        super().closed()

    @property
    def readiness(self) -> Waitable:
        return self.terminal.changes

    # ---- reading

    def read(self, size: int, offset: int | None = None) -> bytes | Blocks[bytes]:
        if not self.access & Access.READ:
            raise Failure(Status.INVALID_HANDLE)
        if offset is not None:
            raise Failure(Status.NOT_SEEKABLE)
        terminal = self.terminal
        if terminal.hung_up:
            return b""
        if terminal.must_stop(SIGTTIN):
            return terminal.stop_caller(SIGTTIN)
        if not size:
            return b""
        discipline = terminal.discipline
        characters = discipline.settings.characters
        at_least = min(size, characters[Character.MIN])
        if discipline.readable(max(at_least, 1)):
            return terminal.read(size)
        if not discipline.canonical and not at_least and not characters[Character.TIME]:
            return b""
        if self.options & Options.NONBLOCKING:
            if discipline.readable():
                return terminal.read(size)
            raise Failure(Status.DEVICE_NOT_READY)
        return self._read_later(size)

    def _read_later(self, size: int) -> Blocks[bytes]:
        terminal, data = self.reference().terminal, b""
        discipline, clock = terminal.discipline, terminal.machine.scheduler.clock
        arrival = Change(lambda: terminal.hung_up or discipline.readable()).share(terminal.changes)
        characters = discipline.settings.characters
        at_least, timeout = characters[Character.MIN], characters[Character.TIME] * _TENTH
        if discipline.canonical:
            at_least, timeout = 0, 0.0
        deadline = clock() + timeout if timeout and not at_least else None
        try:
            while not terminal.hung_up:
                if discipline.readable():
                    data += terminal.read(size - len(data))
                    if len(data) >= min(at_least, size):
                        break
                    deadline = clock() + timeout if timeout else None
                if (yield Wait((arrival,), deadline)) == TIMED_OUT:
                    break
            return data
        except Interrupted:
            if not data:
                raise
            return data
        finally:
            self.release()

    # ---- writing

    def write(self, data: Data, offset: int | None = None) -> int | Blocks[int]:
        if not self.access & Access.CONTENT:
            raise Failure(Status.INVALID_HANDLE)
        if offset is not None:
            raise Failure(Status.NOT_SEEKABLE)
        terminal = self.terminal
        if terminal.hung_up:
            raise Failure(Status.IO_DEVICE_ERROR)
        if terminal.stops_background_output and terminal.must_stop(SIGTTOU):
            return terminal.stop_caller(SIGTTOU)
        data = bytes(data)
        done = terminal.write(data)
        if done == len(data):
            return done
        if self.options & Options.NONBLOCKING:
            if not done:
                raise Failure(Status.DEVICE_NOT_READY)
            return done
        return self._write_later(data, done)

    def _write_later(self, data: bytes, done: int) -> Blocks[int]:
        terminal = self.reference().terminal
        room = Change(lambda: terminal.hung_up or terminal.writable).share(terminal.changes)
        try:
            while done < len(data):
                yield Wait((room,))
                if terminal.hung_up:
                    if not done:
                        raise Failure(Status.IO_DEVICE_ERROR)
                    break
                done += terminal.write(data[done:])
            return done
        except Interrupted:
            if not done:
                raise
            return done
        finally:
            self.release()

    # ---- state

    def poll(self) -> int:
        terminal = self.terminal
        if terminal.hung_up:
            return _GONE
        characters = terminal.discipline.settings.characters
        at_least = 1 if characters[Character.TIME] else max(1, characters[Character.MIN])
        ready = Poll.READABLE if terminal.discipline.readable(at_least) else 0
        return ready | Poll.WRITABLE if terminal.writable else ready

    def control(self, request: object) -> object:
        terminal = self.terminal
        if terminal.hung_up:
            lost = isinstance(request, SetForeground)
            raise Failure(Status.NOT_A_TERMINAL if lost else Status.IO_DEVICE_ERROR)
        if isinstance(request, _CHANGES):
            try:
                if terminal.must_stop(SIGTTOU):
                    return terminal.stop_caller(SIGTTOU)
            except Failure:
                if isinstance(request, SetForeground):
                    raise Failure(Status.NOT_A_TERMINAL) from None
                raise
        thread = terminal.caller()
        if thread is not None and isinstance(request, _OF_CALLER):
            return self._control_by(thread.process, request)
        if isinstance(request, BytesAvailable):
            return terminal.discipline.available
        return control(terminal, request)

    def _control_by(self, process: Process, request: object) -> object:
        """Requests that depend on who makes them."""
        terminal = self.terminal
        match request:
            case SetForeground(group):
                terminal.set_foreground(process, group)
            case AcquireTerminal(steal):
                terminal.acquire(process, bool(self.access & Access.READ), steal)
            case LeaveTerminal():
                terminal.leave(process)
            case _ if not terminal.controls(process):
                raise Failure(Status.NOT_A_TERMINAL)
            case _:
                return control(terminal, request)
        return None


_OF_CALLER: Final = (GetForeground, GetSession, SetForeground, AcquireTerminal, LeaveTerminal)


def control(terminal: Terminal, request: object) -> object:
    """Requests that mean the same from both sides and to everybody; INVALID_DEVICE_REQUEST for others."""
    match request:
        case GetSettings():
            return terminal.discipline.settings
        case SetSettings(settings, when):
            control_flags = settings.control & ~(Control.CSIZE | Control.PARENB)
            settings = settings._replace(control=control_flags | Control.CS8 | Control.CREAD)
            return _change_settings(terminal, SetSettings(settings, when))
        case GetWindowSize():
            return terminal.size
        case SetWindowSize(size):
            terminal.resize(size)
        case GetForeground():
            return terminal.foreground
        case GetSession():
            if terminal.session is None:
                raise Failure(Status.NOT_A_TERMINAL)
            return terminal.session.id
        case FlushQueue(queues):
            terminal.flush(queues)
        case DrainOutput():
            return terminal.drain() if terminal.far.in_transit() else None
        case HoldOutput(hold):
            terminal.hold_output(hold)
        case SendFlowCharacter(stop):
            terminal.send_flow_character(stop)
        case _:
            return _control_rarely(terminal, request)
    return None


def _control_rarely(terminal: Terminal, request: object) -> object:
    match request:
        case GetExclusive():
            return terminal.exclusive
        case SetExclusive(exclusive):
            terminal.exclusive = exclusive
        case GetDiscipline():
            return 0
        case SetDiscipline(number):
            if number:
                raise Failure(Status.INVALID_PARAMETER)
        case PendingOutput():
            return terminal.far.in_transit()
        case _:
            raise Failure(Status.INVALID_DEVICE_REQUEST)
    return None


def _change_settings(terminal: Terminal, request: SetSettings) -> Blocks[None] | None:
    if request.when == When.NOW or not terminal.far.in_transit():
        terminal.change(*request)
        return None
    return _change_when_drained(terminal, request)


def _change_when_drained(terminal: Terminal, request: SetSettings) -> Blocks[None]:
    yield from terminal.drain()
    terminal.change(*request)
