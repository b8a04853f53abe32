"""The handles of a console, and \\Device\\ConDrv, which opens them.

Every handle is a `File` at the terminal's place. What may be done with it depends on its role: an input handle has no
screen, and the Reference, which a process has as its console handle, stands for the console as a whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.executive.io.attributes import Kind
from lichen.executive.io.file import Data, File, Ready
from lichen.executive.io.opening import Access, Open, Options, Poll
from lichen.executive.objects.namespace import Directory, SymbolicLink
from lichen.executive.objects.object import Object
from lichen.executive.security.inspection import may_inspect
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, Waitable, then
from lichen.subsystems.nt import signals
from lichen.subsystems.nt.console.console import Console
from lichen.subsystems.nt.console.control import INPUT, OUTPUT, console_control
from lichen.subsystems.nt.devices import Device
from lichen.subsystems.nt.records import ULONG
from lichen.subsystems.nt.spelling import components_of
from lichen.subsystems.nt.state import as_nt_process, nt_of_process

if TYPE_CHECKING:
    from lichen.executive.io.requests import DeviceRequest
    from lichen.executive.processes import Process

_BIND: Final = 0x5000CC
"""Of a Connection: the id of the process to whose console it leads from now on."""
_PARENT: Final = 0xFFFFFFFF
_ROLES: Final = {
    "currentin": INPUT,
    "input": INPUT,
    "currentout": OUTPUT,
    "output": OUTPUT,
    "console": INPUT | OUTPUT,
}
_ACCESS: Final = Access.ALL & ~(Access.EXECUTE | Access.DELETE)
_DOS_NAMES: Final = {"CONIN$": "CurrentIn", "CONOUT$": "CurrentOut", "CON": "Console"}


class ConsoleFile(File):
    """A handle of a console, whose reference it takes over."""

    __slots__ = ("console", "role")
    is_console = True

    def __init__(self, console: Console, role: int, access: int = _ACCESS) -> None:
        super().__init__(console.output.location, Open(access, options=Options.NO_TERMINAL))
        self.console, self.role = console, role

    def closed(self) -> None:
        super().closed()
        self.console.release()

    @property
    def plain(self) -> File:
        """The terminal itself, for programs that know no consoles."""
        return self.console.keyboard.terminal if self.role & INPUT else self.console.output

    @property
    def readiness(self) -> Waitable:
        return self.console.keyboard.terminal.readiness

    def poll(self) -> int:
        ready = Poll.READABLE if self.role & INPUT and self.console.keyboard.ready else 0
        return ready | Poll.WRITABLE if self.role == OUTPUT else ready

    def ready(self, mask: int) -> Ready:
        """Who waits for input looks at single keys, so the terminal is taken now, as far as that needs no waiting."""
        if self.role & INPUT:
            taking = self.console.keyboard.hold(_caller(self))
            next(taking, None)
            taking.close()
        return super().ready(mask)

    def read(self, size: int, offset: int | None = None) -> Blocks[bytes]:
        if not self.role & INPUT:
            raise Failure(Status.INVALID_HANDLE)
        return self.console.read_bytes(_caller(self), size)

    def write(self, data: Data, offset: int | None = None) -> int | Blocks[int]:
        if not self.role & OUTPUT:
            raise Failure(Status.INVALID_HANDLE)
        waiting = self.console.write_bytes(_caller(self), bytes(data))
        return len(data) if waiting is None else _written(waiting, len(data))

    def open_relative(self, process: Process, rest: tuple[str, ...], open: Open) -> File:
        return _below(process, rest)

    def device_control(self, request: DeviceRequest) -> int | Blocks[int]:
        answer = console_control(request.thread.process, self, request.code, request.data, request.room)
        return then(answer, request.answer)


def _below(process: Process, rest: tuple[str, ...]) -> File:
    """Open what is named below a handle of the process's console."""
    console = console_of(process)
    names = components_of("\\".join(rest))
    if names == ("Connection",):
        return Connection(process)
    if names == ("Reference",):
        return ConsoleFile(console.reference(), 0)
    raise Failure(Status.OBJECT_NAME_NOT_FOUND)


def _caller(file: ConsoleFile) -> Process:
    """The process on whose behalf the kernel is at work."""
    thread = file.console.machine.scheduler.current
    if thread is None:
        raise Failure(Status.INVALID_HANDLE)
    return thread.process


def _written(waiting: Blocks[None], count: int) -> Blocks[int]:
    yield from waiting
    return count


class Connection(File):
    """What keeps a process attached to its console until it is closed; without one, it can be bound to another's."""

    __slots__ = ("process",)

    def __init__(self, process: Process) -> None:
        place = process.files.devices.anonymous.place(Kind.CHARACTER, "console", process.files.token)
        super().__init__(place, Open(_ACCESS))
        self.process = process

    def closed(self) -> None:
        signals.left(self.process)
        super().closed()

    def open_relative(self, process: Process, rest: tuple[str, ...], open: Open) -> File:
        return _below(process, rest)

    def device_control(self, request: DeviceRequest) -> int:
        if request.code != _BIND:
            raise Failure(Status.INVALID_DEVICE_REQUEST)
        if len(request.data) < ULONG.size:
            raise Failure(Status.INVALID_PARAMETER)
        self.bind(ULONG.unpack(request.data))
        return request.answer((Status.SUCCESS, b""))

    def bind(self, id: int) -> None:
        """Attach to the console of a process, or of the parent (AttachConsole)."""
        state = as_nt_process(self.process)
        if state is None or state.console is not None:
            raise Failure(Status.ACCESS_DENIED)
        other = self.process.parent if id == _PARENT else self.process.machine.processes.find(id)
        if other is None:
            raise Failure(Status.INVALID_HANDLE)
        if not may_inspect(self.process, other):
            raise Failure(Status.ACCESS_DENIED)
        join(self.process, console_of(other))


def join(process: Process, console: Console) -> None:
    """Give a process its console."""
    state = nt_of_process(process)
    state.console = console.reference()
    console.attach(process)


def lend_terminal(found: Object, borrower: Process) -> Object:
    """What a Linux program gets for a handle: for a console's, the terminal, as programs of its kind expect it."""
    if not isinstance(found, ConsoleFile):
        return found
    found.console.keyboard.lend(borrower)
    return found.plain


def console_of(process: Process) -> Console:
    """The console of a process; INVALID_HANDLE when it has none."""
    console = attached_console(process)
    if console is None:
        raise Failure(Status.INVALID_HANDLE)
    return console


def attached_console(process: Process) -> Console | None:
    """The console of a process, which may have none."""
    state = as_nt_process(process)
    console = state.console if state is not None else None
    assert console is None or isinstance(console, Console)
    return console


def open_console(process: Process, rest: tuple[str, ...], open: Open) -> File:
    """Open \\Device\\ConDrv\\NAME."""
    name = rest[0].lower() if len(rest) == 1 else ""
    if name == "connection":
        return Connection(process)
    console = console_of(process)
    if name in _ROLES and not console.hidden:
        return ConsoleFile(console.reference(), _ROLES[name], open.access)
    raise Failure(Status.OBJECT_NAME_NOT_FOUND)


def install(namespace: Directory) -> None:
    """Put the device and its names into the object namespace."""
    namespace.make("Device").insert("ConDrv", Device(open_console))
    for name, target in _DOS_NAMES.items():
        namespace.make("??").insert(name, SymbolicLink(("Device", "ConDrv", target)))
