"""Threads: create, end, suspend, their contexts, APCs and alerts, exceptions.

Source: NtCreateThreadEx, NtContinue, NtRaiseException, NtGetContextThread (phnt); behaviour of Windows 10.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, cast

from lichen.abi.argument import OptionalOut, Out
from lichen.abi.layout import LLP64, layout, ptr, u32
from lichen.executive.interfaces import GuestGone, Unmap
from lichen.executive.objects.dispatcher import ThreadObject
from lichen.executive.objects.rights import THREAD, ProcessAccess, ThreadAccess
from lichen.executive.processes import Process
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt import affinity, context, priority, threads
from lichen.subsystems.nt.access import opened_handle
from lichen.subsystems.nt.console import shells
from lichen.subsystems.nt.objects import new_handle, process_of, thread_of
from lichen.subsystems.nt.records.common import ClientId
from lichen.subsystems.nt.records.exceptions import ExceptionRecord
from lichen.subsystems.nt.records.processes import KernelUserTimes
from lichen.subsystems.nt.records.threads import ThreadBasicInformation
from lichen.subsystems.nt.shared_data import UNITS, system_time
from lichen.subsystems.nt.state import NtProcess, NtThread, UserApc
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import (
    Address,
    Boolean,
    Flags,
    Handle,
    ObjectName,
    Result,
    Size,
    encode,
)

if TYPE_CHECKING:
    from lichen.executive.processes import Thread
    from lichen.subsystems.nt.pe import PeFile
    from lichen.subsystems.nt.subsystem import NtSubsystem

_CREATE_SUSPENDED: Final = 1
_RECORD: Final = layout(ExceptionRecord, LLP64)
_BASIC: Final = layout(ThreadBasicInformation, LLP64)
_TIMES: Final = layout(KernelUserTimes, LLP64)
_STATUS_SUSPEND_COUNT_EXCEEDED, _STATUS_THREAD_NOT_IN_PROCESS = 0xC000004A, 0xC000012A
_START_ADDRESS, _DESCRIPTION = 9, 38
_STRING_SIZE: Final = 16
"""Of a UNICODE_STRING."""
_LEAST_SIZES: Final = {2: 4, 3: 4, 4: 8, 5: 8, 13: 4, 14: 4, 18: 4, 30: 16}
"""How much there must be to set, by information class."""
_MOST_SUSPENDS: Final = 127
_MOST_APCS: Final = 1 << 16
_PRIORITIES: Final = (-15, -2, -1, 0, 1, 2, 15)
_ATTRIBUTE_CLIENT_ID, _ATTRIBUTE_TEB = 3, 4


@nt.call()
def NtCreateThreadEx(
    thread: Thread,
    handle: Out[ptr],
    access: Flags,
    name: ObjectName,
    process: Handle,
    start: Address,
    parameter: Address,
    flags: Flags,
    zero_bits: Size,
    stack_commit: Size,
    stack_reserve: Size,
    attributes: Address,
) -> Result:
    """Start a thread."""
    target = process_of(thread, process, ProcessAccess.CREATE_THREAD)
    if target.subsystem is not thread.process.subsystem or not isinstance(target.personality, NtProcess):
        raise Failure(Status.ACCESS_DENIED)
    creator = thread if target is thread.process else target.first_thread
    stack = stack_reserve, stack_commit
    created = create_thread(creator, start, parameter, stack, bool(flags & _CREATE_SUSPENDED))
    thread.personality.undo.append(lambda: created.exit(0))
    handle.write(new_handle(thread, ThreadObject(created), THREAD.of_maker(access), name))
    _fill_attributes(thread, attributes, created)
    return Status.SUCCESS


def create_thread(
    creator: Thread, start: int, parameter: int, stack: tuple[int, int], suspended: bool
) -> Thread:
    """A new thread of the creator's process, which is stopped for the purpose and goes on afterwards.

    `stack` says how much of one is reserved and committed; 0 for what the program's image says.
    """
    process, guest = creator.process, creator.guest
    subsystem = cast("NtSubsystem", process.subsystem)
    state: NtProcess = process.personality
    id = process.machine.new_id()
    with guest.at_rest():
        image = state.image.file
        new = threads.prepare(process.space, stack[0] or image.stack_reserve, stack[1] or image.stack_commit)
        guest.change_memory([*_given_back(process), *new.operations])
        host = guest.clone_thread(0, None, 0)
    created = process.machine.new_thread(process, host, id, creator.scheduling.inherited())
    created.personality = new.state(start)
    priority.apply(created)
    if creator.personality.affinity or affinity.of_process(process) != affinity.of_system(process):
        affinity.apply(created)  # the host would have it run where its creator does
    subsystem.thread_started(created, creator)
    try:
        new.write(host.memory, state.peb, process.id, id)
        new.enter(host, subsystem.entries(process), start, parameter)
    except BaseException:  # as when the host has no memory left
        created.exit(0)
        raise
    created.begin(suspended)
    return created


def _given_back(process: Process) -> list[Unmap]:
    """Stacks and TEBs of threads that have ended."""
    operations = []
    for start, size in process.personality.left_memory:
        operations += [Unmap(part.start, part.size) for part in process.space.remove(start, start + size)]
    process.personality.left_memory.clear()
    return operations


def _fill_attributes(thread: Thread, address: int, created: Thread) -> None:
    """PS_ATTRIBUTE_LIST: tell the creator ids and TEB if it asked."""
    if not address:
        return
    (total,) = struct.unpack("<Q", thread.memory.read(address, 8))
    for offset in range(8, min(total, 0x400) - 31, 32):
        attribute, size, value, needed = struct.unpack("<4Q", thread.memory.read(address + offset, 32))
        if attribute & 0xFFFF == _ATTRIBUTE_CLIENT_ID:
            data = struct.pack("<2Q", created.process.id, created.id)
        elif attribute & 0xFFFF == _ATTRIBUTE_TEB:
            data = struct.pack("<Q", created.personality.teb)
        else:
            continue
        thread.memory.write(value, data[:size])
        if needed:
            thread.memory.write(needed, struct.pack("<Q", len(data)))


@nt.call()
def NtTerminateThread(thread: Thread, target: Handle, code: u32) -> Result:
    """End a thread; the last one takes the process along."""
    found = thread_of(thread, target, ThreadAccess.TERMINATE) if target else thread
    if found is not thread and found.process.subsystem is not thread.process.subsystem:
        raise Failure(Status.ACCESS_DENIED)
    found.exit(code)
    return None if found is thread else Status.SUCCESS


@nt.call()
def NtOpenThread(thread: Thread, handle: Out[ptr], access: Flags, name: ObjectName, client: Address) -> int:
    """Open a thread by its id."""
    process_id, thread_id = struct.unpack("<2Q", thread.memory.read(client, 16))
    found = thread.process.machine.threads.get(thread_id)
    if found is None or (process_id and found.process.id != process_id):
        raise Failure(Status.INVALID_CID)
    handle.write(opened_handle(thread, ThreadObject(found), access, name))
    return Status.SUCCESS


@nt.call()
def NtSuspendThread(thread: Thread, target: Handle, previous: OptionalOut[u32]) -> Result:
    """Keep a thread from running."""
    found = thread_of(thread, target, ThreadAccess.SUSPEND_RESUME)
    if found.dead:
        raise Failure(Status.THREAD_IS_TERMINATING)
    if found.suspended >= _MOST_SUSPENDS:
        raise Failure(_STATUS_SUSPEND_COUNT_EXCEEDED)
    previous.write(found.suspended)
    if found is thread:
        thread.deferred = Status.SUCCESS
        thread.suspend()
        return None
    found.suspend()
    return Status.SUCCESS


@nt.call()
def NtResumeThread(thread: Thread, target: Handle, previous: OptionalOut[u32]) -> Result:
    """Undo one NtSuspendThread."""
    found = thread_of(thread, target, ThreadAccess.RESUME)
    previous.write(found.suspended)
    found.resume()
    return shells.started(thread, found)


@nt.call()
def NtAlertResumeThread(thread: Thread, target: Handle, previous: OptionalOut[u32]) -> int:
    """Resume a thread and alert it."""
    found = thread_of(thread, target, ThreadAccess.SUSPEND_RESUME)
    previous.write(found.suspended)
    found.resume()
    _alert(found)
    return Status.SUCCESS


@nt.call()
def NtAlertThread(thread: Thread, target: Handle) -> int:
    """Get a thread out of an alertable wait."""
    _alert(thread_of(thread, target, ThreadAccess.ALERT))
    return Status.SUCCESS


def _alert(target: Thread) -> None:
    if isinstance(target.personality, NtThread) and not target.alert():
        target.personality.alerted = True


@nt.call()
def NtGetContextThread(thread: Thread, target: Handle, address: Address) -> int:
    """The registers of a thread."""
    found = thread_of(thread, target, ThreadAccess.GET_CONTEXT)
    with _at_rest(found):
        captured = context.capture(found.guest)
    given = thread.memory.read(address, context.SIZE)
    thread.memory.write(address, context.merge(given, captured))
    return Status.SUCCESS


@nt.call()
def NtSetContextThread(thread: Thread, target: Handle, address: Address) -> Result:
    """Set the registers of a thread."""
    found = thread_of(thread, target, ThreadAccess.SET_CONTEXT)
    wanted = thread.memory.read(address, context.SIZE)
    if found is thread:
        thread.guest.stop()
        _load(thread, wanted)
        thread.guest.resume()
        return None
    with _at_rest(found):
        _load(found, wanted)
    return Status.SUCCESS


def _load(thread: Thread, wanted: bytes) -> None:
    """Set the registers of a stopped thread; INVALID_PARAMETER when the processor cannot have such."""
    try:
        context.load(thread.guest, wanted)
    except OSError as error:
        raise Failure(Status.INVALID_PARAMETER) from error


@contextmanager
def _at_rest(target: Thread) -> Iterator[None]:
    """Have a thread stand still for a block, after which it is in the state that it was in."""
    if target.dead or not isinstance(target.personality, NtThread):
        raise Failure(Status.THREAD_IS_TERMINATING if target.dead else Status.ACCESS_DENIED)
    try:
        with target.guest.at_rest():
            yield
    except GuestGone:
        raise Failure(Status.THREAD_IS_TERMINATING) from None


@nt.call()
def NtContinue(thread: Thread, address: Address, alertable: Boolean) -> Result:
    """Go on with the registers of a CONTEXT."""
    wanted = thread.memory.read(address, context.SIZE)
    state: NtThread = thread.personality
    thread.guest.stop()
    _load(thread, wanted)
    thread.process.personality.has_begun = True
    if not _is_in_ntdll(thread.process, context.register_of(wanted, "rip")):
        state.last_exception = (
            0,
            0,
        )  # a handler has dealt with it: on its way to the end it goes on within ntdll
    if alertable and state.apcs:
        thread.attention = True
        thread.process.subsystem.attend(thread, Status.USER_APC)
    else:
        thread.guest.resume()
    return None


def _is_in_ntdll(process: Process, address: int) -> bool:
    ntdll: PeFile = process.subsystem.ntdll.file  # type: ignore[attr-defined]
    base: int = process.personality.ntdll
    return base <= address < base + ntdll.size


@nt.call()
def NtRaiseException(thread: Thread, record: Address, captured: Address, first_chance: Boolean) -> Result:
    """Raise an exception; the second chance ends the process."""
    exception = _RECORD.unpack(thread.memory.read(record, _RECORD.size))
    wanted = thread.memory.read(captured, context.SIZE)
    subsystem = thread.process.subsystem
    if not first_chance:
        subsystem.end_by_exception(thread.process, exception.code, exception.address)  # type: ignore[attr-defined]
        return None
    thread.guest.stop()
    _load(thread, wanted)
    subsystem.raise_exception(thread, exception, wanted)  # type: ignore[attr-defined]
    return None


@nt.call()
def NtQueueApcThread(
    thread: Thread, target: Handle, routine: Address, first: Address, second: Address, third: Address
) -> int:
    """Queue a user APC."""
    found = thread_of(thread, target, ThreadAccess.SET_CONTEXT)
    if found.dead or not isinstance(found.personality, NtThread):
        raise Failure(Status.UNSUCCESSFUL)
    if not routine:
        return Status.SUCCESS  # nothing is to be called, and nobody is woken for that
    if len(found.personality.apcs) >= _MOST_APCS:
        raise Failure(Status.INSUFFICIENT_RESOURCES)
    found.process.subsystem.queue_apc(found, UserApc(routine, (first, second, third)))  # type: ignore[attr-defined]
    return Status.SUCCESS


@nt.call()
def NtTestAlert(thread: Thread) -> int:
    """Run queued APCs now."""
    state: NtThread = thread.personality
    if state.apcs:
        thread.attention = True
        return Status.USER_APC
    alerted, state.alerted = state.alerted, False
    return Status.ALERTED if alerted else Status.SUCCESS


@nt.call()
def NtQueryInformationThread(
    thread: Thread,
    target: Handle,
    information_class: u32,
    buffer: Address,
    size: u32,
    needed: OptionalOut[u32],
) -> int:
    """What is known of a thread."""
    much = information_class == _START_ADDRESS
    found = thread_of(thread, target, ThreadAccess.QUERY_INFORMATION if much else ThreadAccess.QUERY_LIMITED)
    named = information_class == _DESCRIPTION
    data = _description_at(found, buffer) if named else _information(found, information_class)
    needed.write(len(data))
    if size < len(data):
        raise Failure(Status.BUFFER_TOO_SMALL if named else Status.INFO_LENGTH_MISMATCH)
    thread.memory.write(buffer, data)
    return Status.SUCCESS


def _description_at(found: Thread, buffer: int) -> bytes:
    """UNICODE_STRING and text of a thread's description, to be written to `buffer`."""
    text = encode(getattr(found.personality, "description", ""))
    return struct.pack("<HH4xQ", len(text), len(text), buffer + _STRING_SIZE) + text


def _information(found: Thread, information_class: int) -> bytes:
    state = found.personality
    code = found.exit_code if found.dead else 0x103
    if information_class == 0:
        teb = state.teb if isinstance(state, NtThread) else 0
        ids = ClientId(found.process.id, found.id)
        # Both are relative to the process's: Wine's DLLs ask for the first, which should not be.
        above = getattr(state, "priority", 0) & 0xFFFFFFFF
        return _BASIC.pack(ThreadBasicInformation(code, teb, ids, affinity.of_thread(found), above, above))
    if information_class == 1:
        used = found.processor_time()
        clock = found.process.machine.scheduler.clock()
        created = system_time() - int((clock - found.started) * UNITS)
        return _TIMES.pack(KernelUserTimes(created, 0, int(used.system * UNITS), int(used.user * UNITS)))
    if information_class == 4:
        return struct.pack("<Q", affinity.of_thread(found))
    if information_class == _START_ADDRESS:
        return struct.pack("<Q", getattr(state, "start", 0))
    if information_class == 12:
        return struct.pack("<I", int(len(found.process.threads) == 1))
    if information_class in (14, 17, 18):
        return struct.pack("<I", 0) if information_class != 17 else b"\0"
    if information_class == 35:
        return struct.pack("<I", found.suspended)
    if information_class == 20:
        return struct.pack("<I", int(found.dead))
    if information_class == 30:
        return struct.pack("<QH6x", affinity.of_thread(found), 0)
    raise Failure(Status.INVALID_INFO_CLASS)


@nt.call(partial="settings without an effect here are accepted")
def NtSetInformationThread(
    thread: Thread, target: Handle, information_class: u32, buffer: Address, size: u32
) -> int:
    """Change a thread."""
    little = information_class == _DESCRIPTION
    found = thread_of(thread, target, ThreadAccess.SET_LIMITED if little else ThreadAccess.SET_INFORMATION)
    state = found.personality
    if not isinstance(state, NtThread):
        raise Failure(Status.ACCESS_DENIED)
    if size < _LEAST_SIZES.get(information_class, 0) or (little and size != _STRING_SIZE):
        raise Failure(Status.INFO_LENGTH_MISMATCH)
    if information_class == _DESCRIPTION:
        length, _, address = struct.unpack("<HH4xQ", thread.memory.read(buffer, 16))
        state.description = (
            thread.memory.read(address, length).decode("utf-16-le", "replace") if length else ""
        )
        found.name = state.description[:15] or found.process.name
    elif information_class in (4, 30):
        (mask,) = struct.unpack("<Q", thread.memory.read(buffer, 8))
        affinity.set_thread(found, mask)
    elif information_class == 3:
        (above,) = struct.unpack("<i", thread.memory.read(buffer, 4))
        if above not in _PRIORITIES:
            raise Failure(Status.INVALID_PARAMETER)
        priority.set_step(found, above)
    elif information_class not in (2, 5, 13, 14, 17, 18):
        raise Failure(Status.INVALID_INFO_CLASS)
    return Status.SUCCESS


@nt.call()
def NtGetCurrentProcessorNumber(thread: Thread) -> int:
    """The first processor that the thread may run on: the guests of a machine share one, unless they choose another."""
    mask = affinity.of_thread(thread)
    return (mask & -mask).bit_length() - 1
