"""Terminals, and processes around them that only remember what they are sent."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from lichen.executive.io.file import File
from lichen.executive.io.location import Location, Mount
from lichen.executive.io.opening import Access, Open, Options
from lichen.executive.io.terminal import SetLock
from lichen.executive.processes import Process
from lichen.filesystems.devices import SIMPLE, device_tree
from lichen.filesystems.terminal.files import TerminalFile
from lichen.filesystems.terminal.pty import NAMES, MasterFile, Terminals
from tests.unit.kernel import Kernel
from tests.unit.states import machine_state

BOTH = Access.READ | Access.WRITE


class Recorder:
    """A subsystem that writes down what its processes are sent."""

    name = "recorder"

    def __init__(self) -> None:
        self.sent: list[tuple[int, int]] = []
        self.ignored: set[int] = set()

    def signal(self, process: Process, number: int, sender: Process | None) -> None:
        self.sent.append((process.id, number))

    def ignores(self, thread: object, number: int) -> bool:
        return number in self.ignored

    def take(self) -> list[tuple[int, int]]:
        """What was sent since the last time: (process, signal)."""
        sent, self.sent = self.sent, []
        return sent


class World:
    """A machine's terminals. `by` says whose call it is that comes next."""

    def __init__(self) -> None:
        self.kernel = Kernel()
        self.signals = Recorder()
        self.state = machine_state(self.kernel.scheduler, self.signals, self.kernel.context)
        self.terminals = Terminals(self.state, self.kernel.devices, 99)
        self.terminals.mount = Mount(self.terminals.names, "devpts")
        self.devices = Mount(device_tree(98, self.kernel.devices, (*SIMPLE, *NAMES)), "devtmpfs")

    def process(self, parent: Process | None = None, leads: str = "") -> Process:
        """A new process; `leads` a "session" or a "group" of its own."""
        process = self.state.processes.new_process(
            parent or self.state.processes.init, cast(Any, self.signals)
        )
        process.files = self.kernel.context
        if leads == "session":
            process.new_session()
        elif leads == "group":
            process.new_group()
        return process

    def by(self, process: Process | None) -> World:
        current = SimpleNamespace(process=process) if process is not None else None
        self.kernel.scheduler.current = cast(Any, current)
        return self

    def open(self, name: str, options: int = 0, access: int = BOTH) -> File:
        """Open a name of /dev, or a number of /dev/pts."""
        mount = self.terminals.mount if name.isdigit() else self.devices
        location = cast(Location, mount.root.child(name))
        opened = location.node.open(location, Open(access, options=options), self.kernel.token)
        return cast(File, opened)

    def pair(self, options: int = Options.NO_TERMINAL) -> tuple[MasterFile, TerminalFile]:
        """A new pseudo terminal, both sides open."""
        master = cast(MasterFile, self.open("ptmx"))
        master.control(SetLock(False))
        return master, cast(TerminalFile, self.open(str(master.terminal.number), options))
