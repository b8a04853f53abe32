"""What the executive asks of platforms and of subsystems, as protocols; neither is imported by it.

A platform runs guest instructions and reports traps. It knows spaces, threads and host memory, but no guest id, path or
handle. A subsystem is one personality: it decodes system calls, loads programs and delivers signals or exceptions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from mmap import mmap
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from lichen.executive.registers import Registers

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread
    from lichen.executive.wait import Result

PAGE: Final = 4096
USER_END: Final = 0x7FFFFFFF0000
"""First address a guest may not map: the platform's own pages begin here."""


class GuestGone(Exception):
    """A guest thread ended, or had to be ended, while the kernel was working on it; its end is reported as an event."""


class Protection:
    """Page protection bits (those of mmap(2))."""

    NONE: Final = 0
    READ: Final = 1
    WRITE: Final = 2
    EXECUTE: Final = 4


@dataclass(frozen=True, slots=True)
class Backing:
    """What a mapping shows: `descriptor` is a host file, or None for the platform's page cache.

    `writable` says that a shared mapping may become writable: the guest's own open allows it.
    """

    descriptor: int | None
    offset: int
    writable: bool = False


class Map(NamedTuple):
    """Map `size` bytes at `address`; anonymous memory when there is no backing."""

    address: int
    size: int
    protection: int
    backing: Backing | None = None
    shared: bool = False


class Unmap(NamedTuple):
    address: int
    size: int


class Protect(NamedTuple):
    address: int
    size: int
    protection: int


class Move(NamedTuple):
    """Move (and resize) a mapping; the target range is replaced."""

    address: int
    old_size: int
    new_size: int
    target: int


MemoryOperation = Map | Unmap | Protect | Move


@dataclass(frozen=True, slots=True)
class Fault:
    """A trap of the processor in guest code, as the host reports it (siginfo of the signal).

    `error` is the error code of a page fault: 1 the page is there, 2 a write, 16 an instruction fetch.
    """

    signal: int
    code: int
    address: int
    error: int = 0


@dataclass(frozen=True, slots=True)
class ProcessorTime:
    """Seconds that processors spent on something, in its own code and in calls that the host answered."""

    user: float = 0.0
    system: float = 0.0

    @property
    def total(self) -> float:
        return self.user + self.system

    def __add__(self, other: ProcessorTime) -> ProcessorTime:
        return ProcessorTime(self.user + other.user, self.system + other.system)


class MemoryUsage(NamedTuple):
    """Bytes of a process's memory that are in the host's memory now, and the most that ever were.

    What is resident is `anonymous`, shows a `file`, or is `shared` with others; what was is `swapped`.
    """

    resident: int = 0
    peak: int = 0
    anonymous: int = 0
    file: int = 0
    shared: int = 0
    swapped: int = 0


class MappingUsage(NamedTuple):
    """One mapping of the host: bytes of it by what the host calls them (Rss, Pss, Anonymous, Referenced, ...)."""

    start: int
    end: int
    sizes: Mapping[str, int]


class TaskUsage(NamedTuple):
    """What the host says of one guest thread at one moment.

    `state` is R for one that runs or waits for the kernel's answer, S or D for one that sleeps in a call that the host
    answers. `resident` are the bytes that its whole process has in memory, `processor` is where it ran last.
    """

    state: str = "R"
    time: ProcessorTime = ProcessorTime()
    minor_faults: int = 0
    major_faults: int = 0
    resident: int = 0
    processor: int = 0


class GuestMemory(Protocol):
    """The memory of one address space. A bad address raises abi.memory.Fault."""

    def read(self, address: int, size: int) -> bytes: ...
    def write(self, address: int, data: bytes | bytearray | memoryview) -> None: ...
    def cstring(self, address: int, limit: int) -> bytes: ...


class GuestThread(Protocol):
    """The platform's side of one executive thread."""

    owner: Any
    """The executive's thread, or whoever else wants to hear of this one's end."""

    @property
    def memory(self) -> GuestMemory: ...

    @property
    def registers(self) -> Registers:
        """The registers of this thread, which must be stopped; changes take effect when it goes on."""

    @property
    def stopped(self) -> bool: ...

    def stop(self) -> bool:
        """Bring the thread to a stop with the guest's own registers; False when it is gone.

        A call that the kernel holds is thereby turned from a notification into a stop: it is completed by registers and
        never issued again (G1). A call that the kernel has not seen yet will be issued again.
        """

    def at_rest(self) -> AbstractContextManager[None]:
        """Stop the thread for a block, and leave it in the state that it was in: running, held or stopped.

        Whoever stops another's thread for a moment does it by this. GuestGone when the thread has ended.
        """

    def complete(self, result: int) -> None:
        """End the system call that the kernel holds, with `result` in the result register, and let the thread go on."""

    def proceed(self) -> None:
        """Let the host carry out the very call that was reported, whose arguments are registers only, and go on."""

    def resume(self) -> None:
        """Let a stopped thread go on with its registers as they are now."""

    def change_memory(self, operations: Sequence[MemoryOperation]) -> None:
        """Carry out memory operations in the thread's address space, stopping it; OSError when the host refuses."""

    def change_memory_on_return(self, operations: Sequence[MemoryOperation]) -> None:
        """As `change_memory`, but it is enough when the operations are done before the current call returns."""

    def advise(self, address: int, size: int, advice: int) -> None:
        """madvise(2) on the thread's own memory; OSError when the host refuses."""

    def clone_process(self, share_memory: bool = False) -> GuestThread:
        """Copy the stopped thread into a new process, with a copy of its memory or (vfork) with the same; it is stopped."""

    def clone_thread(self, stack: int, tls: int | None, clear_tid: int) -> GuestThread:
        """Start a second thread of the same process, stopped; its registers are the creator's but for stack and TLS."""

    def set_clear_tid(self, address: int) -> None:
        """Have the word at `address` cleared and woken as a futex when the stopped thread ends."""

    def wake_futex(self, address: int) -> None:
        """Wake one waiter of a shared futex in this thread's memory."""

    def extended_state(self) -> bytes:
        """The thread's XSAVE area as the host keeps it."""

    def set_extended_state(self, state: bytes) -> None: ...

    @property
    def extended_state_size(self) -> int:
        """How large the XSAVE area is that the host takes."""

    def processor_time(self) -> ProcessorTime:
        """What this thread has used since the platform made it; for one that is gone, what was last known."""

    def memory_usage(self) -> MemoryUsage:
        """How much memory this thread's process holds; nothing for one that is gone."""

    def mappings(self) -> Iterator[MappingUsage]:
        """What the host has mapped for this thread's process, by address; nothing for one that is gone."""

    def usage(self) -> TaskUsage:
        """What this thread does and has used; for one that is gone, what was last known."""

    def run_on(self, processors: frozenset[int] | None) -> None:
        """Have this thread run on these processors of the host only; None: wherever the platform likes."""

    def run_at(self, nice: int) -> None:
        """Have the host run this thread at a nice value, counted from that of all guests, as far as the host lets us."""

    def exit(self) -> None:
        """End this one thread on the host (its cleared-tid word is written and woken)."""

    def kill(self) -> None:
        """End the whole host process at once."""


class PageCache(Protocol):
    """Content that guests map read-only or privately, held once for all of them."""

    @property
    def empty(self) -> int:
        """A host descriptor of a file that is empty and stays so: whoever touches a page of it traps."""

    def admits(self, key: object, size: int) -> bool:
        """Whether a file's content is held, or not too large to be; else it is mapped from the file itself."""

    def insert(self, key: object, open_host: Callable[[], int], size: int) -> int:
        """The offset of the content named `key`; on first use it is copied from the host descriptor that `open_host` gives.

        OSError(ENOMEM) when the cache is full.
        """


class FixedMapping(NamedTuple):
    """A mapping that every guest has from the start, named as the host does (`[vdso]`)."""

    address: int
    size: int
    name: str


class NtGuests(Protocol):
    """The platform's side of NT processes."""

    @property
    def shared_data(self) -> mmap:
        """KUSER_SHARED_DATA, which every NT guest sees read-only."""

    @property
    def unix_dispatch(self) -> int:
        """Where code of ntdll goes that calls the Unix half of a module."""

    def blank(self) -> GuestThread:
        """A new NT process with empty memory and one stopped thread."""


class Events(Protocol):
    """What a platform reports, to whoever runs the machine."""

    def system_call(self, guest: GuestThread, number: int, arguments: tuple[int, ...]) -> None: ...
    def fault(self, guest: GuestThread, fault: Fault) -> None: ...
    def exited(self, guest: GuestThread) -> None: ...

    def watched(self, watch: Callable[[int], None], events: int) -> None:
        """A host descriptor that `watch` was registered for is ready for `events`."""


class Platform(Protocol):
    """Whatever executes guest instructions."""

    blank_taken: Callable[[], None]
    """Called when a blank process is taken: a quiet moment later is the time to `fill_pool`."""

    @property
    def vdso(self) -> tuple[FixedMapping, ...]:
        """The vDSO and its data."""

    @property
    def isolation(self) -> str:
        """The namespaces of the host that guests have of their own."""

    @property
    def has_extension(self) -> bool:
        """Whether hot operations are compiled."""

    @property
    def page_cache(self) -> PageCache: ...

    def step(self, timeout: float | None) -> None:
        """Wait (at most `timeout` seconds) for one event and report it."""

    def blank(self) -> GuestThread:
        """A new process with empty memory and one stopped thread."""

    def fill_pool(self) -> bool:
        """Make one blank process ahead of time; False when there are enough."""

    def enable_nt(self) -> NtGuests:
        """Be ready for NT guests; the second time changes nothing."""

    def watch(self, descriptor: int, events: int, ready: Callable[[int], None]) -> None:
        """Call `ready(events)` from `step` whenever the host descriptor is (poll(2) bits); one watch each."""

    def unwatch(self, descriptor: int) -> None: ...

    def close(self) -> None:
        """End every guest task and give everything back to the host."""


class Subsystem(Protocol):
    """One personality in front of the executive."""

    name: str
    platform: Platform

    def system_call(self, thread: Thread, number: int, arguments: tuple[int, ...]) -> Result:
        """Decode and run one call: its result, a generator when it has to wait, or None when it went on by itself."""

    def failed(self, thread: Thread, error: Exception) -> int | None:
        """The result of a call that ended in `error` (Failure, Interrupted, a memory fault); raises what it does not know."""

    def attend(self, thread: Thread, result: int | None) -> None:
        """Something waits for `thread` (a signal, an APC): deal with it and let the thread go on.

        `result` ends the call that the kernel holds; None when the thread stopped outside of a call.
        """

    def released(self, thread: Thread) -> None:
        """`thread`, blocked in a call and with `attention` set, is no longer held back."""

    def signal(self, process: Process, number: int, sender: Process | None) -> None:
        """Another process asks for a POSIX signal to be delivered to `process`."""

    def ignores(self, thread: Thread, number: int) -> bool:
        """Whether a POSIX signal would do nothing to `thread` now, because it blocks it or its process ignores it."""

    def fault(self, thread: Thread, fault: Fault) -> None:
        """The processor trapped in guest code."""

    def thread_started(self, thread: Thread, creator: Thread | None) -> None:
        """A thread of this subsystem was made: give it its state."""

    def environment(self, process: Process) -> bytes:
        """The variables of a living process, `NAME=value` and a zero byte each; a memory fault when it has lost them."""

    def leave(self, process: Process) -> frozenset[int]:
        """exec is about to put another subsystem's program into a process of this one; returns the signals that it ignores.

        What goes on about the process without its knowing is to end with it at the latest (`when_image_left`).
        """

    def set_nice(self, thread: Thread, nice: int) -> None:
        """Somebody who may changes the nice value of a thread: of all that is scheduled with it."""

    def set_processors(self, thread: Thread, processors: frozenset[int] | None) -> None:
        """Somebody who may binds a thread to processors, with all that is bound as it is."""

    def program_replaced(self, thread: Thread, before: Subsystem) -> None:
        """exec has put a program of this subsystem into a process that belonged to `before`."""

    def thread_ended(self, thread: Thread) -> None:
        """A thread is no more; its memory is still there unless its process ended."""

    def ask_to_end(self, process: Process) -> None:
        """The machine goes down: tell a process, so that it can end by itself while there is time."""

    def process_ended(self, process: Process) -> None:
        """A process has just ended."""

    def job_changed(self, process: Process) -> None:
        """A process of this subsystem was stopped, or is about to be continued."""

    def child_ended(self, parent: Process, child: Process) -> bool:
        """A child of `parent` ended; False when nobody will wait for it."""

    def child_changed(self, parent: Process, child: Process) -> None:
        """A child of `parent` was stopped or continued."""

    def orphaned(self, process: Process) -> None:
        """The process has lost its parent."""
