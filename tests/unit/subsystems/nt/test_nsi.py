"""NSI without guests: tables in columns and row by row, what is refused, what is changed, and requests that lie."""

from __future__ import annotations

import random
import struct
from collections import Counter
from typing import Any

import pytest

from lichen.abi.layout import LLP64, layout
from lichen.executive.network.configuration import (
    Add,
    InterfaceAddress,
    Neighbour,
    Remove,
    Route,
    SetInterface,
)
from lichen.executive.network.sockets import InternetAddress
from lichen.executive.status import Status
from lichen.subsystems.nt.network import setters
from lichen.subsystems.nt.network.device import TABLES
from lichen.subsystems.nt.network.tables import IPV4, IPV6, NDIS, TCP, UDP
from lichen.subsystems.nt.records.network_requests import (
    IfRow,
    IpForwardRow,
    IpForwardRow2,
    IpNetRow,
    UnicastRow,
)
from lichen.subsystems.nt.sockets.addresses import encode
from tests.unit.subsystems.nt.nsi import (
    BASE,
    DEFAULT,
    HERE,
    HERE_6,
    NEAR,
    SELF,
    SIZE,
    Machine,
    module_id,
)

ROUTER = bytes.fromhex("fe80") + bytes(13) + b"\x77"
LUID = struct.pack("<Q", 6 << 48 | 2 << 24)
LUID_OF_SELF = struct.pack("<Q", 24 << 48 | 1 << 24)
EVERYTHING = (8, 1092, 216, 600)
ARGUMENTS = BASE + SIZE - 256
ROW = BASE + 0x4000


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_what_is_asked_for_is_told_in_columns_of_the_length_that_there_is_room_for(machine: Machine) -> None:
    status, data = machine.enumerate(NDIS, 0, EVERYTHING, 3)
    assert (status, len(data)) == (0, 4 + 3 * sum(EVERYTHING))
    assert struct.unpack_from("<I", data) == (2,)
    assert data[4:20] == LUID_OF_SELF + LUID
    second = 4 + 3 * 8 + 1092
    assert data[second + 20 :][:10] == struct.pack("<H", 8) + "eth0".encode("utf-16-le")
    third = 4 + 3 * (8 + 1092) + 216
    assert struct.unpack_from("<4xI4xI", data, third)[0] == 0
    assert struct.unpack_from("<I", data, third + 16) == (1500,)


def test_a_table_of_which_nothing_is_wanted_tells_how_long_it_is(machine: Machine) -> None:
    assert machine.enumerate(NDIS, 0, (0, 0, 0, 0), 0) == (0, struct.pack("<I", 2))
    status, data = machine.enumerate(NDIS, 0, (8, 0, 0, 0), 1)
    assert (status, data) == (Status.BUFFER_OVERFLOW, struct.pack("<I", 1) + LUID_OF_SELF)


def test_addresses_routes_and_neighbours_are_those_of_their_family(machine: Machine) -> None:
    _, data = machine.enumerate(IPV4, 10, (16, 28, 8, 8), 8)
    assert struct.unpack_from("<I", data)[0] == 2
    assert data[4:20] == LUID + HERE.host + bytes(4)
    _, data = machine.enumerate(IPV6, 10, (24, 0, 8, 0), 1)
    assert data == struct.pack("<I", 1) + LUID + HERE_6.host + struct.pack("<II", 2, 4)
    _, data = machine.enumerate(IPV4, 16, (48, 32, 20, 8), 2)
    assert struct.unpack_from("<I", data)[0] == 2  # not that of the broadcast
    assert data[4 + 40 :][:4] == DEFAULT.gateway
    _, data = machine.enumerate(IPV4, 11, (24, 32, 16, 0), 1)
    assert data[4 + 16 :][:4] == NEAR.host
    assert data[4 + 24 :][:6] == NEAR.hardware_address
    assert data[4 + 24 + 32 :][:4] == struct.pack("<I", 5)


def test_a_row_is_found_by_its_key(machine: Machine) -> None:
    status, data = machine.get(NDIS, 0, LUID, (1092, 0, 600))
    assert (status, struct.unpack_from("<I", data, 1092)) == (0, (2,))
    assert machine.get(NDIS, 2, struct.pack("<I", 1), (0, 0, 8)) == (0, LUID_OF_SELF)
    assert machine.get(NDIS, 2, struct.pack("<I", 9), (0, 0, 8)) == (Status.OBJECT_NAME_NOT_FOUND, b"")
    assert machine.get(NDIS, 2, b"\1", (0, 0, 8))[0] == Status.INVALID_PARAMETER
    status, data = machine.get(IPV4, 10, LUID_OF_SELF + SELF.host + bytes(4), (28, 8, 0))
    assert (status, data[16:20]) == (0, struct.pack("<I", 8))


def test_a_part_of_a_row_is_told_from_an_offset(machine: Machine) -> None:
    head = module_id(NDIS) + struct.pack("<3I", 1, 0, 8)
    status, data = machine.ask(0x121008, head + struct.pack("<2I", 2, 0) + LUID, 4)
    assert (status, data) == (0, struct.pack("<I", 2))
    status, data = machine.ask(0x121008, head + struct.pack("<2I", 0, 20) + LUID, 6)
    assert (status, data[2:]) == (0, "et".encode("utf-16-le"))
    for part, offset in ((2, 597), (3, 0), (9, 0), (0, 0xFFFFFFFF)):
        assert (
            machine.ask(0x121008, head + struct.pack("<2I", part, offset) + LUID, 4)[0]
            == Status.INVALID_PARAMETER
        )


@pytest.mark.parametrize("place", TABLES, ids=lambda place: f"{place[0]:x}-{place[1]}")
def test_every_table_has_rows_of_the_sizes_that_it_says(machine: Machine, place: tuple[int, int]) -> None:
    table = TABLES[place]
    for row in table.rows(machine.state):
        state = max(table.state, default=0)
        assert tuple(map(len, row)) == (table.key, table.settings, state, table.nature)


def test_what_is_counted_and_where_all_is(machine: Machine) -> None:
    assert machine.get(TCP, 0, struct.pack("<H", 2), (0, 104, 20))[0] == 0
    assert machine.get(UDP, 0, struct.pack("<H", 23), (0, 48, 0))[0] == 0
    status, data = machine.get(IPV4, 2, struct.pack("<I", 1), (16, 16, 0))
    assert (status, data[16:]) == (0, struct.pack("<4I", 2, 2, 0, 2))
    assert machine.get(IPV6, 6, b"", (0, 216, 4))[0] == 0


def test_whoever_waits_for_a_change_is_told_of_the_next(machine: Machine) -> None:
    status, _ = machine.ask(0x121010, module_id(IPV4) + struct.pack("<I", 10) + bytes(20))
    assert status == 0x103
    machine.settle()
    ends = [machine.operation.ended]
    machine.network.changed.notify()
    machine.settle()
    assert [*ends, machine.operation.ended] == [None, (0, 0)]
    assert machine.ask(0x121010, bytes(27))[0] == Status.INVALID_PARAMETER
    assert machine.ask(0x121010, module_id(IPV4) + struct.pack("<I", 99))[0] == Status.INVALID_PARAMETER


def a_request(generator: random.Random) -> tuple[int, bytearray, int]:
    """Code, data and room of a request that is right."""
    (module, number), table = generator.choice(list(TABLES.items()))
    sizes = [table.key, table.settings, max(table.state, default=0), table.nature]
    sizes = [size if generator.random() < 0.7 else 0 for size in sizes]
    data = bytearray(module_id(module) + struct.pack("<I", 1))
    code = generator.choice((0x121000, 0x121004, 0x121008))
    if code == 0x121000:
        count = generator.randrange(4)
        return code, data + struct.pack("<7I", 1, number, *sizes, count), 4 + sum(sizes) * count
    key = generator.choice(
        (LUID, LUID + HERE.host + bytes(4), struct.pack("<I", 1), generator.randbytes(table.key))
    )
    if code == 0x121004:
        return code, data + struct.pack("<5I", number, len(key), *sizes[1:]) + key, sum(sizes[1:])
    part = generator.randrange(3)
    return code, data + struct.pack("<4I", number, len(key), part, 0) + key, sizes[1 + part]


def test_requests_that_lie_do_no_harm(machine: Machine) -> None:
    generator = random.Random(7)
    edges = (0, 1, 4, 28, 216, 1092, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
    ends = Counter[int]()
    for _ in range(100000):
        code, data, room = a_request(generator)
        if generator.random() < 0.5:
            struct.pack_into("<I", data, generator.randrange(0, len(data) - 3, 4), generator.choice(edges))
        if generator.random() < 0.1:
            data = data[: generator.randrange(len(data))] + generator.randbytes(generator.randrange(80))
        if generator.random() < 0.1:
            code, room = generator.choice((0x12100C, generator.randrange(1 << 32))), generator.choice(edges)
        status, _ = machine.ask(code, bytes(data), room)
        ends[status] += 1
    assert set(ends) <= ANSWERS
    assert min(ends[Status.SUCCESS], ends[Status.INVALID_PARAMETER]) > 10000


ANSWERS = {
    Status.SUCCESS,
    Status.BUFFER_OVERFLOW,
    Status.INVALID_PARAMETER,
    Status.INVALID_ADDRESS,
    Status.NOT_SUPPORTED,
    Status.OBJECT_NAME_NOT_FOUND,
    Status.FAMILY_NOT_SUPPORTED,
}


# ---- what iphlpapi asks to change


def call(machine: Machine, name: str, *arguments: int) -> int | None:
    """Call a function that is mended, with its arguments where they lie on the stack."""
    machine.memory.write(ARGUMENTS, struct.pack(f"<{len(arguments)}Q", *arguments))
    return setters.answer(machine.running, setters.CODES[name], ARGUMENTS)


def put(machine: Machine, record: Any) -> int:
    machine.memory.write(ROW, layout(type(record), LLP64).pack(record))
    return ROW


def route(
    metric: int = 5, destination: bytes = bytes((10, 7, 0, 0)), gateway: bytes = bytes((10, 0, 0, 1))
) -> IpForwardRow:
    mask = bytes((255, 255, 0, 0))
    return IpForwardRow(destination, mask, 0, gateway, 2, 4, 3, 0, 0, (metric, 0, 0, 0, 0))


MADE = Route(bytes((10, 7, 0, 0)), 16, bytes((10, 0, 0, 1)), 2, None, 5, 254, 4, 0, 1)


def test_routes_are_made_changed_and_deleted(machine: Machine) -> None:
    row = put(machine, route())
    assert call(machine, "CreateIpForwardEntry", row) == setters.SUCCESS
    assert machine.network.requests == [Add(MADE)]
    put(machine, route(metric=9))
    assert call(machine, "SetIpForwardEntry", row) == setters.SUCCESS
    assert machine.network.requests[1:] == [Add(MADE._replace(metric=9)), Remove(MADE)]
    assert call(machine, "DeleteIpForwardEntry", row) == setters.SUCCESS
    assert call(machine, "DeleteIpForwardEntry", row) == setters.NOT_FOUND
    assert call(machine, "SetIpForwardEntry", row) == setters.NOT_FOUND


def test_ones_own_address_as_a_gateway_means_the_link(machine: Machine) -> None:
    assert call(machine, "CreateIpForwardEntry", put(machine, route(gateway=HERE.host))) == setters.SUCCESS
    assert machine.network.requests == [Add(MADE._replace(gateway=None, scope=253))]


def test_routes_of_either_family_by_the_newer_row(machine: Machine) -> None:
    target = bytes.fromhex("20010db8") + bytes(12)
    row = IpForwardRow2(
        int.from_bytes(LUID, "little"),
        0,
        encode(InternetAddress(target, 0)),
        32,
        encode(InternetAddress(ROUTER, 0)),
        *(0, 0, 0, 3, 3, 0, 0, 0, 1, 0, 0),
    )
    assert call(machine, "CreateIpForwardEntry2", put(machine, row)) == setters.SUCCESS
    assert machine.network.requests == [Add(Route(target, 32, ROUTER, 2, None, 3, 254, 4, 0, 1))]
    assert call(machine, "DeleteIpForwardEntry2", ROW) == setters.SUCCESS
    put(machine, row._replace(prefix_length=16))  # bits beyond the prefix
    assert call(machine, "CreateIpForwardEntry2", ROW) == setters.INVALID_PARAMETER
    put(machine, row._replace(next_hop=encode(InternetAddress(HERE.host, 0))))
    assert call(machine, "CreateIpForwardEntry2", ROW) == setters.INVALID_PARAMETER
    put(machine, row._replace(destination=bytes(28)))
    assert call(machine, "CreateIpForwardEntry2", ROW) == setters.INVALID_PARAMETER
    put(machine, row._replace(luid=77))
    assert call(machine, "CreateIpForwardEntry2", ROW) == setters.FILE_NOT_FOUND


def test_addresses_come_and_go(machine: Machine) -> None:
    host, mask = (int.from_bytes(bytes(each), "little") for each in ((10, 9, 8, 7), (255, 255, 255, 0)))
    assert call(machine, "AddIPAddress", host, mask, 2, ROW, ROW + 8) == setters.SUCCESS
    added = InterfaceAddress(2, bytes((10, 9, 8, 7)), 24, 0, "eth0", bytes((10, 9, 8, 255)))
    assert machine.network.requests == [Add(added)]
    context = int.from_bytes(machine.memory.read(ROW, 4), "little")
    assert call(machine, "DeleteIPAddress", context) == setters.SUCCESS
    assert machine.network.requests[1:] == [Remove(added)]
    assert call(machine, "DeleteIPAddress", context) == setters.NOT_FOUND
    assert call(machine, "AddIPAddress", host, 0xFF00FF, 2, ROW, ROW + 8) == setters.INVALID_PARAMETER
    assert call(machine, "AddIPAddress", host, mask, 2, 0, 0) == setters.INVALID_PARAMETER
    assert call(machine, "AddIPAddress", host, mask, 99, ROW, ROW + 8) == setters.FILE_NOT_FOUND


def test_a_row_of_an_address_is_begun_made_and_taken_back(machine: Machine) -> None:
    machine.memory.write(ROW, b"\x55" * 80)
    assert call(machine, "InitializeUnicastIpAddressEntry", ROW) == setters.SUCCESS
    rows = layout(UnicastRow, LLP64)
    begun = rows.unpack(machine.memory.read(ROW, rows.size))
    assert (begun.prefix_length, begun.valid_lifetime, begun.luid) == (255, 0xFFFFFFFF, 0)
    host = bytes.fromhex("fd00") + bytes(14)
    put(machine, begun._replace(interface=2, address=encode(InternetAddress(host, 0)), prefix_length=64))
    assert call(machine, "CreateUnicastIpAddressEntry", ROW) == setters.SUCCESS
    assert machine.network.requests == [Add(InterfaceAddress(2, host, 64, 0, "eth0"))]
    assert call(machine, "DeleteUnicastIpAddressEntry", ROW) == setters.SUCCESS


def test_neighbours_are_kept_forgotten_and_flushed(machine: Machine) -> None:
    row = IpNetRow(2, 6, bytes.fromhex("0102030405060000"), bytes((10, 0, 0, 9)), 4)
    assert call(machine, "CreateIpNetEntry", put(machine, row)) == setters.SUCCESS
    made = Neighbour(2, bytes((10, 0, 0, 9)), bytes.fromhex("010203040506"), 0x80)
    assert machine.network.requests == [Add(made)]
    assert call(machine, "SetIpNetEntry", put(machine, row._replace(type=2))) == setters.SUCCESS
    assert machine.network.near == [NEAR]
    assert call(machine, "DeleteIpNetEntry", ROW) == setters.NOT_FOUND
    assert (
        call(machine, "CreateIpNetEntry", put(machine, row._replace(length=9))) == setters.INVALID_PARAMETER
    )
    assert call(machine, "FlushIpNetTable", 2) == setters.SUCCESS
    assert machine.network.near == []


def test_an_interface_is_set_down(machine: Machine) -> None:
    row = IfRow(bytes(512), 2, 6, 0, 0, 0, bytes(8), 2, 1)
    assert call(machine, "SetIfEntry", put(machine, row)) == setters.SUCCESS
    assert machine.network.requests == [SetInterface(2, flags=0x1042)]


def test_who_may_not_changes_nothing() -> None:
    machine = Machine(uid=1000)
    assert call(machine, "CreateIpForwardEntry", put(machine, route())) == setters.ACCESS_DENIED
    assert call(machine, "FlushIpNetTable", 2) == setters.ACCESS_DENIED
    assert machine.network.requests == []


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (Status.PRIVILEGE_NOT_HELD, setters.ACCESS_DENIED),
        (Status.NOT_SUPPORTED, setters.NOT_SUPPORTED),
        (Status.OBJECT_NAME_COLLISION, setters.ALREADY_EXISTS),
        (Status.ADDRESS_NOT_EXIST, setters.NOT_FOUND),
        (Status.IO_DEVICE_ERROR, setters.INVALID_PARAMETER),
    ],
)
def test_what_the_network_says_is_an_error_of_win32(machine: Machine, status: int, error: int) -> None:
    machine.network.refuses = status
    assert call(machine, "CreateIpForwardEntry", put(machine, route())) == error


def test_calls_that_lie_do_no_harm(machine: Machine) -> None:
    generator = random.Random(3)
    known = (0, 1, 2, ROW, BASE + SIZE - 4, 0xFFFFFFFF, 1 << 63, ROW + 1)
    for _ in range(10000):
        machine.memory.write(ROW, generator.randbytes(128))
        function = generator.choice(list(setters.CODES))
        error = call(machine, function, *(generator.choice(known) for _ in range(5)))
        assert error in {0, 2, 5, 50, 87, 998, 1168, 5010}, function
    assert setters.answer(machine.running, 1, ARGUMENTS) is None
    assert setters.answer(machine.running, setters.CODES["SetIpNetEntry"], 0) == setters.NO_ACCESS
