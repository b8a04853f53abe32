"""What is mounted where, as the root directory of a process lets it see.

Source: proc(5), fstab(5); fs/proc_namespace.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lichen.executive.io.device import major, minor
from lichen.executive.io.location import Location, Mount
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.procfs.subjects import Task, Whole, encoded

_ESCAPED: Final = " \t\n\\#"
_ALWAYS: Final = ("proc", "sysfs", "tmpfs", "devpts")
_ON_DISK: Final = frozenset({"overlay"})


def _visible(task: Task) -> Iterator[tuple[Mount, bytes]]:
    """The mounts below the process's root and where it sees them."""
    if task.process.is_zombie:
        raise Failure(Status.INVALID_PARAMETER)
    root = task.process.files.root
    for mount in task.machine.state.mounts:
        place = _top(mount, root).place(root)
        if place.reachable:
            yield mount, encoded("/" + "/".join(place.components), _ESCAPED)


def _top(mount: Mount, root: Location) -> Location:
    """The root of a mount, or the process's own root where that is in it."""
    return root if root.mount is mount else mount.root


def _options(mount: Mount) -> bytes:
    """The options it was mounted with, beginning with whether it can be written to."""
    given = [option for option in mount.options.split(",") if option not in ("rw", "ro", "")]
    return ",".join(["ro" if mount.read_only else "rw", *given]).encode()


def mounts(task: Task) -> bytes:
    """Lines of source, point, type, options."""
    return b"".join(
        b"%b %b %b %b 0 0\n"
        % (encoded(mount.source, _ESCAPED), point, mount.file_system.type.encode(), _options(mount))
        for mount, point in _visible(task)
    )


def mount_information(task: Task) -> bytes:
    """Lines of id, parent, device, root, point, options, type, source."""
    lines = []
    for mount, point in _visible(task):
        device = mount.file_system.device
        above = mount.point.mount if mount.point is not None else None
        parent = above.file_system.device if above is not None else device
        options = _options(mount)
        lines.append(
            b"%d %d %d:%d / %b %b - %b %b %b\n"
            % (
                device,
                parent,
                major(device),
                minor(device),
                point,
                options,
                mount.file_system.type.encode(),
                encoded(mount.source, _ESCAPED),
                options,
            )
        )
    return b"".join(lines)


def mount_statistics(task: Task) -> bytes:
    """Lines of source, point and type, in words."""
    return b"".join(
        b"device %b mounted on %b with fstype %b\n"
        % (encoded(mount.source, _ESCAPED), point, mount.file_system.type.encode())
        for mount, point in _visible(task)
    )


def file_systems(machine: Whole) -> bytes:
    """The types that this machine has."""
    types = dict.fromkeys((*_ALWAYS, *(mount.file_system.type for mount in machine.state.mounts)))
    return "".join(f"{'' if type in _ON_DISK else 'nodev'}\t{type}\n" for type in types).encode()
