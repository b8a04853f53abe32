"""The terminal itself: what lies between its files, which guests hold, and its far side, where somebody types.

The far side is a pseudo terminal's master or the console of whoever ran `lichen`. It hands in what is typed and takes what
is shown; between the two the line discipline works. What a terminal does to processes is here too: signals for the
foreground group, stops for the background, hang-ups. All of that is POSIX's job control, of which NT knows nothing.

Source: ioctl_tty(2), setpgid(2), POSIX 11.1 General Terminal Interface.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn, Protocol
from weakref import WeakSet

from lichen.executive.io.device import device_number
from lichen.executive.io.file import Pollers
from lichen.executive.io.terminal import Character, Input, Local, Queue, Settings, When, WindowSize
from lichen.executive.machine import MachineState
from lichen.executive.processes import Process, Thread
from lichen.executive.security.tokens import Capability
from lichen.executive.sessions import Session
from lichen.executive.status import Failure, Interrupted, Status
from lichen.executive.wait import Blocks, Condition, Wait
from lichen.filesystems.terminal.discipline import Discipline

if TYPE_CHECKING:
    from lichen.executive.io.file import File

SLAVE_MAJOR: Final = 136
SIGHUP, SIGCONT, SIGTTIN, SIGTTOU, SIGWINCH = 1, 18, 21, 22, 28
_OUTPUT_LIMIT: Final = 16384
_BACKLOG_LIMIT: Final = 8192


class Packet:
    """What has happened since the master asked last, in packet mode (TIOCPKT)."""

    FLUSH_READ: Final = 1
    FLUSH_WRITE: Final = 2
    STOP: Final = 4
    START: Final = 8
    NO_STOP: Final = 16
    DO_STOP: Final = 32


class FarSide(Protocol):
    """The other end of a terminal. It takes `Terminal.output` by `take`, and calls `type` with input."""

    def output_changed(self) -> None:
        """There is something to take, or a status to tell."""

    def output_flushed(self) -> None:
        """Output that has not left is to be dropped from `Terminal.output`."""

    def input_wanted(self) -> None:
        """There is room for input again."""

    def files_changed(self) -> None:
        """The terminal's first file was opened or its last one closed."""

    def in_transit(self) -> int:
        """How many bytes of the output still wait to leave (tcdrain)."""


class Nobody:
    """The far side of a terminal whose own is gone for good."""

    def output_changed(self) -> None:
        """Nobody looks."""

    def output_flushed(self) -> None:
        """Nobody would have seen it."""

    def input_wanted(self) -> None:
        """Nobody types."""

    def files_changed(self) -> None:
        """Nobody minds."""

    def in_transit(self) -> int:
        return 0


class Change(Condition):
    """Something to wait for that every change of a terminal may bring about."""

    __slots__ = ()

    def share(self, waiters: Pollers) -> Change:
        """Be woken whenever `waiters` is."""
        self.waiters = waiters.waiters
        return self


class Terminal:
    """One terminal, known to guests as /dev/pts/`number`."""

    def __init__(self, machine: MachineState, number: int, far: FarSide, settings: Settings) -> None:
        self.machine, self.number, self.far = machine, number, far
        self.discipline = Discipline(settings)
        self.size = WindowSize()
        self.session: Session | None = None
        self.foreground = 0
        """The id of the foreground process group, 0 for none."""
        self.output = bytearray()
        """What is to be shown and the far side has not taken."""
        self.hung_up = self.exclusive = False
        self.packet_status = 0
        self.files: set[File] = set()
        self.was_opened = False
        self.changes = Pollers()
        self._backlog = bytearray()
        """What was typed and found no room in the discipline."""
        self._left: WeakSet[Process] = WeakSet()
        """Processes that have given their controlling terminal up while the rest of the session has not."""

    @property
    def device(self) -> int:
        """Its device number, as st_rdev has it."""
        return device_number(SLAVE_MAJOR, self.number)

    def __str__(self) -> str:
        return f"terminal {self.number}"

    # ---- the far side

    @property
    def typing_room(self) -> int:
        """How many more bytes may be typed before somebody has to read."""
        return _BACKLOG_LIMIT - len(self._backlog)

    def type(self, data: bytes) -> int:
        """Take input, as much as there is room for."""
        if self.hung_up:
            return len(data)
        taken = data[: self.typing_room]
        self._backlog += taken
        self._process_backlog()
        return len(taken)

    def _process_backlog(self) -> None:
        blocked = self.discipline.blocked
        received = self.discipline.receive(self._backlog)
        del self._backlog[: received.taken]
        if received.flushed:
            self.far.output_flushed()
            self._tell_packet(Packet.FLUSH_READ | Packet.FLUSH_WRITE)
        for number in received.signals:
            self.signal_group(self.foreground, number)
        self._flow_changed(blocked)
        self.show_echo()
        self.changes.wake()

    def show_echo(self) -> None:
        """Put the discipline's own output in line."""
        if len(self.output) < _OUTPUT_LIMIT and (echo := self.discipline.take_echo()):
            self.output += echo
            self.far.output_changed()

    def take(self, size: int) -> bytes:
        """The far side takes output away."""
        data = bytes(self.output[:size])
        self.sent(len(data))
        return data

    def sent(self, count: int) -> None:
        """So many bytes of the output have left."""
        del self.output[:count]
        self.show_echo()
        self.changes.wake()

    def hang_up(self) -> None:
        """The far side is gone: the session's leader hears of it, files are at their end."""
        if self.hung_up:
            return
        self.hung_up = True
        self._backlog.clear()
        self.output.clear()
        self.discipline.flush_input()
        leader = self.session.leader if self.session is not None else None
        if leader is not None:
            leader.signal(SIGHUP)
            leader.signal(SIGCONT)
        self.changes.wake()

    def resize(self, size: WindowSize) -> None:
        """The window has another size: the foreground group hears of it."""
        if size != self.size:
            self.size = size
            self.signal_group(self.foreground, SIGWINCH)

    def _tell_packet(self, status: int, instead_of: int = 0) -> None:
        self.packet_status = self.packet_status & ~instead_of | status
        self.far.output_changed()

    def _flow_changed(self, was_blocked: bool) -> None:
        if self.discipline.blocked != was_blocked:
            stop, start = (Packet.STOP, Packet.START) if not was_blocked else (Packet.START, Packet.STOP)
            self._tell_packet(stop, start)

    # ---- the files

    @property
    def writable(self) -> bool:
        return not self.discipline.blocked and len(self.output) < _OUTPUT_LIMIT

    @property
    def stops_background_output(self) -> bool:
        """Whether background processes may not write either."""
        return bool(self.discipline.settings.local & Local.TOSTOP)

    def write(self, data: bytes) -> int:
        """Take a program's output, as much as there is room for."""
        self.show_echo()
        room = _OUTPUT_LIMIT - len(self.output)
        if self.discipline.blocked or room <= 0:
            return 0
        taken = data[:room]
        self.output += self.discipline.write(taken)
        self.far.output_changed()
        return len(taken)

    def read(self, size: int) -> bytes:
        """Give input to a program; there is some (`Discipline.readable`)."""
        data = self.discipline.read(size)
        if self._backlog:
            self._process_backlog()
        self.far.input_wanted()
        return data

    def change(self, settings: Settings, when: int) -> None:
        """Put other settings into force."""
        before, blocked = self.discipline.settings, self.discipline.blocked
        if when == When.FLUSHED:
            self.flush(Queue.INPUT)
        self.discipline.change(settings)
        self._flow_changed(blocked)
        if _has_usual_flow_control(before) != _has_usual_flow_control(settings):
            do, dont = Packet.DO_STOP, Packet.NO_STOP
            self._tell_packet(*((do, dont) if _has_usual_flow_control(settings) else (dont, do)))
        self._process_backlog()

    def flush(self, queues: int) -> None:
        """Drop input that nobody has read, or output that has not left (bits of Queue)."""
        if queues & Queue.INPUT:
            self._backlog.clear()
            self.discipline.flush_input()
            self._tell_packet(Packet.FLUSH_READ)
            self.far.input_wanted()
        if queues & Queue.OUTPUT:
            self.far.output_flushed()
            self._tell_packet(Packet.FLUSH_WRITE)
        self.changes.wake()

    def hold_output(self, hold: bool) -> None:
        """Stop or start output whatever is typed."""
        blocked = self.discipline.blocked
        self.discipline.display.held = hold
        if not hold:
            self.discipline.display.start()
        self._flow_changed(blocked)
        self.show_echo()
        self.changes.wake()

    def send_flow_character(self, stop: bool) -> None:
        """Ask the far side to hold or to resume its input."""
        byte = self.discipline.settings.characters[Character.STOP if stop else Character.START]
        if byte:
            self.output.append(byte)
            self.far.output_changed()

    def drained(self) -> Change:
        """To wait for until all output has left."""
        return Change(lambda: self.hung_up or not self.far.in_transit()).share(self.changes)

    # ---- sessions and groups

    def caller(self) -> Thread | None:
        """The thread on whose behalf the kernel is at work."""
        return self.machine.scheduler.current

    def controls(self, process: Process) -> bool:
        """Whether this is the controlling terminal of a process."""
        return process.session.terminal is self and not self.hung_up and process not in self._left

    def acquire(self, process: Process, readable: bool, steal: bool = False) -> None:
        """Become the controlling terminal of the session that `process` leads; PRIVILEGE_NOT_HELD if that may not be."""
        session, token = process.session, process.files.token
        is_leader = session.leader is process
        if is_leader and session is self.session:
            return
        if not is_leader or controlling_terminal(process) is not None:
            raise Failure(Status.PRIVILEGE_NOT_HELD)
        if self.session is not None:
            if not steal or not token.has(Capability.SYS_ADMIN):
                raise Failure(Status.PRIVILEGE_NOT_HELD)
            self.session.terminal = None
        if not readable and not token.has(Capability.SYS_ADMIN):
            raise Failure(Status.PRIVILEGE_NOT_HELD)
        self.control(process)

    def acquire_by_open(self, process: Process) -> None:
        """A session leader without a terminal has opened one that is nobody's."""
        leads = process.session.leader is process
        if leads and self.session is None and controlling_terminal(process) is None:
            self.control(process)

    def control(self, leader: Process) -> None:
        """Be the terminal of a session, with the leader's group in the foreground."""
        self.session, self.foreground = leader.session, leader.group.id
        leader.session.terminal = self
        self._left.clear()

    def leave(self, process: Process) -> None:
        """A process gives its terminal up; the leader does so for the session, whose foreground group is hung up."""
        if not self.controls(process):
            raise Failure(Status.NOT_A_TERMINAL)
        if process.session.leader is not process:
            self._left.add(process)
            return
        group = self.foreground
        process.session.terminal = self.session = None
        self.foreground = 0
        self.signal_group(group, SIGHUP)
        self.signal_group(group, SIGCONT)

    def session_ended(self, session: Session) -> None:
        """The leader of the session has ended: its foreground group is told, and the terminal is nobody's."""
        if self.session is not session:
            return
        group, self.session, self.foreground = self.foreground, None, 0
        self.signal_group(group, SIGHUP)
        if self.hung_up:
            self.signal_group(group, SIGCONT)

    def set_foreground(self, process: Process, id: int) -> None:
        """Put a group of the caller's session into the foreground; an id no process has is INVALID_CID."""
        if not self.controls(process):
            raise Failure(Status.NOT_A_TERMINAL)
        if id < 0:
            raise Failure(Status.INVALID_PARAMETER)
        group = self.machine.processes.groups.get(id) or self.machine.processes.find(id)
        if group.session is not process.session:
            raise Failure(Status.PRIVILEGE_NOT_HELD)
        self.foreground = id

    def signal_group(self, id: int, number: int) -> None:
        """Send a signal to every member of a process group."""
        group = self.machine.processes.groups.get(id)
        for member in tuple(group.members.values()) if group is not None else ():
            member.signal(number)

    def must_stop(self, number: int) -> bool:
        """Whether the caller is in the background and has to stop by SIGTTIN or SIGTTOU before it goes on.

        IO_DEVICE_ERROR when it must not go on and nobody could continue it.
        """
        thread = self.caller()
        if thread is None or not self.controls(thread.process):
            return False
        process = thread.process
        if not self.foreground or process.group.id == self.foreground:
            return False
        if process.subsystem.ignores(thread, number):
            if number == SIGTTIN:
                raise Failure(Status.IO_DEVICE_ERROR)
            return False
        if process.group.is_orphaned():
            raise Failure(Status.IO_DEVICE_ERROR)
        return True

    def stop_caller(self, number: int) -> Blocks[NoReturn]:
        """Stop the caller's group; its call begins again when it is continued."""
        yield from ()
        thread = self.caller()
        if thread is not None:
            self.signal_group(thread.process.group.id, number)
        raise Interrupted

    def drain(self) -> Blocks[None]:
        """Wait until all output has left."""
        drained = self.drained()
        while not drained.signalled(None):
            yield Wait((drained,))


def controlling_terminal(process: Process) -> Terminal | None:
    """The controlling terminal of a process."""
    terminal = process.session.terminal
    return terminal if isinstance(terminal, Terminal) and terminal.controls(process) else None


def _has_usual_flow_control(settings: Settings) -> bool:
    """Whether whoever types could handle ^S and ^Q in the program's place."""
    characters = settings.characters
    flow_characters = characters[Character.START], characters[Character.STOP]
    return bool(settings.input & Input.IXON) and flow_characters == (0x11, 0x13)
