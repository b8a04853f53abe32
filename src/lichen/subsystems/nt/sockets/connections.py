"""Names and connections: bind, listen, accept, connect, and the end of a connection.

Source: winsock2.h, mswsock.h (AcceptEx, ConnectEx).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import GeneratorType
from typing import TYPE_CHECKING, Final, cast

from lichen.abi.layout import layout
from lichen.abi.memory import BadAddress
from lichen.executive.io.opening import Access, Open, Options, Poll
from lichen.executive.network.sockets import (
    Address,
    AddressFamily,
    InternetAddress,
    LocalAddress,
    Message,
    ShutDown,
    Socket,
)
from lichen.executive.objects.handles import handle_of
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, Event, Wait, then
from lichen.subsystems.nt.objects import file_of
from lichen.subsystems.nt.records import LONG, MODEL, ULONG
from lichen.subsystems.nt.records.sockets import AfdAcceptInto, AfdConnect, AfdCreate, AfdListen
from lichen.subsystems.nt.sockets import addresses
from lichen.subsystems.nt.sockets.afd import ACCEPT, AfdFile
from lichen.subsystems.nt.sockets.errors import translated
from lichen.subsystems.nt.status import NtStatus

if TYPE_CHECKING:
    from lichen.subsystems.nt.sockets.request import Request
    from lichen.subsystems.nt.types import Result

_CREATE, _LISTEN = layout(AfdCreate, MODEL), layout(AfdListen, MODEL)
_ACCEPT_INTO, _CONNECT = layout(AfdAcceptInto, MODEL), layout(AfdConnect, MODEL)
_ACCESS: Final = Access.READ | Access.WRITE | Access.SYNCHRONIZE | Access.READ_ATTRIBUTES
REUSE: Final = 0x100
"""With the way that ends: the socket is to be free then. `mends` puts it there for DisconnectEx."""
_OVER: Final = Poll.READ_HANGUP | Poll.HANGUP | Poll.ERROR
_LARGEST_BACKLOG: Final = 4096
_LARGEST_FIRST: Final = 1 << 20
"""Bytes that an accept waits for, or a connect sends."""


@contextmanager
def _not_waiting(socket: Socket) -> Iterator[None]:
    """Have a socket answer at once, whatever it is asked."""
    socket.options |= Options.NONBLOCKING
    try:
        yield
    finally:
        socket.options &= ~Options.NONBLOCKING


def create(request: Request) -> Result:
    family, type, protocol, _ = _CREATE.unpack(request.need(_CREATE.size))

    def made(_: None) -> int:
        with translated():
            request.file.create(request.caller, family, type, protocol)
        return request.answer()

    prepared = request.caller.context.devices.families.prepare()
    return made(None) if prepared is None else _after(prepared, made)


def _after(prepared: Blocks[None], made: Callable[[None], int]) -> Blocks[int]:
    """Make a socket when the network is there that it is of."""
    yield from prepared
    return made(None)


def bind(request: Request) -> int:
    file = request.file
    if file.bound:
        raise Failure(NtStatus.ADDRESS_ALREADY_ASSOCIATED)
    address = request.address(request.need(ULONG.size + 2)[ULONG.size :])
    with translated():
        if isinstance(address, LocalAddress):
            address = addresses.for_linux(request.thread.process, address)
        file.bind(request.caller, address)
    return request.answer(request.name(file.made.local_address())[: request.room])


def listen(request: Request) -> int:
    file = request.file
    _, backlog, _ = _LISTEN.unpack(request.need(_LISTEN.size))
    if not file.bound:
        raise Failure(Status.INVALID_PARAMETER)
    with translated():
        file.share_rest(request.caller)
        file.made.listen(request.caller, min(backlog, _LARGEST_BACKLOG))
    file.become(listening=True)
    return request.answer()


# ---- accepting


def _connection(request: Request) -> Socket | Blocks[Socket]:
    """The next connection of a listening socket."""
    file = request.file
    if not file.listening:
        raise Failure(Status.INVALID_PARAMETER)
    file.rearm(ACCEPT)
    if (deferred := file.deferred) is not None:
        file.deferred = None
        return deferred
    with translated():
        return file.made.accept(request.caller, 0)


def accept(request: Request) -> Result:
    """A connection as a new socket, whose handle is the answer."""
    if request.room < ULONG.size:
        raise Failure(Status.BUFFER_TOO_SMALL)

    def accepted(socket: Socket) -> int:
        process = request.thread.process
        file = type(request.file)(process, Open(_ACCESS, options=request.file.options))
        file.kind = request.file.kind
        file.become(socket)
        file.nonblocking = request.file.nonblocking
        if request.file.selection is not None:
            file.selection = request.file.selection.of(file)
        index = process.handles.insert(file, _ACCESS, True)
        try:
            return request.answer(ULONG.pack(handle_of(index)))
        except BadAddress:  # nobody learns of the handle
            process.handles.close(index)
            raise

    if not request.file.nonblocking:
        return request.finish(_connection(request), accepted)
    with _not_waiting(request.file.made):
        return request.finish(_connection(request), accepted)


def defer(request: Request) -> int:
    """Have a connection that was accepted be the next one to be accepted again: its program has only looked at it."""
    handle = ULONG.unpack(request.need(ULONG.size))
    taken = file_of(request.thread, handle)
    file = request.file
    if not isinstance(taken, AfdFile) or not file.listening or file.deferred is not None:
        raise Failure(Status.INVALID_PARAMETER)
    file.deferred = taken.made
    taken.made.reference()
    file.become()
    return request.answer()


def accept_into(request: Request) -> Result:
    """AcceptEx: a connection for a socket that is there, its first data and both names."""
    handle, first, local_room = _ACCEPT_INTO.unpack(request.need(_ACCEPT_INTO.size))
    file = file_of(request.thread, handle)
    remote_room = request.room - first - local_room
    if not isinstance(file, AfdFile) or file.bound or first > _LARGEST_FIRST or remote_room < 0:
        raise Failure(Status.INVALID_PARAMETER)
    file.made  # noqa: B018 - INVALID_PARAMETER for what is no socket yet

    def names(data: bytes) -> int:
        memory, place = request.thread.memory, request.output + first
        memory.write(request.output, data)
        socket = file.made
        for room, address in ((local_room, socket.local_address()), (remote_room, socket.peer_address())):
            _tell_name(request, place, room, request.name(address, room - LONG.size))
            place += room
        return request.completion.end(Status.SUCCESS, len(data))

    def accepted(socket: Socket) -> int | Blocks[int]:
        file.become(socket)
        if not first:
            return names(b"")
        return then(socket.receive(first), lambda received: names(received.data))

    operation = then(_connection(request), accepted)
    if type(operation) is GeneratorType:
        operation = _until_closed(file, operation)
    return request.finish(operation, lambda status: status)


def _until_closed(file: AfdFile, operation: Blocks[int]) -> Blocks[int]:
    """Carry out an operation that ends in a file: CANCELLED when its program closes that meanwhile."""
    gone = Event()

    def closed() -> None:
        gone.set()

    if file.when_closed is None:
        file.when_closed = {}
    file.when_closed[closed] = None
    try:
        wait = next(operation)
        while True:
            index = yield replace(wait, objects=(*wait.objects, gone))
            if gone.is_set:
                raise Failure(Status.CANCELLED)
            wait = operation.send(index)
    except StopIteration as end:
        return cast(int, end.value)
    finally:
        operation.close()
        file.when_closed.pop(closed, None)


def _tell_name(request: Request, place: int, room: int, name: bytes) -> None:
    if room >= LONG.size + len(name):
        request.thread.memory.write(place, LONG.pack(len(name)) + name)


# ---- connecting


def connect(request: Request) -> Result:
    """connect, which binds by itself, or ConnectEx, which goes on after its call and may send at once."""
    file = request.file
    size, plainly = _CONNECT.unpack(request.need(_CONNECT.size))
    rest = request.data[_CONNECT.size :]
    if size > len(rest) or len(rest) - size > _LARGEST_FIRST:
        raise Failure(Status.INVALID_PARAMETER)
    if not plainly and file.was_used:
        file.bind_by_use(request.caller)
    if file.listening or (not plainly and not file.bound):
        raise Failure(Status.INVALID_PARAMETER)
    if file.connecting:
        file.settle()
        if file.connecting:
            raise Failure(Status.INVALID_PARAMETER)
    if file.is_stream and file.is_connected:
        raise Failure(Status.CONNECTION_ACTIVE)
    if not file.is_stream and not any(rest[2:size]) and size > 2:  # the address of nobody: a peer no longer
        with translated():
            file.made.connect(request.caller, None)
        return request.completion.end(Status.SUCCESS, 0)
    address = request.address(rest[:size])
    if plainly and file.nonblocking:
        return _begin_to_connect(request, address)
    with translated():
        operation = file.made.connect(request.caller, _reachable(address))

    def connected(_: None) -> int | Blocks[int]:
        file.become(connecting=False)
        if not rest[size:]:
            return 0
        return file.made.send(request.caller, Message(rest[size:]))

    return request.finish(
        then(operation, connected), lambda sent: request.completion.end(Status.SUCCESS, sent)
    )


def _begin_to_connect(request: Request, address: Address) -> int:
    """Start to connect; whoever waits for the socket learns how it went.

    A local socket's connection is made at once. Windows says of it too that it is only begun, and programs rely on that.
    """
    file = request.file
    with _not_waiting(file.made), translated():
        try:
            file.made.connect(request.caller, _reachable(address))
        except Failure as failure:
            if failure.status == Status.IN_PROGRESS:
                file.bound = True
                file.become(connecting=True)
            raise
    file.become(connecting=False)
    if isinstance(address, LocalAddress):
        raise Failure(Status.DEVICE_NOT_READY)
    return request.completion.end(Status.SUCCESS, 0)


def _reachable(address: Address) -> Address:
    """The address to connect to; nobody is at port 0 or at no host, and Windows does not take it for the loopback."""
    if isinstance(address, InternetAddress) and not (address.port and any(address.host)):
        raise Failure(Status.ADDRESS_NOT_EXIST)
    return address


# ---- names and ends


def local_name(request: Request) -> int:
    if not request.file.bound:
        raise Failure(Status.INVALID_PARAMETER)
    with translated():
        address = request.file.made.local_address()
    return _tell(request, request.name(address))


def _tell(request: Request, name: bytes) -> int:
    if request.room < len(name):
        raise Failure(Status.BUFFER_TOO_SMALL)
    return request.answer(name)


def peer_name(request: Request) -> int:
    with translated():
        address = request.file.made.peer_address()
    return _tell(request, request.name(address))


def peer_process(request: Request) -> int:
    """The process at the other end of a local connection (SIO_AF_UNIX_GETPEERPID)."""
    if request.file.made.family != AddressFamily.LOCAL:
        raise Failure(Status.NOT_SUPPORTED)
    credentials = request.file.made.peer_credentials()
    if credentials is None:
        raise Failure(NtStatus.CONNECTION_UNKNOWN)
    if request.room < ULONG.size:
        raise Failure(Status.BUFFER_TOO_SMALL)
    return request.answer(ULONG.pack(credentials.process))


def shut_down(request: Request) -> Result:
    """End one or both ways of a connection; DisconnectEx may ask for the socket to be free for another one then."""
    how = ULONG.unpack(request.need(ULONG.size))
    file = request.file
    if how == ShutDown.SEND | REUSE and file.is_stream and file.connected:
        return request.finish(let_go(request), lambda _: request.completion.end(Status.SUCCESS, 0))  # type: ignore[arg-type]
    if how > ShutDown.BOTH:
        raise Failure(Status.INVALID_PARAMETER)
    if file.is_stream and not file.connected:
        raise Failure(NtStatus.CONNECTION_UNKNOWN)
    with translated():
        file.made.shut_down(how)
    file.sending_ended |= how != ShutDown.RECEIVE
    return request.completion.end(Status.SUCCESS, 0)


def let_go(request: Request) -> Blocks[None]:
    """End a connection, wait until the peer has done so too, and be a socket without one again."""
    file = request.file
    before = file.made
    file.reference()
    try:
        if not file.sending_ended:
            before.shut_down(ShutDown.SEND)
            file.sending_ended = True
        while not before.poll() & _OVER:
            yield Wait((before.ready(_OVER),))
        file.begin_anew(request.caller)
    finally:
        file.release()
