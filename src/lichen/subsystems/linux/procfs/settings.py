"""/proc/sys: what sysctl(8) shows and, where the machine has a setting to change, changes.

What is said here is what the executive does; limits that are the host's are read from the host.

Source: proc(5); Documentation/admin-guide/sysctl of Linux.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Final

from lichen.executive.io.generated import Entry, Folder, Text
from lichen.executive.objects.handles import MOST_HANDLES
from lichen.executive.processes import ID_LIMIT, MAXIMUM_TASKS
from lichen.executive.security import ALL_CAPABILITIES
from lichen.executive.status import Failure, Status
from lichen.executive.system import LONGEST_NAME
from lichen.subsystems.linux import kernel
from lichen.subsystems.linux.procfs.subjects import Whole, random_uuid
from lichen.subsystems.linux.procfs.whole import host_file

_MOST_GROUPS: Final = 65536
_ENTROPY: Final = 256
_WRITABLE: Final = 0o644
Entries = dict[str, Entry[Whole]]


def fixed(value: object) -> Text[Whole]:
    """A file with one line that never changes."""
    content = f"{value}\n".encode()
    return Text(lambda _: content)


def of_host(path: str) -> Text[Whole]:
    """A file with what the host says."""
    return Text(lambda _: host_file(path))


def _line(read: Callable[[Whole], str]) -> Text[Whole]:
    return Text(lambda machine: os.fsencode(read(machine)) + b"\n")


def _name(attribute: str) -> Text[Whole]:
    """One of the machine's names, which administrators change by writing."""

    def write(machine: Whole, text: bytes) -> None:
        name = text.partition(b"\n")[0].partition(b"\0")[0]
        if len(name) > LONGEST_NAME:
            raise Failure(Status.INVALID_PARAMETER)
        setattr(machine.table.system, attribute, os.fsdecode(name))

    def read(machine: Whole) -> bytes:
        return os.fsencode(getattr(machine.table.system, attribute)) + b"\n"

    return Text(read, write, mode=_WRITABLE)


def _random() -> Entries:
    return {
        "boot_id": _line(lambda machine: machine.boot_id),
        "uuid": _line(lambda _: random_uuid()),
        "entropy_avail": fixed(_ENTROPY),
        "poolsize": fixed(_ENTROPY),
    }


def _kernel() -> Entries:
    return {
        "cap_last_cap": fixed(ALL_CAPABILITIES.bit_length() - 1),
        "domainname": _name("domain_name"),
        "hostname": _name("host_name"),
        "ngroups_max": fixed(_MOST_GROUPS),
        "osrelease": fixed(kernel.RELEASE),
        "ostype": fixed(kernel.SYSTEM_NAME),
        "overflowgid": fixed(65534),
        "overflowuid": fixed(65534),
        "pid_max": fixed(ID_LIMIT),
        "random": Folder(_random()),
        "randomize_va_space": fixed(0),
        "tainted": fixed(0),
        "threads-max": fixed(MAXIMUM_TASKS),
        "version": fixed(kernel.VERSION),
    }


def _open_files(machine: Whole) -> bytes:
    """file-nr: handles in use, unused ones that are kept, the most there may be."""
    tables = {
        id(process.handles): len(process.handles)
        for process in machine.table.processes.values()
        if not process.is_zombie
    }
    return f"{sum(tables.values())}\t0\t{MOST_HANDLES}\n".encode()


def _files() -> Entries:
    host = partial(os.path.join, "/proc/sys/fs")
    inotify = {
        name: of_host(host("inotify", name))
        for name in ("max_queued_events", "max_user_instances", "max_user_watches")
    }
    return {
        "file-max": fixed(MOST_HANDLES),
        "file-nr": Text(_open_files),
        "inotify": Folder(inotify),
        "nr_open": fixed(MOST_HANDLES),
        "pipe-max-size": of_host(host("pipe-max-size")),
    }


def _memory() -> Entries:
    names = ("max_map_count", "mmap_min_addr", "overcommit_memory", "overcommit_ratio", "swappiness")
    return {name: of_host(f"/proc/sys/vm/{name}") for name in names}


def _network() -> Entries:
    return {
        "core": Folder({"somaxconn": of_host("/proc/sys/net/core/somaxconn")}),
        "ipv4": Folder({"ip_local_port_range": of_host("/proc/sys/net/ipv4/ip_local_port_range")}),
    }


def tree() -> Folder[Whole]:
    return Folder(
        {
            "fs": Folder(_files()),
            "kernel": Folder(_kernel()),
            "net": Folder(_network()),
            "vm": Folder(_memory()),
        }
    )
