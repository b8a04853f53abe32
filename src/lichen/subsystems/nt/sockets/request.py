"""One request to a socket, as its handlers see it."""

from __future__ import annotations

from types import GeneratorType
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from lichen.executive.network.sockets import Address, AddressFamily, Caller, LocalAddress
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, then
from lichen.subsystems.nt.sockets import addresses
from lichen.subsystems.nt.sockets.afd import AfdFile
from lichen.subsystems.nt.sockets.errors import translate

if TYPE_CHECKING:
    from collections.abc import Callable

    from lichen.executive.io.requests import Operation
    from lichen.executive.processes import Thread
    from lichen.subsystems.nt.types import Result

T = TypeVar("T")


class Request(NamedTuple):
    """`data` is what the caller gave at `input`; the answer goes to `output`, which has room for `room` bytes."""

    thread: Thread
    file: AfdFile
    data: bytes
    input: int
    output: int
    room: int
    completion: Operation

    @property
    def caller(self) -> Caller:
        return Caller(self.thread.process.files, self.thread.process.id)

    def address(self, data: bytes) -> Address:
        """The address in a sockaddr, for this socket."""
        family = self.file.made.family
        if family == AddressFamily.LOCAL:
            return addresses.decode_local(self.thread, data)
        return addresses.decode(data, family)

    def name(self, address: Address | None, room: int | None = None) -> bytes:
        """The sockaddr of an address, as it goes where there is so much room; nothing for what has none."""
        if isinstance(address, LocalAddress):
            room = self.room if room is None else room
            return addresses.encode_local(self.thread.process, address, room)
        return addresses.encode(address)

    def need(self, size: int) -> bytes:
        """What the caller gave; INVALID_PARAMETER when that is less than `size` bytes."""
        if len(self.data) < size:
            raise Failure(Status.INVALID_PARAMETER)
        return self.data

    def answer(self, data: bytes = b"", status: int = Status.SUCCESS) -> int:
        """End the request with bytes; INVALID_PARAMETER when the caller has not the room."""
        if len(data) > self.room:
            raise Failure(Status.INVALID_PARAMETER)
        if data:
            self.thread.memory.write(self.output, data)
        return self.completion.end(status, len(data))

    def finish(
        self,
        operation: T | Blocks[T],
        continuation: Callable[[T], int],
        late: int = Status.DEVICE_NOT_READY,
    ) -> Result:
        """End the request when an operation has, in or after the call."""
        if type(operation) is GeneratorType:
            operation = translate(operation, late)
        return self.completion.carry_out(then(operation, continuation))
