"""A machine without a host behind its guests: a tree in memory, /dev, /proc, terminals, pipes, sockets, Linux processes."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from typing import Any, Final, cast

from lichen.executive.address_space import Region
from lichen.executive.interfaces import PAGE
from lichen.executive.io.attributes import Kind
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.device import Devices
from lichen.executive.io.location import Location, Mount
from lichen.executive.io.lookup import find
from lichen.executive.io.names import Name, make_directory, symlink
from lichen.executive.machine import MachineState
from lichen.executive.network.sockets import AddressFamily
from lichen.executive.objects.handles import HandleTable
from lichen.executive.objects.namespace import Directory
from lichen.executive.processes import INIT, ExitStatus, Process
from lichen.executive.registry import Registry
from lichen.executive.scheduler import Scheduler
from lichen.executive.security.tokens import Token
from lichen.executive.system import Load, System
from lichen.filesystems import devices as simple_devices
from lichen.filesystems.generated import ProcFileSystem, SysFileSystem
from lichen.filesystems.memory_files import MemoryFileSystem
from lichen.filesystems.pipe import Pipes
from lichen.filesystems.sockets.localfamily import LocalSockets
from lichen.filesystems.terminal import pty
from lichen.platforms.thishost import ThisHost
from lichen.subsystems.linux.files import opened_for_execution
from lichen.subsystems.linux.procfs import sysfs, tree
from lichen.subsystems.linux.procfs.subjects import Whole
from lichen.subsystems.linux.sockdiag.driver import DiagnosisSockets
from lichen.subsystems.linux.subsystem import LinuxSubsystem
from lichen.subsystems.linux.types import path_of
from tests.fuzz.guests import ARENA, SIZE, Guest, Platform
from tests.fuzz.linux_recipes import PROGRAM
from tests.unit.subsystems.linux.test_sockdiag import Refusing

USER: Final = Token.of_user(1000, 1000, (7, 1000))
ROOT: Final = Token.of_user(0, 0)
_CAPACITY: Final = 1 << 25
"""Bytes that files may take: calls ask for much more."""


class World:
    """The machine; `pass_time` lets its clock go on."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.scheduler = Scheduler(lambda: self.now, lambda: self.now)
        self.platform = Platform()
        self.scheduler.platform = cast(Any, self.platform)
        self.devices = Devices()
        simple_devices.register(self.devices)
        Pipes().register(self.devices)
        self.devices.families.register(AddressFamily.LOCAL, LocalSockets(self.scheduler))
        self.devices.families.register(AddressFamily.NETLINK, DiagnosisSockets(self.scheduler, Refusing()))
        self.mounts: list[Mount] = []
        root = Mount(MemoryFileSystem(32, self.devices, 0o755, capacity=_CAPACITY), "root")
        self.mounts.append(root)
        self.administrator = FileSystemContext(root.root, root.root, ROOT)
        self.linux = LinuxSubsystem(cast(Any, self.platform), (), _open_program)
        self.open_registry: Callable[[], Registry]
        """What opens the registry, when NT is there."""
        self.state = MachineState(
            self.scheduler,
            self.linux,
            self.administrator,
            list(self.linux.loaders),
            self.mounts,
            MemoryFileSystem(33, self.devices, capacity=_CAPACITY),
            self._registry,
            Directory,
            System(ThisHost(), Load(self.scheduler.clock())),
        )
        self._mount_trees()

    def _registry(self) -> Registry:
        return self.open_registry()

    def _mount_trees(self) -> None:
        names = (*simple_devices.SIMPLE, *pty.NAMES)
        self._mount("dev", simple_devices.device_tree(34, self.devices, names))
        self._mount("tmp", MemoryFileSystem(35, self.devices, 0o1777, capacity=_CAPACITY))
        whole = Whole(self.state)
        self._mount("proc", ProcFileSystem(tree.tree(self.state.system), whole, 36, self.devices))
        self._mount("sys", SysFileSystem(sysfs.tree(), whole, 37, self.devices))
        terminals = pty.Terminals(self.state, self.devices, 38)
        terminals.mount = self._mount("dev/pts", terminals.names)
        context = self.administrator
        self.install(PROGRAM, _smallest_program())
        symlink(context, "loop", Name(context.root, ("tmp", "loop")))
        symlink(context, "..", Name(context.root, ("tmp", "up")))

    def _mount(self, path: str, file_system: Any) -> Mount:
        mount = Mount(file_system, path)
        mount.attach(self._folder(tuple(path.split("/"))))
        self.mounts.append(mount)
        return mount

    def _folder(self, components: tuple[str, ...]) -> Location:
        context = self.administrator
        if len(components) == 1:
            return make_directory(context, Name(context.root, components), 0o755).inner()
        return find(context, context.root, components).inner()

    def install(self, path: str, content: bytes) -> None:
        """Put a program into the root."""
        name = path.removeprefix("/")
        node = self.administrator.root.node.create(name, Kind.REGULAR, 0o755, 0, 0)
        node.write_at(0, content)

    def process(self, token: Token) -> Process:
        """A new process with one thread that runs, in a session of its own."""
        process = self.state.processes.new_process(self.state.processes.init, self.linux)
        root = self.administrator.root
        process.files, process.handles = FileSystemContext(root, root, token), HandleTable()
        process.name, process.arguments = "fuzz", (b"fuzz",)
        process.files.current = find(self.administrator, root, ("tmp",))
        process.space.insert(Region(ARENA, ARENA + SIZE, 3))
        process.new_session()
        guest = Guest()
        guest.state = "runs"
        self.linux.thread_started(self.state.processes.new_thread(process, cast(Any, guest)), None)
        return process

    def pass_time(self, seconds: float) -> None:
        """Let timers expire and woken calls go on."""
        self.now += seconds
        for _ in range(2):
            self.scheduler.step()

    def end(self) -> None:
        """End every process but init."""
        while living := [p for p in self.state.processes.values() if p.id != INIT and not p.is_zombie]:
            for process in living:
                process.terminate(ExitStatus(0))
        for _ in range(3):
            self.pass_time(1.0)

    def leftovers(self) -> list[str]:
        """What is there that should not be when every process has ended."""
        table = self.state.processes
        found = [f"process {id}" for id in table if id != INIT]
        found += [f"thread {id}" for id in table.threads]
        found += [f"group {id}" for id in table.groups if id != INIT]
        found += [f"session {id}" for id in table.sessions if id != INIT]
        found += [f"held id {id}" for id in table.held]
        found += [f"timer of {t.expired}" for _, _, t in self.scheduler._timers if t.expired is not None]
        found += [f"watched descriptor {descriptor}" for descriptor in self.platform.watched]
        return found


def _smallest_program() -> bytes:
    """An ELF file with one segment, of which nothing is ever executed."""
    base, size = 0x400000, 120
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, base + size, 64, 0, 0, 64, 56, 1, 64, 0, 0
    )
    return header + struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, PAGE)


def _open_program(process: Process, path: bytes) -> Any:
    return opened_for_execution(process, path_of(os.fsencode(path)))
