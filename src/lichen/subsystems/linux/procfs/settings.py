"""/proc/sys: what sysctl(8) shows and, where the machine has a setting to change, changes.

What is said here is what the executive does. A limit of the executive's may be set as low as Linux lets it be, and up again as
far as it goes; a setting that is the host's can be written only as it is, which changes nothing: to change it would be to
change the host. Those of a network that is the machine's own are changed.

Source: proc(5); Documentation/admin-guide/sysctl of Linux.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Final

from lichen.executive.io.generated import Folder, GeneratedEntry, Text
from lichen.executive.objects.handles import MOST_HANDLES
from lichen.executive.security.tokens import ALL_CAPABILITIES
from lichen.executive.status import Failure, Status
from lichen.executive.system import ID_LIMIT, LONGEST_NAME, MAXIMUM_TASKS, Limits, System
from lichen.subsystems.linux import kernel
from lichen.subsystems.linux.procfs.interfaces import InterfaceFolder, members_by_interface
from lichen.subsystems.linux.procfs.subjects import Whole

if TYPE_CHECKING:
    from lichen.executive.host import Host

_MOST_GROUPS: Final = 65536
_ENTROPY: Final = 256
_WRITABLE: Final = 0o644
_LONGEST_PATTERN: Final = 127
_SPACE: Final = b" \t\n\0"
_HOST: Final = "/proc/sys"
Entries = dict[str, GeneratedEntry[Whole]]


def fixed(value: object) -> Text[Whole]:
    """A file with one line that never changes."""
    content = f"{value}\n".encode()
    return Text(lambda _: content)


def of_host(path: str) -> Text[Whole]:
    """A file with what the host says."""
    return Text(lambda machine: machine.host.read(path))


def _unchanging(read: Callable[[Whole], bytes]) -> Text[Whole]:
    """A setting that can be written as it is only."""

    def write(machine: Whole, text: bytes) -> None:
        if text.split() != read(machine).split():
            raise Failure(Status.PRIVILEGE_NOT_HELD)

    return Text(read, write, mode=_WRITABLE)


def _constant(value: object) -> Text[Whole]:
    content = f"{value}\n".encode()
    return _unchanging(lambda _: content)


def _settings_of_host(host: Host, folder: str, names: Iterable[str]) -> Entries:
    """Those of the host's settings that it has."""
    paths = {name: f"{_HOST}/{folder}/{name}" for name in names}
    return {name: _of_host(path) for name, path in paths.items() if host.has(path)}


def _of_host(path: str) -> Text[Whole]:
    def write(machine: Whole, text: bytes) -> None:
        if text.split() != machine.host.read(path).split():
            machine.host.set(path, text)

    return Text(lambda machine: machine.host.read(path), write, mode=_WRITABLE)


def _limit(attribute: str, least: int, most: int) -> Text[Whole]:
    """One of the executive's limits; INVALID_PARAMETER for what is no number, or not within the bounds."""

    def read(machine: Whole) -> bytes:
        return b"%d\n" % getattr(machine.state.system.limits, attribute)

    def write(machine: Whole, text: bytes) -> None:
        words = text.strip(_SPACE).split()
        if len(words) != 1 or not words[0].isdigit() or not least <= int(words[0]) <= most:
            raise Failure(Status.INVALID_PARAMETER)
        setattr(machine.state.system.limits, attribute, int(words[0]))

    return Text(read, write, mode=_WRITABLE)


def _line(read: Callable[[Whole], str]) -> Text[Whole]:
    return Text(lambda machine: os.fsencode(read(machine)) + b"\n")


def _name(attribute: str, change: Callable[[System, str], None]) -> Text[Whole]:
    """One of the machine's names, which administrators change by writing."""

    def write(machine: Whole, text: bytes) -> None:
        name = text.partition(b"\n")[0].partition(b"\0")[0]
        if len(name) > LONGEST_NAME:
            raise Failure(Status.INVALID_PARAMETER)
        change(machine.state.system, os.fsdecode(name))

    def read(machine: Whole) -> bytes:
        return os.fsencode(getattr(machine.state.system, attribute)) + b"\n"

    return Text(read, write, mode=_WRITABLE)


def _core_pattern() -> Text[Whole]:
    """How core files are to be called. It is kept for whoever asks; of what ends here none is made, whatever its name."""

    def write(machine: Whole, text: bytes) -> None:
        machine.core_pattern = text.partition(b"\n")[0].partition(b"\0")[0][:_LONGEST_PATTERN]

    return Text(lambda machine: machine.core_pattern + b"\n", write, mode=_WRITABLE)


def _random() -> Entries:
    return {
        "boot_id": _line(lambda machine: machine.boot_id),
        "uuid": _line(Whole.random_uuid),
        "entropy_avail": fixed(_ENTROPY),
        "poolsize": fixed(_ENTROPY),
    }


def _kernel() -> Entries:
    return {
        "arch": fixed(kernel.MACHINE),
        "cap_last_cap": fixed(ALL_CAPABILITIES.bit_length() - 1),
        "core_pattern": _core_pattern(),
        "core_pipe_limit": _constant(0),
        "core_uses_pid": _constant(0),
        "dmesg_restrict": _constant(1),
        "domainname": _name("domain_name", lambda system, name: setattr(system, "domain_name", name)),
        "hostname": _name("host_name", System.rename),
        "ngroups_max": fixed(_MOST_GROUPS),
        "osrelease": fixed(kernel.RELEASE),
        "ostype": fixed(kernel.SYSTEM_NAME),
        "overflowgid": _constant(65534),
        "overflowuid": _constant(65534),
        "pid_max": _limit("ids", 301, ID_LIMIT),
        "random": Folder(_random()),
        "randomize_va_space": _constant(0),
        "sched_rr_timeslice_ms": _constant(100),
        "tainted": _constant(0),
        "threads-max": _limit("tasks", 20, MAXIMUM_TASKS),
        "version": fixed(kernel.VERSION),
    }


def _open_files(machine: Whole) -> bytes:
    """file-nr: handles in use, unused ones that are kept, the most there may be."""
    tables = {
        id(process.handles): len(process.handles)
        for process in machine.state.processes.values()
        if not process.is_zombie
    }
    return f"{sum(tables.values())}\t0\t{MOST_HANDLES}\n".encode()


def _watches() -> dict[str, Text[Whole]]:
    """How many changes of files may wait and be watched for."""
    most = Limits()
    return {
        "max_queued_events": _limit("watch_events", 0, most.watch_events),
        "max_user_instances": _limit("watchers", 0, 1024),
        "max_user_watches": _limit("watches", 0, most.watches),
    }


def _files() -> Entries:
    most = Limits()
    return {
        "dir-notify-enable": _constant(1),
        "file-max": _constant(MOST_HANDLES),
        "file-nr": Text(_open_files),
        "inotify": Folder(_watches()),
        "leases-enable": _constant(0),
        "nr_open": _limit("handles", 256, most.handles),
        "overflowgid": _constant(65534),
        "overflowuid": _constant(65534),
        "pipe-max-size": _limit("pipe_bytes", 4096, most.pipe_bytes),
        "suid_dumpable": _constant(0),
    }


def _memory(host: Host) -> Entries:
    names = (
        *("mmap_min_addr", "overcommit_memory", "overcommit_ratio", "overcommit_kbytes", "swappiness"),
        *("dirty_background_ratio", "dirty_ratio", "min_free_kbytes", "vfs_cache_pressure", "page-cluster"),
    )
    none = ("nr_hugepages", "nr_overcommit_hugepages", "legacy_va_layout")
    return {
        **_settings_of_host(host, "vm", names),
        **{name: _constant(0) for name in none},
        "max_map_count": _limit("regions", 1, _most_regions(host)),
    }


def _most_regions(host: Host) -> int:
    text = host.read(f"{_HOST}/vm/max_map_count").strip()
    return int(text) if text.isdigit() else Limits().regions


_CORE: Final = (
    *("rmem_default", "rmem_max", "wmem_default", "wmem_max", "optmem_max", "netdev_max_backlog"),
    *("default_qdisc", "busy_poll", "busy_read"),
)
_IPV4: Final = (
    *(
        "icmp_echo_ignore_all",
        "ip_default_ttl",
        "ip_forward",
        "ip_local_port_range",
        "ip_local_reserved_ports",
    ),
    *("ip_nonlocal_bind", "ip_unprivileged_port_start", "ping_group_range", "udp_mem", "udp_rmem_min"),
    *("tcp_available_congestion_control", "tcp_congestion_control", "tcp_fastopen", "tcp_fin_timeout"),
    *("tcp_keepalive_intvl", "tcp_keepalive_probes", "tcp_keepalive_time", "tcp_max_syn_backlog", "tcp_mem"),
    *("tcp_rmem", "tcp_sack", "tcp_syn_retries", "tcp_synack_retries", "tcp_syncookies", "tcp_timestamps"),
    *("tcp_tw_reuse", "tcp_window_scaling", "tcp_wmem", "udp_wmem_min"),
)
_OF_INTERFACES: Final = {
    "ipv4": ("accept_redirects", "forwarding", "rp_filter", "send_redirects"),
    "ipv6": ("accept_ra", "disable_ipv6", "forwarding"),
}


def _network(system: System) -> Entries:
    """All of it is the network's, the host's or the machine's, but for how many may wait to be accepted."""
    host, somaxconn = system.host, _limit("backlog", 0, system.most_backlog())
    core: Entries = {**_settings_of_host(host, "net/core", _CORE), "somaxconn": somaxconn}
    return {
        "core": Folder(core),
        "ipv4": Folder({**_settings_of_host(host, "net/ipv4", _IPV4), **_interfaces(host, "ipv4")}),
        "ipv6": Folder({**_settings_of_host(host, "net/ipv6", ("bindv6only",)), **_interfaces(host, "ipv6")}),
    }


def _interfaces(host: Host, family: str) -> Entries:
    """The settings of all interfaces together, of new ones, and of each that there is."""
    of_each = partial(_settings_of_host, host, names=_OF_INTERFACES[family])
    found = {name: of_each(f"net/{family}/conf/{name}") for name in ("all", "default", "lo")}
    together = {name: Folder(entries) for name, entries in found.items() if entries}
    if not together:
        return {"conf": Folder({})}
    of_one = {name: _of_interface(family, name) for name in found["lo"]}
    return {"conf": Folder(together, members_by_interface(Folder(of_one), together))}


def _of_interface(family: str, name: str) -> Text[InterfaceFolder]:
    def path(folder: InterfaceFolder) -> str:
        return f"{_HOST}/net/{family}/conf/{folder.name}/{name}"

    def write(folder: InterfaceFolder, text: bytes) -> None:
        if text.split() != folder.machine.host.read(path(folder)).split():
            folder.machine.host.set(path(folder), text)

    return Text(lambda folder: folder.machine.host.read(path(folder)), write, mode=_WRITABLE)


def _users() -> Entries:
    """What a user may have: no namespaces, as there are none but the first ones."""
    kinds = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")
    watches = _watches()
    return {
        **{f"max_{kind}_namespaces": _constant(0) for kind in kinds},
        "max_inotify_instances": watches["max_user_instances"],
        "max_inotify_watches": watches["max_user_watches"],
    }


def tree(system: System) -> Folder[Whole]:
    return Folder(
        {
            "fs": Folder(_files()),
            "kernel": Folder(_kernel()),
            "net": Folder(_network(system)),
            "user": Folder(_users()),
            "vm": Folder(_memory(system.host)),
        }
    )
