"""Sockets: making and naming them, connecting, ending; messages are in message.py, options in sockopt.py.

Source: socket(2), bind(2), listen(2), accept(2), connect(2), getsockname(2), shutdown(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.argument import InOut, Out
from lichen.abi.layout import i32
from lichen.executive.io.opening import Options
from lichen.executive.network.sockets import AddressFamily, Caller, InternetAddress, Socket
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, then
from lichen.subsystems.linux.descriptors.installing import (
    O_CLOEXEC,
    O_NONBLOCK,
    DescriptorPair,
    install,
    install_pair,
)
from lichen.subsystems.linux.files import opened_file_of
from lichen.subsystems.linux.sockaddr import is_any_of_no_family, read_address, write_address
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.transfers import held
from lichen.subsystems.linux.types import Address, Fd, Flags, Int, Result

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_TYPE_MASK: Final = 0xF


def socket_of(thread: Thread, fd: int) -> Socket:
    """The socket of a descriptor; NOT_A_SOCKET for another file."""
    file = opened_file_of(thread, fd)
    if not isinstance(file, Socket):
        raise Failure(Status.NOT_A_SOCKET)
    return file


def caller_of(thread: Thread) -> Caller:
    """Who makes a call, to sockets."""
    return Caller(thread.process.files, thread.process.id)


def _options(flags: int) -> int:
    """How a new socket behaves, by SOCK_NONBLOCK and SOCK_CLOEXEC; INVALID_PARAMETER for any other flag."""
    if flags & ~(O_CLOEXEC | O_NONBLOCK):
        raise Failure(Status.INVALID_PARAMETER)
    return Options.NONBLOCKING if flags & O_NONBLOCK else 0


@linux.call(
    amd64=41,
    partial="no packet sockets; raw sockets and changes by netlink only on a network of the machine's own",
)
def socket(thread: Thread, family: Int, type: Int, protocol: Int) -> Result:
    """Make a socket."""
    options = _options(type & ~_TYPE_MASK)
    families = thread.process.files.devices.families
    made = families.create(caller_of(thread), family, type & _TYPE_MASK, protocol, options)
    return then(made, lambda socket: install(thread, socket, bool(type & O_CLOEXEC)))


@linux.call(amd64=53)
def socketpair(thread: Thread, family: Int, type: Int, protocol: Int, pair: Out[DescriptorPair]) -> int:
    """Make two sockets that are connected to each other."""
    options = _options(type & ~_TYPE_MASK)
    driver = thread.process.files.devices.families.get(family)
    one, other = driver.pair(caller_of(thread), type & _TYPE_MASK, protocol, options)
    return install_pair(thread, one, other, pair, bool(type & O_CLOEXEC))


@linux.call(amd64=49)
def bind(thread: Thread, fd: Fd, address: Address, length: Int) -> int:
    """Give a socket a name."""
    found = socket_of(thread, fd)
    name = read_address(thread, found.family, address, length)
    if name is None:
        if found.family != AddressFamily.INTERNET or not is_any_of_no_family(
            thread.memory.read(address, length)
        ):
            raise Failure(Status.FAMILY_NOT_SUPPORTED)
        port = int.from_bytes(thread.memory.read(address + 2, 2), "big")
        name = InternetAddress(bytes(4), port)
    found.bind(caller_of(thread), name)
    return 0


@linux.call(amd64=50)
def listen(thread: Thread, fd: Fd, backlog: Int) -> int:
    """Let others connect."""
    most = thread.process.machine.system.limits.backlog
    socket_of(thread, fd).listen(caller_of(thread), min(backlog, most) if backlog >= 0 else most)
    return 0


@linux.call(amd64=43)
def accept(thread: Thread, fd: Fd, address: Address, length: InOut[i32]) -> Result:
    """Take the next connection."""
    return accept4(thread, fd, address, length, 0)


@linux.call(amd64=288)
def accept4(thread: Thread, fd: Fd, address: Address, length: InOut[i32], flags: Flags) -> Result:
    """Take the next connection, as a socket that does not block or closes on exec."""
    options = _options(flags)
    listener = socket_of(thread, fd)
    accepted = listener.accept(caller_of(thread), options)

    def give(socket: Socket) -> int:
        return _give(thread, socket, address, length, bool(flags & O_CLOEXEC))

    if isinstance(accepted, Socket):
        return give(accepted)
    parked: Blocks[Socket] = held(listener, accepted)
    return then(parked, give)


def _give(thread: Thread, socket: Socket, address: int, length: InOut[i32], close_on_exec: bool) -> int:
    """The descriptor of an accepted socket, if the caller can be told whose it is."""
    try:
        if address:
            write_address(thread, address, length, socket.peer_address())
    except BaseException:
        socket.release()
        raise
    return install(thread, socket, close_on_exec)


@linux.call(amd64=42)
def connect(thread: Thread, fd: Fd, address: Address, length: Int) -> Result:
    """Connect to somebody, or choose whom datagrams go to."""
    found = socket_of(thread, fd)
    blocked = found.connect(caller_of(thread), read_address(thread, found.family, address, length))
    if blocked is None:
        return 0
    parked: Blocks[None] = held(found, blocked)

    def succeed(nothing: None) -> int:
        return 0

    return then(parked, succeed)


@linux.call(amd64=51)
def getsockname(thread: Thread, fd: Fd, address: Address, length: InOut[i32]) -> int:
    """The name of a socket."""
    write_address(thread, address, length, socket_of(thread, fd).local_address())
    return 0


@linux.call(amd64=52)
def getpeername(thread: Thread, fd: Fd, address: Address, length: InOut[i32]) -> int:
    """The name of the other end."""
    write_address(thread, address, length, socket_of(thread, fd).peer_address())
    return 0


@linux.call(amd64=48)
def shutdown(thread: Thread, fd: Fd, how: Int) -> int:
    """End one or both ways of a connection."""
    socket_of(thread, fd).shut_down(how)
    return 0
