"""I/O completion ports.

Source: NtCreateIoCompletion and its family (phnt).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lichen.abi.argument import OptionalIn, OptionalOut, Out
from lichen.abi.layout import i64, layout, ptr, u32
from lichen.executive.objects.completion import MOST_PACKETS, CompletionPort, PacketQueue
from lichen.executive.objects.rights import StateAccess
from lichen.executive.status import Failure, Status
from lichen.executive.wait import TIMED_OUT, Blocks, Wait
from lichen.subsystems.nt import names
from lichen.subsystems.nt.information import Information
from lichen.subsystems.nt.objects import object_of
from lichen.subsystems.nt.records import MODEL
from lichen.subsystems.nt.records.common import IoStatusBlock
from lichen.subsystems.nt.records.objects import FileIoCompletionInformation
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address, Boolean, Flags, Handle, ObjectName, Result
from lichen.subsystems.nt.waiting import deadline_of, pending_alert

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_PACKET: Final = layout(FileIoCompletionInformation, MODEL)


@nt.call()
def NtCreateIoCompletion(
    thread: Thread, handle: Out[ptr], access: Flags, name: ObjectName, threads: u32
) -> int:
    """Make or open a completion port."""
    return names.make_or_open(thread, handle, access, name, CompletionPort, CompletionPort)


@nt.call()
def NtOpenIoCompletion(thread: Thread, handle: Out[ptr], access: Flags, name: ObjectName) -> int:
    """Open a completion port by name."""
    return names.open_named(thread, handle, access, name, CompletionPort)


@nt.call()
def NtSetIoCompletion(
    thread: Thread, handle: Handle, key: Address, value: Address, status: u32, information: Address
) -> int:
    """Queue a packet."""
    port = object_of(thread, handle, CompletionPort, StateAccess.MODIFY_STATE)
    if len(port.queue.packets) >= MOST_PACKETS:
        raise Failure(Status.INSUFFICIENT_RESOURCES)
    port.post(key, value, status, information)
    return Status.SUCCESS


@nt.call()
def NtQueryIoCompletion(
    thread: Thread,
    handle: Handle,
    information_class: u32,
    buffer: Address,
    size: u32,
    needed: OptionalOut[u32],
) -> int:
    """How many packets wait."""
    port = object_of(thread, handle, CompletionPort, StateAccess.QUERY_STATE)
    needed.write(information.find(information_class).answer(thread.memory, buffer, size, None, port)[1])
    return Status.SUCCESS


information: Final = Information[CompletionPort](exact=True)


@information.value(0, u32)
def _depth(port: CompletionPort) -> int:
    return len(port.queue.packets)


@nt.call()
def NtRemoveIoCompletion(
    thread: Thread,
    handle: Handle,
    key: Out[ptr],
    value: Out[ptr],
    status: Out[IoStatusBlock],
    timeout: OptionalIn[i64],
) -> Result:
    """Take a packet, waiting for one."""
    queue = object_of(thread, handle, CompletionPort, StateAccess.MODIFY_STATE).queue

    def take() -> int:
        found_key, found_value, outcome, information = queue.packets.popleft()
        key.write(found_key)
        value.write(found_value)
        status.write(IoStatusBlock(outcome, information))
        return Status.SUCCESS

    if queue.packets:
        return take()
    if timeout == 0:
        return Status.TIMEOUT
    return _wait_for_packet(queue, take, deadline_of(thread, timeout), False)


@nt.call()
def NtRemoveIoCompletionEx(
    thread: Thread,
    handle: Handle,
    entries: Address,
    count: u32,
    removed: Out[u32],
    timeout: OptionalIn[i64],
    alertable: Boolean,
) -> Result:
    """Take several packets."""
    queue = object_of(thread, handle, CompletionPort, StateAccess.MODIFY_STATE).queue
    if not 0 < count <= 0x10000:
        raise Failure(Status.INVALID_PARAMETER)

    def take() -> int:
        number = min(count, len(queue.packets))
        found = [queue.packets.popleft() for _ in range(number)]
        data = b"".join(_PACKET.pack(FileIoCompletionInformation(*packet)) for packet in found)
        thread.memory.write(entries, data)
        removed.write(number)
        return Status.SUCCESS

    if queue.packets:
        return take()
    removed.write(1)  # whatever it removes, says Windows
    if alertable and (alert := pending_alert(thread)) is not None:
        return alert
    if timeout == 0:
        return Status.TIMEOUT
    return _wait_for_packet(queue, take, deadline_of(thread, timeout), alertable)


def _wait_for_packet(
    queue: PacketQueue, take: Callable[[], int], deadline: float | None, alertable: bool
) -> Blocks[int]:
    while not queue.packets:
        index = yield Wait((queue,), deadline, alertable=alertable, interruptible=alertable)
        if index == TIMED_OUT:
            return Status.TIMEOUT
    return take()
