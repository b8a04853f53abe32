"""Pseudo terminals: a master that a program holds is the far side of a terminal that others use.

The slave works from the moment the master is opened, whether anybody has opened it or not: it echoes, edits and keeps what
is typed. After its last file was closed, reading the master fails until it is opened again.

Source: pty(7), ptmx(4), ioctl_tty(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.executive.io.attributes import Kind
from lichen.executive.io.device import Devices, minor
from lichen.executive.io.file import Data, File
from lichen.executive.io.location import Location, Mount
from lichen.executive.io.opening import Access, Open, Options, Poll
from lichen.executive.io.requests import BytesAvailable
from lichen.executive.io.terminal import (
    AcquireTerminal,
    GetLock,
    GetPacketMode,
    LeaveTerminal,
    OpenPeer,
    PseudoNumber,
    SetForeground,
    SetLock,
    SetPacketMode,
    Settings,
    SignalForeground,
)
from lichen.executive.security.tokens import Capability
from lichen.executive.status import Failure, Interrupted, Status
from lichen.executive.wait import Blocks, Wait
from lichen.filesystems.devices import Device
from lichen.filesystems.terminal.devpts import AUXILIARY_MAJOR, PTMX_MINOR, TerminalNames
from lichen.filesystems.terminal.discipline import LIMIT, SIGINT, SIGQUIT, SIGTSTP
from lichen.filesystems.terminal.files import TerminalFile, control
from lichen.filesystems.terminal.terminal import (
    SLAVE_MAJOR,
    Change,
    FarSide,
    Nobody,
    Terminal,
    controlling_terminal,
)

if TYPE_CHECKING:
    from lichen.executive.machine import MachineState
    from lichen.executive.security.tokens import Token

_TTY_MINOR, _CONSOLE_MINOR = 0, 1
NAMES: Final = (
    Device("tty", AUXILIARY_MAJOR, _TTY_MINOR, 0o666),
    Device("console", AUXILIARY_MAJOR, _CONSOLE_MINOR, 0o600),
    Device("ptmx", AUXILIARY_MAJOR, PTMX_MINOR, 0o666),
)
"""What belongs into /dev beside /dev/pts."""
MOUNT_OPTIONS: Final = "rw,nosuid,noexec,relatime,gid=5,mode=620,ptmxmode=000"
_SIGNALS: Final = (SIGINT, SIGQUIT, SIGTSTP)


class Terminals:
    """All terminals of a machine."""

    mount: Mount
    """Where `names` is mounted."""

    def __init__(self, machine: MachineState, devices: Devices, device: int) -> None:
        self.machine = machine
        self.names = TerminalNames(device, devices)
        self.terminals: dict[int, Terminal] = {}
        self.consoles: list[Terminal] = []
        """The terminals of those who joined the machine: /dev/console is the first."""
        devices.register(Kind.CHARACTER, self.open_slave, SLAVE_MAJOR)
        devices.register(Kind.CHARACTER, self.open_controlling, AUXILIARY_MAJOR, _TTY_MINOR)
        devices.register(Kind.CHARACTER, self.open_console, AUXILIARY_MAJOR, _CONSOLE_MINOR)
        devices.register(Kind.CHARACTER, self.open_master, AUXILIARY_MAJOR, PTMX_MINOR)

    def create(self, far: FarSide, token: Token, settings: Settings) -> Terminal:
        """A new terminal, which belongs to the user of `token`; DISK_FULL when there are too many."""
        number = self.names.add(token)
        terminal = self.terminals[number] = Terminal(self.machine, number, far, settings)
        return terminal

    def location(self, terminal: Terminal) -> Location:
        """The place of a terminal in /dev/pts."""
        location = self.mount.root.child(str(terminal.number))
        if location is None:
            raise Failure(Status.IO_DEVICE_ERROR)
        return location

    def remove(self, terminal: Terminal) -> None:
        """The far side is gone for good: hang up; files that are still open keep what is left."""
        terminal.hang_up()
        terminal.far = Nobody()
        if self.terminals.get(terminal.number) is terminal:
            location = self.location(terminal)
            del self.terminals[terminal.number]
            self.names.remove(terminal.number)
            location.removed()
        if terminal in self.consoles:
            self.consoles.remove(terminal)

    # ---- opening

    def open_slave(self, location: Location, open: Open, token: Token) -> File:
        """Open /dev/pts/N; IO_DEVICE_ERROR while the master has it locked."""
        terminal = self.terminals.get(minor(location.node.attributes().rdev))
        if terminal is None or (isinstance(terminal.far, Master) and terminal.far.locked):
            raise Failure(Status.IO_DEVICE_ERROR)
        return self.open(terminal, location, open, token)

    def open(self, terminal: Terminal, location: Location, open: Open, token: Token) -> TerminalFile:
        """Open a terminal, which may become the controlling one of a session leader."""
        if terminal.exclusive and not token.has(Capability.SYS_ADMIN):
            raise Failure(Status.SHARING_VIOLATION)
        file = TerminalFile(location, open, terminal)
        thread = terminal.caller()
        if thread is not None and open.access & Access.READ and not open.options & Options.NO_TERMINAL:
            terminal.acquire_by_open(thread.process)
        return file

    def open_controlling(self, location: Location, open: Open, token: Token) -> File:
        """Open /dev/tty, the caller's controlling terminal; NO_SUCH_DEVICE (ENXIO) without one."""
        thread = self.machine.scheduler.current
        terminal = controlling_terminal(thread.process) if thread is not None else None
        if terminal is None:
            raise Failure(Status.NO_SUCH_DEVICE)
        return self.open(terminal, location, open, token)

    def open_console(self, location: Location, open: Open, token: Token) -> File:
        """Open /dev/console; NO_DEVICE (ENODEV) when nobody has brought a terminal to the machine."""
        if not self.consoles:
            raise Failure(Status.NO_DEVICE)
        without_control = open._replace(options=open.options | Options.NO_TERMINAL)
        return self.open(self.consoles[0], location, without_control, token)

    def open_master(self, location: Location, open: Open, token: Token) -> File:
        """Open /dev/ptmx: a new terminal."""
        master = Master(self)
        master.terminal = self.create(master, token, Settings())
        try:
            return MasterFile(location, open, master)
        except BaseException:
            self.remove(master.terminal)
            raise

    def open_peer(self, terminal: Terminal, request: OpenPeer, token: Token) -> File:
        """Open the slave without naming it (TIOCGPTPEER)."""
        options = request.options | Options.POSIX
        return self.open(terminal, self.location(terminal), Open(request.access, options=options), token)


class Master:
    """The far side of a pseudo terminal; `MasterFile` is how a program holds it."""

    terminal: Terminal

    def __init__(self, terminals: Terminals) -> None:
        self.terminals = terminals
        self.locked = True
        self.packets = False
        self.file: MasterFile | None = None

    def _notify(self) -> None:
        if self.file is not None:
            self.file.notify()

    @property
    def slave_closed(self) -> bool:
        """Whether the slave was open and is no more."""
        return self.terminal.was_opened and not self.terminal.files

    def output_changed(self) -> None:
        self._notify()

    def output_flushed(self) -> None:
        """What a reader of the master could have had by now stays: it is on the other side already."""
        del self.terminal.output[LIMIT - 1 :]

    def input_wanted(self) -> None:
        self._notify()

    def files_changed(self) -> None:
        self._notify()

    def in_transit(self) -> int:
        return 0


class MasterFile(File):
    """The open master side."""

    __slots__ = ("master", "terminal")

    def __init__(self, location: Location, open: Open, master: Master) -> None:
        super().__init__(location, open)
        self.master, self.terminal = master, master.terminal
        master.file = self

    def closed(self) -> None:
        self.master.file = None
        self.master.terminals.remove(self.terminal)
        super().closed()

    # ---- content

    def _take(self, size: int) -> bytes | None:
        """What a read gives now; None when it has to wait."""
        terminal, master = self.terminal, self.master
        if master.packets and terminal.packet_status:
            status, terminal.packet_status = terminal.packet_status, 0
            return bytes((status,))
        if terminal.output:
            return b"\0" + terminal.take(size - 1) if master.packets else terminal.take(size)
        if master.slave_closed:
            raise Failure(Status.IO_DEVICE_ERROR)
        return None

    def read(self, size: int, offset: int | None = None) -> bytes | Blocks[bytes]:
        if not self.access & Access.READ:
            raise Failure(Status.INVALID_HANDLE)
        if offset is not None:
            raise Failure(Status.NOT_SEEKABLE)
        if not size:
            return b""
        data = self._take(size)
        if data is not None:
            return data
        if self.options & Options.NONBLOCKING:
            raise Failure(Status.DEVICE_NOT_READY)
        return self._read_later(size)

    def _read_later(self, size: int) -> Blocks[bytes]:
        self.reference()
        wait = Wait((self.ready(Poll.READABLE | Poll.HANGUP),))
        try:
            while (data := self._take(size)) is None:
                yield wait
            return data
        finally:
            self.release()

    def write(self, data: Data, offset: int | None = None) -> int | Blocks[int]:
        if not self.access & Access.CONTENT:
            raise Failure(Status.INVALID_HANDLE)
        if offset is not None:
            raise Failure(Status.NOT_SEEKABLE)
        data = bytes(data)
        done = self.terminal.type(data)
        if done == len(data):
            return done
        if self.options & Options.NONBLOCKING:
            if not done:
                raise Failure(Status.DEVICE_NOT_READY)
            return done
        return self._write_later(data, done)

    def _write_later(self, data: bytes, done: int) -> Blocks[int]:
        self.reference()
        terminal = self.terminal
        room = Change(lambda: terminal.typing_room > 0)
        room.waiters = self.readiness.waiters
        try:
            while done < len(data):
                yield Wait((room,))
                done += terminal.type(data[done:])
            return done
        except Interrupted:
            if not done:
                raise
            return done
        finally:
            self.release()

    # ---- state

    def poll(self) -> int:
        terminal, master = self.terminal, self.master
        ready = Poll.READABLE if terminal.output else 0
        if master.packets and terminal.packet_status:
            ready |= Poll.READABLE | Poll.PRIORITY
        if master.slave_closed:
            ready |= Poll.HANGUP
        return ready | Poll.WRITABLE if terminal.typing_room else ready

    def control(self, request: object) -> object:
        terminal, master = self.terminal, self.master
        match request:
            case PseudoNumber():
                return terminal.number
            case GetLock():
                return master.locked
            case SetLock(locked):
                master.locked = locked
            case GetPacketMode():
                return master.packets
            case SetPacketMode(on):
                master.packets, terminal.packet_status = on, 0
            case OpenPeer():
                return self._open_peer(request)
            case SignalForeground(number):
                self._signal(number)
            case BytesAvailable():
                return len(terminal.output)
            case _:
                return self._control_slave(request)
        return None

    def _open_peer(self, request: OpenPeer) -> File:
        thread = self.terminal.caller()
        if thread is None:
            raise Failure(Status.INVALID_DEVICE_REQUEST)
        return self.master.terminals.open_peer(self.terminal, request, thread.process.files.token)

    def _signal(self, number: int) -> None:
        if number not in _SIGNALS:
            raise Failure(Status.INVALID_PARAMETER)
        self.terminal.signal_group(self.terminal.foreground, number)

    def _control_slave(self, request: object) -> object:
        """Requests that a master passes on to its slave."""
        thread = self.terminal.caller()
        match request:
            case SetForeground() | LeaveTerminal():
                raise Failure(Status.NOT_A_TERMINAL)
            case AcquireTerminal(steal) if thread is not None:
                readable = bool(self.access & Access.READ)
                self.terminal.acquire(thread.process, readable, steal)
                return None
        return control(self.terminal, request)
