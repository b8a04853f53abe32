"""The Linux personality: its call table, its error mapping, and how signals and faults reach its processes."""

from __future__ import annotations

import errno
import importlib
import logging
import pkgutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lichen.abi.convention import AMD64
from lichen.abi.declare import Calls, Missing
from lichen.abi.layout import LP64, layout
from lichen.abi.memory import BadAddress
from lichen.executive import scheduling
from lichen.executive.address_space import Region
from lichen.executive.interfaces import Fault, FixedMapping, Platform
from lichen.executive.processes import ExitStatus
from lichen.executive.status import Failure, Interrupted
from lichen.subsystems.linux import delivery, sending, signals
from lichen.subsystems.linux.errors import errno_of
from lichen.subsystems.linux.execution import ElfLoader, ScriptLoader
from lichen.subsystems.linux.numbers import AMD64_NUMBERS
from lichen.subsystems.linux.siginfo import SiginfoChild, SiginfoFault
from lichen.subsystems.linux.signals import Dispositions
from lichen.subsystems.linux.stacks import grow
from lichen.subsystems.linux.state import (
    READ_IMPLIES_EXEC,
    LinuxProcess,
    LinuxThread,
    as_linux,
    as_linux_process,
    linux_of,
    linux_of_process,
)

if TYPE_CHECKING:
    from lichen.executive.interfaces import Subsystem
    from lichen.executive.io.file import File
    from lichen.executive.processes import Process, Thread
    from lichen.executive.wait import Result

log = logging.getLogger("lichen.linux")

linux: Final = Calls("linux")
"""Every Linux call is declared on this."""

_NAMES: Final = {number: name for name, number in AMD64_NUMBERS.items()}
_CHILD: Final = layout(SiginfoChild, LP64)
_FAULT: Final = layout(SiginfoFault, LP64)
CLD_EXITED, CLD_KILLED, CLD_STOPPED, CLD_CONTINUED = 1, 2, 5, 6
_PAGE_FAULT_TRAP: Final = 14
_NOTHING_MAPPED: Final = 1
"""SEGV_MAPERR"""
_FUTEX_WAITERS, _FUTEX_OWNER_DIED, _FUTEX_TID = 0x80000000, 0x40000000, 0x3FFFFFFF

ProgramOpener = Callable[["Process", bytes], "File"]
"""Opens a program by path for a process: (process, path) -> File, with permission to execute checked."""


def declare_calls() -> Calls:
    """`linux`, with every module of `calls/` imported."""
    package = importlib.import_module("lichen.subsystems.linux.calls")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return linux


class LinuxSubsystem:
    """Linux on x86-64."""

    name = "linux"

    def __init__(
        self, platform: Platform, vdso: tuple[FixedMapping, ...], open_program: ProgramOpener
    ) -> None:
        self.platform = platform
        self.vdso = tuple(
            Region(m.address, m.address + m.size, 5 if "vdso" in m.name else 1, name=m.name) for m in vdso
        )
        self.vdso_address = next((m.address for m in vdso if m.name == "[vdso]"), 0)
        self.open_program = open_program
        self.table = declare_calls().table(AMD64)
        self.loaders = (ElfLoader(self), ScriptLoader(self))
        self.missing = Missing()

    # ---- calls

    def system_call(self, thread: Thread, number: int, arguments: tuple[int, ...]) -> Result:
        """Decode and run one call."""
        entry = self.table.get(number)
        if entry is None:
            self.missing.count(self.call_name(number))
            return -errno.ENOSYS
        result: Result = entry.enter(thread, arguments)
        return result

    def call_name(self, number: int) -> str:
        """What people call a system call, declared or not."""
        return _NAMES.get(number, f"call_{number}")

    def failed(self, thread: Thread, error: Exception) -> int:
        """The errno of a call that failed."""
        if isinstance(error, Failure):
            return -errno_of(error.status)
        if isinstance(error, BadAddress):
            return -errno.EFAULT
        if isinstance(error, Interrupted):
            entry = self.table.get(thread.call[0])
            linux_of(thread).restart = entry.call.restart if entry else "never"
            thread.attention = True  # the signal may be another thread's by now: then the call begins again
            return -errno.EINTR
        if isinstance(error, OSError):
            return -errno_of(Failure.from_host(error).status)
        raise error

    def attend(self, thread: Thread, result: int | None) -> None:
        """Deliver signals before the thread goes on."""
        delivery.attend(thread, result)

    # ---- signals and faults

    def released(self, thread: Thread) -> None:
        """A signal that came while the thread was held back ends its wait."""
        if linux_of(thread).has_deliverable(thread):
            thread.interrupt()

    def signal(self, process: Process, number: int, sender: Process | None) -> None:
        """Send a signal that any process or the kernel asks for."""
        if number:
            sending.send(process, number, sending.sent_by(number, sender))

    def ignores(self, thread: Thread, number: int) -> bool:
        """Whether a thread blocks a signal, or its process was told to ignore it."""
        action = linux_of_process(thread.process).dispositions.get(number)
        return bool(linux_of(thread).mask & signals.bit(number)) or action.handler == signals.SIG_IGN

    def fault(self, thread: Thread, fault: Fault) -> None:
        """A trap of the processor becomes a signal that cannot be put off."""
        number = fault.signal
        if number == signals.SIGSEGV:
            if fault.code == _NOTHING_MAPPED and grow(thread, fault.address):
                delivery.attend(thread, None)
                return
            linux_of(thread).trap = (fault.error, _PAGE_FAULT_TRAP, fault.address)
        delivery.force(thread, number, _FAULT.pack(SiginfoFault(number, 0, fault.code, fault.address)))

    # ---- life of threads and processes

    def thread_started(self, thread: Thread, creator: Thread | None) -> None:
        """Give a new thread its state; the first of a process finds the process's made by fork, or makes it."""
        process = thread.process
        if as_linux_process(process) is None:
            process.state = LinuxProcess(Dispositions.ignoring(process.ignored))
        state = LinuxThread()
        if creator is not None and as_linux(creator) is not None:
            state.mask = linux_of(creator).mask
            state.domain = linux_of(creator).domain
        thread.state = state

    def environment(self, process: Process) -> bytes:
        """The variables that the program was started with, where they lie on its stack."""
        where = process.space.environment
        return process.first_thread.memory.read(where.start, len(where)) if where else b""

    def leave(self, process: Process) -> frozenset[int]:
        """exec of a Windows program: the alarm clocks go on, as they do for any program."""
        state = linux_of_process(process)
        for timer in state.timers.values():
            timer.close()
        process.when_image_left += [timer.close for timer in state.alarms.values()]
        return state.dispositions.ignored()

    def set_nice(self, thread: Thread, nice: int) -> None:
        """Each thread has a nice value of its own."""
        scheduling.set_nice(thread, nice)

    def set_processors(self, thread: Thread, processors: frozenset[int] | None) -> None:
        """Each thread has processors of its own."""
        scheduling.set_processors(thread, processors)

    def program_replaced(self, thread: Thread, before: Subsystem) -> None:
        """exec: handlers, alternate stack and timers go; mask, pending signals and limits stay."""
        process = thread.process
        if before is not self or as_linux_process(process) is None:
            process.state = LinuxProcess(Dispositions.ignoring(process.ignored))
            thread.state = LinuxThread()
            return
        state, old = linux_of_process(process), linux_of(thread)
        state.dispositions = state.dispositions.after_exec()
        state.executed, state.exit_signal = True, signals.SIGCHLD
        for timer in state.timers.values():
            timer.close()
        state.timers.clear()
        thread.state = LinuxThread(
            mask=old.mask,
            pending=old.pending,
            domain=old.domain & ~READ_IMPLIES_EXEC,
        )
        thread.attention = linux_of(thread).has_deliverable(thread)

    def thread_ended(self, thread: Thread) -> None:
        """Release the robust futexes that the thread held."""
        state = as_linux(thread)
        if state is not None and state.robust_list:
            from lichen.subsystems.linux.robust import release_robust_futexes

            release_robust_futexes(thread, state.robust_list)

    def ask_to_end(self, process: Process) -> None:
        """By TERM; a shell on a terminal, which ignores that, by a hang-up."""
        if process.session.leader is process and process.session.terminal is not None:
            process.signal(signals.SIGHUP)
        process.signal(signals.SIGTERM)
        process.signal(signals.SIGCONT)

    def process_ended(self, process: Process) -> None:
        state = as_linux_process(process)
        if state is None:
            return
        for alarm in state.alarms.values():
            alarm.close()
        for timer in state.timers.values():
            timer.close()
        state.alarms.clear()
        state.timers.clear()

    def job_changed(self, process: Process) -> None:
        return

    def child_ended(self, parent: Process, child: Process) -> bool:
        """Tell a Linux parent by signal; False when it wants no zombies."""
        state = as_linux_process(parent)
        if state is None or parent.exit_status is not None:
            return False
        number = (
            linux_of_process(child).exit_signal if as_linux_process(child) is not None else signals.SIGCHLD
        )
        action = state.dispositions.get(signals.SIGCHLD)
        keep = not (
            number == signals.SIGCHLD
            and (action.handler == signals.SIG_IGN or action.flags & signals.SA_NOCLDWAIT)
        )
        if number:
            sending.send(parent, number, child_information(child, number))
        return keep

    def child_changed(self, parent: Process, child: Process) -> None:
        """SIGCHLD for a stopped or continued child, unless the parent does not want it."""
        state = as_linux_process(parent)
        if state is not None:
            action = state.dispositions.get(signals.SIGCHLD)
            if not action.flags & signals.SA_NOCLDSTOP:
                sending.send(parent, signals.SIGCHLD, child_information(child, signals.SIGCHLD))

    def orphaned(self, process: Process) -> None:
        """Another process is its parent now, which hears of its end by SIGCHLD; prctl(PR_SET_PDEATHSIG)."""
        state = as_linux_process(process)
        if state is not None:
            state.exit_signal, state.creator = signals.SIGCHLD, None
            if state.parent_death_signal:
                process.signal(state.parent_death_signal, process.parent)


def child_status(child: Process) -> tuple[int, int]:
    """(si_code, si_status) of a child's latest change."""
    status = child.exit_status or child.job_state or ExitStatus(0)
    if child.exit_status is None:
        return (CLD_STOPPED, status.signal) if status.signal else (CLD_CONTINUED, signals.SIGCONT)
    if status.signal:
        return CLD_KILLED, status.signal
    return CLD_EXITED, status.byte


def child_information(child: Process, number: int) -> bytes:
    """siginfo_t of SIGCHLD."""
    code, status = child_status(child)
    return _CHILD.pack(SiginfoChild(number, 0, code, child.id, child.files.token.uid, status))
