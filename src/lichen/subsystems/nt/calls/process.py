"""Processes: create, end, query.

Source: NtCreateUserProcess, NtTerminateProcess, NtQueryInformationProcess (winternl.h, phnt).
"""

from __future__ import annotations

import signal
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lichen.abi.argument import OptionalOut
from lichen.abi.layout import LLP64, layout, u32
from lichen.executive.objects.dispatcher import ProcessObject
from lichen.executive.objects.rights import ProcessAccess
from lichen.executive.processes import ExitStatus
from lichen.executive.security import Capability
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt import affinity, crash, foreign, graphics, memory, priority, signals
from lichen.subsystems.nt.access import opened_handle
from lichen.subsystems.nt.calls.section import image_information
from lichen.subsystems.nt.devices import native_name
from lichen.subsystems.nt.memory import room_below
from lichen.subsystems.nt.objects import new_handle, process_of
from lichen.subsystems.nt.protection import PAGE_READWRITE
from lichen.subsystems.nt.records import KernelUserTimes, ProcessBasicInformation, SectionImageInformation
from lichen.subsystems.nt.shared_data import UNITS, system_time
from lichen.subsystems.nt.state import NtProcess
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address, Flags, Handle, ObjectName, Result, encode

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread

_BASIC: Final = layout(ProcessBasicInformation, LLP64)
_TIMES: Final = layout(KernelUserTimes, LLP64)
_IMAGE: Final = layout(SectionImageInformation, LLP64)
STILL_ACTIVE: Final = 0x103
_SERVES_OTHERS, _ADMINISTRATORS = 1000, 1002
"""Wine's own classes: to be told when nobody else is left, and to be the administrators'."""
_STACK_ALLOCATION: Final = 41
_STACK, _STACK_EX = struct.Struct("<3Q"), struct.Struct("<4I3Q")
_FOR_DEBUGGERS: Final = (7, 30, 31, 34, 36, 37)
"""Information classes that need more than a look at the process."""


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
    if target is thread.process and code and code == thread.personality.last_exception[0]:
        thread.process.subsystem.end_by_exception(target, *thread.personality.last_exception)  # type: ignore[attr-defined]
        return None
    if target is thread.process:
        crash.explain(target, code)
        code = graphics.status_at_end(target, code)
        target.terminate(signals.exit_status(thread, code))
        return None
    end(target, code)
    return Status.SUCCESS


def end(process: Process, code: int) -> None:
    """End a process with a code; a Linux one as by SIGKILL, which its parent knows (DECISIONS 18)."""
    process.terminate(ExitStatus(code, 0 if process.subsystem.name == "nt" else signal.SIGKILL))


@nt.call()
def NtOpenProcess(
    thread: Thread, handle: OptionalOut[u32], access: Flags, name: ObjectName, client: Address
) -> int:
    """Open a process by its id."""
    process_id, thread_id = struct.unpack("<2Q", thread.memory.read(client, 16))
    machine = thread.process.machine
    if not process_id and thread_id in machine.threads:
        process_id = machine.threads[thread_id].process.id
    found = machine.processes.get(process_id)
    if found is None or found.exit_status is not None:
        raise Failure(Status.INVALID_CID)
    number = opened_handle(thread, ProcessObject(found), access, name)
    thread.memory.write(handle.address, struct.pack("<Q", number))
    return Status.SUCCESS


def exit_code(process: Process) -> int:
    """GetExitCodeProcess: 128 + n for a signal (DECISIONS 18)."""
    return STILL_ACTIVE if process.exit_status is None else process.exit_status.code


def _basic(process: Process) -> bytes:
    state = process.personality
    peb = state.peb if isinstance(state, NtProcess) else foreign.PEB if process.threads else 0
    mask = affinity.of_process(process)
    # Wine's DLLs take the base priority for the class, which has a class of its own.
    number = priority.class_of(process)
    return _BASIC.pack(
        ProcessBasicInformation(exit_code(process), peb, mask, number, process.id, process.creator)
    )


def times(process: Process) -> bytes:
    """KERNEL_USER_TIMES of a process."""
    clock = process.machine.scheduler.clock()
    created = system_time() - int((clock - process.started) * UNITS)
    used = process.processor_time()
    return _TIMES.pack(KernelUserTimes(created, 0, int(used.system * UNITS), int(used.user * UNITS)))


def _image_name(process: Process, win32: bool) -> str:
    path = foreign.image_path(process)
    return path if win32 else native_name(process.machine, path)


def _unicode(text: str) -> Callable[[int], bytes]:
    """A UNICODE_STRING followed by its text, for a buffer at a given address."""
    data = encode(text)
    return lambda at: struct.pack("<HH4xQ", len(data), len(data) + 2, at + 16) + data + b"\0\0"


def _transfers(process: Process) -> bytes:
    """IO_COUNTERS."""
    counters = process.counters
    moved = counters.read_bytes, counters.written_bytes
    return struct.pack("<6Q", counters.reads, counters.writes, 0, *moved, 0)


def _answers(process: Process) -> dict[int, Callable[[], bytes]]:
    """The fixed-size information classes."""
    state = process.personality
    return {
        0: lambda: _basic(process),
        1: lambda: bytes(24),  # quota limits
        2: lambda: _transfers(process),
        4: lambda: times(process),
        7: lambda: struct.pack("<Q", 0),  # debug port
        12: lambda: struct.pack("<I", 0),  # default hard error mode
        15: lambda: b"\0",
        18: lambda: struct.pack("<BB", 0, priority.class_of(process)),
        20: lambda: struct.pack("<I", sum(1 for _ in process.handles)),
        21: lambda: struct.pack("<Q", affinity.of_process(process)),
        22: lambda: struct.pack("<I", 1),
        24: lambda: struct.pack("<I", 1),  # session
        26: lambda: struct.pack("<Q", 0),  # WoW64
        29: lambda: struct.pack("<I", int(getattr(state, "break_on_termination", False))),
        30: lambda: struct.pack("<Q", 0),
        31: lambda: struct.pack("<I", 1),
        34: lambda: struct.pack("<I", 0x22 if process.subsystem.name == "nt" else 0),  # execute flags
        36: lambda: struct.pack("<I", 0x5EED5EED & 0xFFFFFFFF),  # cookie
        37: lambda: _IMAGE.pack(image_information(state.image, state.base)),
    }


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
    much = information_class in _FOR_DEBUGGERS
    right = ProcessAccess.QUERY_INFORMATION if much else ProcessAccess.QUERY_LIMITED
    target = process_of(thread, process, right)
    if information_class in (27, 43):
        make = _unicode(_image_name(target, information_class == 43))
        data = make(buffer)
    elif information_class == 3:
        data = _memory_counters(target)[: max(88, min(size, 96))]
    elif information_class == 60:
        data = _unicode(getattr(target.personality, "command_line", " ".join(_arguments(target))))(buffer)
    else:
        answer = _answers(target).get(information_class)
        if answer is None:
            raise Failure(Status.INVALID_INFO_CLASS)
        if information_class == 37 and not isinstance(target.personality, NtProcess):
            raise Failure(Status.INVALID_PARAMETER)
        if information_class == 30:
            raise Failure(0xC0000353)  # PORT_NOT_SET: no debug object
        data = answer()
    needed.write(len(data))
    if size < len(data):
        raise Failure(Status.INFO_LENGTH_MISMATCH)
    thread.memory.write(buffer, data)
    return Status.SUCCESS


def _arguments(process: Process) -> tuple[str, ...]:
    return tuple(argument.decode("utf-8", "replace") for argument in process.arguments)


def _memory_counters(process: Process) -> bytes:
    """VM_COUNTERS_EX."""
    total = process.space.total()
    return struct.pack("<QQI4x9Q", total, total, 0, total, total, 0, 0, 0, 0, total, total, total)


def _reserve_stack(thread: Thread, target: Process, buffer: int, size: int) -> None:
    """Room for a stack, of a fiber for example: its size and how low it is to be; the answer is where."""
    if size not in (_STACK.size, _STACK_EX.size):
        raise Failure(Status.INFO_LENGTH_MISMATCH)
    if target is not thread.process:
        raise Failure(Status.ACCESS_DENIED)
    at = buffer + size - _STACK.size
    reserve, zero_bits, _ = _STACK.unpack(thread.memory.read(at, _STACK.size))
    if not reserve or reserve >> 47:
        raise Failure(Status.INVALID_PARAMETER if not reserve else Status.NO_MEMORY)
    thread.memory.write(at, _STACK.pack(reserve, zero_bits, 0))
    room = room_below(zero_bits, Status.INVALID_PARAMETER)
    base = memory.reserve(target.space, reserve, PAGE_READWRITE, room=room).base
    thread.memory.write(at, _STACK.pack(reserve, zero_bits, base))


@nt.call(partial="settings without an effect here are accepted")
def NtSetInformationProcess(
    thread: Thread, process: Handle, information_class: u32, buffer: Address, size: u32
) -> int:
    """Change a process."""
    target = process_of(thread, process, ProcessAccess.SET_INFORMATION)
    if information_class == 18 and size >= 2:
        may_raise = thread.process.files.token.has(Capability.SYS_NICE)
        priority.set_class(target, thread.memory.read(buffer, 2)[1], may_raise)
    elif information_class == 21 and size >= 8:
        (mask,) = struct.unpack("<Q", thread.memory.read(buffer, 8))
        affinity.set_process(target, mask)
    elif information_class == _STACK_ALLOCATION:
        _reserve_stack(thread, target, buffer, size)
    elif not isinstance(target.personality, NtProcess):
        raise Failure(Status.ACCESS_DENIED)
    elif information_class == _SERVES_OTHERS:
        if size != 8:
            raise Failure(Status.INFO_LENGTH_MISMATCH)
        event = target.subsystem.system_processes.add(target)  # type: ignore[attr-defined]
        number = new_handle(thread, event, event.rights.all)
        thread.memory.write(buffer, struct.pack("<Q", number))
    elif information_class == _ADMINISTRATORS:
        if not target.files.token.elevated:
            raise Failure(Status.PRIVILEGE_NOT_HELD)
    elif information_class not in (12, 16, 23, 29, 33, 34, 39):
        raise Failure(Status.INVALID_INFO_CLASS)
    return Status.SUCCESS


@nt.call()
def NtSuspendProcess(thread: Thread, process: Handle) -> int:
    """Suspend every thread of a process."""
    for each in process_of(thread, process, ProcessAccess.SUSPEND_RESUME).threads.values():
        each.suspend()
    return Status.SUCCESS


@nt.call()
def NtResumeProcess(thread: Thread, process: Handle) -> int:
    """Undo NtSuspendProcess."""
    for each in list(process_of(thread, process, ProcessAccess.SUSPEND_RESUME).threads.values()):
        each.resume()
    return Status.SUCCESS
