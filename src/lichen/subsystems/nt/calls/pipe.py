"""Named pipes: making them.

Source: NtCreateNamedPipeFile (phnt); [MS-FSCC] 2.3.30-39 and 2.4.33-34.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.argument import OptionalIn, Out
from lichen.abi.layout import i64, ptr, u32
from lichen.executive.io.opening import Share
from lichen.executive.io.requests import NewPipe, PipeShape
from lichen.executive.objects.opening import reach
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.access import given_descriptor
from lichen.subsystems.nt.files import open_of
from lichen.subsystems.nt.named_pipes import NamedPipe
from lichen.subsystems.nt.objects import new_handle
from lichen.subsystems.nt.pipe_control import SHARE_READ, SHARE_WRITE
from lichen.subsystems.nt.records.common import IoStatusBlock
from lichen.subsystems.nt.spelling import split
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import NOTHING, Flags, ObjectName

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_SHAREABLE: Final = SHARE_READ | SHARE_WRITE


@nt.call()
def NtCreateNamedPipeFile(
    thread: Thread,
    handle: Out[ptr],
    access: Flags,
    name: ObjectName,
    status: Out[IoStatusBlock],
    share: Flags,
    disposition: u32,
    options: Flags,
    message_type: u32,
    message_reading: u32,
    not_waiting: u32,
    most_instances: u32,
    inbound_quota: u32,
    outbound_quota: u32,
    timeout: OptionalIn[i64],
) -> int:
    """Make a pipe, or one more instance of one; the handle is the server's end."""
    if not share & _SHAREABLE or share & ~_SHAREABLE or (message_reading & 1 and not message_type & 1):
        raise Failure(Status.INVALID_PARAMETER)
    if not most_instances:
        raise Failure(Status.INVALID_PARAMETER)
    if not name.root and not name.name:
        raise Failure(Status.OBJECT_PATH_SYNTAX_BAD if name is not NOTHING else Status.INVALID_PARAMETER)
    start, rest = reach(thread.process, name.root, split(name.name))
    request = open_of("", access, disposition, Share.ALL, options & ~1)
    descriptor = given_descriptor(thread, name, NamedPipe.rights, NamedPipe.of_others)
    shape = PipeShape(
        share, bool(message_type & 1), most_instances, inbound_quota, outbound_quota, timeout or 0
    )
    new = NewPipe(shape, bool(message_reading & 1), not not_waiting & 1, descriptor)
    end = start.create_pipe(thread.process, "\\".join(rest), request, new)
    handle.write(new_handle(thread, end, end.access, name))
    status.write(IoStatusBlock(Status.SUCCESS, end.outcome))
    return Status.SUCCESS
