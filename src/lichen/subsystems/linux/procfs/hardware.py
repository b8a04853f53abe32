"""What /sys tells of processors, memory and network interfaces: what the host says of those that the machine has.

Source: sysfs(5); Documentation/ABI/stable/sysfs-devices-system-cpu, sysfs-devices-node, testing/sysfs-class-net.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

from lichen.executive.io.generated import Folder, GeneratedEntry, Link, Members, Subject, Text
from lichen.executive.network.configuration import Interface, InterfaceFlag
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.procfs.interfaces import InterfaceFolder, interfaces, members_by_interface
from lichen.subsystems.linux.procfs.settings import fixed
from lichen.subsystems.linux.procfs.subjects import Whole, number
from lichen.subsystems.linux.procfs.tasks import ranges

_CPU: Final = "cpu"
_INDEX: Final = "index"
_CPU_FOLDER: Final = "/sys/devices/system/cpu"
_NET_FOLDER: Final = "/sys/class/net"
_KEPT_FLAGS: Final = 0xFFFF & ~InterfaceFlag.RUNNING
"""The flags that an interface was given; the others say how it is."""
_MOST_PROCESSORS: Final = 8191
_WORD_BITS: Final = 32


def mask(numbers: Iterable[int], processors: Iterable[int]) -> str:
    """Processors as words of 32 bits, as many as all of them need, the highest first."""
    bits, words = sum(1 << number for number in numbers), max(processors) // _WORD_BITS + 1
    digits = [bits >> _WORD_BITS * word & 0xFFFFFFFF for word in range(words)]
    return ",".join([f"{digits[-1]:x}", *(f"{word:08x}" for word in reversed(digits[:-1]))])


def parsed(text: bytes) -> frozenset[int]:
    """The numbers of a list like `0-3,6`."""
    found: set[int] = set()
    for part in text.strip().split(b","):
        first, _, last = part.partition(b"-")
        if first.isdigit():
            found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


# ---- processors


@dataclass(frozen=True, slots=True)
class Processor(Subject):
    """One of the machine's processors, or one of its caches."""

    machine: Whole
    id: int
    cache: int = -1

    @property
    def folder(self) -> str:
        place = f"{_CPU_FOLDER}/{_CPU}{self.id}"
        return f"{place}/topology" if self.cache < 0 else f"{place}/cache/{_INDEX}{self.cache}"

    def siblings(self, name: str) -> frozenset[int]:
        """The machine's processors in a list of the host's; at least this one."""
        all_ = self.machine.state.system.processors
        return parsed(self.machine.host.read(f"{self.folder}/{name}")) & all_ | {self.id}


def _said(name: str) -> Text[Processor]:
    """What the host says, which is about this processor alone."""
    return Text(lambda processor: processor.machine.host.read(f"{processor.folder}/{name}"))


def _shared(name: str, as_mask: bool, source: str = "") -> Text[Processor]:
    def read(processor: Processor) -> bytes:
        found = processor.siblings(source or name)
        text = mask(found, processor.machine.state.system.processors) if as_mask else ranges(found)
        return text.encode() + b"\n"

    return Text(read)


def _topology() -> Folder[Processor]:
    entries: dict[str, GeneratedEntry[Processor]] = {
        name: _said(name) for name in ("core_id", "physical_package_id", "die_id", "cluster_id")
    }
    groups = ("thread_siblings", "core_siblings", "core_cpus", "die_cpus", "package_cpus", "cluster_cpus")
    for name in groups:
        entries[name] = _shared(name, True, f"{name}_list")
        entries[f"{name}_list"] = _shared(f"{name}_list", False)
    return Folder(entries)


def _caches(processor: Processor) -> Iterable[str]:
    names = processor.machine.host.names(f"{_CPU_FOLDER}/{_CPU}{processor.id}/cache")
    return [name for name in names if number(name.removeprefix(_INDEX)) >= 0]


def _find_cache(processor: Processor, name: str) -> Processor | None:
    index = number(name.removeprefix(_INDEX))
    return Processor(processor.machine, processor.id, index) if name in _caches(processor) else None


def _cache() -> Folder[Processor]:
    names = ("id", "level", "type", "size", "coherency_line_size", "number_of_sets")
    entries: dict[str, GeneratedEntry[Processor]] = {
        name: _said(name) for name in (*names, "physical_line_partition", "ways_of_associativity")
    }
    entries["shared_cpu_list"] = _shared("shared_cpu_list", False)
    entries["shared_cpu_map"] = _shared("shared_cpu_map", True, "shared_cpu_list")
    return Folder({}, Members(_caches, _find_cache, Folder(entries)))


def _processor_names(machine: Whole) -> Iterable[str]:
    return (f"{_CPU}{id}" for id in sorted(machine.state.system.processors))


def _find_processor(machine: Whole, name: str) -> Processor | None:
    id = number(name.removeprefix(_CPU))
    known = name.startswith(_CPU) and id in machine.state.system.processors
    return Processor(machine, id) if known else None


def _processor_list(machine: Whole) -> bytes:
    return ranges(machine.state.system.processors).encode() + b"\n"


def processors() -> Folder[Whole]:
    """/sys/devices/system/cpu"""
    lists: dict[str, GeneratedEntry[Whole]] = {
        name: Text(_processor_list) for name in ("online", "possible", "present")
    }
    each = Folder({"topology": _topology(), "cache": _cache()})
    others = {"offline": fixed(""), "isolated": fixed(""), "kernel_max": fixed(_MOST_PROCESSORS)}
    return Folder({**lists, **others}, Members(_processor_names, _find_processor, each))


# ---- memory: one node


def _node_memory(machine: Whole) -> bytes:
    found = machine.state.system.memory()
    used = found["MemTotal"] - found["MemFree"]
    rows = {"MemTotal": found["MemTotal"], "MemFree": found["MemFree"], "MemUsed": used}
    return "".join(f"Node 0 {name + ':':15} {value >> 10:8d} kB\n" for name, value in rows.items()).encode()


def _node_mask(machine: Whole) -> bytes:
    all_ = machine.state.system.processors
    return mask(all_, all_).encode() + b"\n"


def nodes() -> Folder[Whole]:
    """/sys/devices/system/node"""
    zero = ("online", "possible", "has_cpu", "has_memory", "has_normal_memory")
    node = Folder[Whole](
        {
            "cpulist": Text(_processor_list),
            "cpumap": Text(_node_mask),
            "distance": fixed(10),
            "meminfo": Text(_node_memory),
        }
    )
    return Folder({**{name: fixed(0) for name in zero}, "node0": node})


# ---- network interfaces


def _told_by_host(name: str) -> Text[InterfaceFolder]:
    """What the host says; what does not apply to an interface is INVALID_PARAMETER, as it is there."""

    def read(folder: InterfaceFolder) -> bytes:
        content = folder.machine.host.read(f"{_NET_FOLDER}/{folder.name}/{name}")
        if not content:
            raise Failure(Status.INVALID_PARAMETER)
        return content

    return Text(read)


def _value(describe: Callable[[Interface], object]) -> Text[InterfaceFolder]:
    def read(folder: InterfaceFolder) -> bytes:
        interface = interfaces(folder.machine).get(folder.name)
        if interface is None:
            raise Failure(Status.NO_DEVICE)
        return f"{describe(interface)}\n".encode()

    return Text(read)


_VALUES: Final[dict[str, Callable[[Interface], object]]] = {
    "addr_len": lambda interface: len(interface.hardware_address),
    "address": lambda interface: interface.hardware_address.hex(":"),
    "broadcast": lambda interface: interface.hardware_broadcast.hex(":"),
    "flags": lambda interface: f"{interface.flags & _KEPT_FLAGS:#x}",
    "ifindex": lambda interface: interface.index,
    "mtu": lambda interface: interface.mtu,
    "tx_queue_len": lambda interface: interface.queue_length,
    "type": lambda interface: interface.kind,
}
_TOLD_BY_HOST: Final = (
    *("addr_assign_type", "carrier", "dev_id", "dev_port", "dormant", "duplex", "iflink", "link_mode"),
    *("operstate", "speed"),
)
_DIRECTIONS: Final = ("bytes", "compressed", "dropped", "errors", "fifo_errors", "packets")
_STATISTICS: Final = (
    *(f"{way}_{name}" for way in ("rx", "tx") for name in _DIRECTIONS),
    *("collisions", "multicast", "rx_crc_errors", "rx_frame_errors", "rx_length_errors", "rx_missed_errors"),
    *("rx_over_errors", "tx_aborted_errors", "tx_carrier_errors", "tx_heartbeat_errors", "tx_window_errors"),
)


def network_devices() -> Folder[Whole]:
    """/sys/devices/virtual/net: a machine has no hardware, so that all of them are virtual."""
    statistics = Folder({name: _told_by_host(f"statistics/{name}") for name in _STATISTICS})
    entries: dict[str, GeneratedEntry[InterfaceFolder]] = {
        name: _told_by_host(name) for name in _TOLD_BY_HOST
    }
    entries |= {name: _value(describe) for name, describe in _VALUES.items()}
    return Folder({}, members_by_interface(Folder({**entries, "statistics": statistics})))


def network_links() -> Folder[Whole]:
    """/sys/class/net"""
    text = partial("../../devices/virtual/net/{0.name}".format)
    return Folder({}, members_by_interface(Link(text)))
