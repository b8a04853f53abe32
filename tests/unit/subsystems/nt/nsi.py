"""A machine with a network of values, and requests to NSI without guests."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any, cast

from lichen.abi.memory import BadAddress
from lichen.executive.io.opening import Open
from lichen.executive.io.requests import DeviceRequest
from lichen.executive.network.configuration import (
    Add,
    Change,
    Interface,
    InterfaceAddress,
    Neighbour,
    Remove,
    Route,
)
from lichen.executive.objects.handles import HandleTable
from lichen.executive.security.tokens import Token
from lichen.executive.status import Failure
from lichen.executive.wait import Changes
from lichen.filesystems.sockets.localfamily import LocalSockets
from lichen.subsystems.nt.network.device import NsiFile
from lichen.subsystems.nt.state import NtProcess
from tests.unit.kernel import Kernel

BASE = 0x10000
SIZE = 1 << 16
GUID_REST = bytes.fromhex("4a00eb1a9bd41191230050047759bc")
LOOPBACK = Interface(1, "lo", 772, 0x49, 65536, 1000, bytes(6), bytes(6))
WIRE = Interface(2, "eth0", 1, 0x1043, 1500, 1000, bytes.fromhex("00112233 4455"), b"\xff" * 6)
HERE = InterfaceAddress(2, bytes((10, 0, 0, 2)), 24, 0, "eth0")
HERE_6 = InterfaceAddress(2, bytes.fromhex("fe80") + bytes(13) + b"\2", 64, 253, "eth0")
SELF = InterfaceAddress(1, bytes((127, 0, 0, 1)), 8, 254, "lo")
DEFAULT = Route(bytes(4), 0, bytes((10, 0, 0, 1)), 2, None, 7, 254, 3, 0, 1)
OWN = Route(HERE.host, 32, None, 2, HERE.host, 0, 255, 2, 254, 2)
ALL = Route(bytes((10, 0, 0, 255)), 32, None, 2, HERE.host, 0, 255, 2, 253, 3)
NEAR = Neighbour(2, bytes((10, 0, 0, 1)), bytes.fromhex("aabbccddeeff"), 0x02)


class Network:
    """What a test says that the network is; what is asked to change, changes."""

    def __init__(self) -> None:
        self.known = [HERE, HERE_6, SELF]
        self.ways = [DEFAULT, OWN, ALL]
        self.near = [NEAR]
        self.requests: list[Change] = []
        self.refuses: int | None = None
        self.changed = Changes()

    def interfaces(self) -> list[Interface]:
        return [LOOPBACK, WIRE]

    def addresses(self) -> list[InterfaceAddress]:
        return list(self.known)

    def routes(self) -> list[Route]:
        return list(self.ways)

    def neighbours(self) -> list[Neighbour]:
        return list(self.near)

    def change(self, request: Change) -> None:
        if self.refuses is not None:
            raise Failure(self.refuses)
        self.requests.append(request)
        if isinstance(request, Add | Remove):
            kinds: dict[type, list[Any]] = {
                InterfaceAddress: self.known,
                Route: self.ways,
                Neighbour: self.near,
            }
            kept = kinds[type(request.value)]
            (kept.append if isinstance(request, Add) else kept.remove)(request.value)


class Memory:
    """A guest's memory from BASE on."""

    def __init__(self) -> None:
        self.content = bytearray(SIZE)

    def read(self, address: int, size: int) -> bytes:
        self._check(address, size)
        return bytes(self.content[address - BASE :][:size])

    def write(self, address: int, data: bytes) -> None:
        self._check(address, len(data))
        self.content[address - BASE : address - BASE + len(data)] = data

    def _check(self, address: int, size: int) -> None:
        if size and not BASE <= address <= address + size <= BASE + SIZE:
            raise BadAddress(address)


class Operation:
    """How a request ended: `ended` is the status and the length of the answer."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.ended: tuple[int, int] | None = None
        self.call: Any = None

    def carry_out(self, result: Any) -> Any:
        self.call = self.kernel.start(result)
        return None

    def end(self, status: int, information: int) -> int:
        self.ended = status, information
        return status


class Machine(Kernel):
    """As much of a machine as NSI asks."""

    def __init__(self, uid: int = 0) -> None:
        super().__init__()
        self.network = Network()
        self.devices.families.configuration = cast(Any, self.network)
        self.devices.families.register(1, LocalSockets(self.scheduler))
        self.context.token = Token.of_user(uid, uid)
        self.memory = Memory()
        init = SimpleNamespace(files=self.context, id=1, handles=HandleTable(), is_zombie=False)
        processes = SimpleNamespace(init=init, values=lambda: [init])
        self.state: Any = SimpleNamespace(
            processes=processes, system=self.system, scheduler=self.scheduler, uptime=lambda: 100.0
        )
        nobody: Any = None
        process = SimpleNamespace(
            machine=self.state, files=self.context, id=8, state=NtProcess(nobody, nobody, 0, 0, 0, 0, "a.exe")
        )
        self.running: Any = SimpleNamespace(process=process, memory=self.memory)
        self.operation: Any = None
        self.started: list[tuple[int, int]] = []
        """Where threads began that a test has only counted, and with what."""
        self.nsi = NsiFile(cast(Any, process), Open())

    def ask(self, code: int, data: bytes, room: int = 4096) -> tuple[int, bytes]:
        """A request: the status and the answer; a Failure is a status too."""
        operation = Operation(self)
        request = DeviceRequest(self.running, operation, code, data, BASE, BASE, room)
        try:
            self.nsi.device_control(request)
        except Failure as failure:
            return failure.status, b""
        self.operation = operation
        status, length = operation.ended or (0x103, 0)
        return status, self.memory.read(BASE, min(length, SIZE))

    def enumerate(self, module: int, table: int, sizes: tuple[int, ...], count: int) -> tuple[int, bytes]:
        data = module_id(module) + struct.pack("<3I", 1, 1, table) + struct.pack("<5I", *sizes, count)
        return self.ask(0x121000, data, 4 + sum(sizes) * count)

    def get(self, module: int, table: int, key: bytes, sizes: tuple[int, ...]) -> tuple[int, bytes]:
        data = module_id(module) + struct.pack("<2I", 1, table) + struct.pack("<4I", len(key), *sizes) + key
        return self.ask(0x121004, data, sum(sizes))


def module_id(first: int) -> bytes:
    """NPI_MODULEID."""
    return struct.pack("<HxxI", 24, 1) + bytes((first,)) + GUID_REST
