"""A machine of NT processes whose threads are nothing but memory, on an ntdll that is nothing but numbers and addresses."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any, cast

from lichen.abi.convention import X64
from lichen.abi.declare import Missing
from lichen.executive import scheduling
from lichen.executive.address_space import Region
from lichen.executive.interfaces import MemoryOperation
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.device import Devices
from lichen.executive.objects.dispatcher import EventObject, ThreadObject
from lichen.executive.objects.handles import handle_of
from lichen.executive.processes import Process, Thread
from lichen.executive.scheduler import Scheduler
from lichen.executive.security.tokens import Token
from lichen.subsystems.nt.allocations import Allocation
from lichen.subsystems.nt.generations import WINE_10, Generation
from lichen.subsystems.nt.protection import PAGE_READWRITE
from lichen.subsystems.nt.state import NtProcess, NtThread, as_nt_process
from lichen.subsystems.nt.subsystem import NtSubsystem, declare_calls
from lichen.subsystems.nt.system_processes import SystemProcesses
from tests.unit.abi.guest import BASE, GuestMemory
from tests.unit.states import machine_state
from tests.unit.subsystems.linux.machine import Guest

SIZE = 0x4000
NTDLL = 0x7000_0000
ENTRIES = {
    "LdrInitializeThunk": 0x10,
    "RtlUserThreadStart": 0x20,
    "KiUserExceptionDispatcher": 0x30,
    "KiUserApcDispatcher": 0x40,
}
EXCEPTION_DISPATCHER, APC_DISPATCHER = NTDLL + 0x30, NTDLL + 0x40
PROGRAM, STACK = 0x5000_0000, BASE + SIZE - 0x100
UNDECLARED, STRANGE = 0x800, 0x801
"""A call that ntdll has and the kernel has not, and one that nobody knows."""


class NtGuest(Guest):
    """A thread with more memory, whose changes are kept."""

    def __init__(self) -> None:
        super().__init__(GuestMemory(SIZE))
        self.changes: list[MemoryOperation] = []

    def change_memory(self, operations: tuple[MemoryOperation, ...]) -> None:
        self.changes += operations


class Machine:
    """One process with one thread at PROGRAM, and whatever the test adds."""

    def __init__(self, generation: Generation = WINE_10) -> None:
        self.now = 1000.0
        self.scheduler = Scheduler(lambda: self.now, lambda: self.now)
        self.scheduler.platform = cast(Any, self)
        self.devices = Devices()
        self.ticks = 0
        nt = self.nt = NtSubsystem.__new__(NtSubsystem)
        calls = declare_calls()
        self.numbers = {name: number for number, name in enumerate(calls.by_name)} | {"NtLater": UNDECLARED}
        ntdll = SimpleNamespace(file=SimpleNamespace(exports=ENTRIES, system_calls=self.numbers))
        nt.ntdll, nt.generation, nt._ticking = cast(Any, ntdll), generation, False
        nt.table, nt.missing = calls.table(X64, self.numbers), Missing()
        nt.names = {number: name for name, number in self.numbers.items()}
        nt.shared_data = cast(Any, self)
        root = self.devices.anonymous.place(0, "root", Token.of_user(0, 0))
        self.context = FileSystemContext(root, root, Token.of_user(0, 0))
        self.state = nt.machine = machine_state(self.scheduler, nt, self.context)
        nt.system_processes = SystemProcesses(self.state, as_nt_process)
        self.thread = self.process().first_thread

    def process(self) -> Process:
        """A new process with one thread."""
        process = self.state.processes.new_process(self.state.processes.init, self.nt)
        process.files = self.context
        allocation = Allocation(BASE, SIZE, PAGE_READWRITE, 0x20000)
        process.space.insert(Region(BASE, BASE + SIZE, 3, allocation=allocation, state=PAGE_READWRITE))
        process.state = NtProcess(self.nt, cast(Any, None), BASE, NTDLL, BASE, BASE, "C:\\a.exe")
        scheduling.set_apart(self.another_thread(process))
        return process

    def another_thread(self, process: Process) -> Thread:
        guest = NtGuest()
        thread = self.state.processes.new_thread(process, cast(Any, guest))
        thread.state = NtThread(BASE, BASE, SIZE)
        guest.registers.rip, guest.registers.rsp, guest.registers.orig_rax = PROGRAM, STACK, -1
        self.nt.thread_started(thread, None)
        return thread

    # ---- what the platform and the shared page are asked

    def step(self, timeout: float | None) -> None:
        """The platform's part of the loop: nothing comes from outside."""

    def refresh(self) -> None:
        self.ticks += 1

    # ---- what tests do

    @property
    def guest(self) -> NtGuest:
        return cast(NtGuest, self.thread.guest)

    def call(self, name: str | int, *arguments: int, thread: Thread | None = None) -> int | None:
        """Make a call; its result, None when it waits or has ended its caller."""
        guest = cast(NtGuest, (thread or self.thread).guest)
        guest.answers.clear()
        guest.running = False
        number = self.numbers[name] if isinstance(name, str) else name
        raw = [argument & 0xFFFFFFFFFFFFFFFF for argument in (*arguments, *[0] * 12)]
        guest.memory.write(STACK, struct.pack("<8Q", *raw[4:12]))
        self.scheduler.system_call(cast(Any, guest), number, (*raw[:4], STACK))
        assert not self.scheduler.errors
        return guest.answers[0] & 0xFFFFFFFF if guest.answers else None

    def answer(self) -> int | None:
        """What the first thread's call that waited has come to."""
        return self.guest.answers[0] & 0xFFFFFFFF if self.guest.answers else None

    def event(self) -> tuple[EventObject, int]:
        """A new event of the first process and a handle to it."""
        event = EventObject(manual=True, is_set=False)
        return event, handle_of(self.thread.process.handles.insert(event, 0x1F0003))

    def handle_to(self, thread: Thread) -> int:
        """The first process's handle to a thread."""
        return handle_of(self.thread.process.handles.insert(ThreadObject(thread), 0x1FFFFF))
