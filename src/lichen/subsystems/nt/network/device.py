"""\\\\Device\\\\Nsi: the tables of the network, whole or row by row, word of their changes, and echoes.

Source: the requests of nsi and iphlpapi of Wine 8 and 10.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lichen.executive.io.attributes import Kind
from lichen.executive.io.file import File
from lichen.executive.io.opening import Open
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, Wait
from lichen.subsystems.nt.network import addresses, echo, endpoints, interfaces, statistics
from lichen.subsystems.nt.network.tables import (
    IPV4,
    IPV6,
    NDIS,
    TCP,
    UDP,
    Row,
    Table,
    configuration,
    packer,
)
from lichen.subsystems.nt.records import ULONG
from lichen.subsystems.nt.records.network_requests import AwaitChange, EnumerateAll, GetAll, GetOne, ModuleId

if TYPE_CHECKING:
    from lichen.executive.io.requests import DeviceRequest
    from lichen.executive.processes import Process
    from lichen.subsystems.nt.types import Result

_GUID: Final = bytes.fromhex("4a00eb1a9bd41191230050047759bc")
"""All but the first byte of a module's GUID."""
_MODULE: Final = 24
_OF_GUID: Final = 1
TABLES: Final[dict[tuple[int, int], Table]] = {
    (NDIS, 0): interfaces.INTERFACES,
    (NDIS, 2): interfaces.BY_INDEX,
    **{(IPV4, number): table for number, table in addresses.tables(4).items()},
    **{(IPV6, number): table for number, table in addresses.tables(16).items()},
    **{(IPV4, number): table for number, table in statistics.tables(4).items()},
    **{(IPV6, number): table for number, table in statistics.tables(16).items()},
    (TCP, 0): statistics.OF_TCP,
    (UDP, 0): statistics.OF_UDP,
    **{(TCP, number): table for number, table in endpoints.TCP.items()},
    **{(UDP, number): table for number, table in endpoints.UDP.items()},
}
"""The tables by module and number."""
_ENUMERATE, _GET_ALL, _GET_ONE, _AWAIT = (
    packer(EnumerateAll),
    packer(GetAll),
    packer(GetOne),
    packer(AwaitChange),
)


def _table(module: ModuleId, number: int) -> Table:
    """The table that is meant; INVALID_PARAMETER."""
    is_module = module.length == _MODULE and module.type == _OF_GUID and module.guid[1:] == _GUID
    table = TABLES.get((module.guid[0], number)) if is_module else None
    if table is None:
        raise Failure(Status.INVALID_PARAMETER)
    return table


def _enumerate(request: DeviceRequest) -> Result:
    """All rows: how many there are, and a column for each part that is wanted."""
    if len(request.data) != _ENUMERATE.size:
        raise Failure(Status.INVALID_PARAMETER)
    asked = _ENUMERATE.unpack(request.data)
    sizes = (asked.key_size, asked.settings_size, asked.state_size, asked.nature_size)
    table = _table(asked.module, asked.table)
    whole = ULONG.size + sum(sizes) * asked.rows
    if not table.is_list or not table.accepts(*sizes) or request.room < whole:
        raise Failure(Status.INVALID_PARAMETER)
    rows = table.rows(request.thread.process.machine)
    wants = any(sizes)
    shown = rows[: asked.rows] if wants else []
    memory, place = request.thread.memory, request.output + ULONG.size
    memory.write(request.output, ULONG.pack(len(shown) if wants else len(rows)))
    for part, size in enumerate(sizes):
        if size and shown:
            memory.write(place, b"".join(row[part][:size] for row in shown))
        place += size * asked.rows
    status = Status.BUFFER_OVERFLOW if wants and len(shown) < len(rows) else Status.SUCCESS
    return request.operation.end(status, whole)


def _find(request: DeviceRequest, table: Table, key_size: int, head: int) -> Row:
    """The row with the key that follows the head of a request; OBJECT_NAME_NOT_FOUND."""
    key = request.data[head : head + key_size]
    if key_size != table.key or len(key) != key_size:
        raise Failure(Status.INVALID_PARAMETER)
    for row in table.rows(request.thread.process.machine):
        if row.key == key:
            return row
    raise Failure(Status.OBJECT_NAME_NOT_FOUND)


def _get_all(request: DeviceRequest) -> Result:
    """The parts of one row, one behind the other."""
    if len(request.data) < _GET_ALL.size:
        raise Failure(Status.INVALID_PARAMETER)
    asked = _GET_ALL.unpack(request.data)
    sizes = (asked.settings_size, asked.state_size, asked.nature_size)
    table = _table(asked.module, asked.table)
    if not table.accepts(asked.key_size, *sizes) or request.room < sum(sizes):
        raise Failure(Status.INVALID_PARAMETER)
    row = _find(request, table, asked.key_size, _GET_ALL.size)
    data = b"".join(part[:size] for part, size in zip(row[1:], sizes, strict=True))
    return request.answer((Status.SUCCESS, data))


def _get_one(request: DeviceRequest) -> Result:
    """So much of one part of a row as there is room for."""
    if len(request.data) < _GET_ONE.size:
        raise Failure(Status.INVALID_PARAMETER)
    asked = _GET_ONE.unpack(request.data)
    table = _table(asked.module, asked.table)
    row = _find(request, table, asked.key_size, _GET_ONE.size)
    parts = row[1:]
    if asked.part >= len(parts) or asked.offset + request.room > len(parts[asked.part]):
        raise Failure(Status.INVALID_PARAMETER)
    return request.answer((Status.SUCCESS, parts[asked.part][asked.offset :][: request.room]))


def _await_change(request: DeviceRequest) -> Result:
    """End when the network has changed."""
    if len(request.data) < _AWAIT.size:
        raise Failure(Status.INVALID_PARAMETER)
    asked = _AWAIT.unpack(request.data)
    _table(asked.module, asked.table)
    return request.operation.carry_out(_changed(request))


def _changed(request: DeviceRequest) -> Blocks[int]:
    yield Wait((configuration(request.thread.process.machine).changed,))
    return request.operation.end(Status.SUCCESS, 0)


_REQUESTS: Final[dict[int, Callable[[DeviceRequest], Result]]] = {
    0x121000: _enumerate,
    0x121004: _get_all,
    0x121008: _get_one,
    0x12100C: echo.send,
    0x121010: _await_change,
}


class NsiFile(File):
    """An open of the device."""

    __slots__ = ()

    def __init__(self, process: Process, open: Open) -> None:
        place = process.files.devices.anonymous.place(Kind.CHARACTER, "nsi", process.files.token)
        super().__init__(place, open)

    def device_control(self, request: DeviceRequest) -> Result:
        """Carry out a request; NOT_SUPPORTED for one that is not known."""
        carry_out = _REQUESTS.get(request.code)
        if carry_out is None:
            raise Failure(Status.NOT_SUPPORTED)
        return carry_out(request)


def open_device(process: Process, rest: tuple[str, ...], open: Open) -> File:
    if rest:
        raise Failure(Status.OBJECT_NAME_NOT_FOUND)
    return NsiFile(process, open)
