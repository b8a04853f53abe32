"""What NT knows of its processes and threads beyond the executive's part."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, Protocol

from lichen.executive.wait import Waitable

if TYPE_CHECKING:
    from lichen.executive.interfaces import Platform
    from lichen.executive.io.file import File
    from lichen.executive.network.sockets import InternetAddress
    from lichen.executive.processes import Process, Thread
    from lichen.executive.scheduler import Parking
    from lichen.subsystems.nt.entries import Entries
    from lichen.subsystems.nt.images import Image, ImageCache
    from lichen.subsystems.nt.records.exceptions import Context, ExceptionRecord
    from lichen.subsystems.nt.system_processes import SystemProcesses


class UserApc(NamedTuple):
    """A user-mode asynchronous procedure call: `routine`(arguments) through KiUserApcDispatcher."""

    routine: int
    arguments: tuple[int, int, int]


class Front(Protocol):
    """The subsystem, as far as calls and objects of NT's need it, which it knows itself."""

    platform: Platform
    images: ImageCache
    ntdll: Image
    nls: Path
    system_processes: SystemProcesses
    keyed_event: Any

    @property
    def version(self) -> str: ...
    def entries(self, process: Process) -> Entries: ...
    def queue_apc(self, thread: Thread, apc: UserApc) -> None: ...
    def raise_exception(self, thread: Thread, exception: ExceptionRecord, captured: Context) -> None: ...
    def end_by_exception(self, process: Process, code: int, address: int = 0) -> None: ...
    def thread_started(self, thread: Thread, creator: Thread | None) -> None: ...


class Seen(Protocol):
    """The console of a process, as far as what befalls the process concerns it."""

    hidden: ClassVar[bool]

    def resized(self) -> None: ...
    def raise_event(self, process: Process, event: int) -> bool: ...
    def end_by(self, process: Process, event: int) -> bool: ...
    def job_changed(self, process: Process) -> None: ...
    def detach(self, process: Process) -> None: ...
    def release(self) -> None: ...


class Owned(Protocol):
    """What a thread may not end with: a mutant."""

    def abandon(self) -> None: ...


class Awaited(Protocol):
    """An I/O operation that a thread itself waits for: what it is on, and its status block's address."""

    file: File
    status: int


class Pending(NamedTuple):
    """An I/O operation that goes on after its call: what it is on, its status block's address, and how to cancel it.

    `abandon` cancels it when its process has ended, so that only others hear of that.
    """

    file: File
    status: int
    thread: Thread
    parking: Parking
    cancel: Callable[[], None]
    abandon: Callable[[], None]


HANDLE_LIMIT: Final = 1 << 16
"""How many handles a process may have: RLIMIT_NOFILE is no limit of Windows programs, but the kernel's memory has an end."""


@dataclass(eq=False)
class NtProcess:
    """`Process.state` of an NT process."""

    subsystem: Front
    image: Image
    base: int
    ntdll: int
    peb: int
    parameters: int
    image_path: str
    zone: str | None = None
    """TZ, as it was in the environment that the program was given."""
    is_real_time: bool = False
    """Whether it asked for the highest class: a nice value, which has an end, is the same in the class below that."""
    break_on_termination: bool = False
    console: Seen | None = None
    console_group: int = 0
    """The id of the process that began the group to which control events may be sent."""
    exit_signal: int = 17
    complaints: deque[str] = field(default_factory=lambda: deque(maxlen=3))
    """The last errors that the system's DLLs told of: the explanation when they end the program."""
    has_begun: bool = False
    """Whether the program itself runs, not only the system's loader."""
    wants_graphics: bool = False
    """A graphics program that has asked for what needs a screen (graphics.py)."""
    refused_window: tuple[int, int, int] | None = None
    """What it had done when it was last refused a window."""
    gives_up: bool = False
    window_calls: dict[int, str] | None = None
    name_servers: tuple[InternetAddress, ...] = ()
    """Whom it asks for names instead of the machine's servers."""
    unix_modules: list[str] = field(default_factory=list)
    """Modules that asked for unix calls; their handles are numbers from this list."""
    pending: dict[Parking, Pending] = field(default_factory=dict)
    """I/O that goes on, by its task."""
    notifications: dict[int, object] = field(default_factory=dict)
    """Functions that are called back when the network changes, by their handles."""
    left_memory: list[tuple[int, int]] = field(default_factory=list)
    """(address, size) of what threads left that ended, to be unmapped by the next one that stops anyway."""


@dataclass(eq=False)
class NtThread:
    """`Thread.state` of an NT thread."""

    teb: int
    stack: int
    stack_size: int
    start: int = 0
    apcs: deque[UserApc] = field(default_factory=deque)
    alerted: bool = False
    alerted_by_id: bool = False
    alert: Waitable = field(default_factory=Waitable)
    """What the thread waits for in NtWaitForAlertByThreadId."""
    mutants: dict[Owned, None] = field(default_factory=dict)
    """Mutants that the thread owns."""
    undo: list[Callable[[], object]] = field(default_factory=list)
    """How to take back what the current call has made, should it fail after all (G33)."""
    description: str = ""
    abandoned: bool = False
    """The wait just satisfied was for a mutant whose owner had died."""
    synchronous: Awaited | None = None
    """The I/O operation that the thread itself waits for."""
    cut_short: bool = False
    """An APC has ended the I/O operation that the thread waited for, and runs whatever the call answers."""
    control_event: int | None = None
    """The control event that the thread was made to handle."""
    last_exception: tuple[int, int] = (0, 0)
    """(code, address) of the last exception that was raised: user mode ends the process with its code if nobody handles it."""


def nt_of(thread: Thread) -> NtThread:
    """What NT knows of a thread of its own."""
    state = thread.state
    assert isinstance(state, NtThread)
    return state


def nt_of_process(process: Process) -> NtProcess:
    """What NT knows of a process of its own."""
    state = process.state
    assert isinstance(state, NtProcess)
    return state


def as_nt(thread: Thread) -> NtThread | None:
    """What NT knows of a thread; None of one that is not its own."""
    state = thread.state
    return state if isinstance(state, NtThread) else None


def as_nt_process(process: Process) -> NtProcess | None:
    """What NT knows of a process; None of one that is not its own."""
    state = process.state
    return state if isinstance(state, NtProcess) else None
