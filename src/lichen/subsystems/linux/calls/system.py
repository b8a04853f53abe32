"""What the machine says of itself, and the little of it that can be changed.

Source: uname(2), sysinfo(2), sethostname(2), getrandom(2), syslog(2), reboot(2), personality(2), membarrier(2),
arch_prctl(2).
"""

from __future__ import annotations

import ctypes
import math
import os
from typing import TYPE_CHECKING, Final

from lichen.abi.argument import Out
from lichen.abi.memory import PageReader
from lichen.executive import system
from lichen.executive.power import PowerAction
from lichen.executive.security.tokens import Capability
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, Wait
from lichen.subsystems.linux import kernel
from lichen.subsystems.linux.processes import require
from lichen.subsystems.linux.records import Sysinfo, Utsname
from lichen.subsystems.linux.state import PER_LINUX32, PER_MASK, UNAME26, linux_of
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.types import Address, Flags, Int, Result, Size, Uint

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

GRND_NONBLOCK, GRND_RANDOM, GRND_INSECURE = 1, 2, 4
_MOST_RANDOM: Final = 1 << 20
"""Bytes at once; callers of getrandom(2) must expect to get fewer than they want when it is more than 256."""
_LOAD_UNIT: Final = 65536
_ASK_PERSONALITY: Final = 0xFFFFFFFF
ARCH_GET_CPUID, ARCH_SET_CPUID = 0x1011, 0x1012

_MEMBARRIER: Final = 324
_QUERY: Final = 0
_GLOBAL, _GLOBAL_EXPEDITED, _REGISTER_GLOBAL = 0x1, 0x2, 0x4
_PRIVATE, _REGISTER_PRIVATE, _SYNC_CORE, _REGISTER_SYNC_CORE = 0x8, 0x10, 0x20, 0x40
_BARRIERS: Final = (
    _GLOBAL,
    _GLOBAL_EXPEDITED,
    _REGISTER_GLOBAL,
    _PRIVATE,
    _REGISTER_PRIVATE,
    _SYNC_CORE,
    _REGISTER_SYNC_CORE,
)

_REBOOT_MAGIC: Final = 0xFEE1DEAD
_REBOOT_SECOND_MAGIC: Final = (672274793, 85072278, 369367448, 537993216)
_KEYS_ON, _KEYS_OFF = 0x89ABCDEF, 0
"""LINUX_REBOOT_CMD_CAD_ON and _OFF."""
_RESTART_WITH_TEXT: Final = 0xA1B2C3D4
"""LINUX_REBOOT_CMD_RESTART2, whose text is for firmware."""
_LONGEST_RESTART_TEXT: Final = 255
_REBOOT_ACTIONS: Final = {
    0x01234567: PowerAction.RESTART,
    _RESTART_WITH_TEXT: PowerAction.RESTART,
    0xCDEF0123: PowerAction.HALT,
    0x4321FEDC: PowerAction.POWER_OFF,
}

_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.restype = ctypes.c_long


@linux.call(amd64=63)
def uname(thread: Thread, name: Out[Utsname]) -> int:
    """The names of the system and of the machine."""
    own, domain = thread.process.machine.system, linux_of(thread).domain
    fields = (
        kernel.SYSTEM_NAME,
        own.host_name,
        kernel.OLD_RELEASE if domain & UNAME26 else kernel.RELEASE,
        kernel.VERSION,
        kernel.OLD_MACHINE if domain & PER_MASK == PER_LINUX32 else kernel.MACHINE,
        own.domain_name,
    )
    name.write(Utsname(*(os.fsencode(field)[: system.LONGEST_NAME] for field in fields)))
    return 0


@linux.call(amd64=170)
def sethostname(thread: Thread, name: Address, size: Int) -> int:
    """Name the machine."""
    thread.process.machine.system.rename(_name(thread, name, size))
    return 0


@linux.call(amd64=171)
def setdomainname(thread: Thread, name: Address, size: Int) -> int:
    """Name the machine's NIS domain."""
    thread.process.machine.system.domain_name = _name(thread, name, size)
    return 0


def _name(thread: Thread, address: int, size: int) -> str:
    require(thread, Capability.SYS_ADMIN)
    if not 0 <= size <= system.LONGEST_NAME:
        raise Failure(Status.INVALID_PARAMETER)
    return os.fsdecode(thread.memory.read(address, size).partition(b"\0")[0])


@linux.call(amd64=99)
def sysinfo(thread: Thread, information: Out[Sysinfo]) -> int:
    """How long the machine runs, how busy it is, and how much memory there is."""
    machine = thread.process.machine
    memory = machine.system.memory()
    information.write(
        Sysinfo(
            uptime=math.ceil(machine.uptime()),
            loads=tuple(int(load * _LOAD_UNIT) for load in machine.load_averages()),
            totalram=memory["MemTotal"],
            freeram=memory["MemFree"],
            sharedram=memory.get("Shmem", 0),
            bufferram=memory.get("Buffers", 0),
            totalswap=memory.get("SwapTotal", 0),
            freeswap=memory.get("SwapFree", 0),
            procs=min(len(machine.processes.threads), 0xFFFF),
        )
    )
    return 0


@linux.call(amd64=318)
def getrandom(thread: Thread, buffer: Address, size: Size, flags: Flags) -> int:
    """Fill a buffer with random bytes; a large one only in part."""
    if (
        flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE)
        or flags & (GRND_RANDOM | GRND_INSECURE) == GRND_RANDOM | GRND_INSECURE
    ):
        raise Failure(Status.INVALID_PARAMETER)
    size = min(size, _MOST_RANDOM)
    if size:
        thread.memory.write(buffer, thread.process.machine.system.host.random(size))
    return size


@linux.call(amd64=103, partial="refused: there is no log of a kernel to read")
def syslog(thread: Thread, action: Int, buffer: Address, size: Int) -> int:
    """Read or control the log of the kernel."""
    raise Failure(Status.PRIVILEGE_NOT_HELD)


@linux.call(amd64=169, partial="no other kernel is started, and the machine does not sleep")
def reboot(thread: Thread, magic: Uint, second_magic: Uint, command: Uint, argument: Address) -> Result:
    """End or restart the machine at once, from which nobody returns; say what three keys do that there are not here."""
    require(thread, Capability.SYS_BOOT)
    if magic != _REBOOT_MAGIC or second_magic not in _REBOOT_SECOND_MAGIC:
        raise Failure(Status.INVALID_PARAMETER)
    if command in (_KEYS_ON, _KEYS_OFF):
        return 0
    if command not in _REBOOT_ACTIONS:
        raise Failure(Status.INVALID_PARAMETER)
    if command == _RESTART_WITH_TEXT:
        PageReader(thread.memory).cstring(argument, _LONGEST_RESTART_TEXT)
    thread.process.machine.power.request(_REBOOT_ACTIONS[command], str(thread.process), at_once=True)
    return _wait_for_the_end()


def _wait_for_the_end() -> Blocks[int]:
    while True:
        yield Wait((), interruptible=False)


@linux.call(amd64=135, partial="nothing is mapped at address 0, and nothing is ever randomised")
def personality(thread: Thread, wanted: Uint) -> int:
    """Set or show the execution domain of the thread: how its programs see the system; returns what it was."""
    before: int = linux_of(thread).domain
    if wanted != _ASK_PERSONALITY:
        linux_of(thread).domain = wanted
    return before - (before >> 31 << 32)


@linux.call(amd64=158, partial="of the rarer operations only those about cpuid")
def arch_prctl(thread: Thread, operation: Int, address: Address) -> int:
    """Set or show the architecture's state of a thread; bases of FS and GS the host takes without asking."""
    if operation == ARCH_GET_CPUID:
        return 1
    if operation == ARCH_SET_CPUID:
        raise Failure(Status.NO_DEVICE)
    raise Failure(Status.INVALID_PARAMETER)


@linux.call(amd64=324, partial="without restartable sequences")
def membarrier(thread: Thread, command: Int, flags: Flags, processor: Int) -> Result:
    """Order memory accesses of the threads of a process; the host does it, for the very thread that asks."""
    if flags or (command != _QUERY and command not in _BARRIERS):
        raise Failure(Status.INVALID_PARAMETER)
    if command == _QUERY:
        known: int = _syscall(_MEMBARRIER, _QUERY, 0, 0)
        if known < 0:
            raise Failure(Status.NOT_IMPLEMENTED)
        return known & sum(_BARRIERS)
    thread.guest.proceed()
    return None
