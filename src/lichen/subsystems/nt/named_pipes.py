"""Named pipes (NT: npfs): two-way, in bytes or messages, with several instances under one name.

The unnamed pipes of CreatePipe are these too. An end is a `File` like any other, so a Linux program that inherits one
reads and writes it by descriptor: to it an end looks like a socket, which also is two-way and cannot be opened by name.

Source: NtCreateNamedPipeFile (phnt), [MS-FSA] 2.1.5.10.26-33, [MS-FSCC] 2.3.30-39.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from lichen.executive.io.attributes import Kind
from lichen.executive.io.file import Data, File
from lichen.executive.io.location import fold
from lichen.executive.io.opening import Access, Open, Options, Outcome, Poll
from lichen.executive.io.requests import BytesAvailable
from lichen.executive.objects.object import Object
from lichen.executive.objects.rights import FILE, GENERIC_READ, Rights
from lichen.executive.security.access import Guarded, granted, protect, require
from lichen.executive.status import Failure, Interrupted, Status
from lichen.executive.wait import TIMED_OUT, Blocks, Condition, Wait
from lichen.subsystems.nt import pipe_control
from lichen.subsystems.nt.pipe_control import (
    CLOSING,
    CONNECTED,
    DISCONNECTED,
    LISTENING,
    SHARE_READ,
    SHARE_WRITE,
    OfEnd,
)
from lichen.subsystems.nt.pipe_queues import Budget, Message, Part, Queue, Transfer
from lichen.subsystems.nt.status import NtStatus

if TYPE_CHECKING:
    from lichen.executive.io.location import Location
    from lichen.executive.io.requests import Answer, DeviceRequest, NewPipe, PipeShape
    from lichen.executive.io.transfers import Clock
    from lichen.executive.processes import Process
    from lichen.executive.security.descriptors import Descriptor
    from lichen.executive.security.tokens import Token

_MOST_QUOTA: Final = 1 << 20
_MOST_QUEUED: Final = 128 << 20
_LEAST_ROOM: Final = 4096
"""What a pipe without a quota takes of a Linux program that may not wait, since `poll` calls it writable."""
_CREATE_INSTANCE: Final = Access.APPEND
_READING: Final = Access.READ | Access.EXECUTE


class NamedPipeEnd(File):
    """The server's or the client's end of one instance."""

    __slots__ = (
        "_flushes",
        "_listens",
        "_reads",
        "is_server",
        "one_message",
        "openers",
        "partner",
        "pipe",
        "received",
        "state",
        "thrown_out",
        "waits",
    )
    has_event = True

    def __init__(self, process: Process, open: Open, pipe: NamedPipe, is_server: bool) -> None:
        super().__init__(_place(process), open)
        self.pipe, self.is_server = pipe, is_server
        self.openers = [process.id, process.id]
        """The processes that opened the server's and the client's end."""
        self.partner: NamedPipeEnd | None = None
        self.state = LISTENING
        self.one_message, self.waits = False, True
        """Whether reads end with a message, and whether operations of NT's wait."""
        self.thrown_out = False
        """Whether the server has disconnected this client, which knows no pipe since."""
        quota = pipe.shape.inbound_quota if is_server else pipe.shape.outbound_quota
        self.received = Queue(min(quota, _MOST_QUOTA), pipe.shape.messages, pipe.device.budget)
        self._reads: dict[Transfer, None] = {}
        self._listens: dict[Transfer, None] = {}
        self._flushes: dict[Transfer, None] = {}

    def closed(self) -> None:
        self._part(CLOSING, Status.PIPE_BROKEN)
        self.received.abandon(Status.PIPE_BROKEN, held_too=True)
        if self.is_server:
            self.pipe.remove(self)
        super().closed()

    def _part(self, state: int, status: int) -> None:
        """The two ends have nothing to do with each other any more; what waits at them ends."""
        partner, self.partner = self.partner, None
        ends = (self,) if partner is None else (self, partner)
        if partner is not None:
            partner.partner = None
        for end in ends:
            end.state = state
            end.received.abandon(status, held_too=state == DISCONNECTED)
            if state == DISCONNECTED:
                end.done.reset()
            for waiting in (*end._reads, *end._listens, *end._flushes):
                waiting.end(status)
            end.notify()

    def connect(self, client: NamedPipeEnd) -> None:
        """A client has come."""
        self.partner, client.partner = client, self
        self.state = client.state = CONNECTED
        self.openers[1], client.openers[0] = client.openers[1], self.openers[0]
        self.pipe.listeners.pop(self, None)
        for listen in self._listens:
            listen.end()
        self.notify()

    # ---- content, as Linux programs read and write it

    def read(self, size: int, offset: int | None = None) -> bytes | Blocks[bytes]:
        if not self.access & _READING:
            raise Failure(Status.INVALID_HANDLE)
        if not size:
            return b""
        if self.received.parts:
            return self._take(size)
        if self.state == CLOSING:
            return b""
        self._require_connection()
        if self.options & Options.NONBLOCKING:
            raise Failure(Status.DEVICE_NOT_READY)
        return self._read_to_the_end(size)

    def _read_to_the_end(self, size: int) -> Blocks[bytes]:
        try:
            return (yield from self._read_later(size))
        except Failure as failure:
            if failure.status != Status.PIPE_BROKEN:
                raise
            return b""

    def write(self, data: Data, offset: int | None = None) -> int | Blocks[int]:
        if not self.access & Access.CONTENT:
            raise Failure(Status.INVALID_HANDLE)
        waits = not self.options & Options.NONBLOCKING
        written = self._write(bytes(data), waits, foreign=True)
        if not written and data and not waits:
            raise Failure(Status.DEVICE_NOT_READY)
        return written

    # ---- content, as NT reads and writes it

    def read_waiting(self, size: int, offset: int | None, clock: Clock) -> bytes | Blocks[bytes]:
        """Read, even no bytes only when there is something; PIPE_BROKEN at the end, NtStatus.PIPE_EMPTY instead of waiting."""
        if self.received.parts:
            return self._take(size)
        if self.state == CLOSING:
            raise Failure(Status.PIPE_BROKEN)
        self._require_connection()
        if not self.waits:
            raise Failure(NtStatus.PIPE_EMPTY)
        return self._read_later(size)

    def read_status(self, data: bytes, size: int) -> int:
        return Status.BUFFER_OVERFLOW if type(data) is Part else Status.SUCCESS

    def write_waiting(self, data: bytes, offset: int | None, clock: Clock) -> int | Blocks[int]:
        """Write; an end that does not wait writes all if there is room for it, else what is read at this moment."""
        return self._write(data, self.waits, foreign=False)

    def _require_connection(self) -> None:
        if self.state == LISTENING:
            raise Failure(NtStatus.PIPE_LISTENING)
        if self.state == DISCONNECTED:
            raise Failure(Status.PIPE_DISCONNECTED)

    def _take(self, size: int) -> bytes:
        data = self.received.take(size, self.one_message)
        self._taken()
        return data

    def _taken(self) -> None:
        """There is less to read: those who write or flush may go on."""
        self.received.settle()
        partner = self.partner
        if partner is not None:
            if not self.received.parts:
                for flush in partner._flushes:
                    flush.end()
            partner.notify()

    def _read_later(self, size: int) -> Blocks[bytes]:
        read = Transfer(size)
        self._reads[read] = None
        yield from _over(read, self._reads)
        return read.data

    def _serve(self) -> None:
        """Give what there is to those who wait for it."""
        while self.received.parts and self._reads:
            read = next(iter(self._reads))
            del self._reads[read]
            read.end(data=self.received.take(read.size, self.one_message))
        self._taken()
        self.notify()

    def _write(self, data: bytes, waits: bool, foreign: bool) -> int | Blocks[int]:
        self._require_connection()
        if self.partner is None:
            raise Failure(Status.PIPE_CLOSING)
        reader = self.partner
        queue = reader.received
        if not data and not queue.messages:
            return 0
        if not reader._reads and queue.size + len(data) <= queue.quota:
            queue.put(data, None)
            reader.notify()
            return len(data)
        room = 0
        if foreign:
            room = max(0, max(queue.quota, _LEAST_ROOM) - queue.size) if not queue.messages else len(data)
            room = room if not queue.messages or not queue.size else 0
        write = Transfer(len(data))
        message = queue.put(data, write)
        reader._serve()
        if write.is_over:
            return len(data)
        if waits:
            return self._write_later(reader, message, write, foreign)
        return queue.keep(message, min(message.rest, room))

    def _write_later(
        self, reader: NamedPipeEnd, message: Message, write: Transfer, foreign: bool
    ) -> Blocks[int]:
        try:
            yield from _over(write, None)
        except Interrupted:
            if not foreign or not message.start:
                raise
            return message.start
        finally:
            if not write.is_over:
                reader.received.drop(message)
                reader._taken()
        return write.size

    def transceive(self, message: bytes, size: int) -> bytes | Blocks[bytes]:
        """Write a message and read the one that answers it (FSCTL_PIPE_TRANSCEIVE); PIPE_BUSY with one still to be read."""
        if self.partner is None:
            raise Failure(Status.PIPE_DISCONNECTED if self.thrown_out else NtStatus.INVALID_PIPE_STATE)
        if not self.one_message:
            raise Failure(NtStatus.INVALID_READ_MODE)
        if self.received.parts:
            raise Failure(Status.PIPE_BUSY)
        self.partner.received.put(message, None)
        self.partner._serve()
        return self._take(size) if self.received.parts else self._read_later(size)

    def flush(self) -> Blocks[None] | None:
        """Wait until the other end has read everything."""
        self.require_pipe()
        if self.partner is None or not self.partner.received.parts:
            return None
        flush = Transfer(0)
        self._flushes[flush] = None
        return _over(flush, self._flushes)

    # ---- state

    @property
    def secured(self) -> NamedPipe:
        self.require_pipe()
        return self.pipe

    def full_name(self) -> str:
        self.require_pipe()
        if not self.pipe.name:
            raise Failure(NtStatus.OBJECT_PATH_INVALID)
        return f"{self.pipe.device.full_name()}\\{self.pipe.name}"

    def name_on_device(self) -> str:
        self.require_pipe()
        return "\\" + self.pipe.name

    def open_relative(self, process: Process, rest: tuple[str, ...], open: Open) -> File:
        """Connect to the same pipe, which has nothing below."""
        if rest:
            raise Failure(Status.OBJECT_NAME_INVALID)
        return connect(process, self.pipe, open)

    def file_system_control(self, request: DeviceRequest) -> Answer | Blocks[Answer] | None:
        return pipe_control.of_end(self, request)

    def require_pipe(self) -> None:
        """PIPE_DISCONNECTED for a client that was thrown out: it may only be closed."""
        if self.thrown_out:
            raise Failure(Status.PIPE_DISCONNECTED)

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
        if isinstance(request, OfEnd):
            self.require_pipe()
            return request.ask(self)
        return super().control(request)

    def listen(self) -> int | Blocks[int]:
        """Wait for a client (FSCTL_PIPE_LISTEN)."""
        if not self.is_server:
            raise Failure(NtStatus.ILLEGAL_FUNCTION)
        if self.state == CONNECTED:
            raise Failure(NtStatus.PIPE_CONNECTED)
        if self.state == CLOSING:
            raise Failure(Status.PIPE_CLOSING)
        self.state = LISTENING
        self.pipe.listeners[self] = None
        self.pipe.notify()
        if not self.waits:
            raise Failure(NtStatus.PIPE_LISTENING)
        return self._listen()

    def _listen(self) -> Blocks[int]:
        listen = Transfer(0)
        self._listens[listen] = None
        yield from _over(listen, self._listens)
        return Status.SUCCESS

    def disconnect(self) -> None:
        """Throw the client out, with whatever it has not read (FSCTL_PIPE_DISCONNECT)."""
        if not self.is_server:
            raise Failure(NtStatus.ILLEGAL_FUNCTION)
        if self.state in (LISTENING, DISCONNECTED):
            raise Failure(NtStatus.PIPE_LISTENING if self.state == LISTENING else Status.PIPE_DISCONNECTED)
        if self.partner is not None:
            self.partner.thrown_out = True
        self._part(DISCONNECTED, Status.PIPE_DISCONNECTED)


def _over(transfer: Transfer, among: dict[Transfer, None] | None) -> Blocks[None]:
    """Wait until a transfer is over, and raise the failure that it ended with."""
    try:
        while not transfer.is_over:
            yield Wait((transfer,))
    finally:
        if among is not None:
            among.pop(transfer, None)
    if transfer.status:
        raise Failure(transfer.status)


class NamedPipe(Guarded):
    """The instances under one name. By default others may read from a pipe, and only read (CreateNamedPipe in the SDK)."""

    rights: ClassVar[Rights] = FILE
    of_others: ClassVar[int] = FILE.spell(GENERIC_READ)

    def __init__(self, device: NamedPipes, name: str, shape: PipeShape) -> None:
        self.device, self.name, self.shape = device, name, shape
        self.maker: Token | None = None
        self.security: Descriptor | None = None
        self.instances: dict[NamedPipeEnd, None] = {}
        self.listeners: dict[NamedPipeEnd, None] = {}
        """The instances that a client can have, the one that has waited longest first."""
        self.waiting: list[Condition] = []

    def available(self) -> NamedPipeEnd | None:
        return next(iter(self.listeners), None)

    def notify(self) -> None:
        """An instance has become available, or the last one has gone."""
        for condition in tuple(self.waiting):
            condition.wake()

    def remove(self, end: NamedPipeEnd) -> None:
        del self.instances[end]
        self.listeners.pop(end, None)
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

    def full_name(self) -> str | None:
        return self.device.full_name()

    def open_relative(self, process: Process, rest: tuple[str, ...], open: Open) -> File:
        return self.device.open_relative(process, rest, open)

    def create_pipe(self, process: Process, name: str, open: Open, new: NewPipe) -> NamedPipeEnd:
        return self.device.create(process, name, open, new)

    def file_system_control(self, request: DeviceRequest) -> Answer | Blocks[Answer]:
        return pipe_control.of_device(self, request)


class NamedPipes(Object):
    r"""\Device\NamedPipe."""

    __slots__ = ("budget", "pipes")
    type_name: ClassVar[str] = "Device"

    def __init__(self) -> None:
        super().__init__()
        self.budget = Budget(_MOST_QUEUED)
        self.pipes: dict[str, NamedPipe] = {}

    def create_pipe(self, process: Process, name: str, open: Open, new: NewPipe) -> NamedPipeEnd:
        if not name:
            raise Failure(Status.OBJECT_NAME_INVALID)
        return self.create(process, name, open, new)

    def create(self, process: Process, name: str, open: Open, new: NewPipe) -> NamedPipeEnd:
        """A new instance, of a new pipe or of one that is there; an empty name makes a pipe that has none."""
        shape = new.shape
        pipe = self.pipes.get(fold(name)) if name else None
        if pipe is None:
            if open.disposition == 1:
                raise Failure(Status.OBJECT_NAME_NOT_FOUND)
            pipe = NamedPipe(self, name, shape)
            protect(process, pipe, new.descriptor)
            outcome = Outcome.CREATED
            if name:
                self.pipes[fold(name)] = pipe
        else:
            require(process, pipe, _CREATE_INSTANCE)
            if len(pipe.instances) >= pipe.shape.most_instances:
                raise Failure(NtStatus.INSTANCE_NOT_AVAILABLE)
            if open.disposition == 2 or pipe.shape.directions != shape.directions:
                raise Failure(Status.ACCESS_DENIED)
            outcome = Outcome.OPENED
        open = open._replace(access=FILE.of_maker(open.access))
        end = NamedPipeEnd(process, open, pipe, is_server=True)
        end.outcome, end.one_message, end.waits = outcome, new.one_message, new.waits
        pipe.instances[end] = pipe.listeners[end] = None
        pipe.notify()
        return end

    def open_relative(self, process: Process, rest: tuple[str, ...], open: Open) -> File:
        """Connect to an instance that listens; PIPE_NOT_AVAILABLE."""
        if not (name := "\\".join(rest)):
            return PipeRoot(_place(process), open, self)
        pipe = self.pipes.get(fold(name))
        if pipe is None:
            raise Failure(Status.OBJECT_NAME_NOT_FOUND)
        return connect(process, pipe, open)


def connect(process: Process, pipe: NamedPipe, open: Open) -> NamedPipeEnd:
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
    client = NamedPipeEnd(process, open, pipe, is_server=False)
    server.connect(client)
    return client


def _place(process: Process) -> Location:
    return process.files.devices.anonymous.place(Kind.SOCKET, "pipe", process.files.token)
