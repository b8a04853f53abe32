"""The system as a whole: information classes, time, locales, NLS tables.

Source: NtQuerySystemInformation (winternl.h, phnt).
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from lichen.abi.argument import OptionalOut, Out
from lichen.abi.layout import i64, layout, ptr, u16, u32, u64
from lichen.executive.interfaces import PAGE
from lichen.executive.objects.rights import ProcessAccess
from lichen.executive.processes import Process, Thread
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt import foreign, priority, registry_seeds, time_zone
from lichen.subsystems.nt.allocations import GRANULARITY
from lichen.subsystems.nt.calls.process import memory_counters
from lichen.subsystems.nt.calls.process import times as process_times
from lichen.subsystems.nt.calls.thread import times as thread_times
from lichen.subsystems.nt.information import Information
from lichen.subsystems.nt.nls import US_ENGLISH, map_table
from lichen.subsystems.nt.objects import process_of
from lichen.subsystems.nt.records import MODEL, POINTER, ULONG
from lichen.subsystems.nt.records.common import ClientId, UnicodeString
from lichen.subsystems.nt.records.system import (
    GroupRelationship,
    ProcessorRelationship,
    SystemBasicInformation,
    SystemBootEnvironmentInformation,
    SystemCodeIntegrityInformation,
    SystemInterruptInformation,
    SystemKernelDebuggerInformation,
    SystemLogicalProcessorInformation,
    SystemPerformanceInformation,
    SystemProcessInformation,
    SystemProcessorInformation,
    SystemProcessorPerformanceInformation,
    SystemSupportedProcessorArchitectures,
    SystemThreadInformation,
    SystemTimeAdjustment,
    SystemTimeOfDayInformation,
)
from lichen.subsystems.nt.records.threads import GroupAffinity
from lichen.subsystems.nt.records.time import DynamicTimeZoneInformation, TimeZoneInformation
from lichen.subsystems.nt.shared_data import UNITS, interrupt_time, system_time
from lichen.subsystems.nt.state import nt_of_process
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address, Boolean, encode

_LOWEST, _HIGHEST = 0x10000, 0x7FFFFFFEFFFF
_FREQUENCY: Final = 10_000_000
_TICK_100NS: Final = 156_250
_CORE, _NODE, _PACKAGE, _GROUP, _EVERYTHING = 0, 1, 3, 4, 0xFFFF
_AMD64: Final = 0x8664
_ARCHITECTURE_AMD64, _FEATURES = 9, 0x20013FFF
_KERNEL_MODE, _USER_MODE, _NATIVE, _OF_PROCESS = 1, 2, 4, 8
_WAITING, _RUNNING, _USER_REQUEST = 5, 2, 6
_OLDER_PERFORMANCE: Final = 312
_PROCESS, _THREAD = layout(SystemProcessInformation, MODEL), layout(SystemThreadInformation, MODEL)
_LOGICAL: Final = layout(SystemLogicalProcessorInformation, MODEL)
_PER_PROCESSOR: Final = layout(SystemProcessorPerformanceInformation, MODEL)
_INTERRUPTS: Final = layout(SystemInterruptInformation, MODEL)
_RELATIONSHIP, _GROUPS = layout(ProcessorRelationship, MODEL), layout(GroupRelationship, MODEL)


def _processors(thread: Thread) -> int:
    return len(thread.process.machine.system.processors)


def _now(thread: Thread) -> int:
    """Seconds since 1970."""
    return thread.process.machine.system.host.now() // 10**9


# ---- what is known of the system


information: Final = Information[Thread]()


@information(0, SystemBasicInformation)
@information(62, SystemBasicInformation)
def _basic(thread: Thread) -> SystemBasicInformation:
    processors = _processors(thread)
    pages = thread.process.machine.system.memory().get("MemTotal", 0) // PAGE & 0xFFFFFFFF
    everything = (1 << processors) - 1
    return SystemBasicInformation(
        *(0, _TICK_100NS, PAGE, pages, 1, pages, GRANULARITY, _LOWEST, _HIGHEST, everything, processors)
    )


@information(1, SystemProcessorInformation)
@information(63, SystemProcessorInformation)
def _cpu(thread: Thread) -> SystemProcessorInformation:
    family, revision = _processor(thread)
    return SystemProcessorInformation(_ARCHITECTURE_AMD64, family, revision, 8, _FEATURES)


def _processor(thread: Thread) -> tuple[int, int]:
    """Family, and model with stepping, of the first processor; zeros where the host does not tell."""
    for first in thread.process.machine.system.described_processors:
        return first.family & 0xFFFF, (first.model << 8 | first.stepping) & 0xFFFF
    return 0, 0


@information(2, SystemPerformanceInformation, least=_OLDER_PERFORMANCE)
def _performance(thread: Thread) -> SystemPerformanceInformation:
    memory = thread.process.machine.system.memory()
    available = memory.get("MemAvailable", 0) // PAGE
    total = memory.get("MemTotal", 0) // PAGE
    pages = (number & 0xFFFFFFFF for number in (available, total - available, total))
    return SystemPerformanceInformation(0, 0, 0, 0, 0, 0, 0, *pages)


def _zone(thread: Thread) -> time_zone.Zone:
    """The zone of the caller, which the registry knows once somebody has asked for it."""
    process = thread.process
    zone = time_zone.zone_of(process.files, nt_of_process(process).zone)
    with suppress(Failure):  # it is full
        registry_seeds.tell_time_zone(process.machine.registry, zone, _now(thread))
    return zone


@information(3, SystemTimeOfDayInformation)
def _time_of_day(thread: Thread) -> SystemTimeOfDayInformation:
    now = system_time(thread.process.machine)
    booted = now - int(thread.process.machine.uptime() * UNITS)
    return SystemTimeOfDayInformation(booted, now, _zone(thread).bias(_now(thread)) * UNITS)


@information.raw(5)
@information.raw(57)
def _processes(at: int, thread: Thread) -> bytes:
    """SYSTEM_PROCESS_INFORMATION of every process of both worlds."""
    living = [each for each in thread.process.machine.processes.values() if each.exit_status is None]
    out = bytearray()
    for process in living:
        out += _process_entry(process, at + len(out), is_last=process is living[-1])
    return bytes(out)


def _process_entry(process: Process, at: int, is_last: bool) -> bytes:
    """The record of a process, which will lie at `at`, with its threads and its name."""
    threads = list(process.threads.values())
    base, total, times = priority.base_of(process), process.space.total(), process_times(process)
    behind = b"".join(_thread_entry(thread, base) for thread in threads)
    name = encode(foreign.image_name(process))
    size = _PROCESS.size + len(behind)
    whole = (size + len(name) + 2 + 7) & -8
    head = SystemProcessInformation(
        0 if is_last else whole,
        len(threads),
        (0, 0, 0),
        times.create,
        times.user,
        times.kernel,
        UnicodeString(len(name), len(name) + 2, at + size),
        base,
        process.id,
        process.creator,
        sum(1 for _ in process.handles),
        1,
        0,
        memory_counters(total),
        total,
    )
    return (_PROCESS.pack(head) + behind + name).ljust(whole, b"\0")


def _thread_entry(thread: Thread, base: int) -> bytes:
    times, ids = thread_times(thread), ClientId(thread.process.id, thread.id)
    state, reason = (_WAITING, _USER_REQUEST) if thread.parking is not None else (_RUNNING, 0)
    return _THREAD.pack(
        SystemThreadInformation(
            times.kernel, times.user, times.create, 0, 0, ids, base, base, 0, state, reason
        )
    )


@information.raw(8)
def _per_processor(at: int, thread: Thread) -> bytes:
    return _PER_PROCESSOR.pack(SystemProcessorPerformanceInformation()) * _processors(thread)


@information.value(16, ptr)
def _handles(thread: Thread) -> int:
    """SYSTEM_HANDLE_INFORMATION without an entry: nobody is told of others' handles."""
    return 0


@information.raw(23)
def _interrupts(at: int, thread: Thread) -> bytes:
    """Wine's DLLs take this as their source of randomness, so that is what it is."""
    return thread.process.machine.system.host.random(_INTERRUPTS.size * _processors(thread))


@information(28, SystemTimeAdjustment)
def _time_adjustment(thread: Thread) -> SystemTimeAdjustment:
    return SystemTimeAdjustment(_TICK_100NS, _TICK_100NS, 1)


@information(35, SystemKernelDebuggerInformation)
def _kernel_debugger(thread: Thread) -> SystemKernelDebuggerInformation:
    return SystemKernelDebuggerInformation(0, 1)


@information(44, TimeZoneInformation)
def _time_zone(thread: Thread) -> TimeZoneInformation:
    return _zone(thread).dynamic_information(_now(thread)).zone


@information.raw(73)
def _logical_processors(at: int, thread: Thread) -> bytes:
    """One core a processor, one package, one node."""
    processors = _processors(thread)
    known = [SystemLogicalProcessorInformation(1 << number, _CORE) for number in range(processors)]
    known += [SystemLogicalProcessorInformation((1 << processors) - 1, each) for each in (_NODE, _PACKAGE)]
    return b"".join(map(_LOGICAL.pack, known))


@information(90, SystemBootEnvironmentInformation)
def _boot_environment(thread: Thread) -> SystemBootEnvironmentInformation:
    return SystemBootEnvironmentInformation()


@information(102, DynamicTimeZoneInformation)
def _dynamic_time_zone(thread: Thread) -> DynamicTimeZoneInformation:
    return _zone(thread).dynamic_information(_now(thread))


@information(103, SystemCodeIntegrityInformation)
def _code_integrity(thread: Thread) -> SystemCodeIntegrityInformation:
    return SystemCodeIntegrityInformation(layout(SystemCodeIntegrityInformation, MODEL).size, 0)


@information.raw(1000)
def _wine_version(at: int, thread: Thread) -> bytes:
    """Wine's own: its version, its build and the system that it runs on."""
    version = nt_of_process(thread.process).subsystem.version
    return f"{version}\0lichen\0Lichen\0\0".encode()


@nt.call(partial="classes that console programs ask for")
def NtQuerySystemInformation(
    thread: Thread, information_class: u32, buffer: Address, size: u32, needed: OptionalOut[u32]
) -> int:
    """What is known of the system."""
    information.find(information_class).answer(thread.memory, buffer, size, needed, thread)
    return Status.SUCCESS


extended: Final = Information[Thread, int, int]()
"""Classes that are asked for something: its address and its size."""


@extended.raw(107)
def _relationships(at: int, thread: Thread, query: int, query_size: int) -> bytes:
    """SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX: one core a processor, one package, one node, one group."""
    relation, processors = ULONG.read(thread.memory, query), _processors(thread)
    everything = (1 << processors) - 1
    masks = [(_CORE, 1 << number) for number in range(processors)]
    out = b""
    for kind, mask in (*masks, (_PACKAGE, everything)):
        if relation in (kind, _EVERYTHING):
            out += _RELATIONSHIP.pack(
                ProcessorRelationship(kind, _RELATIONSHIP.size, 0, b"", 1, GroupAffinity(mask))
            )
    if relation in (_GROUP, _EVERYTHING):
        out += _GROUPS.pack(
            GroupRelationship(_GROUP, _GROUPS.size, 1, 1, b"", processors, processors, b"", everything)
        )
    return out


@extended.tailed(181, SystemSupportedProcessorArchitectures, too_small=Status.BUFFER_TOO_SMALL)
def _architectures(
    at: int, thread: Thread, query: int, query_size: int
) -> tuple[SystemSupportedProcessorArchitectures, bytes]:
    """The one there is, for a process or for all, and an end of the list."""
    if not query or query_size < POINTER.size:
        raise Failure(Status.INVALID_PARAMETER)
    flags = _KERNEL_MODE | _USER_MODE | _NATIVE
    if process := POINTER.read(thread.memory, query) & 0xFFFFFFFF:
        process_of(thread, process, ProcessAccess.QUERY_LIMITED)
        flags |= _OF_PROCESS
    known = SystemSupportedProcessorArchitectures(_AMD64, flags)
    return known, layout(SystemSupportedProcessorArchitectures, MODEL).pack(
        known._replace(machine=0, flags=0)
    )


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
    known = extended.find(information_class)
    known.answer(thread.memory, buffer, size, needed, thread, query, query_size)
    return Status.SUCCESS


# ---- time


@nt.call()
def NtQuerySystemTime(thread: Thread, now: Out[i64]) -> int:
    """100 ns since 1601 UTC."""
    now.write(system_time(thread.process.machine))
    return Status.SUCCESS


@nt.call()
def NtSetSystemTime(thread: Thread, now: Address, before: Address) -> int:
    """The clock is the host's (G28)."""
    raise Failure(Status.PRIVILEGE_NOT_HELD)


@nt.call()
def NtQueryPerformanceCounter(thread: Thread, counter: Out[i64], frequency: OptionalOut[i64]) -> int:
    """A clock of 100 ns."""
    counter.write(interrupt_time(thread.process.machine))
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
    """Milliseconds since the host was booted."""
    ticks = interrupt_time(thread.process.machine) // 10_000
    return ticks & 0xFFFFFFFF


# ---- locales and NLS


@nt.call()
def NtQueryDefaultLocale(thread: Thread, user: Boolean, locale: Out[u32]) -> int:
    """English (United States), until the registry says otherwise."""
    locale.write(US_ENGLISH)
    return Status.SUCCESS


@nt.call()
def NtQueryDefaultUILanguage(thread: Thread, language: Out[u16]) -> int:
    """The language of messages."""
    language.write(US_ENGLISH)
    return Status.SUCCESS


@nt.call()
def NtQueryInstallUILanguage(thread: Thread, language: Out[u16]) -> int:
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
    time_.write(system_time(thread.process.machine))
    range_.write(10_000)
    random = thread.process.machine.system.host.random(8)
    sequence.write(int.from_bytes(random[:2], "little"))
    thread.memory.write(seed, random[2:])
    return Status.SUCCESS


@nt.call()
def NtFlushProcessWriteBuffers(thread: Thread) -> int:
    """The host's switch to the kernel has done it: guests share one core."""
    return Status.SUCCESS
