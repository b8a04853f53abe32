"""Builds and boots a machine: the only module that knows all the others.

A machine is one executive, the platform that runs its guests, the subsystems in front of it, and a tree of names: the host's
root read-only under the machine's private layer, with /dev, /tmp, /run and the like its own. It knows nothing of daemons,
sockets or terminals of the host; whoever owns a machine starts programs on it and runs its scheduler.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from lichen.boot import drives
from lichen.boot.network import HOST, MachineNetwork
from lichen.boot.refusals import LaunchError, hint_at
from lichen.boot.tree import Tree
from lichen.executive import programs
from lichen.executive.io.attributes import Kind
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.device import Devices
from lichen.executive.io.file import File
from lichen.executive.io.location import anonymous
from lichen.executive.io.lookup import Walk, find
from lichen.executive.io.manager import create_file
from lichen.executive.io.names import Name, make_node
from lichen.executive.io.opening import Access, Open, Options
from lichen.executive.machine import MachineState
from lichen.executive.network.sockets import AddressFamily
from lichen.executive.processes import INIT, Process
from lichen.executive.scheduler import Scheduler, Timer
from lichen.executive.security.tokens import Token
from lichen.executive.status import Failure, Status
from lichen.executive.system import Load, System
from lichen.executive.worker import Worker
from lichen.filesystems import devices as simple_devices
from lichen.filesystems import sockets
from lichen.filesystems.generated import ProcFileSystem, SysFileSystem
from lichen.filesystems.hostlimits import raise_descriptor_limit
from lichen.filesystems.hostwatch import HostMonitor
from lichen.filesystems.passed import PassedNode, accepts
from lichen.filesystems.pipe import Pipes
from lichen.filesystems.terminal import pty
from lichen.filesystems.terminal.console import ClientTerminal
from lichen.platforms.native.platform import NativePlatform
from lichen.platforms.network.host import HostOfNamespace
from lichen.subsystems.linux import init
from lichen.subsystems.linux.errors import errno_of
from lichen.subsystems.linux.files import opened_for_execution
from lichen.subsystems.linux.procfs import sysfs
from lichen.subsystems.linux.procfs import tree as procfs
from lichen.subsystems.linux.procfs.subjects import Whole
from lichen.subsystems.linux.sockdiag.driver import DiagnosisSockets
from lichen.subsystems.linux.subsystem import LinuxSubsystem
from lichen.subsystems.linux.types import path_of

if TYPE_CHECKING:
    from lichen.boot.windows import Windows
    from lichen.executive.host import Host
    from lichen.executive.interfaces import Platform, Subsystem
    from lichen.executive.objects.namespace import Directory
    from lichen.executive.registry import Registry
    from lichen.subsystems.nt.subsystem import NtSubsystem

_MEMORY_MAJOR: Final = 1
_QUIET: Final = 0.005
"""Seconds without a new program after which there is time to prepare for the next."""


class Machine:
    """One running machine.

    `folder` holds its private layer, `processor` is the core that it is bound to, `root_files` says that a kernel of root
    shows what others may not read, `state` is Lichen's folder on the host, which no guest sees, `network` is which network it
    is to be on: `own`, `host`, `none`, or nothing for whichever the host has to offer.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        processor: int | None = None,
        root_files: bool = False,
        state: str | None = None,
        disk_size: int | None = None,
        host: Host | None = None,
        network: str = HOST,
    ) -> None:
        raise_descriptor_limit()
        self.host = host or HostOfNamespace(None)
        self.scheduler = Scheduler(since_boot=partial(self.host.clock, time.CLOCK_BOOTTIME))
        self._folder, self._home = Path(folder), state
        self._userland = drives.find_userland(None if state is None else Path(state))
        self.platform: Platform = NativePlatform(
            self.scheduler, processor, self._stopping_numbers(state), self.host.processors
        )
        self.platform.blank_taken = self._prepare_later
        self._preparing: Timer | None = None
        self.scheduler.platform = self.platform
        self.network = MachineNetwork(network, self.platform, self.scheduler, self.host.processors)
        self.devices = Devices(self.host.now)
        self._worker = self.devices.worker = Worker()
        self.platform.watch(self._worker.descriptor, select.POLLIN, self._worker.finished)
        self.monitor = HostMonitor(self.devices.outside)
        self.monitor.listen(self.platform.watch, self._soon)
        self._register_drivers()
        hides_private = os.geteuid() == 0 and not root_files
        self.tree = Tree(self._folder, self.devices, self.monitor, hides_private)
        self.tree.mount_own_trees(state)
        self.linux = LinuxSubsystem(self.platform, self.platform.vdso, _open_program)
        self.subsystems: tuple[LinuxSubsystem | NtSubsystem, ...] = (self.linux,)
        self.state = MachineState(
            self.scheduler,
            self.linux,
            self.tree.administrator,
            [*self.linux.loaders, *([_WindowsLoader(self)] if self.has_windows else [])],
            self.tree.mounts,
            self.tree.in_memory(),
            self._open_registry,
            self._make_namespace,
            System(self.host, Load(self.scheduler.clock())),
        )
        self._mount_generated_trees()
        self.terminals = pty.Terminals(self.state, self.devices, self.tree.next_device())
        self.terminals.mount = self.tree.mount("/dev/pts", self.terminals.names, "devpts", pty.MOUNT_OPTIONS)
        self._listen_for_requests()
        self._windows: Windows | None = None
        self.subsystem_added: Callable[[Subsystem], None] = lambda subsystem: None
        """Told of the NT subsystem, which comes with the first Windows program."""
        if self._userland is not None:
            self.state.drives.update(drives.mount_drives(self.tree, self._userland))
        if disk_size is not None:
            self.tree.disk.limit(disk_size)
        self._see_network()
        self.network.left = self._see_network

    def _see_network(self) -> None:
        """Have guests be told of the network that they are on; looking makes it, so nobody does while the machine boots."""
        if isinstance(self.host, HostOfNamespace):
            self.host.namespace = self.network.namespace

    def _stopping_numbers(self, state: str | None) -> tuple[int, ...]:
        cache = None if state is None else Path(state, "ntdll-numbers")
        return drives.stopping_numbers(self._userland, cache) if self._userland is not None else ()

    @property
    def has_windows(self) -> bool:
        """Whether there is a Windows userland, so that Windows programs can run."""
        return self._userland is not None

    def windows(self) -> Windows:
        """The Windows half of the machine, which is made when it is first needed."""
        if self._windows is None:
            from lichen.boot.windows import Windows

            assert self._userland is not None
            self._windows = Windows(self.platform, self.state, self._userland, self.tree.administrator)
            self.subsystems = (self.linux, self._windows.subsystem)
            self.subsystem_added(self._windows.subsystem)
        return self._windows

    def _open_registry(self) -> Registry:
        from lichen.boot.windows_trees import open_registry

        seed = None
        if self._userland is not None and self._home is not None:
            seed = self._userland.registry(Path(self._home))
        path = self._folder / "registry.sqlite"
        return open_registry(path, seed, self.state, self.tree.administrator, self.tree.disk)

    def _make_namespace(self) -> Directory:
        from lichen.boot.windows_trees import make_namespace

        return make_namespace(self.tree.administrator, self.state.drives)

    def _soon(self, action: Callable[[], None]) -> None:
        self.scheduler.at(self.scheduler.clock(), action)

    def _prepare_later(self) -> None:
        """Make blank processes ahead of time, when nothing was started for a moment."""
        if self._preparing is not None:
            self._preparing.cancel()
        self._preparing = self.scheduler.at(self.scheduler.clock() + _QUIET, self._prepare)

    def _prepare(self) -> None:
        self._preparing = None
        if self.platform.fill_pool():
            self._prepare_later()

    def close(self) -> None:
        """End every guest and give everything back to the host."""
        self._configuration.close()
        self.network.close()
        self.platform.close()
        self._worker.close()
        self.state.close()
        self.tree.close()
        self.monitor.close()

    def _register_drivers(self) -> None:
        simple_devices.register(self.devices)
        Pipes().register(self.devices)
        self._configuration = sockets.register(
            self.devices, self.scheduler, self.platform, self.network.sockets
        )
        families = self.devices.families
        others = families.get(AddressFamily.NETLINK)
        families.register(AddressFamily.NETLINK, DiagnosisSockets(self.scheduler, others))

    def _mount_generated_trees(self) -> None:
        machine = Whole(self.state)
        options = "rw,nosuid,nodev,noexec"
        proc = ProcFileSystem(procfs.tree(self.state.system), machine, self.tree.next_device(), self.devices)
        self.tree.mount("/proc", proc, "proc", options)
        sys = SysFileSystem(sysfs.tree(), machine, self.tree.next_device(), self.devices)
        self.tree.mount("/sys", sys, "sysfs", options)

    def _listen_for_requests(self) -> None:
        """Have process 1 read what is asked of it on its FIFO."""
        context = self.tree.administrator
        make_node(context, Name(context.root, init.CONTROL), Kind.FIFO, 0o600)
        fifo = create_file(context, context.root, init.CONTROL, Open(Access.READ | Access.WRITE))
        self.scheduler.spawn(init.serve(self.state.power, cast(File, fifo)))

    # ---- what it says of itself

    @property
    def isolation(self) -> str:
        """The namespaces of the host that guests have of their own."""
        return self.platform.isolation

    @property
    def has_extension(self) -> bool:
        """Whether the C extension is in use."""
        return self.platform.has_extension

    def living(self) -> list[Process]:
        """The processes that have not ended, without init."""
        return [
            process
            for process in self.state.processes.values()
            if process.id != INIT and not process.is_zombie
        ]

    def missing_calls(self) -> dict[str, dict[str, int]]:
        """By subsystem: the calls that were made and do not exist here, and how often."""
        return {subsystem.name: subsystem.missing for subsystem in self.subsystems}

    # ---- what sessions ask for

    def context(self, folder: bytes, token: Token) -> FileSystemContext:
        """How a program of `token` sees the tree that starts in `folder`; LaunchError when it cannot be there."""
        root = self.tree.administrator.root
        context = FileSystemContext(root, root, token)
        try:
            context.current = find(context, root, path_of(folder).components, Walk.FOLLOW | Walk.DIRECTORY)
        except Failure as failure:
            reason = os.strerror(errno_of(failure.status))
            hint = hint_at(folder, self.tree.hides_private) if os.path.isdir(folder) else ""
            hint += ", or start elsewhere with --cwd" if hint else ""
            raise LaunchError(f"{os.path.normpath(os.fsdecode(folder))}: {reason}{hint}") from failure
        return context

    def read_file(self, path: str, most: int) -> bytes:
        """The beginning of a file of the machine, as its administrator sees it."""
        context = self.tree.administrator
        location = find(context, context.root, path_of(os.fsencode(path)).components)
        if location.node.kind != Kind.REGULAR:
            raise Failure(Status.ACCESS_DENIED)
        return location.node.read_at(0, most)

    def passed_node(self, descriptor: int) -> PassedNode:
        """What stands for a descriptor of the client, which is taken over."""
        return PassedNode(descriptor, self.devices, self.platform)

    def standard_file(
        self, descriptor: int, context: FileSystemContext, console: ClientTerminal | None = None
    ) -> File:
        """The open file for a descriptor of the client, which is taken over; a terminal is `console`, if there is one."""
        if console is not None and os.isatty(descriptor):
            os.close(descriptor)
            return console.open()
        if accepts(descriptor):
            node = self.passed_node(descriptor)
            return node.file(anonymous(node.label, node), Open(node.access))
        state = os.fstat(descriptor)
        os.close(descriptor)
        if state.st_mode >> 12 == Kind.CHARACTER and os.major(state.st_rdev) == _MEMORY_MAJOR:
            for device in simple_devices.SIMPLE:
                if device.minor == os.minor(state.st_rdev):
                    return _own_device(context, device.name)
        raise LaunchError("standard files must be terminals, pipes, sockets, regular files or /dev/null")


def _own_device(context: FileSystemContext, name: str) -> File:
    """The machine's device of a name that the host has too; guests may have removed it or put something else there."""
    request = Open(Access.READ | Access.WRITE, options=Options.POSIX | Options.NONBLOCKING)
    try:
        file = create_file(context, context.root, ("dev", name), request)
    except Failure as failure:
        reason = os.strerror(errno_of(failure.status))
        raise LaunchError(f"the machine's /dev/{name}, a standard file: {reason}") from failure
    if not isinstance(file, File):
        raise LaunchError(f"the machine's /dev/{name}, a standard file, is not the device")
    file.options &= ~Options.NONBLOCKING
    return file


class _WindowsLoader:
    """Knows PE files, and has the Windows half made when one is to run."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def recognises(self, head: bytes) -> bool:
        return head[:2] == b"MZ"

    def load(self, process: Process, program: programs.Program, head: bytes) -> programs.Loaded:
        """Load with the loader of the NT subsystem."""
        return self.machine.windows().loader.load(process, program, head)


def _open_program(process: Process, path: bytes) -> File:
    return opened_for_execution(process, path_of(path))
