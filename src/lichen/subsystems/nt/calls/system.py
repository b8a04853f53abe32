"""The system as a whole: information classes, time, locales, NLS tables.

Source: NtQuerySystemInformation (winternl.h, phnt); facts/nt-devices, section 4.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from lichen.abi.argument import OptionalOut, Out
from lichen.abi.layout import i64, ptr, u32, u64
from lichen.executive import system
from lichen.executive.interfaces import PAGE
from lichen.executive.objects.rights import ProcessAccess
from lichen.executive.processes import Process
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt import foreign, priority, registry_seeds, time_zone
from lichen.subsystems.nt.images import GRANULARITY
from lichen.subsystems.nt.nls import US_ENGLISH, map_table
from lichen.subsystems.nt.objects import process_of
from lichen.subsystems.nt.shared_data import UNITS, system_time
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address, Boolean, encode, pointer

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_LOWEST, _HIGHEST = 0x10000, 0x7FFFFFFEFFFF
_FREQUENCY: Final = 10_000_000
_TICK_100NS: Final = 156_250
_CORE, _NODE, _PACKAGE = 0, 1, 3
_VM_COUNTERS: Final = struct.Struct("<QQI4x9Q")


def _processors(thread: Thread) -> int:
    count: int = thread.process.subsystem.processors  # type: ignore[attr-defined]
    return count


def _basic(thread: Thread) -> bytes:
    processors = _processors(thread)
    pages = system.memory().get("MemTotal", 0) // PAGE
    return struct.pack(
        "<7I4x3QB7x",
        *(0, _TICK_100NS, PAGE, pages & 0xFFFFFFFF, 1, pages & 0xFFFFFFFF, GRANULARITY),
        *(_LOWEST, _HIGHEST, (1 << processors) - 1),
        processors,
    )


def _cpu(thread: Thread) -> bytes:
    family, revision = _processor()
    return struct.pack("<3HHI", 9, family, revision, 8, 0x20013FFF)


@lru_cache(1)
def _processor() -> tuple[int, int]:
    """Family, and model with stepping, of the first processor; zeros where the host does not tell."""
    for first in system.processors():
        return first.family & 0xFFFF, (first.model << 8 | first.stepping) & 0xFFFF
    return 0, 0


def _performance(thread: Thread) -> bytes:
    memory = system.memory()
    available = memory.get("MemAvailable", 0) // PAGE
    total = memory.get("MemTotal", 0) // PAGE
    head = struct.pack("<4Q3I", 0, 0, 0, 0, 0, 0, 0)
    return (
        head
        + struct.pack("<3I", available & 0xFFFFFFFF, (total - available) & 0xFFFFFFFF, total & 0xFFFFFFFF)
    ).ljust(344, b"\0")


def _zone(thread: Thread) -> time_zone.Zone:
    """The zone of the caller, which the registry knows once somebody has asked for it."""
    process = thread.process
    zone = time_zone.zone_of(process.files, process.personality.zone)
    with suppress(Failure):  # it is full
        registry_seeds.tell_time_zone(process.machine.registry, zone)
    return zone


def _time_of_day(thread: Thread) -> bytes:
    machine = thread.process.machine
    now = system_time()
    booted = now - int(machine.uptime() * UNITS)
    bias = _zone(thread).bias() * UNITS
    return struct.pack("<3q2I2Q", booted, now, bias, 0, 0, 0, 0)


def _process_record(process: Process, name_at: int) -> tuple[bytes, bytes]:
    """(SYSTEM_PROCESS_INFORMATION with its threads, the name's text)."""
    name = encode(foreign.image_name(process))
    clock = process.machine.scheduler.clock()
    created = system_time() - int((clock - process.started) * UNITS)
    used = process.processor_time()
    threads = list(process.threads.values())
    total = process.space.total()
    head = struct.pack("<2I24x3q", 0, len(threads), created, int(used.user * UNITS), int(used.system * UNITS))
    head += struct.pack("<HH4x", len(name), len(name) + 2) + pointer(name_at)
    base = priority.base_of(process)
    head += struct.pack("<i4x2Q2I8x", base, process.id, process.creator, sum(1 for _ in process.handles), 1)
    head += _VM_COUNTERS.pack(total, total, 0, total, total, 0, 0, 0, 0, total, total, total)
    head = head.ljust(0x100, b"\0")
    for thread in threads:
        spent = thread.processor_time()
        started = system_time() - int((clock - thread.started) * UNITS)
        times = struct.pack("<3qI4xQ", int(spent.system * UNITS), int(spent.user * UNITS), started, 0, 0)
        waits = thread.parking is not None
        head += times + struct.pack(
            "<2Q2i3I4x", process.id, thread.id, base, base, 0, 5 if waits else 2, 6 if waits else 0
        )
    return head, name + b"\0\0"


def _processes(thread: Thread, buffer: int) -> bytes:
    """SYSTEM_PROCESS_INFORMATION of every process of both worlds."""
    out = bytearray()
    last = 0
    for process in thread.process.machine.processes.values():
        if process.exit_status is not None:
            continue
        size = 0x100 + 80 * len(process.threads)
        record, name = _process_record(process, buffer + len(out) + size)
        if out:
            struct.pack_into("<I", out, last, len(out) - last)
        last = len(out)
        out += (record + name).ljust((len(record) + len(name) + 7) & -8, b"\0")
    return bytes(out)


def _interrupts(thread: Thread) -> bytes:
    """Wine's DLLs take this as their source of randomness, so that is what it is."""
    return os.urandom(24 * _processors(thread))


def _logical_processors(thread: Thread) -> bytes:
    """SYSTEM_LOGICAL_PROCESSOR_INFORMATION: one core a processor, one package, one node."""
    processors = _processors(thread)
    everything = (1 << processors) - 1
    cores = b"".join(struct.pack("<QI4x16x", 1 << number, _CORE) for number in range(processors))
    return cores + b"".join(struct.pack("<QI4x16x", everything, relation) for relation in (_NODE, _PACKAGE))


_ANSWERS: Final[dict[int, Callable[[Thread], bytes]]] = {
    0: _basic,
    1: _cpu,
    2: _performance,
    3: _time_of_day,
    8: lambda thread: bytes(48 * _processors(thread)),
    16: lambda thread: bytes(8),
    23: _interrupts,
    28: lambda thread: struct.pack("<2IB7x", _TICK_100NS, _TICK_100NS, 1),
    35: lambda thread: b"\0\1",  # no kernel debugger, none enabled
    44: lambda thread: _zone(thread).dynamic_information()[: time_zone.SIZE],
    62: _basic,
    63: _cpu,
    73: _logical_processors,
    90: lambda thread: bytes(32),
    102: lambda thread: _zone(thread).dynamic_information(),
    103: lambda thread: struct.pack("<2I", 8, 0),
}
_WINE_VERSION: Final = 1000
_LEAST: Final = {2: 312}
"""The sizes of classes that were shorter once, and are still asked for like that."""
_LOGICAL_PROCESSORS, _ARCHITECTURES = 107, 181
_AMD64, _HANDLE_SIZE = 0x8664, 8
_KERNEL_MODE, _USER_MODE, _NATIVE, _OF_PROCESS = 1, 2, 4, 8


@nt.call(partial="classes that console programs ask for")
def NtQuerySystemInformation(
    thread: Thread, information_class: u32, buffer: Address, size: u32, needed: OptionalOut[u32]
) -> int:
    """What is known of the system."""
    if information_class in (5, 57):
        data = _processes(thread, buffer)
    elif information_class == _WINE_VERSION:
        version = thread.process.subsystem.generation.version  # type: ignore[attr-defined]
        data = f"{version}\0lichen\0Lichen\0\0".encode()
    else:
        answer = _ANSWERS.get(information_class)
        if answer is None:
            raise Failure(Status.INVALID_INFO_CLASS)
        data = answer(thread)
    needed.write(len(data))
    if size < _LEAST.get(information_class, len(data)):
        raise Failure(Status.INFO_LENGTH_MISMATCH)
    thread.memory.write(buffer, data[:size])
    return Status.SUCCESS


@nt.call(partial="processor groups and relationships")
def NtQuerySystemInformationEx(
    thread: Thread,
    information_class: u32,
    query: Address,
    query_size: u32,
    buffer: Address,
    size: u32,
    needed: OptionalOut[u32],
) -> int:
    """What processors have to do with each other (class 107), and what machines programs may be for (class 181)."""
    if information_class == _LOGICAL_PROCESSORS:
        (relation,) = struct.unpack("<I", thread.memory.read(query, 4))
        data, too_small = _relationships(_processors(thread), relation), Status.INFO_LENGTH_MISMATCH
    elif information_class == _ARCHITECTURES:
        if not query or query_size < _HANDLE_SIZE:
            raise Failure(Status.INVALID_PARAMETER)
        (process,) = struct.unpack("<Q", thread.memory.read(query, _HANDLE_SIZE))
        data, too_small = _architectures(thread, process & 0xFFFFFFFF), Status.BUFFER_TOO_SMALL
    else:
        raise Failure(Status.INVALID_INFO_CLASS)
    needed.write(len(data))
    if size < len(data):
        raise Failure(too_small)
    thread.memory.write(buffer, data)
    return Status.SUCCESS


def _architectures(thread: Thread, process: int) -> bytes:
    """SYSTEM_SUPPORTED_PROCESSOR_ARCHITECTURES_INFORMATION of the one there is, and of nothing behind it."""
    flags = _KERNEL_MODE | _USER_MODE | _NATIVE
    if process:
        process_of(thread, process, ProcessAccess.QUERY_LIMITED)
        flags |= _OF_PROCESS
    return struct.pack("<2HI", _AMD64, flags, 0)


def _relationships(processors: int, relation: int) -> bytes:
    """SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX: one core a processor, one package, one node, one group."""
    everything = (1 << processors) - 1
    out = b""
    if relation in (0, 0xFFFF):
        for number in range(processors):
            out += struct.pack("<2I2B20xHQ3H2x", 0, 48, 0, 0, 1, 1 << number, 0, 0, 0)[:48]
    if relation in (3, 0xFFFF):
        out += struct.pack("<2I2B20xHQ3H2x", 3, 48, 0, 0, 1, everything, 0, 0, 0)[:48]
    if relation in (4, 0xFFFF):
        out += struct.pack("<2I2H20x2B38xQ", 4, 80, 1, 1, processors, processors, everything)[:80]
    return out


# ---- time


@nt.call()
def NtQuerySystemTime(thread: Thread, now: Out[i64]) -> int:
    """100 ns since 1601 UTC."""
    now.write(system_time())
    return Status.SUCCESS


@nt.call()
def NtSetSystemTime(thread: Thread, now: Address, before: Address) -> int:
    """The clock is the host's (DECISIONS 28)."""
    raise Failure(Status.PRIVILEGE_NOT_HELD)


@nt.call()
def NtQueryPerformanceCounter(thread: Thread, counter: Out[i64], frequency: OptionalOut[i64]) -> int:
    """A clock of 100 ns."""
    counter.write(thread.process.subsystem.shared_data.interrupt_time())  # type: ignore[attr-defined]
    frequency.write(_FREQUENCY)
    return Status.SUCCESS


@nt.call()
def NtQueryTimerResolution(thread: Thread, minimum: Out[u32], maximum: Out[u32], current: Out[u32]) -> int:
    """How exact timers are."""
    minimum.write(_TICK_100NS)
    maximum.write(5000)
    current.write(10_000)
    return Status.SUCCESS


@nt.call()
def NtSetTimerResolution(thread: Thread, wanted: u32, set: Boolean, current: Out[u32]) -> int:
    """Timers are always as exact as the host's."""
    current.write(10_000)
    return Status.SUCCESS


@nt.call()
def NtGetTickCount(thread: Thread) -> int:
    """Milliseconds since the machine started."""
    ticks: int = thread.process.subsystem.shared_data.interrupt_time() // 10_000  # type: ignore[attr-defined]
    return ticks & 0xFFFFFFFF


# ---- locales and NLS


@nt.call()
def NtQueryDefaultLocale(thread: Thread, user: Boolean, locale: Out[u32]) -> int:
    """English (United States), until the registry says otherwise."""
    locale.write(US_ENGLISH)
    return Status.SUCCESS


@nt.call()
def NtQueryDefaultUILanguage(thread: Thread, language: Address) -> int:
    """The language of messages."""
    thread.memory.write(language, US_ENGLISH.to_bytes(2, "little"))
    return Status.SUCCESS


@nt.call()
def NtQueryInstallUILanguage(thread: Thread, language: Address) -> int:
    """The language of the installation."""
    return NtQueryDefaultUILanguage(thread, language)


@nt.call()
def NtInitializeNlsFiles(thread: Thread, address: Out[ptr], locale: Out[u32], size: OptionalOut[i64]) -> int:
    """Map the locale table."""
    at, length = map_table(thread, "locale.nls")
    address.write(at)
    locale.write(US_ENGLISH)
    size.write(length)
    return Status.SUCCESS


@nt.call()
def NtGetNlsSectionPtr(
    thread: Thread, kind: u32, id: u32, unknown: Address, address: Out[ptr], size: OptionalOut[u64]
) -> int:
    """Map a table of sort keys (9), case (10), a code page (11) or a normalisation (12)."""
    at, length = map_table(thread, _table_name(kind, id))
    address.write(at)
    size.write(length)
    return Status.SUCCESS


def _table_name(kind: int, id: int) -> str:
    if kind == 9:
        return "sortdefault.nls"
    if kind == 10:
        return "l_intl.nls"
    if kind == 11:
        return f"c_{id:03d}.nls"
    names = {1: "normnfc.nls", 2: "normnfd.nls", 5: "normnfkc.nls", 6: "normnfkd.nls", 13: "normidna.nls"}
    if kind == 12 and id in names:
        return names[id]
    raise Failure(Status.INVALID_PARAMETER)


# ---- small things


@nt.call()
def NtDisplayString(thread: Thread, text: Address) -> int:
    """The boot screen is not there."""
    raise Failure(Status.NOT_IMPLEMENTED)


@nt.call()
def NtAllocateLocallyUniqueId(thread: Thread, id: Out[u64]) -> int:
    """A number that is not given out twice while the machine runs."""
    machine = thread.process.machine
    id.write(next(machine.unique_ids))
    return Status.SUCCESS


@nt.call()
def NtAllocateUuids(
    thread: Thread, time_: Out[u64], range_: Out[u32], sequence: Out[u32], seed: Address
) -> int:
    """The parts of a time-based UUID."""
    time_.write(system_time())
    range_.write(10_000)
    sequence.write(int.from_bytes(os.urandom(2), "little"))
    thread.memory.write(seed, os.urandom(6))
    return Status.SUCCESS


@nt.call()
def NtFlushProcessWriteBuffers(thread: Thread) -> int:
    """The host's switch to the kernel has done it: guests share one core."""
    return Status.SUCCESS
