"""Threads: create, end, suspend, their contexts, alerts, exceptions.

Source: NtCreateThreadEx, NtContinue, NtRaiseException, NtGetContextThread (phnt); behaviour of Windows 10.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from lichen.abi.argument import In, OptionalOut, Out
from lichen.abi.layout import i32, layout, ptr, u8, u32
from lichen.abi.memory import Memory
from lichen.executive.interfaces import GuestGone
from lichen.executive.objects.dispatcher import ThreadObject
from lichen.executive.objects.rights import THREAD, ProcessAccess, ThreadAccess
from lichen.executive.processes import Process, Thread
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt import affinity, attributes, context, priority, threads, virtual_memory
from lichen.subsystems.nt.access import opened_handle
from lichen.subsystems.nt.calls.process import STILL_ACTIVE
from lichen.subsystems.nt.console import shells
from lichen.subsystems.nt.information import Information, Settings
from lichen.subsystems.nt.objects import new_handle, process_of, thread_of
from lichen.subsystems.nt.records import MODEL, POINTER, ULONG
from lichen.subsystems.nt.records.common import ClientId, UnicodeString
from lichen.subsystems.nt.records.exceptions import Context, ExceptionRecord
from lichen.subsystems.nt.records.processes import KernelUserTimes
from lichen.subsystems.nt.records.threads import ContinueArgument, GroupAffinity, ThreadBasicInformation
from lichen.subsystems.nt.shared_data import UNITS, system_time
from lichen.subsystems.nt.state import as_nt, as_nt_process, nt_of, nt_of_process
from lichen.subsystems.nt.status import NtStatus
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
    pass

_CREATE_SUSPENDED: Final = 1
_EXCEPTION: Final = layout(ExceptionRecord, MODEL)
_CLIENT: Final = layout(ClientId, MODEL)
_CONTINUE: Final = layout(ContinueArgument, MODEL)
_HIGHEST_TRUTH: Final = 0xFF
_CONTINUE_TEST_ALERT: Final = 1
_MOST_SUSPENDS: Final = 127
_PRIORITIES: Final = (-15, -2, -1, 0, 1, 2, 15)


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
    wanted: Address,
) -> Result:
    """Start a thread."""
    room = virtual_memory.room_below(zero_bits, NtStatus.INVALID_PARAMETER_3)
    target = process_of(thread, process, ProcessAccess.CREATE_THREAD)
    if as_nt_process(target) is None:
        raise Failure(Status.ACCESS_DENIED)
    creator = thread if target is thread.process else target.first_thread
    stack = stack_reserve, stack_commit
    created = threads.create(creator, start, parameter, stack, bool(flags & _CREATE_SUSPENDED), room)
    nt_of(thread).undo.append(lambda: created.exit(0))
    handle.write(new_handle(thread, ThreadObject(created), THREAD.of_maker(access), name))
    _fill_attributes(thread, wanted, created)
    return Status.SUCCESS


def _fill_attributes(thread: Thread, address: int, created: Thread) -> None:
    """Tell the creator ids and TEB if it asked."""
    for number, attribute in attributes.read_attributes(thread.memory, address):
        if number == attributes.CLIENT_ID:
            data = _CLIENT.pack(ClientId(created.process.id, created.id))
        elif number == attributes.TEB:
            data = POINTER.pack(nt_of(created).teb)
        else:
            continue
        thread.memory.write(attribute.value, data[: attribute.size])
        if attribute.return_length:
            thread.memory.write(attribute.return_length, POINTER.pack(len(data)))


@nt.call()
def NtTerminateThread(thread: Thread, target: Handle, code: u32) -> Result:
    """End a thread; the last one takes the process along."""
    found = thread_of(thread, target, ThreadAccess.TERMINATE) if target else thread
    if as_nt(found) is None:
        raise Failure(Status.ACCESS_DENIED)
    found.exit(code)
    return None if found is thread else Status.SUCCESS


@nt.call()
def NtOpenThread(
    thread: Thread, handle: Out[ptr], access: Flags, name: ObjectName, wanted: In[ClientId]
) -> int:
    """Open a thread by its id."""
    process_id, thread_id = wanted
    found = thread.process.machine.processes.threads.get(thread_id)
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
        raise Failure(NtStatus.SUSPEND_COUNT_EXCEEDED)
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
    if as_nt(target) is not None and not target.alert():
        nt_of(target).alerted = True


@nt.call()
def NtGetContextThread(thread: Thread, target: Handle, address: Address) -> int:
    """The registers of a thread."""
    found = thread_of(thread, target, ThreadAccess.GET_CONTEXT)
    with _at_rest(found):
        captured = context.capture(found.guest)
    given = context.LAYOUT.read(thread.memory, address)
    thread.memory.write(address, context.LAYOUT.pack(context.merge(given, captured)))
    return Status.SUCCESS


@nt.call()
def NtSetContextThread(thread: Thread, target: Handle, address: Address) -> Result:
    """Set the registers of a thread."""
    found = thread_of(thread, target, ThreadAccess.SET_CONTEXT)
    wanted = context.LAYOUT.read(thread.memory, address)
    if found is thread:
        thread.guest.stop()
        _load(thread, wanted)
        thread.guest.resume()
        return None
    with _at_rest(found):
        _load(found, wanted)
    return Status.SUCCESS


def _load(thread: Thread, wanted: Context) -> None:
    """Set the registers of a stopped thread; INVALID_PARAMETER when the processor cannot have such."""
    try:
        context.load(thread.guest, wanted)
    except OSError as error:
        raise Failure(Status.INVALID_PARAMETER) from error


@contextmanager
def _at_rest(target: Thread) -> Iterator[None]:
    """Have a thread stand still for a block, after which it is in the state that it was in."""
    if target.dead or as_nt(target) is None:
        raise Failure(Status.THREAD_IS_TERMINATING if target.dead else Status.ACCESS_DENIED)
    try:
        with target.guest.at_rest():
            yield
    except GuestGone:
        raise Failure(Status.THREAD_IS_TERMINATING) from None


@nt.call()
def NtContinue(thread: Thread, address: Address, alertable: Boolean) -> Result:
    """Go on with the registers of a CONTEXT."""
    return _continue(thread, address, alertable)


@nt.call()
def NtContinueEx(thread: Thread, address: Address, argument: Address) -> Result:
    """Go on with the registers of a CONTEXT, as a KCONTINUE_ARGUMENT or a mere truth value says."""
    if argument <= _HIGHEST_TRUTH:
        return _continue(thread, address, bool(argument))
    flags = _CONTINUE.read(thread.memory, argument).flags
    return _continue(thread, address, bool(flags & _CONTINUE_TEST_ALERT))


def _continue(thread: Thread, address: int, alertable: bool) -> Result:
    wanted = context.LAYOUT.read(thread.memory, address)
    state = nt_of(thread)
    thread.guest.stop()
    _load(thread, wanted)
    nt_of_process(thread.process).has_begun = True
    if not _is_in_ntdll(thread.process, wanted.rip):
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
    state = nt_of_process(process)
    return state.ntdll <= address < state.ntdll + state.subsystem.ntdll.file.size


@nt.call()
def NtRaiseException(thread: Thread, record: Address, captured: Address, first_chance: Boolean) -> Result:
    """Raise an exception; the second chance ends the process."""
    exception = _EXCEPTION.read(thread.memory, record)
    wanted = context.LAYOUT.read(thread.memory, captured)
    subsystem = nt_of_process(thread.process).subsystem
    if not first_chance:
        subsystem.end_by_exception(thread.process, exception.code, exception.address)
        return None
    thread.guest.stop()
    _load(thread, wanted)
    subsystem.raise_exception(thread, exception, wanted)
    return None


# ---- what is known of a thread


information: Final = Information[Thread](access=ThreadAccess.QUERY_LIMITED)


@information(0, ThreadBasicInformation)
def _basic(found: Thread) -> ThreadBasicInformation:
    state = as_nt(found)
    code = found.exit_code if found.dead else STILL_ACTIVE
    teb = state.teb if state is not None else 0
    ids = ClientId(found.process.id, found.id)
    # Both are relative to the process's: Wine's DLLs ask for the first, which should not be.
    above = priority.step_of(found) & 0xFFFFFFFF
    return ThreadBasicInformation(code, teb, ids, affinity.of_thread(found), above, above)


@information(1, KernelUserTimes)
def times(found: Thread) -> KernelUserTimes:
    """When a thread began, and how long it has run."""
    used = found.processor_time()
    created = system_time(found.process.machine) - int(
        (found.process.machine.uptime() - found.started) * UNITS
    )
    return KernelUserTimes(created, 0, int(used.system * UNITS), int(used.user * UNITS))


@information.value(4, ptr)
def _affinity(found: Thread) -> int:
    return affinity.of_thread(found)


@information.value(9, ptr, access=ThreadAccess.QUERY_INFORMATION)
def _start_address(found: Thread) -> int:
    state = as_nt(found)
    return state.start if state is not None else 0


@information.value(12, u32)
def _is_last(found: Thread) -> int:
    return int(len(found.process.threads) == 1)


@information.value(14, u32)
@information.value(17, u8)
@information.value(18, u32)
def _without_meaning(found: Thread) -> int:
    """That the priority is boosted, that debuggers are not told, and that I/O is pending: none of it here."""
    return 0


@information.value(20, u32)
def _is_terminated(found: Thread) -> int:
    return int(found.dead)


@information(30, GroupAffinity)
def _group_affinity(found: Thread) -> GroupAffinity:
    return GroupAffinity(affinity.of_thread(found))


@information.value(35, u32)
def _suspend_count(found: Thread) -> int:
    return found.suspended


@information.tailed(38, UnicodeString, too_small=Status.BUFFER_TOO_SMALL)
def _description(at: int, found: Thread) -> tuple[UnicodeString, bytes]:
    state = as_nt(found)
    text = encode(state.description if state is not None else "")
    return UnicodeString(len(text), len(text), at), text


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
    known = information.find(information_class)
    found = thread_of(thread, target, known.access)
    known.answer(thread.memory, buffer, size, needed, found)
    return Status.SUCCESS


# ---- changing a thread


settings: Final = Settings[Thread](access=ThreadAccess.SET_INFORMATION)
settings.accept(17)
settings.accept(2, 13, 14, 18, least=ULONG.size)
settings.accept(5, least=POINTER.size)


@settings.value(3, i32)
def _set_priority(above: int, found: Thread) -> None:
    if above not in _PRIORITIES:
        raise Failure(Status.INVALID_PARAMETER)
    priority.set_step(found, above)


@settings.value(4, ptr)
def _set_affinity(mask: int, found: Thread) -> None:
    affinity.set_thread(found, mask)


@settings(30, GroupAffinity)
def _set_group_affinity(wanted: GroupAffinity, found: Thread) -> None:
    affinity.set_thread(found, wanted.mask)


@settings.raw(38, access=ThreadAccess.SET_LIMITED, least=layout(UnicodeString, MODEL).size, exact=True)
def _set_description(memory: Memory, buffer: int, size: int, found: Thread) -> None:
    text = layout(UnicodeString, MODEL).read(memory, buffer)
    data = memory.read(text.buffer, text.length) if text.length else b""
    nt_of(found).description = data.decode("utf-16-le", "replace")
    found.name = nt_of(found).description[:15] or found.process.name


@nt.call(partial="settings without an effect here are accepted")
def NtSetInformationThread(
    thread: Thread, target: Handle, information_class: u32, buffer: Address, size: u32
) -> int:
    """Change a thread."""
    known = settings.find(information_class)
    found = thread_of(thread, target, known.access)
    if as_nt(found) is None:
        raise Failure(Status.ACCESS_DENIED)
    known.take(thread.memory, buffer, size, found)
    return Status.SUCCESS


@nt.call()
def NtGetCurrentProcessorNumber(thread: Thread) -> int:
    """The first processor that the thread may run on: the guests of a machine share one, unless they choose another."""
    mask = affinity.of_thread(thread)
    return (mask & -mask).bit_length() - 1
