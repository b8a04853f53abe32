"""The standard files of a client: pipes, sockets and regular files of the host that it passed to the machine.

No name leads to them and none of theirs is resolved. The host's open file description belongs to the client and to whoever
started it, so its flags stay as they are (G30): a pipe is opened again for the kernel alone, where the host allows
that, a socket is asked not to wait at each call, and whatever else could make the kernel wait is asked first and gets little.
A regular file never waits, and its position is shared with the client's other programs, as it should be.
"""

from __future__ import annotations

import os
import select
import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import F_GETFL, fcntl, ioctl
from termios import FIONREAD
from typing import Final

from lichen.executive.interfaces import Platform
from lichen.executive.io.attributes import Attributes, Kind
from lichen.executive.io.device import Devices
from lichen.executive.io.file import SEEK_SET, Data, File, Pollers
from lichen.executive.io.location import Location
from lichen.executive.io.node import MappedContent, Node
from lichen.executive.io.opening import Access, Open, Options, Poll
from lichen.executive.io.requests import BytesAvailable
from lichen.executive.security.tokens import Token
from lichen.executive.status import Failure, Interrupted, Status
from lichen.executive.wait import Blocks, Wait, Waitable
from lichen.executive.worker import Work
from lichen.filesystems.hostcalls import hosted, syncing

_LABELS: Final = {Kind.FIFO: "pipe", Kind.SOCKET: "socket", Kind.REGULAR: "file", Kind.CHARACTER: "tty"}
_MOST: Final = 1 << 20
"""Bytes that one call moves at most; a file that ends is asked for its size before more are read."""
_ATOMIC: Final = 4096
"""What a host pipe that is writable takes without making the writer wait."""
_ENDED: Final = Poll.ERROR | Poll.HANGUP
_INTEREST: Final = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
_ACCESS: Final = {
    os.O_RDONLY: Access.READ,
    os.O_WRONLY: Access.WRITE | Access.APPEND,
    os.O_RDWR: Access.READ | Access.WRITE | Access.APPEND,
}


def accepts(descriptor: int) -> bool:
    """Whether a descriptor of the host is of a kind that this driver shows to guests."""
    kind = os.fstat(descriptor).st_mode >> 12
    return kind in _LABELS and (kind != Kind.CHARACTER or os.isatty(descriptor))


class PassedNode(Node):
    """What a descriptor of the client is open on; the descriptor closes with the last file that uses it."""

    __slots__ = ("_poll", "_pollers", "access", "descriptor", "platform", "waits")

    def __init__(self, descriptor: int, devices: Devices, platform: Platform) -> None:
        super().__init__(devices.anonymous, os.fstat(descriptor).st_mode >> 12)
        self.platform = platform
        self.access = _access(descriptor)
        self.descriptor, self.waits = _own(descriptor, self.kind)
        self._poll = select.poll()
        self._poll.register(self.descriptor, Poll.READABLE | Poll.WRITABLE | Poll.READ_HANGUP)
        self._pollers: Pollers | None = None

    @property
    def label(self) -> str:
        return f"{_LABELS[self.kind]}:[{os.fstat(self.descriptor).st_ino}]"

    def abandoned(self) -> None:
        if self._pollers is not None:
            self.platform.unwatch(self.descriptor)
            self._pollers = None
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def attributes(self) -> Attributes:
        state = os.fstat(self.descriptor)
        return Attributes(
            state.st_ino,
            self.file_system.device,
            self.kind,
            stat.S_IMODE(state.st_mode),
            state.st_nlink,
            state.st_uid,
            state.st_gid,
            0,
            state.st_size,
            state.st_blocks,
            state.st_blksize,
            state.st_atime_ns,
            state.st_mtime_ns,
            state.st_ctime_ns,
            min(state.st_mtime_ns, state.st_ctime_ns),
        )

    def file(self, location: Location, open: Open) -> File:
        if fcntl(self.descriptor, F_GETFL) & os.O_APPEND:
            open = open._replace(options=open.options | Options.APPEND)
        return (PassedFile if self.kind == Kind.REGULAR else PassedStream)(location, open)

    def open(self, location: Location, open: Open, token: Token) -> File:
        """Open it once more (/dev/stdin, /proc/self/fd/0): with no more rights than the client gave."""
        if open.access & (Access.READ | Access.CONTENT) & ~self.access:
            raise Failure(Status.ACCESS_DENIED)
        return self.file(location, open)

    # ---- a regular file

    @hosted
    def read_at(self, offset: int, size: int) -> bytes:
        return os.pread(self.descriptor, self.bounded(size, offset), offset)

    @hosted
    def write_at(self, offset: int, data: Data) -> int:
        return os.pwrite(self.descriptor, data, offset)

    @hosted
    def sync_work(self, data_only: bool = False) -> Work:
        return syncing(os.dup(self.descriptor), os.fdatasync if data_only else os.fsync)

    def mapping(self) -> MappedContent:
        if self.kind != Kind.REGULAR:
            raise Failure(Status.NO_DEVICE)
        return MappedContent(None, os.fstat(self.descriptor).st_size)

    @hosted
    def open_host(self, writable: bool) -> int:
        if writable and not self.access & Access.WRITE:
            raise Failure(Status.ACCESS_DENIED)
        flags = os.O_RDWR if writable else os.O_RDONLY
        return os.open(f"/proc/self/fd/{self.descriptor}", flags | os.O_CLOEXEC)

    def bounded(self, size: int, offset: int) -> int:
        """How much to read: Python allocates what a read asks for, so no more than there is."""
        return size if size <= _MOST else min(size, max(os.fstat(self.descriptor).st_size - offset, _MOST))

    # ---- a pipe or a socket

    def ready_for(self) -> int:
        """What the host says in bits of Poll."""
        ready = self._poll.poll(0)
        return ready[0][1] if ready else 0

    def pollers(self) -> Pollers:
        """Whom to wake; since somebody asks, have the host tell of every change from now on."""
        if self._pollers is None:
            self._pollers = Pollers()
            self.platform.watch(self.descriptor, _INTEREST, lambda events: self._changed())
        return self._pollers

    def _changed(self) -> None:
        if self._pollers is not None:
            self._pollers.wake()

    @hosted
    def receive(self, size: int) -> bytes | None:
        """What can be read without waiting, empty at the end; None when there is nothing yet."""
        try:
            if self.kind == Kind.SOCKET:
                with _socket(self.descriptor) as connection:
                    return connection.recv(size, socket.MSG_DONTWAIT)
            if self.waits and not self.ready_for() & (Poll.READABLE | _ENDED):
                return None
            return os.read(self.descriptor, size)
        except BlockingIOError:
            return None

    def may_send(self) -> bool:
        return bool(self.ready_for() & (Poll.WRITABLE | _ENDED))

    @hosted
    def send(self, data: Data) -> int:
        """Write what there is room for now and return how much that was; PIPE_CLOSING when nobody will read it."""
        try:
            if self.kind == Kind.SOCKET:
                with _socket(self.descriptor) as connection:
                    return connection.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            if self.waits:
                return os.write(self.descriptor, data[:_ATOMIC]) if self.may_send() else 0
            return os.write(self.descriptor, data)
        except BlockingIOError:
            return 0


@contextmanager
def _socket(descriptor: int) -> Iterator[socket.socket]:
    """Python's view of a socket, which does not close it."""
    view = socket.socket(fileno=descriptor)
    try:
        yield view
    finally:
        view.detach()


def _access(descriptor: int) -> int:
    """The rights that a descriptor was opened with."""
    return _ACCESS.get(fcntl(descriptor, F_GETFL) & os.O_ACCMODE, 0)


def _own(descriptor: int, kind: int) -> tuple[int, bool]:
    """A descriptor in place of the one that was passed, and whether the kernel has to ask before it uses it."""
    if kind not in (Kind.FIFO, Kind.CHARACTER):
        return descriptor, False
    flags = fcntl(descriptor, F_GETFL) & os.O_ACCMODE | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        own = os.open(f"/proc/self/fd/{descriptor}", flags)
    except OSError:  # another user's, or one whose other end is closed
        return descriptor, True
    os.close(descriptor)
    return own, False


class PassedFile(File):
    """A regular file: the position is the host's."""

    __slots__ = ()

    node: PassedNode
    seekable = True
    has_position = False

    @property
    def position(self) -> int:
        """Where the host's open file stands."""
        return os.lseek(self.node.descriptor, 0, os.SEEK_CUR)

    @position.setter
    def position(self, position: int) -> None:
        os.lseek(self.node.descriptor, position, os.SEEK_SET)

    @hosted
    def read(self, size: int, offset: int | None = None) -> bytes:
        self.require(Access.READ)
        node = self.node
        if offset is not None:
            return node.read_at(offset, size)
        return os.read(node.descriptor, node.bounded(size, self.position if size > _MOST else 0))

    @hosted
    def write(self, data: Data, offset: int | None = None) -> int:
        self.require(Access.CONTENT)
        if offset is not None:
            return self.node.write_at(offset, data)
        return os.write(self.node.descriptor, data)

    @hosted
    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        return os.lseek(self.node.descriptor, offset, whence)

    @hosted
    def truncate(self, size: int) -> None:
        self.require(Access.CONTENT)
        os.ftruncate(self.node.descriptor, size)

    def sync(self, data_only: bool = False) -> Blocks[None] | None:
        return self.node.sync(data_only)

    def mapping(self) -> MappedContent:
        return self.node.mapping()


class PassedStream(File):
    """A pipe or a socket: reading and writing may have to wait."""

    __slots__ = ()

    node: PassedNode

    def poll(self) -> int:
        return self.node.ready_for()

    @property
    def readiness(self) -> Waitable:
        return self.node.pollers()

    def read(self, size: int, offset: int | None = None) -> bytes | Blocks[bytes]:
        self.require(Access.READ)
        if offset is not None:
            raise Failure(Status.NOT_SEEKABLE)
        size = min(size, _MOST)
        data = self.node.receive(size)
        if data is None:
            if self.options & Options.NONBLOCKING:
                raise Failure(Status.DEVICE_NOT_READY)
            return self._read_later(size)
        return data

    def _read_later(self, size: int) -> Blocks[bytes]:
        ready = self.ready(Poll.READABLE | _ENDED)
        while (data := self.node.receive(size)) is None:
            yield Wait((ready,))
        return data

    @hosted
    def control(self, request: object) -> object:
        if isinstance(request, BytesAvailable):
            return struct.unpack("i", ioctl(self.node.descriptor, FIONREAD, bytes(4)))[0]
        return super().control(request)

    def write(self, data: Data, offset: int | None = None) -> int | Blocks[int]:
        self.require(Access.CONTENT)
        if offset is not None:
            raise Failure(Status.NOT_SEEKABLE)
        sent = self.node.send(data)
        if sent == len(data):
            return sent
        if self.options & Options.NONBLOCKING:
            if not sent:
                raise Failure(Status.DEVICE_NOT_READY)
            return sent
        return self._write_later(memoryview(data), sent)

    def _write_later(self, data: memoryview, sent: int) -> Blocks[int]:
        """Write the rest; when that is cut short, what has left counts."""
        ready = self.ready(Poll.WRITABLE | _ENDED)
        try:
            while sent < len(data):
                if not self.node.may_send():
                    yield Wait((ready,))
                sent += self.node.send(data[sent:])
        except (Interrupted, Failure):
            if not sent:
                raise
        return sent
