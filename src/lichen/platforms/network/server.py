"""The process in a machine's network namespace, which makes the machine's sockets there and hands them to the kernel.

A socket belongs to the namespace that its maker was in, whoever has it later; and who owns a user namespace has, from
outside, every privilege over what is in it. So the kernel enters nothing: its fork makes both namespaces, or joins those that
an earlier one made, and gives out what it is asked for. A kernel of root has a user namespace made too, where the host allows
it, as who makes a socket there has no privilege on the host.

The program that leads out (`wayout`) is this process's child. Each has the host kill it when its parent ends, and this one
ends with the connection too.

Source: user_namespaces(7), network_namespaces(7), prctl(2), rtnetlink(7).
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import select
import signal
import socket
import struct
from collections.abc import Callable, Iterable
from typing import Final, NoReturn

from lichen.platforms.network import egress
from lichen.platforms.network.wayout import WayOut

REQUEST: Final = struct.Struct("=iiii")
"""What to do, and three numbers: family, type and protocol, or the flags of an open, which a path follows."""
REPLY: Final = struct.Struct("=i")
"""An errno, or 0 with a descriptor."""
MAKE_SOCKET, OPEN = 1, 2
MADE, OUT, LOST, FAILED = b"M", b"O", b"L", b"F"
"""What is told unasked: the namespaces are there (with descriptors); the way out is; it is not (why); nothing is (why)."""
MOST: Final = 4096

_NEW_USER, _NEW_NET, _NEW_MOUNTS = 0x10000000, 0x40000000, 0x00020000
_PRIVATE: Final = 0x4000 | 0x40000  # MS_REC MS_PRIVATE
_BEYOND: Final = 1 << 30
"""No descriptor is so high."""
_LOOK_ONLY: Final = 1 | 2 | 4 | 8  # MS_RDONLY MS_NOSUID MS_NODEV MS_NOEXEC
_PARENT_DEATH_SIGNAL, _SET_NAME = 1, 15
_SET_FLAGS, _UP = 0x8914, 1  # SIOCSIFFLAGS IFF_UP
_INTERFACE: Final = struct.Struct("=16sH22x")
_ROUTE_GROUPS: Final = 0x40 | 0x400  # RTMGRP_IPV4_ROUTE RTMGRP_IPV6_ROUTE
_ROUTE: Final = struct.Struct("=IHHIIxBxxB")
"""struct nlmsghdr, and of struct rtmsg the prefix length and the table."""
_NEW_ROUTE, _MAIN_TABLE = 24, 254
_ONE_USER, _NO_USER = b"u", b"n"

_libc = ctypes.CDLL(None, use_errno=True)


def run(
    requests: socket.socket,
    events: socket.socket,
    way_out: WayOut | None,
    namespaces: tuple[int, int] | None,
    processors: Iterable[int],
    parent: int,
) -> NoReturn:
    """Be that process, in a fork of the kernel; `namespaces` are descriptors of those to join, if there are any."""
    try:
        _let_go({requests.fileno(), events.fileno(), *(namespaces or ())}, processors)
        _die_with(parent)
        out = None if way_out is None else _Out(way_out)
        joined = _make() if namespaces is None else _join(namespaces)
        _die_with(parent)  # a change of identity may have undone it
        _show_interfaces()
        made = [os.open(f"/proc/self/ns/{name}", os.O_RDONLY | os.O_CLOEXEC) for name in ("user", "net")]
        socket.send_fds(events, [MADE], made)
        if out is not None and (obstacle := _obstacle()):
            out.give_up()
            events.send(LOST + obstacle)
            out = None
        _serve(requests, events, out, joined)
    except BaseException as error:
        with contextlib.suppress(OSError):
            events.send(FAILED + _text(error))
    finally:
        os._exit(0)


def _obstacle() -> bytes:
    """Why nothing may lead out: the host would let through what is meant for its own loopback."""
    try:
        egress.keep_in()
    except OSError as error:
        return b"the host's loopback cannot be kept apart (nf_tables): " + _text(error)
    return b""


def _text(error: BaseException) -> bytes:
    return (error.strerror or str(error) if isinstance(error, OSError) else repr(error)).encode()[:MOST]


def _let_go(kept: set[int], processors: Iterable[int]) -> None:
    """Keep nothing of the kernel's: neither its descriptors nor its signals nor its core."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    for each in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(each, signal.SIG_DFL)  # pasta takes an ignored SIGPIPE for a failure
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    first = 3
    for number in sorted(kept):
        os.closerange(first, number)
        first = number + 1
    os.closerange(first, _BEYOND)
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, processors)
    _libc.prctl(_SET_NAME, b"lichen-network", 0, 0, 0)


def _die_with(parent: int) -> None:
    """Have the host kill this process when its parent ends, which it may have done already."""
    _libc.prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


# ---- the namespaces


def _checked(result: int) -> None:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _make() -> bool:
    """Make both namespaces, with the loopback up; whether there is one of users."""
    uid, gid = os.geteuid(), os.getegid()
    with_user: bool = _libc.unshare(_NEW_USER) == 0
    if with_user:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    elif uid != 0:
        _checked(-1)
    _checked(_libc.unshare(_NEW_NET))
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, _INTERFACE.pack(b"lo", _UP))
    with open("/proc/sys/net/ipv4/ping_group_range", "w") as file:
        file.write("0 0")  # the group of this process, which makes the sockets
    with open("/proc/sys/net/ipv4/conf/all/promote_secondaries", "w") as file:
        file.write(
            "1"
        )  # an address that goes takes no other of its net along, as Windows has it, and systemd too
    return with_user


def _join(namespaces: tuple[int, int]) -> bool:
    user, net = namespaces
    with_user = not os.path.samestat(os.fstat(user), os.stat("/proc/self/ns/user"))
    if with_user:
        _checked(_libc.setns(user, _NEW_USER))
    _checked(_libc.setns(net, _NEW_NET))
    return with_user


def _show_interfaces() -> None:
    """Have /sys show the interfaces of this namespace; not where the host hides parts of it, as in a container."""
    if _libc.unshare(_NEW_MOUNTS) == 0 and _libc.mount(b"none", b"/", None, _PRIVATE, None) == 0:
        _libc.mount(b"none", b"/sys", b"sysfs", _LOOK_ONLY, None)


# ---- the way out


class _Out:
    """The program that leads out: a child that waits, still where the host is, until it is told to go."""

    def __init__(self, way_out: WayOut) -> None:
        self.errors, errors = os.pipe()
        going, self._go = os.pipe()
        self.said, self._speaks = b"", True
        parent = os.getpid()
        self.process = os.fork()
        if self.process == 0:
            self._become(way_out, parent, going, errors)
        os.close(errors)
        os.close(going)
        self.end = os.pidfd_open(self.process)

    def _become(self, way_out: WayOut, parent: int, going: int, errors: int) -> NoReturn:
        """Be that program; nobody's code runs after this, whatever becomes of it."""
        try:
            _die_with(parent)
            os.close(self._go)
            word = os.read(going, 1)
            if word:  # else there are no namespaces
                os.dup2(os.open(os.devnull, os.O_RDWR), 0)
                for number in (1, 2):
                    os.dup2(errors, number)
                os.execv(way_out.path, way_out.command(parent, word == _ONE_USER))
        finally:
            os._exit(127)

    def begin(self, with_user: bool) -> None:
        os.write(self._go, _ONE_USER if with_user else _NO_USER)
        os.close(self._go)

    def give_up(self) -> None:
        """End it before it has begun."""
        signal.pidfd_send_signal(self.end, signal.SIGKILL)
        os.waitpid(self.process, 0)

    def hear(self) -> bool:
        """Keep the last of what it says; False when it will say no more."""
        piece = os.read(self.errors, MOST)
        self.said = (self.said + piece)[-MOST:]
        self._speaks = bool(piece)
        return self._speaks

    def why(self) -> bytes:
        """Why it has ended, by its last words or by how it did."""
        _, status = os.waitpid(self.process, 0)
        if self._speaks:
            os.set_blocking(self.errors, False)
        with contextlib.suppress(BlockingIOError):
            while self._speaks:
                self.hear()
        code = os.waitstatus_to_exitcode(status)
        if code < 0:
            return f"ended by {signal.Signals(-code).name}".encode()
        lines = [line for line in self.said.splitlines() if line and b"syslog" not in line]
        return lines[-1] if lines else f"ended with status {code}".encode()


def _has_default(data: bytes) -> bool:
    """Whether netlink messages tell of a new default route."""
    at = 0
    while at + _ROUTE.size <= len(data):
        length, kind, _, _, _, prefix_length, table = _ROUTE.unpack_from(data, at)
        if kind == _NEW_ROUTE and not prefix_length and table == _MAIN_TABLE:
            return True
        at += max(length, _ROUTE.size) + 3 & ~3
    return False


# ---- the loop


def _serve(requests: socket.socket, events: socket.socket, out: _Out | None, with_user: bool) -> None:
    """Do as the kernel asks until it is gone, and tell of the way out."""
    poll = select.poll()
    handlers: dict[int, Callable[[], bool]] = {}

    def watch(descriptor: int, handler: Callable[[], bool]) -> None:
        poll.register(descriptor, select.POLLIN)
        handlers[descriptor] = handler

    def forget(descriptor: int) -> None:
        poll.unregister(descriptor)
        del handlers[descriptor]
        os.close(descriptor)

    watch(requests.fileno(), lambda: _answer(requests))
    if out is not None:
        _watch(out, events, watch, forget)
        out.begin(with_user)
    while True:
        for descriptor, _ in poll.poll():
            handler = handlers.get(descriptor)
            if handler is not None and not handler():
                if descriptor == requests.fileno():
                    return
                forget(descriptor)


def _watch(
    out: _Out,
    events: socket.socket,
    watch: Callable[[int, Callable[[], bool]], None],
    forget: Callable[[int], None],
) -> None:
    """Hear of the first default route, of the program's words and of its end."""
    routes = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC)
    routes.bind((0, _ROUTE_GROUPS))
    heard = routes.detach()

    def hear() -> bool:
        try:
            data = os.read(heard, 1 << 16)
        except OSError:  # more happened than is kept: whatever it was, it is over
            data = b""
        if data and not _has_default(data):
            return True
        events.send(OUT)
        return False

    def end() -> bool:
        events.send(LOST + out.why()[:MOST])
        return False

    watch(heard, hear)
    watch(out.errors, out.hear)
    watch(out.end, end)


def _answer(requests: socket.socket) -> bool:
    """Do one thing that the kernel asks for; False when it asks no more."""
    message = requests.recv(MOST)
    if len(message) < REQUEST.size:
        return False
    what, *numbers = REQUEST.unpack_from(message)
    try:
        if what == MAKE_SOCKET:
            descriptor = socket.socket(*numbers).detach()
        else:
            descriptor = os.open(message[REQUEST.size :], numbers[0] | os.O_CLOEXEC)
    except OSError as error:
        requests.send(REPLY.pack(error.errno or 1))
        return True
    try:
        socket.send_fds(requests, [REPLY.pack(0)], [descriptor])
    finally:
        os.close(descriptor)
    return True
