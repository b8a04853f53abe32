"""The NT personality: its call table with numbers read from ntdll, statuses, exceptions, APCs, and what signals mean to it."""

from __future__ import annotations

import importlib
import logging
import pkgutil
import signal as posix
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from lichen.abi.convention import X64
from lichen.abi.declare import Calls, Missing
from lichen.abi.memory import BadAddress
from lichen.executive.address_space import page_down
from lichen.executive.interfaces import Fault, NtGuests, Platform, Protect
from lichen.executive.processes import ExitStatus
from lichen.executive.status import POSIX, Failure, Interrupted, Status
from lichen.subsystems.nt import (
    affinity,
    context,
    crash,
    exceptions,
    graphics,
    priority,
    signals,
    stacks,
    threads,
)
from lichen.subsystems.nt.entries import Entries
from lichen.subsystems.nt.generations import generation_of
from lichen.subsystems.nt.images import ImageCache
from lichen.subsystems.nt.objects.synchronisation import KeyedEvent
from lichen.subsystems.nt.parameters import read_environment
from lichen.subsystems.nt.pe import PeFile
from lichen.subsystems.nt.protection import PAGE_GUARD, host_protection
from lichen.subsystems.nt.records.exceptions import Context, ExceptionRecord
from lichen.subsystems.nt.shared_data import TICK, SharedData
from lichen.subsystems.nt.state import UserApc, as_nt, as_nt_process, nt_of, nt_of_process
from lichen.subsystems.nt.status import NtStatus
from lichen.subsystems.nt.system_processes import SystemProcesses
from lichen.subsystems.nt.unixcalls import UNIX_CALL, unix_call
from lichen.subsystems.nt.virtual_memory import set_protection

if TYPE_CHECKING:
    from lichen.executive.interfaces import Subsystem
    from lichen.executive.io.file import File
    from lichen.executive.machine import MachineState
    from lichen.executive.processes import Process, Thread
    from lichen.executive.wait import Result

log = logging.getLogger("lichen.nt")

nt: Final = Calls("nt")
"""Every NT call is declared on this."""

STOPPING_CALLS: Final = (
    "NtContinue",
    "NtContinueEx",
    "NtRaiseException",
    "NtGetContextThread",
    "NtSetContextThread",
    "NtTerminateThread",
    "NtCreateThreadEx",
)
"""Calls that read or change registers: the platform stops for them at once instead of sending a notification."""

_WINDOW_CALLS: Final = range(0x1000, 0x2000)
"""win32u's calls give handles and truth values more than statuses: what is missing gives none."""
_SYSTEM_SERVICE_EXCEPTION: Final = b"\xcd\x2e"
_FAST_FAIL: Final = b"\xcd\x29"
_DEBUG_SERVICE: Final = b"\xcd\x2d"
_READ, _WRITE, _EXECUTE = 0, 1, 8
_KERNEL_SIGNAL_CODE: Final = 0x80
_DIVIDE: Final = 1

_ENDED_BY_EXCEPTION: Final = {
    Status.ACCESS_VIOLATION: posix.SIGSEGV,
    NtStatus.INTEGER_DIVIDE_BY_ZERO: posix.SIGFPE,
    NtStatus.ILLEGAL_INSTRUCTION: posix.SIGILL,
    NtStatus.BREAKPOINT: posix.SIGTRAP,
    NtStatus.CONTROL_C_EXIT: posix.SIGINT,
    Status.STACK_OVERFLOW: posix.SIGSEGV,
    NtStatus.STACK_BUFFER_OVERRUN: posix.SIGABRT,
}
"""Unhandled exceptions as a Linux parent sees them (G18)."""


def declare_calls() -> Calls:
    """`nt`, with every module of `calls/` imported."""
    package = importlib.import_module("lichen.subsystems.nt.calls")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return nt


def stopping_numbers(ntdll: PeFile) -> tuple[int, ...]:
    """The numbers of STOPPING_CALLS in this ntdll."""
    return tuple(ntdll.system_calls[name] for name in STOPPING_CALLS if name in ntdll.system_calls)


class NtSubsystem:
    """Windows NT on x86-64."""

    name = "nt"

    def __init__(
        self,
        platform: Platform,
        guests: NtGuests,
        machine: MachineState,
        ntdll: File,
        nls: Path,
    ) -> None:
        self.platform, self.guests, self.machine = platform, guests, machine
        self.nls = nls
        self.images = ImageCache(platform.page_cache, machine)
        self.ntdll = self.images.open(ntdll)
        self.generation = generation_of(self.ntdll.file)
        self.system_processes = SystemProcesses(machine, as_nt_process)
        self.shared_data = SharedData(guests.shared_data, machine)
        numbers = self.ntdll.file.system_calls
        self.table = declare_calls().table(X64, numbers)
        self.names = {number: name for name, number in numbers.items()}
        self.missing = Missing()
        """Calls without a declaration that were made, and how often."""
        self._ticking = False
        self.keyed_event = KeyedEvent()
        """The keyed event that is meant by a null handle."""

    # ---- calls

    def system_call(self, thread: Thread, number: int, arguments: tuple[int, ...]) -> Result:
        """Decode and run one call."""
        if thread.process.space.draining:
            thread.process.space.draining.pop(thread, None)
        if nt_of(thread).undo:
            nt_of(thread).undo.clear()
        entry = self.table.get(number)
        if entry is not None:
            result: Result = entry.enter(thread, arguments)
            return result
        if number == UNIX_CALL:
            return unix_call(thread, self.generation, *arguments[:3])
        name = self.call_name(number)
        self.missing.count(name)
        if number in _WINDOW_CALLS:
            graphics.refused(thread, number, arguments)
            return 0
        return Status.NOT_IMPLEMENTED if name[:2] == "Nt" else NtStatus.INVALID_SYSTEM_SERVICE

    def call_name(self, number: int) -> str:
        """What people call a system call, declared or not."""
        return self.names.get(number, f"call_{number:#x}")

    def failed(self, thread: Thread, error: Exception) -> int:
        """The status of a call that failed, of which nothing is left."""
        undo = nt_of(thread).undo
        while undo:
            with suppress(Failure):  # another thread may have been faster
                undo.pop()()
        if isinstance(error, Failure):
            return error.status if error.status & 0xFFFF0000 != POSIX else Status.UNSUCCESSFUL
        if isinstance(error, BadAddress):
            return Status.ACCESS_VIOLATION
        if isinstance(error, Interrupted):
            return Status.USER_APC if nt_of(thread).apcs else Status.ALERTED
        if isinstance(error, OSError):
            return Failure.from_host(error).status
        raise error

    def attend(self, thread: Thread, result: int | None) -> None:
        """Run the next APC of a thread that waited alertably; then let it go on."""
        state = nt_of(thread)
        delivers = result is not None and (result == Status.USER_APC or state.cut_short) and bool(state.apcs)
        state.cut_short = False
        if delivers and thread.guest.stop():
            self._call_apc(thread, cast(int, result))
        elif result is None:
            thread.guest.resume()
        else:
            thread.guest.complete(result)

    def _call_apc(self, thread: Thread, result: int) -> None:
        apcs = nt_of(thread).apcs
        dispatcher = self.entries(thread.process).apc_dispatcher
        try:
            self.generation.call_apc(thread, dispatcher, apcs[0], result)
        except BadAddress as error:
            if stacks.reach(thread, error.address):
                self._call_apc(thread, result)
            else:
                self.end_by_exception(thread.process, Status.ACCESS_VIOLATION)
            return
        apcs.popleft()
        thread.attention = bool(apcs)
        thread.guest.resume()

    @property
    def version(self) -> str:
        """What programs are told that ask which Wine it is."""
        return self.generation.version

    def entries(self, process: Process) -> Entries:
        """ntdll's entry points in a process."""
        return Entries.of(self.ntdll.file, nt_of_process(process).ntdll)

    def queue_apc(self, thread: Thread, apc: UserApc) -> None:
        """Queue a user APC and get the thread out of an alertable wait."""
        self.keep_time()
        nt_of(thread).apcs.append(apc)
        thread.attention = True
        thread.alert()

    # ---- time

    def keep_time(self) -> None:
        """An NT thread will run: the shared time is right, and from now on rewritten in every tick."""
        if not self._ticking:
            self._ticking = True
            self._rewrite_time()

    def _rewrite_time(self) -> None:
        self.shared_data.refresh()
        self.machine.scheduler.at(self.machine.scheduler.clock() + TICK, self._tick)

    def _tick(self) -> None:
        """The shared time rests while no NT thread could read it, until something wakes."""
        if any(self._may_run(thread) for thread in self.machine.processes.threads.values()):
            self._rewrite_time()
        else:
            self._ticking = False
            self.machine.scheduler.on_wake(self.keep_time)

    def _may_run(self, thread: Thread) -> bool:
        waits = thread.parking is not None and thread.parking.wait is not None
        return not waits and not thread.held_back and as_nt(thread) is not None

    # ---- signals and faults

    def released(self, thread: Thread) -> None:
        """An APC has ended an alertable wait when it was queued, and no other wait."""

    def signal(self, process: Process, number: int, sender: Process | None) -> None:
        """What POSIX signals mean to an NT process (G17)."""
        if number in (0, posix.SIGCHLD, posix.SIGURG) or self._is_ignored(process, number):
            return
        if signals.is_for_console(process, number):
            return
        if number in (posix.SIGSTOP, posix.SIGTSTP, posix.SIGTTIN, posix.SIGTTOU):
            if number == posix.SIGSTOP or not process.group.is_orphaned():
                process.stop(number)
        elif number == posix.SIGCONT:
            process.resume()
        else:
            process.terminate(ExitStatus.of_signal(number))

    def ignores(self, thread: Thread, number: int) -> bool:
        """Whether whoever started the process had it ignore a signal (nohup); NT itself has no means to."""
        return self._is_ignored(thread.process, number)

    @staticmethod
    def _is_ignored(process: Process, number: int) -> bool:
        return number in process.ignored and number not in (posix.SIGKILL, posix.SIGSTOP, posix.SIGCONT)

    def fault(self, thread: Thread, fault: Fault) -> None:
        """A trap of the processor becomes an exception, or was a system call in disguise (int 2Eh)."""
        registers = thread.guest.registers
        instruction = self._instruction(thread)
        address, code = registers.rip, 0
        parameters: tuple[int, ...] = ()
        if fault.signal == posix.SIGSEGV and fault.code == _KERNEL_SIGNAL_CODE:
            if instruction == _SYSTEM_SERVICE_EXCEPTION:
                registers.rip += 2
                arguments = registers.r10, registers.rdx, registers.r8, registers.r9, registers.rsp + 0x28
                self.machine.scheduler.system_call(thread.guest, registers.rax & 0xFFFFFFFF, arguments)
                return
            if instruction == _FAST_FAIL:
                self.end_by_exception(thread.process, NtStatus.STACK_BUFFER_OVERRUN)
                return
            if instruction == _DEBUG_SERVICE:
                registers.rip += 3
                code, parameters = NtStatus.BREAKPOINT, (registers.rax,)
        if not code:
            code, parameters = self._exception_of(thread, fault)
            if code == Status.SUCCESS:
                thread.guest.resume()
                return
            if code == NtStatus.BREAKPOINT:
                registers.rip -= 1
                address = registers.rip
        self.raise_exception(
            thread, exceptions.record(code, address, parameters), context.capture(thread.guest)
        )

    @staticmethod
    def _instruction(thread: Thread) -> bytes:
        try:
            return thread.memory.read(thread.guest.registers.rip, 2)
        except BadAddress:
            return b""

    def _exception_of(self, thread: Thread, fault: Fault) -> tuple[int, tuple[int, ...]]:
        """(code, parameters) of a fault."""
        if fault.signal == posix.SIGTRAP:
            breakpoint_ = fault.code == _KERNEL_SIGNAL_CODE
            return (NtStatus.BREAKPOINT, (0,)) if breakpoint_ else (NtStatus.SINGLE_STEP, ())
        if fault.signal == posix.SIGFPE:
            divide = fault.code == _DIVIDE
            return (NtStatus.INTEGER_DIVIDE_BY_ZERO if divide else NtStatus.FLOAT_INVALID_OPERATION), ()
        if fault.signal == posix.SIGILL:
            return NtStatus.ILLEGAL_INSTRUCTION, ()
        if fault.code == _KERNEL_SIGNAL_CODE:
            return Status.ACCESS_VIOLATION, (_READ, 0xFFFFFFFFFFFFFFFF)
        return self._page_fault(thread, fault)

    def _page_fault(self, thread: Thread, fault: Fault) -> tuple[int, tuple[int, ...]]:
        """An access violation with its kind, or the first touch of a guard page, which is thereby opened.

        SUCCESS when that was only the stack's guard, which was to be set up again.
        """
        address = fault.address
        region = thread.process.space.find(address)
        kind = _EXECUTE if fault.error & 16 else _WRITE if fault.error & 2 else _READ
        if region is None or not region.state & PAGE_GUARD:
            return Status.ACCESS_VIOLATION, (kind, address)
        if (status := stacks.touched(thread, region, address)) is not None:
            return status, (kind, address)
        page, protect = page_down(address), region.state & ~PAGE_GUARD
        set_protection(thread.process.space, page, page + 0x1000, protect)
        thread.guest.change_memory((Protect(page, 0x1000, host_protection(protect)),))
        return Status.GUARD_PAGE_VIOLATION, (kind, address)

    def raise_exception(self, thread: Thread, exception: ExceptionRecord, captured: Context) -> None:
        """Let user mode handle an exception; without room for its frame the process ends."""
        before, _ = nt_of(thread).last_exception
        nt_of(thread).last_exception = exception.code, exception.address
        dispatcher = self.entries(thread.process).exception_dispatcher
        try:
            exceptions.raise_exception(thread.guest, dispatcher, exception, captured)
        except BadAddress as error:
            if stacks.reach(thread, error.address):
                self.raise_exception(thread, exception, captured)
                return
            code = before if before == Status.STACK_OVERFLOW else exception.code
            self.end_by_exception(thread.process, code, exception.address)
            return
        thread.guest.resume()

    def end_by_exception(self, process: Process, code: int, address: int = 0) -> None:
        """An exception that nobody handled ends the process; whoever reads its error output learns where it was."""
        if code in _ENDED_BY_EXCEPTION:
            crash.report(process, code, address)
            if graphics.explains_crash(process):
                process.terminate(ExitStatus(graphics.CANNOT_RUN))
                return
        process.terminate(ExitStatus(code, _ENDED_BY_EXCEPTION.get(code, 0)))

    # ---- life of threads and processes

    def thread_started(self, thread: Thread, creator: Thread | None) -> None:
        """The creator of the thread gives it its state."""
        self.keep_time()

    def environment(self, process: Process) -> bytes:
        """The variables in the block that the PEB leads to, which the program may have changed."""
        state = as_nt_process(process)
        return read_environment(process.first_thread.memory, state.peb) if state is not None else b""

    def leave(self, process: Process) -> frozenset[int]:
        """Windows programs never become others, and change nothing about what is ignored."""
        return process.ignored

    def set_nice(self, thread: Thread, nice: int) -> None:
        """A nice value is the process's: its class."""
        priority.set_nice(thread.process, nice)

    def set_processors(self, thread: Thread, processors: frozenset[int] | None) -> None:
        affinity.set_from_outside(thread, processors)

    def program_replaced(self, thread: Thread, before: Subsystem) -> None:
        """exec of a PE file: what Linux knew of the process is gone."""
        self.thread_started(thread, None)

    def thread_ended(self, thread: Thread) -> None:
        """Remember the thread's memory for whoever can unmap it."""
        state, process = as_nt(thread), thread.process
        if state is not None:
            for mutant in list(state.mutants):
                mutant.abandon()
        if process.exit_status is not None:
            self._abandon_pending(process)
        if state is not None:
            nt_of_process(process).left_memory += threads.left_memory(thread)

    def ask_to_end(self, process: Process) -> None:
        """By CTRL_SHUTDOWN_EVENT; a program without a console has nothing to hear that by."""
        if not signals.shut_down(process):
            process.terminate(ExitStatus.of_signal(posix.SIGTERM))

    def process_ended(self, process: Process) -> None:
        """Its console is the others' alone."""
        signals.left(process)
        self.system_processes.ended(process)
        self._abandon_pending(process)

    @staticmethod
    def _abandon_pending(process: Process) -> None:
        """I/O that goes on ends with its process, before its handles are closed: whoever shares them hears of that."""
        if (state := as_nt_process(process)) is not None:
            for pending in list(state.pending.values()):
                pending.abandon()

    def job_changed(self, process: Process) -> None:
        """The terminal is its console's no more, or again."""
        if not process.stopped:
            self.keep_time()
        signals.job_changed(process)

    def child_ended(self, parent: Process, child: Process) -> bool:
        """NT parents never make zombies: the child's object lives while handles do (G19)."""
        return False

    def child_changed(self, parent: Process, child: Process) -> None:
        return

    def orphaned(self, process: Process) -> None:
        return
