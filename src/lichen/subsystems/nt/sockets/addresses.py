"""Winsock's addresses as the executive's, and its numbers of families.

A local socket's name is a Windows path, in UTF-8, as are all texts of a machine (011); it means a file that Linux programs see
as a socket. The executive keeps Linux' spelling of it, so each world is told the other's sockets in its own.

Source: ws2def.h, ws2ipdef.h, afunix.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.layout import layout, layout_of, u16
from lichen.executive.io.lookup import Walk, find
from lichen.executive.network.sockets import Address, AddressFamily, InternetAddress, LocalAddress
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.dospaths import native_path
from lichen.subsystems.nt.environment import windows_name
from lichen.subsystems.nt.files import name_for
from lichen.subsystems.nt.records import MODEL, host_names
from lichen.subsystems.nt.types import Named

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread

AF_UNIX: Final = 1
AF_INET: Final = 2
AF_INET6: Final = 23
FAMILIES: Final = {
    AF_UNIX: AddressFamily.LOCAL,
    AF_INET: AddressFamily.INTERNET,
    AF_INET6: AddressFamily.INTERNET_6,
}
_HOST_SIZE: Final = {AF_INET: 4, AF_INET6: 16}
_FAMILY: Final = layout_of(u16, MODEL)
_IN, _IN_6 = layout(host_names.InternetAddress, MODEL), layout(host_names.InternetAddress6, MODEL)
SIZES: Final = {AF_INET: _IN.size, AF_INET6: _IN_6.size}
_LONGEST_PATH: Final = 108
_LOCAL_SIZE: Final = _FAMILY.size + _LONGEST_PATH


def decode(data: bytes, family: int) -> InternetAddress:
    """The address in a sockaddr for a socket of an executive's `family`; INVALID_PARAMETER, INVALID_ADDRESS."""
    if len(data) < _FAMILY.size:
        raise Failure(Status.INVALID_PARAMETER)
    given = _FAMILY.unpack(data)
    if FAMILIES.get(given) != family:
        raise Failure(Status.INVALID_ADDRESS)
    if len(data) < SIZES[given]:
        raise Failure(Status.INVALID_PARAMETER)
    if given == AF_INET:
        found = _IN.unpack(data)
        return InternetAddress(found.address, int.from_bytes(found.port, "big"))
    _, port, flow, host, scope = _IN_6.unpack(data)
    return InternetAddress(host, int.from_bytes(port, "big"), int.from_bytes(flow, "big") & 0xFFFFF, scope)


def encode(address: Address | None) -> bytes:
    """The sockaddr of an internet address; nothing for any other."""
    if not isinstance(address, InternetAddress):
        return b""
    port = address.port.to_bytes(2, "big")
    if len(address.host) == _HOST_SIZE[AF_INET]:
        return _IN.pack(host_names.InternetAddress(AF_INET, port, address.host))
    flow = address.flow.to_bytes(4, "big")
    return _IN_6.pack(host_names.InternetAddress6(AF_INET6, port, flow, address.host, address.scope))


def unspecified(family: int) -> Address:
    """Any host and port, for a socket that is bound by what it does first."""
    if family == AddressFamily.LOCAL:
        return LocalAddress()
    return InternetAddress(bytes(4 if family == AddressFamily.INTERNET else 16), 0)


# ---- names of local sockets


def decode_local(thread: Thread, data: bytes) -> LocalAddress:
    """The name in a SOCKADDR_UN: a path, or one of no folder, which begins with a zero byte; what is none is to be chosen."""
    if len(data) < _FAMILY.size:
        raise Failure(Status.INVALID_PARAMETER)
    if _FAMILY.unpack(data) != AF_UNIX:
        raise Failure(Status.INVALID_ADDRESS)
    text = data[_FAMILY.size : _LOCAL_SIZE]
    if not text[:1].strip(b"\0"):
        return LocalAddress(text.rstrip(b"\0"))
    text = text.partition(b"\0")[0]
    name = name_for(thread, Named(0, native_path(thread, text.decode("utf-8", "surrogateescape")), 0))
    if not name.components:
        raise Failure(Status.ADDRESS_NOT_EXIST)
    return LocalAddress(text, name)


def for_linux(process: Process, address: LocalAddress) -> LocalAddress:
    """The name that a local socket is to have, in Linux' spelling; OBJECT_PATH_NOT_FOUND."""
    if address.name is None:
        return address
    start, (*above, last), walk = address.name
    place = find(process.files, start, tuple(above), walk | Walk.FOLLOW).place(None)
    path = "/" + "/".join((*place.components, last))
    return address._replace(text=path.encode("utf-8", "surrogateescape"))


def encode_local(process: Process, address: LocalAddress, room: int) -> bytes:
    """SOCKADDR_UN, whole where there is room for that, else without the zeros behind its name."""
    text = address.text
    if text[:1] == b"/":
        text = windows_name(process, text.decode("utf-8", "surrogateescape")).encode("utf-8", "replace")
    elif address.name is not None:
        text = text.replace(b"/", b"\\")
    data = _FAMILY.pack(AF_UNIX) + text[:_LONGEST_PATH]
    return data.ljust(min(max(room, len(data)), _LOCAL_SIZE), b"\0")
