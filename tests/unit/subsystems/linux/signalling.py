"""A machine whose first thread waits for signals, and what others send it."""

from __future__ import annotations

import errno
from typing import cast

from lichen.executive.processes import Process, Thread
from lichen.subsystems.linux.numbers import AMD64_NUMBERS
from lichen.subsystems.linux.records import Sigaction
from lichen.subsystems.linux.state import linux_of_process
from tests.unit.abi.guest import BASE
from tests.unit.subsystems.linux.machine import Guest, Machine

HANDLER, RESTORER, PROGRAM, STACK = 0x5000, 0x6000, 0x7000, BASE + 0xF00
EINTR = -errno.EINTR & 0xFFFFFFFFFFFFFFFF
REAL_TIME = 34


def ready_machine() -> Machine:
    """A machine whose thread runs at PROGRAM, with a stack that ends at STACK."""
    machine = Machine()
    prepare(machine.thread)
    return machine


def prepare(thread: Thread) -> None:
    registers = thread.guest.registers
    registers.rip, registers.rsp, registers.orig_rax = PROGRAM, STACK, -1


def handle(process: Process, *numbers: int, flags: int = 0, mask: int = 0) -> None:
    for number in numbers:
        action = Sigaction(HANDLER + number, flags, RESTORER, mask)
        linux_of_process(process).dispositions.actions[number] = action


def handled(thread: Thread) -> int:
    """The signal whose handler the thread is at; 0 for none."""
    registers = thread.guest.registers
    if not cast(Guest, thread.guest).running or registers.rip < HANDLER or registers.rip >= RESTORER:
        return 0
    assert registers.rip == HANDLER + registers.rdi
    return registers.rdi


def waits(thread: Thread) -> bool:
    """Whether the thread waits in a call."""
    return thread.parking is not None


def leave_handler(machine: Machine) -> None:
    """The handler ends as the C library's does: by its restorer, which calls rt_sigreturn."""
    machine.guest.registers.rsp += 8
    assert machine.call("rt_sigreturn") is None


def sender(machine: Machine) -> Thread:
    """Another process of the same user."""
    return machine.process().first_thread


def kill(machine: Machine, number: int, thread: Thread | None = None) -> None:
    """Another process sends a signal to the machine's first, or to one thread of it."""
    target = thread or machine.thread
    if thread is None:
        assert machine.call("kill", target.process.id, number, thread=sender(machine)) == 0
    else:
        assert machine.call("tkill", thread.id, number, thread=sender(machine)) == 0


def wait(machine: Machine, name: str) -> int:
    """Have the first thread wait in a call; its number."""
    if name == "wait4":
        machine.process(parent=machine.thread.process)
        assert machine.call("wait4", -1 & 0xFFFFFFFF, 0, 0, 0) is None
    elif name == "rt_sigtimedwait":
        machine.put(bytes(8))
        assert machine.call("rt_sigtimedwait", BASE, 0, 0, 8) is None
    else:
        assert machine.call(name) is None
    assert waits(machine.thread)
    return AMD64_NUMBERS[name]
