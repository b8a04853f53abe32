"""A device is an object in the namespace and its files: no call knows which devices there are."""

from __future__ import annotations

import struct

import pytest

from lichen.executive.io.attributes import Kind
from lichen.executive.io.file import File
from lichen.executive.io.opening import Access, Open
from lichen.executive.io.requests import Answer, DeviceRequest
from lichen.executive.objects.dispatcher import EventObject
from lichen.executive.objects.handles import handle_of
from lichen.executive.processes import Process
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.devices import Device
from tests.unit.abi.guest import BASE
from tests.unit.subsystems.nt.machine import Machine

HANDLE, STATUS, ATTRIBUTES, NAME, TEXT, INPUT, OUTPUT = (BASE + 0x100 * number for number in range(1, 8))
ECHO, UNKNOWN = 0x220000, 0x220004


class Echo(File):
    """Gives back what it is given, backwards; below it are others with longer names."""

    def __init__(self, process: Process, open: Open, name: str) -> None:
        super().__init__(
            process.files.devices.anonymous.place(Kind.CHARACTER, "echo", process.files.token), open
        )
        self.name = name

    def open_relative(self, process: Process, rest: tuple[str, ...], open: Open) -> File:
        return Echo(process, open, "/".join((self.name, *rest)))

    def device_control(self, request: DeviceRequest) -> int:
        if request.code != ECHO:
            raise Failure(Status.NOT_SUPPORTED)
        return request.answer((Status.SUCCESS, (request.data[::-1] + self.name.encode())[: request.room]))

    def file_system_control(self, request: DeviceRequest) -> Answer | None:
        return (Status.BUFFER_OVERFLOW, b"fs") if request.code == ECHO else None

    def read(self, size: int, offset: int | None = None) -> bytes:
        return b"read"[:size]

    def read_status(self, data: bytes, size: int) -> int:
        return Status.BUFFER_OVERFLOW


@pytest.fixture
def machine() -> Machine:
    machine = Machine()
    devices = machine.state.namespace.make("Device")
    devices.insert("Echo", Device(lambda process, rest, open: Echo(process, open, "/".join(rest))))
    devices.insert("Event", EventObject(True, False))
    return machine


def opened(machine: Machine, name: str, root: int = 0) -> int:
    """The status of an open, whose handle is at HANDLE."""
    memory, text = machine.guest.memory, name.encode("utf-16-le")
    memory.write(TEXT, text)
    memory.write(NAME, struct.pack("<2H4xQ", len(text), len(text), TEXT))
    memory.write(ATTRIBUTES, struct.pack("<I4x2QI4x2Q", 48, root, NAME, 0x40, 0, 0))
    status = machine.call("NtOpenFile", HANDLE, Access.READ, ATTRIBUTES, STATUS, 7, 0x20)
    assert status is not None
    return status


def handle(machine: Machine) -> int:
    (number,) = struct.unpack("<Q", machine.guest.memory.read(HANDLE, 8))
    return int(number)


def asked(machine: Machine, call: str, code: int, data: bytes) -> tuple[int | None, bytes]:
    """What a request to the handle at HANDLE gives."""
    machine.guest.memory.write(INPUT, data)
    result = machine.call(call, handle(machine), 0, 0, 0, STATUS, code, INPUT, len(data), OUTPUT, 16)
    _, length = struct.unpack("<2Q", machine.guest.memory.read(STATUS, 16))
    return result, machine.guest.memory.read(OUTPUT, length)


def test_what_a_name_means_is_for_the_object_that_it_leads_to(machine: Machine) -> None:
    assert opened(machine, r"\Device\Echo\a\b") == Status.SUCCESS
    assert asked(machine, "NtDeviceIoControlFile", ECHO, b"xyz") == (Status.SUCCESS, b"zyxa/b")
    assert opened(machine, "c", handle(machine)) == Status.SUCCESS
    assert asked(machine, "NtDeviceIoControlFile", ECHO, b"1") == (Status.SUCCESS, b"1a/b/c")


def test_what_is_no_device_has_nothing_to_open(machine: Machine) -> None:
    assert opened(machine, r"\Device\Event") == Status.OBJECT_TYPE_MISMATCH
    assert opened(machine, r"\Device") == Status.OBJECT_TYPE_MISMATCH
    assert opened(machine, r"\Device\Nothing") == Status.OBJECT_NAME_NOT_FOUND
    _, event = machine.event()
    assert opened(machine, "a", event) == Status.OBJECT_TYPE_MISMATCH


def test_requests_of_both_kinds_are_the_files_own(machine: Machine) -> None:
    assert opened(machine, r"\Device\Echo") == Status.SUCCESS
    assert asked(machine, "NtDeviceIoControlFile", UNKNOWN, b"")[0] == Status.NOT_SUPPORTED
    assert asked(machine, "NtFsControlFile", ECHO, b"") == (Status.BUFFER_OVERFLOW, b"fs")
    assert asked(machine, "NtFsControlFile", UNKNOWN, b"")[0] == Status.INVALID_DEVICE_REQUEST


def test_a_plain_file_is_no_device(machine: Machine) -> None:
    process = machine.thread.process
    place = process.files.devices.anonymous.place(Kind.CHARACTER, "plain", process.files.token)
    number = handle_of(process.handles.insert(File(place, Open()), Access.ALL))
    machine.guest.memory.write(HANDLE, struct.pack("<Q", number))
    assert asked(machine, "NtDeviceIoControlFile", ECHO, b"")[0] == Status.INVALID_DEVICE_REQUEST


def test_a_file_says_what_a_read_has_come_to(machine: Machine) -> None:
    assert opened(machine, r"\Device\Echo") == Status.SUCCESS
    status = machine.call("NtReadFile", handle(machine), 0, 0, 0, STATUS, OUTPUT, 3, 0, 0)
    assert status == Status.BUFFER_OVERFLOW
    assert machine.guest.memory.read(OUTPUT, 4) == b"rea\0"
