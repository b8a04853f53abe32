"""NT's half of the fuzzer: the system calls of the host's own ntdll, on processes that have no program."""

from __future__ import annotations

import mmap
import random
import struct
import tempfile
from collections.abc import Callable
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Final, cast

from lichen.abi.declare import Call
from lichen.abi.layout import LLP64, i64, layout, ptr, u64
from lichen.executive.address_space import AddressSpace, Region
from lichen.executive.interfaces import PAGE
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.file import File
from lichen.executive.io.lookup import find
from lichen.executive.io.manager import create_file
from lichen.executive.io.opening import Access, Disposition, Open
from lichen.executive.objects.handles import HandleTable, handle_of
from lichen.executive.processes import Process, Thread
from lichen.executive.registry import Registry
from lichen.subsystems.nt import network_devices, pe, registry_seeds, types, userland
from lichen.subsystems.nt.allocations import Allocation
from lichen.subsystems.nt.devices import fill_namespace
from lichen.subsystems.nt.loader import HIGHEST_ADDRESS, PeLoader
from lichen.subsystems.nt.named_pipes import NamedPipes
from lichen.subsystems.nt.protection import PAGE_READWRITE
from lichen.subsystems.nt.records.common import ObjectAttributes, UnicodeString
from lichen.subsystems.nt.shared_data import system_time
from lichen.subsystems.nt.state import NtProcess, NtThread
from lichen.subsystems.nt.subsystem import NtSubsystem
from tests.fuzz.arguments import WORD, Source
from tests.fuzz.guests import ARENA, SIZE, Guest
from tests.fuzz.nt_recipes import NEVER, PROGRAM, RECIPES, UNANSWERED
from tests.fuzz.socket_recipes import SOCKET_RECIPES
from tests.fuzz.world import ROOT, USER, World
from tests.unit.subsystems.nt.nsi import Network

_NAMES: Final = (
    *(f"\\??\\C:\\{name}" for name in "abcdA"),
    *(f"\\BaseNamedObjects\\{name}" for name in "abc"),
    *(f"\\Registry\\Machine\\Software\\{name}" for name in ("a", "b", "a\\b", "Microsoft")),
    "\\Registry\\Machine", "\\Registry\\User", "\\??\\PIPE\\a", "\\Device\\NamedPipe\\b", "\\??\\NUL", "\\??\\C:\\",
    "\\??\\Z:\\proc",
    "\\", "", "a", "b", "a\\b", "*", "?.*", "\\??\\C:\\a:stream", "\\KnownDlls", "\\SystemRoot", "x" * 300,
    "\\a" * 500, "\ud800", "..",
)  # fmt: skip
_USUAL: Final = {
    "access": (0x2000000, 0x10000000, 0x80000000, 0xC0100000, 0x1F03FF, 0x1FFFFF),
    "disposition": range(6),
    "share": range(8),
    "options": (0, 0x20, 0x21, 0x40, 0x1000),
    "information_class": (*range(12), *range(12), *range(80)),
    "protection": (2, 4, 0x40, 0x20),
    "protect": (2, 4, 0x40),
    "type": (0x1000, 0x2000, 0x3000, 0x8000, 0x4000, 0, 1, 2),
    "count": range(4),
    "index": range(3),
    "attributes": (0, 0x80, 2, 0x42),
    "zero_bits": (0,),
}
_KINDS: Final = {
    "file": "File",
    "file_information": "File",
    "volume": "File",
    "directory": "File",
    "registry": "Key",
    "pipe": "File",
}
"""Which objects the calls of a module want besides those that their names tell."""
_STRING: Final = layout(UnicodeString, LLP64)
_ATTRIBUTES: Final = layout(ObjectAttributes, LLP64)


class NtSource(Source):
    """Arguments of NT calls: four in registers, the others behind the address that comes fifth."""

    usual = _USUAL

    def __init__(self, generator: random.Random) -> None:
        super().__init__(generator, LLP64)
        self._wanted = ""

    def arguments(self, thread: Thread, call: Call, slots: int = 16) -> tuple[int, ...]:
        self._wanted = call.name + _KINDS.get(call.body.__module__.rpartition(".")[2], "")
        values = super().arguments(thread, call, slots)
        return (*values[:4], self.put(struct.pack("<12Q", *values[4:])))

    def makers(self) -> dict[Any, Callable[[], int]]:
        return self._makers

    @cached_property
    def _makers(self) -> dict[Any, Callable[[], int]]:
        return {
            types.Handle: self.handle,
            types.ObjectName: self.name,
            types.Text: self.string,
            types.Address: lambda: self.random.choice((0, self.buffer(), self.buffer())),
            types.Content: lambda: self.random.choice((0, self.buffer(), self.buffer())),
            types.Size: self.size,
            types.Flags: self.flags,
            types.Boolean: lambda: self.random.randrange(2),
            "size": self.size,
            "process": lambda: WORD if self.random.random() < 0.8 else self.handle(),
            "target": self.thread_handle,
            "client": lambda: self.put(struct.pack("<QQ", self.task() & 0xFFFFFFFF, 0)),
            "handles": self.handles,
            "routine": lambda: 0,
            "key": lambda: 0,
        }

    def handle(self) -> int:
        """A handle that is open, or a pseudo handle."""
        if self.random.random() < 0.2:
            return self.random.choice((WORD, WORD - 1, 0))
        slots = list(islice(self.thread.process.handles, 60))
        wanted = [index for index, slot in slots if slot.object.type_name in self._wanted]
        open = wanted if wanted and self.random.random() < 0.8 else [index for index, _ in slots]
        return handle_of(self.random.choice(open)) if open else 4

    def thread_handle(self) -> int:
        """What names a thread, or a process where the call is about those."""
        own = WORD if "Process" in self._wanted else WORD - 1
        return own if self.random.random() < 0.8 else self.handle()

    def handles(self) -> int:
        return self.put(struct.pack("<4Q", *(self.handle() for _ in range(4))))

    def string(self) -> int:
        """A UNICODE_STRING."""
        text = types.encode(self.random.choice(_NAMES))
        return self.put(_STRING.pack(UnicodeString(len(text), len(text), self.put(text))))

    def name(self) -> int:
        """OBJECT_ATTRIBUTES."""
        root = self.handle() & 0xFFFFFFFF if self.random.random() < 0.2 else 0
        attributes = self.random.choice((0x40, 0xC0, 0x42, 0))
        name = self.string() if self.random.random() < 0.9 else 0
        record = ObjectAttributes(_ATTRIBUTES.size, root, name, attributes, 0, 0)
        return self.put(_ATTRIBUTES.pack(record))

    def record(self, hint: Any) -> int:
        """Times are relative and short, bases and sizes are those of pages."""
        if hint == i64:
            return self.put(struct.pack("<q", -self.random.randrange(10**6)))
        if hint == ptr:
            return self.put(
                struct.pack("<Q", self.random.choice((0, 0, ARENA, ARENA + 4 * PAGE, self.word())))
            )
        if hint == u64:
            return self.put(struct.pack("<Q", self.random.choice((0, PAGE, 16 * PAGE, self.word()))))
        return super().record(hint)


class _Guests:
    """Blank NT processes, and the page that they share."""

    def __init__(self) -> None:
        self.shared_data = mmap.mmap(-1, 2 * PAGE)

    def blank(self) -> Guest:
        return Guest()


class NtHalf:
    """Adds NT to a world, and makes processes of it."""

    def __init__(self, world: World, generator: random.Random, found: userland.Userland) -> None:
        self.world, self.random = world, generator
        context = world.administrator
        temporary = find(context, context.root, ("tmp",))
        world.state.drives.update(C=temporary, Z=context.root)
        self._folder = tempfile.TemporaryDirectory()
        world.open_registry = self._open_registry
        fill_namespace(
            world.state.namespace, world.state.drives, find(context, context.root, ("dev", "null"))
        )
        world.state.namespace.make("Device").insert("NamedPipe", NamedPipes())
        network_devices.install(world.state.namespace)
        world.devices.families.configuration = cast(Any, Network())
        create = Open(Access.READ | Access.WRITE, Disposition.CREATE, mode=0o755)
        self.ntdll = cast(File, create_file(context, context.root, ("ntdll.dll",), create))
        self.ntdll.write(found.ntdll.read_bytes())
        guests: Any = _Guests()
        self.nt = NtSubsystem(cast(Any, world.platform), guests, world.state, self.ntdll, found.nls)
        api_set = pe.parse((found.system / "apisetschema.dll").read_bytes())
        world.state.loaders.append(PeLoader(self.nt, api_set, lambda process, program: (PROGRAM, "C:\\", {})))
        world.install(
            PROGRAM.removeprefix("Z:\\"), (found.system / PROGRAM.removeprefix("Z:\\")).read_bytes()
        )
        self.numbers = self.nt.ntdll.file.system_calls
        self.calls = {entry.call.name: entry.call for entry in self.nt.table.values()}
        self.source = NtSource(generator)
        self.recipes = {**RECIPES, "NtDeviceIoControlFile": SOCKET_RECIPES["NtDeviceIoControlFile"]}
        self.never, self.unanswered = NEVER, UNANSWERED

    def _open_registry(self) -> Registry:
        scheduler = self.world.scheduler
        registry = Registry(
            Path(self._folder.name, "registry"),
            lambda: system_time(self.world.state),
            lambda seconds, action: scheduler.at(scheduler.clock() + seconds, action),
        )
        registry_seeds.seed(registry, "S-1-5-21-1", "root")
        return registry

    def close(self) -> None:
        """Give back what is of the host."""
        self.world.state.close()
        self._folder.cleanup()
        self.ntdll.release()

    def number(self, name: str) -> int:
        return self.numbers[name]

    def succeeded(self, result: int) -> bool:
        return result & 0xFFFFFFFF < 0x80000000

    def process(self) -> Process:
        """A process of root's or of a user's, with some objects that others know too."""
        world, table = self.world, self.world.state.processes
        process = table.new_process(table.init, self.nt)
        root = world.administrator.root
        token = self.random.choice((ROOT, USER))
        process.files, process.handles = (
            FileSystemContext(root, world.state.drives["C"], token),
            HandleTable(),
        )
        process.space = AddressSpace(high=HIGHEST_ADDRESS)
        allocation = Allocation(ARENA, SIZE, PAGE_READWRITE, 0x20000)
        process.space.insert(Region(ARENA, ARENA + SIZE, 3, allocation=allocation, state=PAGE_READWRITE))
        process.state = NtProcess(self.nt, self.nt.ntdll, ARENA, ARENA, ARENA, ARENA, "C:\\a.exe")
        guest = Guest()
        guest.state = "runs"
        thread = table.new_thread(process, cast(Any, guest))
        thread.state = NtThread(ARENA, ARENA, SIZE)
        self.nt.thread_started(thread, None)
        self._give_objects(thread)
        return process

    def _give_objects(self, thread: Thread) -> None:
        self.source.thread = thread
        out = self.source.put(bytes(16))
        everything = 0x1F0003
        self.make(thread, "NtCreateEvent", out, everything, 0, 0, 0)
        self.make(thread, "NtCreateEvent", out, everything, 0, 1, 1)
        self.make(thread, "NtCreateMutant", out, 0x1F0001, 0, 0)
        self.make(thread, "NtCreateSemaphore", out, everything, 0, 1, 5)
        self.make(thread, "NtCreateTimer", out, everything, 0, 0)
        self.make(thread, "NtCreateIoCompletion", out, everything, 0, 0)
        self.make(
            thread,
            "NtCreateSection",
            out,
            0xF001F,
            0,
            self.source.put(struct.pack("<Q", PAGE)),
            4,
            0x8000000,
            0,
        )
        self.make(thread, "NtOpenProcessToken", WORD, 8, out)
        for path in ("\\??\\C:\\a", "\\??\\C:\\b"):
            self.make(
                thread, "NtCreateFile", out, 0x1F01FF, self._named(path), out, 0, 0x80, 7, 3, 0x20, 0, 0
            )
        self.make(thread, "NtOpenFile", out, 0x100001, self._named("\\??\\C:\\"), out, 7, 0x21)
        name = self._named("\\Registry\\Machine\\Software\\a")
        self.make(thread, "NtCreateKey", out, 0xF003F, name, 0, 0, 0, 0)

    def _named(self, path: str) -> int:
        text = types.encode(path)
        string = self.source.put(_STRING.pack(UnicodeString(len(text), len(text), self.source.put(text))))
        return self.source.put(_ATTRIBUTES.pack(ObjectAttributes(_ATTRIBUTES.size, 0, string, 0x40, 0, 0)))

    def raw(self, arguments: list[int]) -> tuple[int, ...]:
        """The registers of a call, the fifth of which says where the other arguments are."""
        values = [value & WORD for value in (*arguments, *[0] * 16)[:16]]
        return (*values[:4], self.source.put(struct.pack("<12Q", *values[4:])))

    def make(self, thread: Thread, name: str, *arguments: int) -> None:
        """Have a thread make a call."""
        raw = self.raw(list(arguments))
        guest: Any = thread.guest
        guest.call(self.number(name), raw)
        self.world.scheduler.system_call(guest, self.number(name), raw)


class SocketHalf(NtHalf):
    """Nothing but what sockets are asked for."""

    def __init__(self, world: World, generator: random.Random, found: userland.Userland) -> None:
        super().__init__(world, generator, found)
        self.calls = {name: self.calls[name] for name in SOCKET_RECIPES}
        self.recipes, self.never, self.unanswered = {**SOCKET_RECIPES}, {}, frozenset()
