"""Events, semaphores, mutants, and waiting by thread id.

Source: NtCreateEvent, NtCreateSemaphore, NtCreateMutant, NtAlertThreadByThreadId (ntifs.h, phnt).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.argument import OptionalIn, OptionalOut, Out
from lichen.abi.layout import i32, i64, ptr, u32
from lichen.executive.objects.dispatcher import EventObject
from lichen.executive.objects.rights import KeyedEventAccess, StateAccess
from lichen.executive.status import Failure, Interrupted, Status
from lichen.executive.wait import TIMED_OUT, Blocks, Condition, Event, Wait, Waitable
from lichen.subsystems.nt import names
from lichen.subsystems.nt.information import Information
from lichen.subsystems.nt.objects import object_of
from lichen.subsystems.nt.objects.synchronisation import (
    KeyedEvent,
    Meeting,
    Mutant,
    MutantObject,
    Semaphore,
    SemaphoreObject,
)
from lichen.subsystems.nt.records.objects import (
    EventBasicInformation,
    MutantBasicInformation,
    SemaphoreBasicInformation,
)
from lichen.subsystems.nt.state import nt_of, nt_of_process
from lichen.subsystems.nt.status import NtStatus
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address, Boolean, Flags, Handle, ObjectName, Result
from lichen.subsystems.nt.waiting import deadline_of

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_NOTIFICATION_EVENT, _SYNCHRONIZATION_EVENT = 0, 1


# ---- events


@nt.call()
def NtCreateEvent(
    thread: Thread, handle: Out[ptr], access: Flags, name: ObjectName, kind: u32, initial: Boolean
) -> int:
    """Make or open an event."""
    if kind not in (_NOTIFICATION_EVENT, _SYNCHRONIZATION_EVENT):
        raise Failure(Status.INVALID_PARAMETER)
    return names.make_or_open(
        thread, handle, access, name, EventObject, lambda: EventObject(kind == _NOTIFICATION_EVENT, initial)
    )


@nt.call()
def NtOpenEvent(thread: Thread, handle: Out[ptr], access: Flags, name: ObjectName) -> int:
    """Open an event by name."""
    return names.open_named(thread, handle, access, name, EventObject)


@nt.call()
def NtSetEvent(thread: Thread, handle: Handle, previous: OptionalOut[i32]) -> int:
    """Signal an event."""
    previous.write(int(object_of(thread, handle, EventObject, StateAccess.MODIFY_STATE).event.set()))
    return Status.SUCCESS


@nt.call()
def NtResetEvent(thread: Thread, handle: Handle, previous: OptionalOut[i32]) -> int:
    """Clear an event."""
    previous.write(int(object_of(thread, handle, EventObject, StateAccess.MODIFY_STATE).event.reset()))
    return Status.SUCCESS


@nt.call()
def NtClearEvent(thread: Thread, handle: Handle) -> int:
    """Clear an event."""
    object_of(thread, handle, EventObject, StateAccess.MODIFY_STATE).event.reset()
    return Status.SUCCESS


@nt.call()
def NtPulseEvent(thread: Thread, handle: Handle, previous: OptionalOut[i32]) -> int:
    """Release those who wait for an event now."""
    event = object_of(thread, handle, EventObject, StateAccess.MODIFY_STATE).event
    previous.write(int(event.is_set))
    event.pulse()
    return Status.SUCCESS


@nt.call()
def NtQueryEvent(
    thread: Thread,
    handle: Handle,
    information_class: u32,
    buffer: Address,
    size: u32,
    needed: OptionalOut[u32],
) -> int:
    """The kind and state of an event."""
    event = object_of(thread, handle, EventObject, StateAccess.QUERY_STATE).event
    needed.write(events.find(information_class).answer(thread.memory, buffer, size, None, event)[1])
    return Status.SUCCESS


events: Final = Information[Event](exact=True)


@events(0, EventBasicInformation)
def _event(event: Event) -> EventBasicInformation:
    return EventBasicInformation(not event.manual, event.is_set)


# ---- semaphores


@nt.call()
def NtCreateSemaphore(
    thread: Thread, handle: Out[ptr], access: Flags, name: ObjectName, count: i32, limit: i32
) -> int:
    """Make or open a semaphore."""
    if limit <= 0 or not 0 <= count <= limit:
        raise Failure(Status.INVALID_PARAMETER)
    return names.make_or_open(
        thread, handle, access, name, SemaphoreObject, lambda: SemaphoreObject(Semaphore(count, limit))
    )


@nt.call()
def NtOpenSemaphore(thread: Thread, handle: Out[ptr], access: Flags, name: ObjectName) -> int:
    """Open a semaphore by name."""
    return names.open_named(thread, handle, access, name, SemaphoreObject)


@nt.call()
def NtReleaseSemaphore(thread: Thread, handle: Handle, count: i32, previous: OptionalOut[i32]) -> int:
    """Add to a semaphore's count."""
    previous.write(
        object_of(thread, handle, SemaphoreObject, StateAccess.MODIFY_STATE).semaphore.release(count)
    )
    return Status.SUCCESS


@nt.call()
def NtQuerySemaphore(
    thread: Thread,
    handle: Handle,
    information_class: u32,
    buffer: Address,
    size: u32,
    needed: OptionalOut[u32],
) -> int:
    """The count and limit of a semaphore."""
    semaphore = object_of(thread, handle, SemaphoreObject, StateAccess.QUERY_STATE).semaphore
    known = semaphores.find(information_class)
    needed.write(known.answer(thread.memory, buffer, size, None, semaphore)[1])
    return Status.SUCCESS


semaphores: Final = Information[Semaphore](exact=True)


@semaphores(0, SemaphoreBasicInformation)
def _semaphore(semaphore: Semaphore) -> SemaphoreBasicInformation:
    return SemaphoreBasicInformation(semaphore.count, semaphore.limit)


# ---- mutants


@nt.call()
def NtCreateMutant(thread: Thread, handle: Out[ptr], access: Flags, name: ObjectName, owned: Boolean) -> int:
    """Make or open a mutant."""

    def make() -> MutantObject:
        made = MutantObject(Mutant())
        if owned:
            made.mutant.acquire(thread)
        return made

    return names.make_or_open(thread, handle, access, name, MutantObject, make)


@nt.call()
def NtOpenMutant(thread: Thread, handle: Out[ptr], access: Flags, name: ObjectName) -> int:
    """Open a mutant by name."""
    return names.open_named(thread, handle, access, name, MutantObject)


@nt.call()
def NtReleaseMutant(thread: Thread, handle: Handle, previous: OptionalOut[i32]) -> int:
    """Undo one acquisition of a mutant."""
    previous.write(object_of(thread, handle, MutantObject, 0).mutant.release(thread))
    return Status.SUCCESS


@nt.call()
def NtQueryMutant(
    thread: Thread,
    handle: Handle,
    information_class: u32,
    buffer: Address,
    size: u32,
    needed: OptionalOut[u32],
) -> int:
    """The state of a mutant."""
    mutant = object_of(thread, handle, MutantObject, StateAccess.QUERY_STATE).mutant
    known = mutants.find(information_class)
    needed.write(known.answer(thread.memory, buffer, size, None, thread, mutant)[1])
    return Status.SUCCESS


mutants: Final = Information["Thread", Mutant](exact=True)


@mutants(0, MutantBasicInformation)
def _mutant(thread: Thread, mutant: Mutant) -> MutantBasicInformation:
    return MutantBasicInformation(1 - mutant.depth, mutant.owner is thread, mutant.abandoned)


# ---- waiting by thread id (what ntdll's critical sections and condition variables end in)


@nt.call()
def NtAlertThreadByThreadId(thread: Thread, id: Address) -> int:
    """Release a thread from NtWaitForAlertByThreadId, now or when it comes there."""
    found = thread.process.machine.processes.threads.get(id)
    if found is None or found.process is not thread.process:
        raise Failure(Status.INVALID_CID)
    nt_of(found).alerted_by_id = True
    nt_of(found).alert.wake()
    return Status.SUCCESS


@nt.call()
def NtWaitForAlertByThreadId(thread: Thread, address: Address, timeout: OptionalIn[i64]) -> Result:
    """Wait for an alert by thread id."""
    state = nt_of(thread)
    if state.alerted_by_id:
        state.alerted_by_id = False
        return Status.ALERTED
    if timeout == 0:
        return Status.TIMEOUT
    return _wait_for_alert(thread, deadline_of(thread, timeout))


def _wait_for_alert(thread: Thread, deadline: float | None) -> Blocks[int]:
    state = nt_of(thread)
    state.alert = Condition(lambda: state.alerted_by_id)
    try:
        index = yield Wait((state.alert,), deadline, interruptible=False)
    finally:
        state.alert = Waitable()  # the condition refers to the thread's state
    if index == TIMED_OUT:
        return Status.TIMEOUT
    state.alerted_by_id = False
    return Status.ALERTED


# ---- keyed events (Wine's and Windows' fallback for the same purpose)


@nt.call()
def NtCreateKeyedEvent(thread: Thread, handle: Out[ptr], access: Flags, name: ObjectName, flags: u32) -> int:
    """Make or open a keyed event."""
    return names.make_or_open(thread, handle, access, name, KeyedEvent, KeyedEvent)


@nt.call()
def NtOpenKeyedEvent(thread: Thread, handle: Out[ptr], access: Flags, name: ObjectName) -> int:
    """Open a keyed event by name."""
    return names.open_named(thread, handle, access, name, KeyedEvent)


@nt.call()
def NtWaitForKeyedEvent(
    thread: Thread, handle: Handle, key: Address, alertable: Boolean, timeout: OptionalIn[i64]
) -> Result:
    """Wait until somebody releases the key."""
    event = _keyed(thread, handle, KeyedEventAccess.WAIT)
    return _meet(thread, event.releasers, event.waiters, key, alertable, timeout)


@nt.call()
def NtReleaseKeyedEvent(
    thread: Thread, handle: Handle, key: Address, alertable: Boolean, timeout: OptionalIn[i64]
) -> Result:
    """Release one who waits for the key, waiting for one to come."""
    event = _keyed(thread, handle, KeyedEventAccess.WAKE)
    return _meet(thread, event.waiters, event.releasers, key, alertable, timeout)


def _keyed(thread: Thread, handle: int, access: int) -> KeyedEvent:
    if handle:
        return object_of(thread, handle, KeyedEvent, access)
    default: KeyedEvent = nt_of_process(thread.process).subsystem.keyed_event
    return default


def _meet(
    thread: Thread,
    others: dict[tuple[int, int], list[Meeting]],
    own: dict[tuple[int, int], list[Meeting]],
    key: int,
    alertable: bool,
    timeout: int | None,
) -> Result:
    if key & 1:
        raise Failure(NtStatus.INVALID_PARAMETER_1)
    place = thread.process.id, key
    if place in others:
        other = others[place].pop(0)
        if not others[place]:
            del others[place]
        other.met = True
        other.wake()
        return Status.SUCCESS
    if timeout == 0:
        return Status.TIMEOUT
    return _wait_to_meet(own, place, deadline_of(thread, timeout), alertable)


def _wait_to_meet(
    own: dict[tuple[int, int], list[Meeting]], place: tuple[int, int], deadline: float | None, alertable: bool
) -> Blocks[int]:
    side = Meeting()
    own.setdefault(place, []).append(side)
    try:
        yield Wait((side,), deadline, alertable=alertable, interruptible=alertable)
    except Interrupted:
        if not side.met:
            raise
    finally:
        if not side.met:
            own[place].remove(side)
            if not own[place]:
                del own[place]
    return Status.SUCCESS if side.met else Status.TIMEOUT
