"""Socket addresses: struct sockaddr of every family that Linux programs use, as the executive has them.

Source: unix(7), ip(7), ipv6(7), netlink(7).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from lichen.abi.argument import InOut
from lichen.abi.layout import LP64, i32, layout
from lichen.executive.io.lookup import Walk
from lichen.executive.io.names import Name
from lichen.executive.network.sockets import (
    Address,
    AddressFamily,
    InternetAddress,
    LocalAddress,
    NetlinkAddress,
)
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.files import start_of
from lichen.subsystems.linux.records import SockaddrIn, SockaddrIn6
from lichen.subsystems.linux.types import AT_FDCWD, path_of

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

LONGEST: Final = 128
_FAMILY: Final = struct.Struct("<H")
_IN, _IN6 = layout(SockaddrIn, LP64), layout(SockaddrIn6, LP64)
_SHORTEST_IN6: Final = 24
"""RFC 2133 knew no scope."""
_NETLINK: Final = struct.Struct("<HHII")
_LONGEST_LOCAL: Final = 110
_ANY: Final = bytes(4)


def read_address(thread: Thread, family: int, address: int, length: int) -> Address | None:
    """The sockaddr of `length` bytes at a guest address, for a socket of `family`; None for AF_UNSPEC.

    INVALID_PARAMETER when it is too short or too long, FAMILY_NOT_SUPPORTED when it is another family's.
    """
    if not 0 <= length <= LONGEST:
        raise Failure(Status.INVALID_PARAMETER)
    data = thread.memory.read(address, length) if length else b""
    if len(data) < _FAMILY.size:
        raise Failure(Status.INVALID_PARAMETER)
    (given,) = _FAMILY.unpack_from(data)
    if given == AddressFamily.UNSPECIFIED and family != AddressFamily.LOCAL:
        return None
    if family == AddressFamily.LOCAL:
        if given != family or not _FAMILY.size < len(data) + 1 <= _LONGEST_LOCAL + 1:
            raise Failure(Status.INVALID_PARAMETER)
        return _local(thread, data[_FAMILY.size :])
    if family in (AddressFamily.INTERNET, AddressFamily.INTERNET_6):
        return _internet(family, given, data)
    if given != family or len(data) < _NETLINK.size:
        raise Failure(Status.INVALID_PARAMETER)
    _, _, port, groups = _NETLINK.unpack_from(data)
    return NetlinkAddress(port, groups)


def _local(thread: Thread, text: bytes) -> LocalAddress:
    if text[:1] in (b"", b"\0"):
        return LocalAddress(text)
    text = text.split(b"\0", 1)[0]
    path = path_of(text)
    walk = Walk.DIRECTORY if path.directory else 0
    return LocalAddress(text, Name(start_of(thread.process, AT_FDCWD, path), path.components, walk))


def _internet(family: int, given: int, data: bytes) -> InternetAddress:
    if len(data) < (_IN.size if family == AddressFamily.INTERNET else _SHORTEST_IN6):
        raise Failure(Status.INVALID_PARAMETER)
    if given != family:
        raise Failure(Status.FAMILY_NOT_SUPPORTED)
    if family == AddressFamily.INTERNET:
        record = _IN.unpack(data)
        return InternetAddress(record.addr, int.from_bytes(record.port, "big"))
    newer = _IN6.unpack(data.ljust(_IN6.size, b"\0"))
    flow = int.from_bytes(newer.flowinfo, "big")
    return InternetAddress(newer.addr, int.from_bytes(newer.port, "big"), flow, newer.scope_id)


def is_any_of_no_family(data: bytes) -> bool:
    """Whether this AF_UNSPEC address is the one that old programs bind to: IPv4's any address."""
    return len(data) >= _IN.size and _IN.unpack(data).addr == _ANY


def pack_address(address: Address | None) -> bytes:
    """The sockaddr of an address; empty for none."""
    if address is None:
        return b""
    if isinstance(address, LocalAddress):
        end = b"\0" if address.name is not None else b""
        return _FAMILY.pack(AddressFamily.LOCAL) + address.text + end
    if isinstance(address, NetlinkAddress):
        return _NETLINK.pack(AddressFamily.NETLINK, 0, address.port, address.groups)
    port = address.port.to_bytes(2, "big")
    if len(address.host) == len(_ANY):
        return _IN.pack(SockaddrIn(AddressFamily.INTERNET, port, address.host))
    flow = address.flow.to_bytes(4, "big")
    return _IN6.pack(SockaddrIn6(AddressFamily.INTERNET_6, port, flow, address.host, address.scope))


def write_address(thread: Thread, where: int, length: InOut[i32], address: Address | None) -> None:
    """Store a sockaddr, cut to the room that the caller has, and its full length."""
    room = length.read()
    if room < 0:
        raise Failure(Status.INVALID_PARAMETER)
    data = pack_address(address)
    if room and data:
        thread.memory.write(where, data[:room])
    length.write(len(data))
