"""Going through the threads of a process, one handle at a time.

ntdll does so to give thread-local storage of a DLL that is loaded later to the threads that run already.

Source: NtGetNextThread (phnt); what Wine's tests expect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.argument import Out
from lichen.abi.layout import ptr
from lichen.executive.objects.dispatcher import ThreadObject
from lichen.executive.objects.rights import ProcessAccess
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.access import opened_handle
from lichen.subsystems.nt.objects import process_of, thread_of
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Flags, Handle, Named

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread

_BACKWARDS: Final = 1


@nt.call()
def NtGetNextThread(
    thread: Thread,
    process: Handle,
    previous: Handle,
    access: Flags,
    attributes: Flags,
    flags: Flags,
    handle: Out[ptr],
) -> int:
    """Open the thread behind another one of a process, or its first; NO_MORE_ENTRIES behind the last."""
    handle.write(0)
    target = process_of(thread, process, ProcessAccess.QUERY_INFORMATION)
    known = thread_of(thread, previous, 0) if previous else None
    if flags & ~_BACKWARDS:
        raise Failure(Status.INVALID_PARAMETER)
    found = _next_thread(target, known, bool(flags & _BACKWARDS))
    handle.write(opened_handle(thread, ThreadObject(found), access, Named(0, "", attributes, 0)))
    return Status.SUCCESS


def _next_thread(process: Process, known: Thread | None, backwards: bool) -> Thread:
    """Threads have the order of their ids, so that one that has ended meanwhile still has its place."""
    living = sorted(process.threads, reverse=backwards)
    for id in living:
        if known is None or (id < known.id if backwards else id > known.id):
            return process.threads[id]
    raise Failure(Status.NO_MORE_ENTRIES)
