"""User APCs: queued to a thread, which makes the calls when it waits alertably or asks for them.

Source: NtQueueApcThread, NtQueueApcThreadEx, NtTestAlert (phnt); behaviour of Windows 10.
"""

from __future__ import annotations

from typing import Final

from lichen.executive.objects.object import Object
from lichen.executive.objects.rights import ThreadAccess
from lichen.executive.processes import Thread
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.objects import object_of, thread_of
from lichen.subsystems.nt.state import UserApc, as_nt, nt_of, nt_of_process
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address, Handle

_MOST_APCS: Final = 1 << 16
_SPECIAL_USER_APC: Final = 1
"""What stands for a reserve object."""


@nt.call()
def NtQueueApcThread(
    thread: Thread, target: Handle, routine: Address, first: Address, second: Address, third: Address
) -> int:
    """Queue a user APC."""
    return _queue_apc(thread, target, UserApc(routine, (first, second, third)))


@nt.call(partial="no special APCs, which interrupt a thread that does not wait; no reserve objects")
def NtQueueApcThreadEx(
    thread: Thread,
    target: Handle,
    reserve: Handle,
    routine: Address,
    first: Address,
    second: Address,
    third: Address,
) -> int:
    """Queue a user APC, by a reserve object that pays for it."""
    if reserve == _SPECIAL_USER_APC:
        raise Failure(Status.NOT_IMPLEMENTED)
    if reserve:
        object_of(thread, reserve, Object, 0)
        raise Failure(Status.OBJECT_TYPE_MISMATCH)
    return _queue_apc(thread, target, UserApc(routine, (first, second, third)))


def _queue_apc(thread: Thread, target: int, call: UserApc) -> int:
    found = thread_of(thread, target, ThreadAccess.SET_CONTEXT)
    if found.dead or as_nt(found) is None:
        raise Failure(Status.UNSUCCESSFUL)
    if not call.routine:
        return Status.SUCCESS  # nothing is to be called, and nobody is woken for that
    if len(nt_of(found).apcs) >= _MOST_APCS:
        raise Failure(Status.INSUFFICIENT_RESOURCES)
    nt_of_process(found.process).subsystem.queue_apc(found, call)
    return Status.SUCCESS


@nt.call()
def NtTestAlert(thread: Thread) -> int:
    """Run queued APCs now."""
    state = nt_of(thread)
    if state.apcs:
        thread.attention = True
        return Status.USER_APC
    alerted, state.alerted = state.alerted, False
    return Status.ALERTED if alerted else Status.SUCCESS
