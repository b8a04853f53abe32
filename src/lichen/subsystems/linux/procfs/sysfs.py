"""/sys: as much of a device tree as a machine without devices has; programs look here for processors and huge pages.

Source: sysfs(5); Documentation/ABI of Linux.
"""

from __future__ import annotations

from collections.abc import Iterable

from lichen.executive.io.generated import Entry, Folder, Members, Text
from lichen.subsystems.linux.procfs.settings import fixed, of_host
from lichen.subsystems.linux.procfs.subjects import Whole, number
from lichen.subsystems.linux.procfs.tasks import ranges

_PROCESSOR = "cpu"


def _processors(machine: Whole) -> bytes:
    return ranges(machine.table.system.processors).encode() + b"\n"


def _names(machine: Whole) -> Iterable[str]:
    return (f"{_PROCESSOR}{id}" for id in sorted(machine.table.system.processors))


def _find(machine: Whole, name: str) -> Whole | None:
    known = name.startswith(_PROCESSOR) and number(name[len(_PROCESSOR) :]) in machine.table.system.processors
    return machine if known else None


def _devices() -> Folder[Whole]:
    lists: dict[str, Entry[Whole]] = {name: Text(_processors) for name in ("online", "possible", "present")}
    processors = Folder({**lists, "offline": fixed("")}, Members(_names, _find, Folder({})))
    nodes = Folder({"online": fixed(0), "possible": fixed(0)})
    return Folder({"system": Folder({"cpu": processors, "node": nodes})})


def _memory() -> Folder[Whole]:
    path = "/sys/kernel/mm/transparent_hugepage"
    huge = {name: of_host(f"{path}/{name}") for name in ("enabled", "hpage_pmd_size")}
    return Folder({"transparent_hugepage": Folder(huge)})


def tree() -> Folder[Whole]:
    """The root of /sys; the subject is that of /proc."""
    empty = {name: Folder[Whole]({}) for name in ("block", "bus", "firmware", "fs", "module", "power")}
    return Folder(
        {
            **empty,
            "class": Folder({name: Folder[Whole]({}) for name in ("block", "net", "tty")}),
            "devices": _devices(),
            "kernel": Folder({"mm": _memory()}),
        }
    )
