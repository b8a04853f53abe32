"""Control messages: what goes along with the bytes of a socket's message (struct cmsghdr).

Source: cmsg(3), unix(7), sendmsg(2), recvmsg(2).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from lichen.abi.layout import LP64, layout
from lichen.executive.io.file import File
from lichen.executive.network.sockets import (
    AddressFamily,
    Control,
    Credentials,
    Level,
    MessageFlag,
    Received,
    Socket,
)
from lichen.executive.security.tokens import Capability
from lichen.executive.status import POSIX, Failure, Status
from lichen.subsystems.linux.files import opened_file_of
from lichen.subsystems.linux.records import Cmsghdr, Ucred

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

SCM_RIGHTS, SCM_CREDENTIALS = 1, 2
MOST_DESCRIPTORS: Final = 253
LARGEST: Final = 20480
"""What Linux allows a socket's control messages to take together (net.core.optmem_max)."""
_HEADER: Final = layout(Cmsghdr, LP64)
_UCRED: Final = layout(Ucred, LP64)
_NO_ROOM: Final = POSIX | 105  # ENOBUFS


class Along(NamedTuple):
    """What a message takes along."""

    objects: tuple[File, ...] = ()
    credentials: Credentials | None = None
    controls: tuple[Control, ...] = ()


def _padded(size: int) -> int:
    return (size + 7) & ~7


def read_controls(thread: Thread, socket: Socket, address: int, size: int) -> Along:
    """What a caller wants to send along: the files are its own, not referenced anew."""
    if not size:
        return Along()
    if size > LARGEST:
        raise Failure(_NO_ROOM)
    data = thread.memory.read(address, size)
    objects: tuple[File, ...] = ()
    credentials: Credentials | None = None
    controls: list[Control] = []
    start = 0
    while start + _HEADER.size <= len(data):
        length, level, type = _HEADER.unpack(data, start)
        if length < _HEADER.size or length > len(data) - start:
            raise Failure(Status.INVALID_PARAMETER)
        content = data[start + _HEADER.size : start + length]
        if socket.family != AddressFamily.LOCAL:
            controls.append(Control(level, type, content))
        elif level == Level.SOCKET and type == SCM_RIGHTS:
            objects += _files(thread, content, len(objects))
        elif level == Level.SOCKET and type == SCM_CREDENTIALS:
            credentials = _claimed(thread, content)
        elif level == Level.SOCKET:
            raise Failure(Status.INVALID_PARAMETER)
        start += _padded(length)
    return Along(objects, credentials, tuple(controls))


def _files(thread: Thread, content: bytes, before: int) -> tuple[File, ...]:
    count = len(content) // 4
    if before + count > MOST_DESCRIPTORS:
        raise Failure(Status.INVALID_PARAMETER)
    return tuple(opened_file_of(thread, fd) for fd in struct.unpack_from(f"<{count}i", content))


def _claimed(thread: Thread, content: bytes) -> Credentials:
    """The identity that the sender claims; root may claim any."""
    if len(content) != _UCRED.size:
        raise Failure(Status.INVALID_PARAMETER)
    process, uid, gid = _UCRED.unpack(content)
    token = thread.process.files.token
    allowed = (
        (process == thread.process.id or token.has(Capability.SYS_ADMIN))
        and (uid in (token.uid, token.euid, token.suid) or token.has(Capability.SETUID))
        and (gid in (token.gid, token.egid, token.sgid) or token.has(Capability.SETGID))
    )
    if not allowed:
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    if process != thread.process.id:
        thread.process.machine.processes.find(process)
    return Credentials(process, uid, gid)


def pack_ucred(credentials: Credentials | None) -> bytes:
    """struct ucred; that of nobody when there are none."""
    if credentials is None:
        return _UCRED.pack(Ucred(0, 0xFFFFFFFF, 0xFFFFFFFF))
    return _UCRED.pack(Ucred(*credentials))


class Answer(NamedTuple):
    """What goes into a caller's msg_control, and the message flags that this adds."""

    data: bytes
    flags: int


def give_controls(thread: Thread, received: Received, room: int, close_on_exec: bool) -> Answer:
    """Make control messages of what came along; the objects become descriptors as far as there is room for them."""
    writer = _Writer(room)
    for control in received.controls:
        writer.put(control.level, control.type, control.data)
    if received.credentials is not None:
        writer.put(Level.SOCKET, SCM_CREDENTIALS, pack_ucred(received.credentials))
    if received.objects:
        fitting = max(0, (writer.room - _HEADER.size) // 4)
        fds = _install(thread, received, fitting, close_on_exec)
        if fds:
            writer.put(Level.SOCKET, SCM_RIGHTS, struct.pack(f"<{len(fds)}i", *fds))
        if len(fds) < len(received.objects):
            writer.flags |= MessageFlag.CONTROL_TRUNCATED
    return Answer(b"".join(writer.parts), writer.flags)


def _install(thread: Thread, received: Received, most: int, close_on_exec: bool) -> list[int]:
    """Descriptors of up to `most` of the objects; the others are given back."""
    handles, fds = thread.process.handles, []
    for index, thing in enumerate(received.objects):
        if index >= most or not isinstance(thing, File):
            thing.release()
            continue
        try:
            fds.append(handles.insert(thing, thing.access, not close_on_exec))
        except Failure:
            most = index
    return fds


class _Writer:
    """Lays control messages out one after the other, the last one cut when there is no room for it."""

    def __init__(self, room: int) -> None:
        self.room, self.flags = room, 0
        self.parts: list[bytes] = []

    def put(self, level: int, type: int, data: bytes) -> None:
        length = _HEADER.size + len(data)
        if self.room < _HEADER.size:
            self.flags |= MessageFlag.CONTROL_TRUNCATED
            return
        if self.room < length:
            self.flags |= MessageFlag.CONTROL_TRUNCATED
            length = self.room
        message = _HEADER.pack(Cmsghdr(length, level, type)) + data
        message = message[:length].ljust(_padded(length), b"\0")[: self.room]
        self.parts.append(message)
        self.room -= len(message)
