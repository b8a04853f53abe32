"""Reading and writing the memory of other processes.

Source: NtReadVirtualMemory, NtWriteVirtualMemory (phnt); status values as Windows 10 returns them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.argument import OptionalOut
from lichen.abi.layout import u64
from lichen.abi.memory import BadAddress
from lichen.executive.objects.rights import ProcessAccess
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt import foreign
from lichen.subsystems.nt.objects import process_of
from lichen.subsystems.nt.status import NtStatus
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address, Handle, Size

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread

_MOST_COPIED: Final = 1 << 26


@nt.call()
def NtReadVirtualMemory(
    thread: Thread, process: Handle, address: Address, buffer: Address, size: Size, done: OptionalOut[u64]
) -> int:
    """Copy from another process's memory."""
    return _copy(
        thread,
        process_of(thread, process, ProcessAccess.VM_READ),
        address,
        thread.process,
        buffer,
        size,
        done,
    )


@nt.call()
def NtWriteVirtualMemory(
    thread: Thread, process: Handle, address: Address, buffer: Address, size: Size, done: OptionalOut[u64]
) -> int:
    """Copy into another process's memory."""
    target = process_of(thread, process, ProcessAccess.VM_WRITE)
    return _copy(thread, thread.process, buffer, target, address, size, done)


def _copy(
    thread: Thread, source: Process, start: int, target: Process, to: int, size: int, done: OptionalOut[int]
) -> int:
    if size > _MOST_COPIED:
        raise Failure(Status.NO_MEMORY)
    done.write(0)
    try:
        if foreign.shows(source, start, size):
            data = foreign.read(source, start, size)
        else:
            data = source.first_thread.memory.read(start, size)
        target.first_thread.memory.write(to, data)
    except BadAddress as fault:
        raise Failure(NtStatus.PARTIAL_COPY) from fault
    done.write(size)
    return Status.SUCCESS
