"""A machine of Linux processes whose threads are nothing but memory: tests make their calls, and move the clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from lichen.executive.interfaces import MemoryUsage, ProcessorTime
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.device import Devices
from lichen.executive.objects.handles import HandleTable
from lichen.executive.processes import Process, Thread
from lichen.executive.registers import Registers
from lichen.executive.scheduler import Scheduler
from lichen.executive.security.tokens import Token
from lichen.executive.system import Load, System
from lichen.platforms.thishost import ThisHost
from lichen.subsystems.linux.numbers import AMD64_NUMBERS
from lichen.subsystems.linux.state import LinuxProcess
from lichen.subsystems.linux.subsystem import LinuxSubsystem
from tests.unit.abi.guest import BASE, GuestMemory
from tests.unit.states import machine_state

ADDRESS = BASE
BAD = 0x10
USER = Token.of_user(1000, 100, (7, 100))
ROOT = Token.of_user(0, 0)


@dataclass(eq=False)
class Guest:
    """A thread as the platform would have it; `answers` are the results of its calls."""

    memory: GuestMemory = field(default_factory=GuestMemory)
    registers: Registers = field(default_factory=Registers)
    answers: list[int] = field(default_factory=list)
    used: ProcessorTime = field(default_factory=ProcessorTime)
    owner: Any = None
    killed: bool = False
    running: bool = True
    """Whether it runs in user mode, as far as the kernel has told the platform."""
    proceeded: int = 0
    nice: int = 0
    bound: list[frozenset[int] | None] = field(default_factory=list)

    def complete(self, result: int) -> None:
        self.running = True
        self.answers.append(result)

    def proceed(self) -> None:
        self.proceeded += 1

    def stop(self) -> bool:
        self.running = False
        return not self.killed

    def resume(self) -> None:
        self.running = True

    def kill(self) -> None:
        self.killed, self.running = True, False

    exit = kill

    extended_state_size: int = 576

    def extended_state(self) -> bytes:
        return bytes(self.extended_state_size)

    def set_extended_state(self, state: bytes) -> None:
        self.restored = state

    def processor_time(self) -> ProcessorTime:
        return self.used

    def run_on(self, processors: frozenset[int] | None) -> None:
        self.bound.append(processors)

    def run_at(self, nice: int) -> None:
        self.nice = nice

    def memory_usage(self) -> MemoryUsage:
        return MemoryUsage(1 << 20, 2 << 20)


class Machine:
    """One process, run by `token`, and whatever the test adds."""

    def __init__(self, token: Token = USER) -> None:
        self.now = 1000.0
        self.scheduler = Scheduler(lambda: self.now, lambda: self.now)
        self.scheduler.platform = cast(Any, self)
        self.devices = Devices()
        self.linux = LinuxSubsystem(cast(Any, self), (), cast(Any, None))
        system = System(ThisHost(), Load(self.now), "host", processors=frozenset((0, 1, 65)))
        self.state = machine_state(self.scheduler, self.linux, self.context(ROOT), system=system)
        self.state.processes.init.state = LinuxProcess()
        self.thread = self.process(token).first_thread

    def context(self, token: Token) -> FileSystemContext:
        root = self.devices.anonymous.place(0, "root", token)
        return FileSystemContext(root, root, token)

    def process(self, token: Token = USER, parent: Process | None = None) -> Process:
        """A new process with one thread."""
        process = self.state.processes.new_process(parent or self.state.processes.init, self.linux)
        process.files, process.handles = self.context(token), HandleTable()
        self.another_thread(process)
        return process

    def another_thread(self, process: Process) -> Thread:
        thread = self.state.processes.new_thread(process, cast(Any, Guest()))
        self.linux.thread_started(thread, None)
        return thread

    def step(self, timeout: float | None) -> None:
        """The platform's part of the loop: nothing comes from outside."""

    def call(self, name: str, *arguments: int, thread: Thread | None = None) -> int | None:
        """Make a call; its result, negative for an errno, None when it waits or has ended its caller."""
        guest = cast(Guest, (thread or self.thread).guest)
        guest.answers.clear()
        guest.running = False
        raw = tuple(argument & 0xFFFFFFFFFFFFFFFF for argument in (*arguments, *[0] * 6)[:6])
        self.scheduler.system_call(cast(Any, guest), AMD64_NUMBERS[name], raw)
        assert not self.scheduler.errors
        return guest.answers[0] if guest.answers else None

    def answer(self, thread: Thread | None = None) -> int | None:
        """What the call that waited has come to."""
        answers = cast(Guest, (thread or self.thread).guest).answers
        return answers[0] if answers else None

    def pass_time(self, seconds: float, step: float = 0.001) -> None:
        """Let the clock go on, with timers and woken calls."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + step)
            self.scheduler.step()
            self.scheduler.step()
        assert not self.scheduler.errors

    # ---- the first thread's memory, and what it has used

    @property
    def guest(self) -> Guest:
        return cast(Guest, self.thread.guest)

    def put(self, data: bytes, address: int = ADDRESS) -> int:
        self.guest.memory.write(address, data)
        return address

    def get(self, size: int, address: int = ADDRESS) -> bytes:
        return self.guest.memory.read(address, size)

    def number(self, address: int = ADDRESS, size: int = 4) -> int:
        return int.from_bytes(self.get(size, address), "little", signed=True)

    def use(self, user: float, system: float = 0.0) -> None:
        """Let the first thread have used this much processor time."""
        self.guest.used = ProcessorTime(user, system)
