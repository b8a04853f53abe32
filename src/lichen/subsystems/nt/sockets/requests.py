"""\\Device\\Afd, and the requests that it knows, by control code.

Source: AFD's codes as ws2_32 of Wine makes them; 0x12017, 0x12024, 0x1202f and 0x120xx below are Windows' own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lichen.abi.layout import layout
from lichen.executive.io.opening import Access, Open
from lichen.executive.io.requests import BytesAvailable
from lichen.executive.network.configuration import Configuration, InterfaceFlag
from lichen.executive.network.sockets import AtMark, InternetAddress
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, Wait
from lichen.subsystems.nt.records import LONG, MODEL, ULONG
from lichen.subsystems.nt.records.sockets import InterfaceInformation
from lichen.subsystems.nt.sockets import connections, options, selection, sending_files, transfers
from lichen.subsystems.nt.sockets.addresses import encode
from lichen.subsystems.nt.sockets.afd import AfdFile
from lichen.subsystems.nt.sockets.errors import translated
from lichen.subsystems.nt.sockets.request import Request

if TYPE_CHECKING:
    from lichen.executive.io.file import File
    from lichen.executive.io.requests import DeviceRequest
    from lichen.executive.processes import Process
    from lichen.subsystems.nt.types import Result


PEER_PROCESS: Final = 0x120F00
"""Our own code for SIO_AF_UNIX_GETPEERPID, which ws2_32 has none for (mends)."""
_INTERFACE: Final = layout(InterfaceInformation, MODEL)
_IS_LOOPBACK, _POINT_TO_POINT, _MULTICAST = 0x4, 0x8, 0x10
"""IFF_* as Winsock has them; UP and BROADCAST are the same in both worlds."""
_ITS_LOOPBACK, _ITS_POINT_TO_POINT, _ITS_MULTICAST = 0x8, 0x10, 0x1000
_LENGTH: Final = 4
"""Of an IPv4 address."""


def _set_blocking(request: Request) -> int:
    nonblocking = LONG.unpack(request.need(LONG.size))
    file = request.file
    if not nonblocking and file.selection is not None:
        raise Failure(Status.INVALID_PARAMETER)
    file.nonblocking = bool(nonblocking)
    return request.completion.end(Status.SUCCESS, 0)


def _available(request: Request) -> int:
    with translated():
        value = request.file.made.control(BytesAvailable())
    assert isinstance(value, int)
    return _tell_int(request, value)


def _tell_int(request: Request, value: int) -> int:
    """Answer an int, which is not counted."""
    if request.room < LONG.size:
        raise Failure(Status.INVALID_PARAMETER)
    request.thread.memory.write(request.output, LONG.pack(value))
    return request.completion.end(Status.SUCCESS, 0)


def _at_mark(request: Request) -> int:
    """SIOCATMARK: whether no urgent data is left to be read."""
    with translated():
        value = request.file.made.control(AtMark())
    return _tell_int(request, not value)


def _tell_interfaces(request: Request) -> int:
    """The machine's interfaces with an address of version 4 (SIO_GET_INTERFACE_LIST)."""
    configuration = _configuration(request)
    flags = {each.index: each.flags for each in configuration.interfaces()}
    found = b""
    for interface, host, prefix, _, _, broadcast, _ in configuration.addresses():
        if len(host) == _LENGTH:
            mask = (0xFFFFFFFF << 32 - prefix & 0xFFFFFFFF).to_bytes(_LENGTH, "big")
            names = (encode(InternetAddress(each, 0)) for each in (host, broadcast or bytes([255] * 4), mask))
            found += _INTERFACE.pack(InterfaceInformation(_interface_flags(flags.get(interface, 0)), *names))
    if request.room < len(found):
        raise Failure(Status.BUFFER_TOO_SMALL)
    return request.answer(found)


def _await_addresses(request: Request) -> Result:
    """End when an address of version 4 has come or gone (SIO_ADDRESS_LIST_CHANGE)."""
    later = ULONG.unpack(request.need(ULONG.size))
    if request.file.nonblocking and not later:
        raise Failure(Status.DEVICE_NOT_READY)
    change: bool | Blocks[bool] = _addresses_changed(_configuration(request))
    return request.finish(change, lambda _: request.completion.end(Status.SUCCESS, 0))


def _addresses_changed(known: Configuration) -> Blocks[bool]:
    def now() -> set[tuple[int, bytes]]:
        return {(each.interface, each.host) for each in known.addresses() if len(each.host) == _LENGTH}

    before = now()
    while now() == before:
        yield Wait((known.changed,))
    return True


def _configuration(request: Request) -> Configuration:
    found = request.thread.process.files.devices.families.configuration
    if found is None:
        raise Failure(Status.NOT_SUPPORTED)
    return found


def _interface_flags(flags: int) -> int:
    found = flags & (InterfaceFlag.UP | InterfaceFlag.BROADCAST)
    for its, shown in (
        (_ITS_LOOPBACK, _IS_LOOPBACK),
        (_ITS_POINT_TO_POINT, _POINT_TO_POINT),
        (_ITS_MULTICAST, _MULTICAST),
    ):
        found |= shown if flags & its else 0
    return found


def _tell_kind(request: Request) -> int:
    """Family, type and protocol, as they were asked for."""
    return request.answer(b"".join(map(LONG.pack, request.file.kind)))


def _complete(request: Request) -> int:
    """End with the status that is given."""
    status = ULONG.unpack(request.need(ULONG.size))
    return request.completion.end(status, 0)


_REQUESTS: Final[dict[int, Callable[[Request], Result]]] = {
    0x120320: connections.create,
    0x12003: connections.bind,
    0x1200B: connections.listen,
    0x120324: connections.accept,
    0x120328: connections.accept_into,
    0x12032C: connections.connect,
    0x120330: connections.shut_down,
    0x120334: transfers.receive,
    0x120338: transfers.send,
    0x12017: transfers.receive_natively,
    0x12033C: sending_files.transmit,
    0x120340: _await_addresses,
    0x120344: _set_blocking,
    0x120348: _complete,
    0x12034C: _available,
    0x120350: _at_mark,
    0x120354: _tell_interfaces,
    0x120358: options.keep_alive,
    0x120360: connections.peer_name,
    0x120364: connections.defer,
    0x120368: _tell_kind,
    0x1202F: connections.local_name,
    0x12024: selection.poll,
    0x12087: selection.select_events,
    0x1208B: selection.take_events,
    PEER_PROCESS: connections.peer_process,
}


class Endpoint(AfdFile):
    """An open of the device, which carries out the requests."""

    __slots__ = ()

    def device_control(self, request: DeviceRequest) -> Result:
        """Carry out a request; NOT_IMPLEMENTED for one that is not known."""
        carry_out = _REQUESTS.get(request.code) or options.handler(request.code)
        if carry_out is None:
            raise Failure(Status.NOT_IMPLEMENTED)
        thread, operation, _, data, input, output, room = request
        return carry_out(Request(thread, self, data, input, output, room, operation))


def open_device(process: Process, rest: tuple[str, ...], open: Open) -> File:
    """What follows the device's name means nothing, as on Windows: libraries put their own there."""
    return Endpoint(process, open._replace(access=open.access | Access.READ | Access.WRITE))
