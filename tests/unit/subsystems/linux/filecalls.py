"""A guest whose file-system calls a test makes: memory, a tree in memory, and the call table with nothing behind it."""

from __future__ import annotations

import os
from types import GeneratorType
from typing import Any, Final

import pytest

from lichen.abi.convention import AMD64
from lichen.abi.memory import BadAddress
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.location import Mount
from lichen.executive.security.tokens import Token
from lichen.executive.status import Failure
from lichen.filesystems import devices
from lichen.filesystems.memory_files import MemoryFileSystem
from lichen.filesystems.pipe import Pipes
from lichen.subsystems.linux import sending
from lichen.subsystems.linux.errors import errno_of
from lichen.subsystems.linux.subsystem import declare_calls
from tests.unit.kernel import Call, Kernel

BASE: Final = 0x10000
AT_FDCWD: Final = (1 << 64) - 100
_TABLE: Final = {entry.call.name: entry for entry in declare_calls().table(AMD64).values()}
_SCRATCH: Final = 0x4000
"""The end of memory is where strings of calls are put."""


class Memory:
    """Zeros at BASE; a fault names the first byte that is not there, as a guest's memory does."""

    def __init__(self, size: int = 0x10000) -> None:
        self.data = bytearray(size)

    @property
    def end(self) -> int:
        return BASE + len(self.data)

    def read(self, address: int, size: int) -> bytes:
        return bytes(self.data[self._at(address, size)])

    def write(self, address: int, data: bytes | bytearray | memoryview) -> None:
        inside = max(0, min(len(data), self.end - address)) if address >= BASE else 0
        self.data[address - BASE : address - BASE + inside] = data[:inside]
        self._at(address, len(data))

    def cstring(self, address: int, limit: int) -> bytes:
        start = self._at(address, 1).start
        found = bytes(self.data[start : start + limit]).partition(b"\0")[0]
        self._at(address, min(len(found) + 1, limit))
        return found

    def _at(self, address: int, size: int) -> slice:
        if size and not BASE <= address < self.end:
            raise BadAddress(address)
        if address + size > self.end:
            raise BadAddress(self.end)
        return slice(address - BASE, address - BASE + size)


class _Processes(dict[int, Any]):
    """As much of a process table as calls on files ask for."""

    def __init__(self, processes: dict[int, Any]) -> None:
        super().__init__(processes)
        self.threads: dict[int, Any] = {}
        self.groups: dict[int, Any] = {}


class Guest:
    """One process of root's; `call("read", ...)` makes a call, whose strings are put into memory for it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kernel = kernel = Kernel()
        Pipes().register(kernel.devices)
        devices.register(kernel.devices)
        mount = Mount(MemoryFileSystem(40, kernel.devices), "root")
        root = mount.root
        kernel.token = Token.of_user(0, 0)
        kernel.context = FileSystemContext(root, root, kernel.token)
        self.thread = kernel.thread()
        self.memory = self.thread.memory = Memory()
        self.process = self.thread.process
        self.process.id = 8
        self.process.machine.memory_files = MemoryFileSystem(41, kernel.devices)
        self.process.machine.processes = _Processes({8: self.process})
        self.process.machine.processes.threads[8] = self.thread
        self.process.machine.mounts = [mount]
        self.process.space = Any
        self.signals: list[int] = []
        monkeypatch.setattr(sending, "send", lambda process, number, *_: self.signals.append(number))
        self._scratch = 0

    def enter(self, name: str, *arguments: int | str | bytes) -> Any:
        """What the call returns or raises: a generator when it waits."""
        self._scratch = self.memory.end - _SCRATCH
        raw = [self._raw(argument) for argument in arguments]
        return _TABLE[name].enter(self.thread, tuple(raw + [0] * (6 - len(raw))))

    def _raw(self, argument: int | str | bytes) -> int:
        if isinstance(argument, int):
            return argument & 0xFFFFFFFFFFFFFFFF
        data = os.fsencode(argument) + b"\0" if isinstance(argument, str) else argument
        address, self._scratch = self._scratch, self._scratch + len(data) + 7 & -8
        self.memory.write(address, data)
        return address

    def call(self, name: str, *arguments: int | str | bytes) -> int:
        """The call's result, or the negative errno."""
        try:
            result: int = self.kernel.finish(self.enter(name, *arguments))
        except Failure as failure:
            return -errno_of(failure.status)
        except BadAddress:
            return -14
        return result

    def start(self, name: str, *arguments: int | str | bytes) -> Call[int]:
        """Begin a call that waits."""
        blocked = self.enter(name, *arguments)
        assert isinstance(blocked, GeneratorType)
        return self.kernel.start(blocked)

    def open(self, path: str, flags: int = os.O_RDWR | os.O_CREAT, mode: int = 0o644) -> int:
        return self.call("openat", AT_FDCWD, path, flags, mode)

    def file(self, path: str, content: bytes) -> int:
        """A descriptor of a new file with this content, at its start."""
        fd = self.open(path)
        assert self.call("pwrite64", fd, content, len(content), 0) == len(content)
        return fd

    def file_at(self, fd: int) -> Any:
        return self.process.handles.get(fd)


@pytest.fixture
def guest(monkeypatch: pytest.MonkeyPatch) -> Guest:
    return Guest(monkeypatch)
