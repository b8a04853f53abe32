"""/sys: as much of a device tree as a machine without devices has; programs look here for processors and huge pages.

Source: sysfs(5); Documentation/ABI of Linux.
"""

from __future__ import annotations

from lichen.executive.io.generated import Folder
from lichen.subsystems.linux.procfs import hardware
from lichen.subsystems.linux.procfs.settings import of_host
from lichen.subsystems.linux.procfs.subjects import Whole


def _devices() -> Folder[Whole]:
    return Folder(
        {
            "system": Folder({"cpu": hardware.processors(), "node": hardware.nodes()}),
            "virtual": Folder({"net": hardware.network_devices()}),
        }
    )


def _memory() -> Folder[Whole]:
    path = "/sys/kernel/mm/transparent_hugepage"
    huge = {name: of_host(f"{path}/{name}") for name in ("enabled", "hpage_pmd_size")}
    return Folder({"transparent_hugepage": Folder(huge)})


def tree() -> Folder[Whole]:
    """The root of /sys; the subject is that of /proc."""
    empty = {name: Folder[Whole]({}) for name in ("block", "bus", "firmware", "fs", "module", "power")}
    classes = {name: Folder[Whole]({}) for name in ("block", "tty")}
    return Folder(
        {
            **empty,
            "class": Folder({**classes, "net": hardware.network_links()}),
            "devices": _devices(),
            "kernel": Folder({"mm": _memory()}),
        }
    )
