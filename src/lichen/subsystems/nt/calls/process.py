"""Processes: create, end, query.

Source: NtCreateUserProcess, NtTerminateProcess, NtQueryInformationProcess (winternl.h, phnt).
"""

from __future__ import annotations

import signal
from typing import Final

from lichen.abi.argument import In, OptionalOut, Out
from lichen.abi.layout import layout, ptr, u8, u32
from lichen.abi.memory import Memory
from lichen.executive.objects.dispatcher import ProcessObject
from lichen.executive.objects.rights import ProcessAccess
from lichen.executive.processes import ExitStatus, Process, Thread
from lichen.executive.security.tokens import Capability
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt import affinity, crash, foreign, graphics, names, priority, signals
from lichen.subsystems.nt.access import opened_handle
from lichen.subsystems.nt.calls.section import image_information
from lichen.subsystems.nt.information import Information, Settings
from lichen.subsystems.nt.objects import new_handle, process_of
from lichen.subsystems.nt.protection import PAGE_READWRITE
from lichen.subsystems.nt.records import MODEL, POINTER
from lichen.subsystems.nt.records.common import ClientId, UnicodeString
from lichen.subsystems.nt.records.processes import (
    IoCounters,
    KernelUserTimes,
    ProcessBasicInformation,
    ProcessPriorityClass,
    QuotaLimits,
    StackAllocation,
    StackAllocationEx,
    VmCounters,
    VmCountersEx,
)
from lichen.subsystems.nt.records.sections import SectionImageInformation
from lichen.subsystems.nt.shared_data import UNITS, system_time
from lichen.subsystems.nt.state import as_nt_process, nt_of, nt_of_process
from lichen.subsystems.nt.status import NtStatus
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address, Flags, Handle, ObjectName, Result, encode
from lichen.subsystems.nt.virtual_memory import reserve, room_below

_STACK, _STACK_EX = layout(StackAllocation, MODEL), layout(StackAllocationEx, MODEL)
STILL_ACTIVE: Final = 0x103
_EXECUTE_FLAGS: Final = 0x22
_COOKIE: Final = 0x5EED5EED


@nt.call()
def NtTerminateProcess(thread: Thread, process: Handle, code: u32) -> Result:
    """End a process; handle 0 ends the other threads of the caller's."""
    if process == 0:
        for other in list(thread.process.threads.values()):
            if other is not thread:
                other.exit(code)
        graphics.about_to_end(thread.process)
        return Status.SUCCESS
    target = process_of(thread, process, ProcessAccess.TERMINATE)
    if target.exit_status is not None:
        return Status.PROCESS_IS_TERMINATING
    if target.id == 1:
        raise Failure(Status.ACCESS_DENIED)
    if target is thread.process and code and code == nt_of(thread).last_exception[0]:
        nt_of_process(thread.process).subsystem.end_by_exception(target, *nt_of(thread).last_exception)
        return None
    if target is thread.process:
        crash.explain(target, code)
        code = graphics.status_at_end(target, code)
        target.terminate(signals.exit_status(thread, code))
        return None
    end(target, code)
    return Status.SUCCESS


def end(process: Process, code: int) -> None:
    """End a process with a code; a Linux one as by SIGKILL, which its parent knows (G18)."""
    process.terminate(ExitStatus(code, 0 if as_nt_process(process) is not None else signal.SIGKILL))


@nt.call()
def NtOpenProcess(
    thread: Thread, handle: Out[ptr], access: Flags, name: ObjectName, wanted: In[ClientId]
) -> int:
    """Open a process by its id."""
    process_id, thread_id = wanted
    machine = thread.process.machine
    if not process_id and thread_id in machine.processes.threads:
        process_id = machine.processes.threads[thread_id].process.id
    found = machine.processes.get(process_id)
    if found is None or found.exit_status is not None:
        raise Failure(Status.INVALID_CID)
    number = opened_handle(thread, ProcessObject(found), access, name)
    handle.write(number)
    return Status.SUCCESS


def exit_code(process: Process) -> int:
    """GetExitCodeProcess: 128 + n for a signal (G18)."""
    return STILL_ACTIVE if process.exit_status is None else process.exit_status.code


# ---- what is known of a process


information: Final = Information[Process](access=ProcessAccess.QUERY_LIMITED)


@information(0, ProcessBasicInformation)
def _basic(process: Process) -> ProcessBasicInformation:
    state = as_nt_process(process)
    peb = state.peb if state is not None else foreign.PEB if process.threads else 0
    mask = affinity.of_process(process)
    # Wine's DLLs take the base priority for the class, which has a class of its own.
    number = priority.class_of(process)
    return ProcessBasicInformation(exit_code(process), peb, mask, number, process.id, process.creator)


@information(1, QuotaLimits)
def _quotas(process: Process) -> QuotaLimits:
    return QuotaLimits()


@information(2, IoCounters)
def _transfers(process: Process) -> IoCounters:
    counters = process.counters
    moved = counters.read_bytes, counters.written_bytes
    return IoCounters(counters.reads, counters.writes, 0, *moved, 0)


@information(3, VmCountersEx, least=layout(VmCounters, MODEL).size)
def _memory_counters(process: Process) -> VmCountersEx:
    total = process.space.total()
    return VmCountersEx(memory_counters(total), total)


def memory_counters(total: int) -> VmCounters:
    """VM_COUNTERS of so many bytes of memory: what of it is in the host's memory is not known."""
    return VmCounters(total, total, 0, total, total, 0, 0, 0, 0, total, total)


@information(4, KernelUserTimes)
def times(process: Process) -> KernelUserTimes:
    """When a process began, and how long it has run."""
    created = system_time(process.machine) - int((process.machine.uptime() - process.started) * UNITS)
    used = process.processor_time()
    return KernelUserTimes(created, 0, int(used.system * UNITS), int(used.user * UNITS))


@information.value(7, ptr, access=ProcessAccess.QUERY_INFORMATION)
def _debug_port(process: Process) -> int:
    return 0


@information.value(12, u32)
def _hard_error_mode(process: Process) -> int:
    return 0


@information.value(15, u8)
def _foreground(process: Process) -> int:
    return 0


@information(18, ProcessPriorityClass)
def _priority_class(process: Process) -> ProcessPriorityClass:
    return ProcessPriorityClass(0, priority.class_of(process))


@information.value(20, u32)
def _handle_count(process: Process) -> int:
    return sum(1 for _ in process.handles)


@information.value(21, ptr)
def _affinity(process: Process) -> int:
    return affinity.of_process(process)


@information.value(22, u32)
def _priority_boost(process: Process) -> int:
    return 1


@information.value(24, u32)
def _session(process: Process) -> int:
    return 1


@information.value(26, ptr)
def _wow64(process: Process) -> int:
    return 0


@information.tailed(27, UnicodeString)
def _native_image_name(at: int, process: Process) -> tuple[UnicodeString, bytes]:
    return _text(at, names.native_name(process.machine, foreign.image_path(process)))


@information.value(29, u32)
def _break_on_termination(process: Process) -> int:
    state = as_nt_process(process)
    return int(state is not None and state.break_on_termination)


@information.value(30, ptr, access=ProcessAccess.QUERY_INFORMATION)
def _debug_object(process: Process) -> int:
    raise Failure(NtStatus.PORT_NOT_SET)


@information.value(31, u32, access=ProcessAccess.QUERY_INFORMATION)
def _debug_flags(process: Process) -> int:
    return 1


@information.value(34, u32, access=ProcessAccess.QUERY_INFORMATION)
def _execute_flags(process: Process) -> int:
    return _EXECUTE_FLAGS if as_nt_process(process) is not None else 0


@information.value(36, u32, access=ProcessAccess.QUERY_INFORMATION)
def _cookie(process: Process) -> int:
    return _COOKIE


@information(37, SectionImageInformation, access=ProcessAccess.QUERY_INFORMATION)
def _image(process: Process) -> SectionImageInformation:
    state = as_nt_process(process)
    if state is None:
        raise Failure(Status.INVALID_PARAMETER)
    return image_information(state.image, state.base)


@information.tailed(43, UnicodeString)
def _image_name(at: int, process: Process) -> tuple[UnicodeString, bytes]:
    return _text(at, foreign.image_path(process))


@information.tailed(60, UnicodeString)
def _command_line(at: int, process: Process) -> tuple[UnicodeString, bytes]:
    return _text(at, process.command_line)


def _text(at: int, text: str) -> tuple[UnicodeString, bytes]:
    data = encode(text)
    return UnicodeString(len(data), len(data) + 2, at), data + b"\0\0"


@nt.call(partial="classes that console programs ask for")
def NtQueryInformationProcess(
    thread: Thread,
    process: Handle,
    information_class: u32,
    buffer: Address,
    size: u32,
    needed: OptionalOut[u32],
) -> int:
    """What is known of a process."""
    known = information.find(information_class)
    target = process_of(thread, process, known.access)
    known.answer(thread.memory, buffer, size, needed, target)
    return Status.SUCCESS


# ---- changing a process


settings: Final = Settings[Thread, Process](access=ProcessAccess.SET_INFORMATION)
_FOR_BOTH_WORLDS: Final = (18, 21, 41)
"""Classes that a Linux program's process has too."""
settings.accept(12, 16, 23, 29, 33, 34, 39)


@settings(18, ProcessPriorityClass)
def _set_priority_class(given: ProcessPriorityClass, thread: Thread, target: Process) -> None:
    priority.set_class(target, given.priority_class, thread.process.files.token.has(Capability.SYS_NICE))


@settings.value(21, ptr)
def _set_affinity(mask: int, thread: Thread, target: Process) -> None:
    affinity.set_process(target, mask)


@settings.raw(41)
def _reserve_stack(memory: Memory, buffer: int, size: int, thread: Thread, target: Process) -> None:
    """Room for a stack, of a fiber for example: its size and how low it is to be; the answer is where."""
    if size not in (_STACK.size, _STACK_EX.size):
        raise Failure(Status.INFO_LENGTH_MISMATCH)
    if target is not thread.process:
        raise Failure(Status.ACCESS_DENIED)
    at = buffer + size - _STACK.size
    asked = _STACK.read(memory, at)
    if not asked.reserve_size or asked.reserve_size >> 47:
        raise Failure(Status.INVALID_PARAMETER if not asked.reserve_size else Status.NO_MEMORY)
    memory.write(at, _STACK.pack(asked._replace(stack_base=0)))
    room = room_below(asked.zero_bits, Status.INVALID_PARAMETER)
    base = reserve(target.space, asked.reserve_size, PAGE_READWRITE, room=room).base
    memory.write(at, _STACK.pack(asked._replace(stack_base=base)))


@settings.raw(1000, least=POINTER.size, exact=True)
def _serves_others(memory: Memory, buffer: int, size: int, thread: Thread, target: Process) -> None:
    """Wine's own: to be told when nobody else is left."""
    event = nt_of_process(target).subsystem.system_processes.add(target)
    number = new_handle(thread, event, event.rights.all)
    memory.write(buffer, POINTER.pack(number))


@settings.raw(1002)
def _become_administrator(memory: Memory, buffer: int, size: int, thread: Thread, target: Process) -> None:
    """Wine's own: to be the administrators'."""
    if not target.files.token.elevated:
        raise Failure(Status.PRIVILEGE_NOT_HELD)


@nt.call(partial="settings without an effect here are accepted")
def NtSetInformationProcess(
    thread: Thread, process: Handle, information_class: u32, buffer: Address, size: u32
) -> int:
    """Change a process."""
    known = settings.find(information_class)
    target = process_of(thread, process, known.access)
    if information_class not in _FOR_BOTH_WORLDS and as_nt_process(target) is None:
        raise Failure(Status.ACCESS_DENIED)
    known.take(thread.memory, buffer, size, thread, target)
    return Status.SUCCESS


@nt.call()
def NtSuspendProcess(thread: Thread, process: Handle) -> int:
    """Suspend every thread of a process."""
    for each in list(process_of(thread, process, ProcessAccess.SUSPEND_RESUME).threads.values()):
        each.suspend()
    return Status.SUCCESS


@nt.call()
def NtResumeProcess(thread: Thread, process: Handle) -> int:
    """Undo NtSuspendProcess."""
    for each in list(process_of(thread, process, ProcessAccess.SUSPEND_RESUME).threads.values()):
        each.resume()
    return Status.SUCCESS
