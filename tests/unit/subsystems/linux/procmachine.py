"""A machine whose processes have no guests: as much as /proc shows of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from lichen.abi.memory import BadAddress
from lichen.executive.interfaces import PAGE, MappingUsage, MemoryUsage, ProcessorTime, TaskUsage
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.location import Mount
from lichen.executive.machine import MachineState
from lichen.executive.objects.handles import HandleTable
from lichen.executive.processes import Process, Thread
from lichen.executive.security.tokens import Token
from lichen.subsystems.linux.state import LinuxProcess, LinuxThread
from tests.unit.trees import read

FIGURES = TaskUsage("R", ProcessorTime(1.5, 0.25), 7, 1, 5 * PAGE, 1)


@dataclass
class Guest:
    """A guest thread that only has accounts, and a few bytes of memory at address 0x1000."""

    content: bytes = b""
    figures: TaskUsage = FIGURES
    owner: Any = None

    @property
    def memory(self) -> Guest:
        return self

    def read(self, address: int, size: int) -> bytes:
        data = self.content[address - 0x1000 :][:size]
        if len(data) != size:
            raise BadAddress(address)
        return data

    def usage(self) -> TaskUsage:
        return self.figures

    def processor_time(self) -> ProcessorTime:
        return self.figures.time

    def mappings(self) -> Iterator[MappingUsage]:
        return iter([MappingUsage(0, 4 * PAGE, {"Rss": 2 * PAGE, "Pss": PAGE})])

    def memory_usage(self) -> MemoryUsage:
        return MemoryUsage(5 * PAGE, 6 * PAGE, 2 * PAGE, 3 * PAGE)

    def kill(self) -> None:
        """Nothing to end."""


class Personality:
    """As much of a subsystem as the process table asks for: every end leaves a zombie."""

    process_ended = thread_ended = orphaned = lambda *_: None

    def environment(self, process: Process) -> bytes:
        where = process.space.environment
        return process.first_thread.memory.read(where.start, len(where)) if where else b""

    def child_ended(self, parent: Process, child: Process) -> bool:
        return True


@dataclass
class Host:
    """A machine with a root, /proc and /sys, and processes that a test makes."""

    state: MachineState
    context: FileSystemContext
    mounts: list[Mount]
    now: float = 100.0

    def process(self, parent: Process, name: str, token: Token) -> Process:
        process = self.state.processes.new_process(parent, cast(Any, Personality()))
        process.name, process.files = name, self.context.copy(token)
        process.handles, process.state = HandleTable(), LinuxProcess()
        self.thread(process)
        return process

    def thread(self, process: Process) -> Thread:
        thread = self.state.processes.new_thread(process, cast(Any, Guest()))
        thread.state = LinuxThread()
        return thread

    def act(self, process: Process | None) -> FileSystemContext:
        """Let a process be the one who asks."""
        self.state.scheduler.current = process.first_thread if process is not None else None
        return process.files if process is not None else self.context

    def text(self, path: str) -> str:
        return read(self.context, f"proc/{path}").decode()


ROOT, USER, OTHER = (Token.of_user(id, id) for id in (0, 1000, 2000))
