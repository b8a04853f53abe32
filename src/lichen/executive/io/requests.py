"""Requests to drivers: by number (NT: IRPs), and those of `File.control` that several kinds of file understand.

NT has FSCTL codes for the latter, Unix ioctl and fcntl.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from lichen.executive.processes import Thread
    from lichen.executive.security.descriptors import Descriptor
    from lichen.executive.wait import Blocks

Answer = tuple[int, bytes]
"""A status, and what goes into the output buffer."""


class Operation(Protocol):
    """How the end of what was asked is told."""

    def carry_out(self, result: int | Blocks[int] | None) -> int | Blocks[int] | None:
        """Let it wait or go on by itself, as its file was opened."""

    def end(self, status: int, information: int) -> int:
        """Tell everybody; returns the status of the call."""


class DeviceRequest(NamedTuple):
    """A request by number: `data` is what the caller gave at `input`, the answer goes to `output`, which has `room`."""

    thread: Thread
    operation: Operation
    code: int
    data: bytes
    input: int
    output: int
    room: int

    def answer(self, answer: Answer) -> int:
        """End the request."""
        status, data = answer
        self.thread.memory.write(self.output, data)
        return self.operation.end(status, len(data))


class PipeShape(NamedTuple):
    """What all instances of a named pipe have in common; quotas in bytes, `directions` are what its clients may do."""

    directions: int
    messages: bool
    most_instances: int
    inbound_quota: int
    outbound_quota: int
    timeout: int
    """How long a client waits for an instance by default: relative, 100 ns."""


class NewPipe(NamedTuple):
    """What is asked of a device that makes named pipes (NT: IRP_MJ_CREATE_NAMED_PIPE)."""

    shape: PipeShape
    one_message: bool
    """Whether a read of the server's end stops where a message ends."""
    waits: bool
    descriptor: Descriptor | None


class BytesAvailable(NamedTuple):
    """How many bytes a read would give without waiting (FIONREAD): an int."""


class PipeCapacity(NamedTuple):
    """How many bytes a pipe holds at most (F_GETPIPE_SZ): an int."""


class SetPipeCapacity(NamedTuple):
    """Have a pipe hold at least `size` bytes (F_SETPIPE_SZ): what it holds now.

    SHARING_VIOLATION (EBUSY) when it holds more already, PRIVILEGE_NOT_HELD above what a machine allows.
    """

    size: int


class PeekPipe(NamedTuple):
    """What a read of `size` bytes would give (tee, splice), without taking it: bytes, empty when there are none."""

    size: int
