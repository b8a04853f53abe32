"""Named pipes (NT: npfs): two-way, in bytes or messages, with several instances under one name.

The unnamed pipes of CreatePipe are these too. An end is a `File` like any other, so a Linux program that inherits one
reads and writes it by descriptor: to it an end looks like a socket, which also is two-way and cannot be opened by name.

Source: NtCreateNamedPipeFile (phnt), [MS-FSA] 2.1.5.10.26-33, [MS-FSCC] 2.3.30-39.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from lichen.executive.io.attributes import Kind
from lichen.executive.io.file import Data, File
from lichen.executive.io.location import fold
from lichen.executive.io.opening import Access, Open, Options, Outcome, Poll
from lichen.executive.io.requests import BytesAvailable
from lichen.executive.objects.rights import FILE, GENERIC_READ, Rights
from lichen.executive.status import Failure, Status
from lichen.executive.wait import TIMED_OUT, Blocks, Condition, Wait, Waitable, then
from lichen.subsystems.nt.access import granted, protect, require
from lichen.subsystems.nt.devices import Device

if TYPE_CHECKING:
    from lichen.executive.io.location import Location
    from lichen.executive.processes import Process
    from lichen.executive.security import Token
    from lichen.subsystems.nt.descriptors import Descriptor

INSTANCE_NOT_AVAILABLE: Final = 0xC00000AB
PIPE_CONNECTED, PIPE_LISTENING = 0xC00000B2, 0xC00000B3
INVALID_READ_MODE, PIPE_EMPTY = 0xC00000B4, 0xC00000D9
DISCONNECTED, LISTENING, CONNECTED, CLOSING = 1, 2, 3, 4
"""FILE_PIPE_*_STATE."""
SHARE_READ, SHARE_WRITE = 1, 2
_LEAST_QUOTA, _MOST_QUOTA = 4096, 1 << 20
_CREATE_INSTANCE: Final = Access.APPEND
_READING: Final = Access.READ | Access.EXECUTE


class Shape(NamedTuple):
    """What all instances of a pipe have in common; quotas in bytes, `directions` in SHARE_* of the client."""

    directions: int
    messages: bool
    most_instances: int
    inbound_quota: int
    outbound_quota: int
    timeout: int
    """How long a client waits for an instance by default: relative, 100 ns."""


class Queue:
    """What one end has written and the other has not read yet."""

    def __init__(self, quota: int, messages: bool) -> None:
        self.quota = min(max(quota, _LEAST_QUOTA), _MOST_QUOTA)
        self.messages = messages
        self.parts: deque[bytes] = deque()
        self.size = 0

    @property
    def has_room(self) -> bool:
        """Whether a writer that waits should try again: a message may need all of the room."""
        return not self.size if self.messages else self.size < self.quota

    def put(self, data: bytes) -> int:
        """Append what there is room for (a message: all of it or nothing, even if it is empty); how much that was."""
        room = self.quota - self.size
        if self.messages:
            if self.parts and len(data) > room:
                return 0
            taken = data
        else:
            taken = data[: max(room, 0)]
        if taken or self.messages:
            self.parts.append(taken)
            self.size += len(taken)
        return len(taken)

    def take(self, size: int, one_message: bool) -> tuple[bytes, bool]:
        """Up to `size` bytes, and whether a message was cut short by that."""
        found: list[bytes] = []
        cut = False
        while self.parts and size:
            part = self.parts.popleft()
            found.append(part[:size])
            if len(part) > size:
                self.parts.appendleft(part[size:])
                cut = one_message
            size -= len(found[-1])
            if one_message:
                break
        data = b"".join(found)
        self.size -= len(data)
        return data, cut

    def peek(self, size: int) -> bytes:
        return b"".join(self.parts)[:size]


class PipeEnd(File):
    """The server's or the client's end of one instance."""

    __slots__ = (
        "at_end",
        "cut_short",
        "is_server",
        "one_message",
        "partner",
        "pipe",
        "received",
        "state",
        "waits",
    )

    def __init__(self, location: Location, open: Open, pipe: NamedPipe, is_server: bool) -> None:
        super().__init__(location, open)
        self.pipe, self.is_server = pipe, is_server
        self.partner: PipeEnd | None = None
        self.state = LISTENING
        self.one_message, self.waits = False, True
        """Whether reads end with a message, and whether operations wait."""
        self.cut_short = False
        """Whether the last read left the rest of a message behind."""
        self.at_end = False
        """Whether the last read found nothing, and nothing will come."""
        quota = pipe.shape.inbound_quota if is_server else pipe.shape.outbound_quota
        self.received = Queue(quota, pipe.shape.messages)

    def closed(self) -> None:
        self.leave()
        if self.is_server:
            self.pipe.remove(self)
        super().closed()

    def leave(self) -> None:
        """Part from the other end, which may still read what it has received."""
        partner, self.partner = self.partner, None
        if partner is not None:
            partner.partner, partner.state = None, CLOSING
            partner.notify()

    def connect(self, client: PipeEnd) -> None:
        """A client has come."""
        self.partner, client.partner = client, self
        self.state = client.state = CONNECTED
        self.notify()

    # ---- content

    def read(self, size: int, offset: int | None = None) -> bytes | Blocks[bytes]:
        if not self.access & _READING:
            raise Failure(Status.INVALID_HANDLE)
        if not size or self._readable():
            return self._take(size)
        if self.options & Options.NONBLOCKING:
            raise Failure(Status.DEVICE_NOT_READY)
        return self._read_later(size)

    def receive(self, size: int) -> bytes | Blocks[bytes]:
        """Read as NT does: whether that waits is set for the end itself, and a read of no bytes waits as well."""
        if self._readable():
            return self._take(size)
        if not self.waits:
            raise Failure(PIPE_EMPTY)
        return self._read_later(size)

    def _readable(self) -> bool:
        """Whether a read need not wait, for data or because none will come."""
        if self.received.parts or self.state == CLOSING:
            return True
        self._require_connection()
        return False

    def _require_connection(self) -> None:
        if self.state == LISTENING:
            raise Failure(PIPE_LISTENING)
        if self.state == DISCONNECTED:
            raise Failure(Status.PIPE_DISCONNECTED)

    def _take(self, size: int) -> bytes:
        self.at_end = not self.received.parts
        data, self.cut_short = self.received.take(size, self.one_message)
        if self.partner is not None:
            self.partner.notify()
        return data

    def _read_later(self, size: int) -> Blocks[bytes]:
        while not self._readable():
            yield Wait((self.ready(Poll.READABLE | Poll.HANGUP | Poll.ERROR),))
        return self._take(size)

    def write(self, data: Data, offset: int | None = None) -> int | Blocks[int]:
        if not self.access & Access.CONTENT:
            raise Failure(Status.INVALID_HANDLE)
        data = bytes(data)
        done = self._put(data)
        if done == len(data):
            return done
        if self.options & Options.NONBLOCKING:
            if not done:
                raise Failure(Status.DEVICE_NOT_READY)
            return done
        return self._write_later(data, done)

    def send(self, data: bytes) -> int | Blocks[int]:
        """Write as NT does: an end that does not wait takes what there is room for, which may be nothing."""
        done = self._put(data)
        return done if done == len(data) or not self.waits else self._write_later(data, done)

    def _put(self, data: bytes) -> int:
        self._require_connection()
        if self.partner is None:
            raise Failure(Status.PIPE_CLOSING)
        count = self.partner.received.put(data)
        if count or self.pipe.shape.messages:
            self.partner.notify()
        return count

    def _write_later(self, data: bytes, done: int) -> Blocks[int]:
        while done < len(data):
            yield Wait((self.ready(Poll.WRITABLE | Poll.HANGUP | Poll.ERROR),))
            done += self._put(data[done:])
        return done

    def transceive(self, message: bytes, size: int) -> bytes | Blocks[bytes]:
        """Write a message and read the one that answers it (FSCTL_PIPE_TRANSCEIVE); PIPE_BUSY with one still to be read."""
        if not self.one_message:
            raise Failure(INVALID_READ_MODE)
        self._require_connection()
        if self.received.parts:
            raise Failure(Status.PIPE_BUSY)
        return then(self.send(message), lambda _: self.receive(size))

    def flush(self) -> Blocks[None]:
        """Wait until the other end has read everything."""
        yield Wait((_Drained(self),))

    # ---- state

    def poll(self) -> int:
        ready = Poll.READABLE if self.received.parts else 0
        if self.state == CLOSING:
            ready |= Poll.HANGUP
        elif self.state != CONNECTED:
            ready |= Poll.ERROR
        partner = self.partner
        if partner is not None and partner.received.has_room:
            ready |= Poll.WRITABLE
        return ready

    def control(self, request: object) -> object:
        if isinstance(request, BytesAvailable):
            return self.received.size
        return super().control(request)

    def listen(self) -> int | Blocks[int]:
        """Wait for a client (FSCTL_PIPE_LISTEN)."""
        if not self.is_server:
            raise Failure(Status.INVALID_PARAMETER)
        if self.state == CONNECTED:
            raise Failure(PIPE_CONNECTED)
        if self.state == CLOSING:
            raise Failure(Status.PIPE_CLOSING)
        if self.state == DISCONNECTED:
            self.state = LISTENING
            self.pipe.notify()
        return self._listen() if self.waits else PIPE_LISTENING

    def _listen(self) -> Blocks[int]:
        while self.state == LISTENING:
            yield Wait((self.ready(Poll.READABLE | Poll.WRITABLE | Poll.HANGUP),))
        if self.state == DISCONNECTED:
            raise Failure(Status.PIPE_DISCONNECTED)
        return Status.SUCCESS

    def disconnect(self) -> None:
        """Throw the client out, with whatever it has not read (FSCTL_PIPE_DISCONNECT)."""
        if not self.is_server:
            raise Failure(Status.INVALID_PARAMETER)
        if self.state in (LISTENING, DISCONNECTED):
            raise Failure(PIPE_LISTENING if self.state == LISTENING else Status.PIPE_DISCONNECTED)
        client = self.partner
        self.leave()
        if client is not None:
            client.state = DISCONNECTED
            client.received = Queue(client.received.quota, client.received.messages)
        self.state = DISCONNECTED
        self.received = Queue(self.received.quota, self.received.messages)
        self.notify()


class _Drained(Waitable):
    """Signalled when nobody has anything left to read of what an end has written."""

    __slots__ = ("end",)

    def __init__(self, end: PipeEnd) -> None:
        self.end, self.waiters = end, end.readiness.waiters

    def signalled(self, waiter: object) -> bool:
        return self.end.partner is None or not self.end.partner.received.parts


class NamedPipe:
    """The instances under one name. By default others may read from a pipe, and only read (CreateNamedPipe in the SDK)."""

    rights: ClassVar[Rights] = FILE
    of_others: ClassVar[int] = FILE.spell(GENERIC_READ)

    def __init__(self, device: NamedPipes, name: str, shape: Shape) -> None:
        self.device, self.name, self.shape = device, name, shape
        self.maker: Token | None = None
        self.instances: list[PipeEnd] = []
        self.waiting: list[Condition] = []

    def available(self) -> PipeEnd | None:
        return next((end for end in self.instances if end.state == LISTENING), None)

    def notify(self) -> None:
        """An instance has become available, or the last one has gone."""
        for condition in tuple(self.waiting):
            condition.wake()

    def remove(self, end: PipeEnd) -> None:
        self.instances.remove(end)
        if not self.instances:
            self.device.pipes.pop(fold(self.name), None)
            self.notify()

    def wait(self, deadline: float | None) -> Blocks[int]:
        """Wait until an instance is available (FSCTL_PIPE_WAIT); IO_TIMEOUT."""
        condition = Condition(lambda: not self.instances or self.available() is not None)
        self.waiting.append(condition)
        try:
            index = yield Wait((condition,), deadline)
        finally:
            self.waiting.remove(condition)
        if index == TIMED_OUT:
            raise Failure(Status.IO_TIMEOUT)
        if not self.instances:
            raise Failure(Status.OBJECT_NAME_NOT_FOUND)
        return Status.SUCCESS


class PipeRoot(File):
    """The device itself, opened: where clients wait for instances and unnamed pipes are made."""

    __slots__ = ("device",)

    def __init__(self, location: Location, open: Open, device: NamedPipes) -> None:
        super().__init__(location, open)
        self.device = device


class NamedPipes(Device):
    r"""\Device\NamedPipe."""

    __slots__ = ("pipes",)
    type_name: ClassVar[str] = "Device"

    def __init__(self) -> None:
        super().__init__(self.open)
        self.pipes: dict[str, NamedPipe] = {}

    def create(
        self, process: Process, name: str, open: Open, shape: Shape, descriptor: Descriptor | None = None
    ) -> PipeEnd:
        """A new instance, of a new pipe or of one that is there; an empty name makes a pipe that has none."""
        pipe = self.pipes.get(fold(name)) if name else None
        if pipe is None:
            if open.disposition == 1:
                raise Failure(Status.OBJECT_NAME_NOT_FOUND)
            pipe = NamedPipe(self, name, shape)
            protect(process, pipe, descriptor)
            outcome = Outcome.CREATED
            if name:
                self.pipes[fold(name)] = pipe
        else:
            require(process, pipe, _CREATE_INSTANCE)
            if open.disposition == 2 or pipe.shape.directions != shape.directions:
                raise Failure(Status.ACCESS_DENIED)
            if len(pipe.instances) >= pipe.shape.most_instances:
                raise Failure(INSTANCE_NOT_AVAILABLE)
            outcome = Outcome.OPENED
        open = open._replace(access=FILE.of_maker(open.access))
        end = PipeEnd(_place(process), open, pipe, is_server=True)
        end.outcome = outcome
        pipe.instances.append(end)
        pipe.notify()
        return end

    def open(self, process: Process, rest: tuple[str, ...], open: Open) -> File:
        """Connect to an instance that listens; PIPE_NOT_AVAILABLE."""
        if not rest:
            return PipeRoot(_place(process), open, self)
        pipe = self.pipes.get(fold("\\".join(rest)))
        if pipe is None:
            raise Failure(Status.OBJECT_NAME_NOT_FOUND)
        return connect(process, pipe, open)


def connect(process: Process, pipe: NamedPipe, open: Open) -> PipeEnd:
    """A client's end, connected to an instance that listens."""
    open = open._replace(access=granted(process, pipe, open.access))
    directions = pipe.shape.directions
    if (open.access & Access.READ and not directions & SHARE_READ) or (
        open.access & Access.WRITE and not directions & SHARE_WRITE
    ):
        raise Failure(Status.ACCESS_DENIED)
    server = pipe.available()
    if server is None:
        raise Failure(Status.PIPE_NOT_AVAILABLE)
    client = PipeEnd(_place(process), open, pipe, is_server=False)
    server.connect(client)
    return client


def _place(process: Process) -> Location:
    return process.files.devices.anonymous.place(Kind.SOCKET, "pipe", process.files.token)
