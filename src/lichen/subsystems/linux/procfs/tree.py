"""The names of /proc and what each tells.

Source: proc(5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from lichen.executive.io.generated import Folder, GeneratedEntry, Link, Members, S, Text, Window
from lichen.executive.io.location import Location
from lichen.subsystems.linux.procfs import (
    configuration,
    descriptors,
    locks,
    memory_tables,
    memoryfile,
    mounts,
    namespaces,
    network,
    settings,
    tasks,
    usage,
    whole,
)
from lichen.subsystems.linux.procfs.subjects import Descriptor, Task, Whole, number, shown

if TYPE_CHECKING:
    from lichen.executive.host import Host
    from lichen.executive.system import System

_WRITABLE: Final = 0o644
_OWNER_READS: Final = 0o400
_OWNER_ENTERS: Final = 0o500
_NO_SESSION: Final = b"4294967295"
_ALL_IDS: Final = b"         0          0 4294967295\n"


def _fixed(content: bytes) -> Text[S]:
    return Text(lambda _: content)


def _magic(where: Callable[[Task], Location]) -> Link[Task]:
    return Link(lambda task: shown(task, where(task)), where, private=True)


def _descriptors(entry: GeneratedEntry[Descriptor]) -> Members[Task]:
    return Members(descriptors.names, descriptors.find, entry)


def _task(host: Host) -> dict[str, GeneratedEntry[Task]]:
    """What a process and each of its threads tells."""
    return {
        "auxv": Text(memory_tables.auxiliary_vector, mode=_OWNER_READS, private=True),
        "cgroup": _fixed(b"0::/\n"),
        "children": Text(tasks.children),
        "cmdline": Text(memory_tables.command_line),
        "comm": Text(tasks.comm, tasks.set_comm, mode=_WRITABLE),
        "cwd": _magic(descriptors.current),
        "environ": Text(memory_tables.environment, mode=_OWNER_READS, private=True),
        "exe": _magic(descriptors.program),
        "fd": Folder(
            {},
            _descriptors(
                Link(descriptors.text, descriptors.follow, descriptors.mode, mode=_OWNER_ENTERS, private=True)
            ),
            mode=_OWNER_ENTERS,
            private=True,
        ),
        "fdinfo": Folder({}, _descriptors(Text(descriptors.information, private=True))),
        "gid_map": _fixed(_ALL_IDS),
        "io": Text(usage.transfers, mode=_OWNER_READS, private=True),
        "limits": Text(tasks.limits),
        "loginuid": _fixed(_NO_SESSION),
        "maps": Text(memory_tables.maps, private=True),
        "mem": Window(memoryfile.memory, private=True),
        "mountinfo": Text(mounts.mount_information),
        "mounts": Text(mounts.mounts),
        "mountstats": Text(mounts.mount_statistics, mode=_OWNER_READS),
        "net": network.tree(host),
        "ns": namespaces.tree(),
        "numa_maps": Text(memoryfile.numa_maps, private=True),
        "oom_score": Text(tasks.oom_score),
        "oom_score_adj": Text(tasks.oom_adjustment, tasks.set_oom_adjustment, mode=_WRITABLE),
        "personality": Text(tasks.personality, mode=_OWNER_READS, private=True),
        "root": _magic(descriptors.root),
        "sessionid": _fixed(_NO_SESSION),
        "setgroups": _fixed(b"allow\n"),
        "smaps": Text(usage.smaps, private=True),
        "smaps_rollup": Text(usage.rollup, private=True),
        "stat": Text(tasks.stat),
        "statm": Text(tasks.statm),
        "status": Text(tasks.status),
        "uid_map": _fixed(_ALL_IDS),
        "wchan": _fixed(b"0"),
    }


# ---- threads of a process, processes of the machine


def _thread_names(task: Task) -> Iterator[str]:
    return map(str, sorted(task.process.threads) or [task.process.id])


def _find_thread(task: Task, name: str) -> Task | None:
    id = number(name)
    thread = task.process.threads.get(id)
    stands_for_itself = id == task.process.id and not task.process.threads
    return Task(task.machine, task.process, thread) if thread is not None or stands_for_itself else None


def _process(task: dict[str, GeneratedEntry[Task]]) -> Folder[Task]:
    return Folder(
        {
            **task,
            "task": Folder({}, Members(_thread_names, _find_thread, Folder(task))),
            "timerslack_ns": Text(tasks.timer_slack, tasks.set_timer_slack, mode=0o666),
        }
    )


def _process_names(machine: Whole) -> Iterator[str]:
    return map(str, sorted(machine.state.processes))


def _find_process(machine: Whole, name: str) -> Task | None:
    process = machine.state.processes.get(number(name))
    return Task(machine, process) if process is not None else None


def _self(machine: Whole) -> str:
    return str(machine.caller.process.id)


def _thread_self(machine: Whole) -> str:
    caller = machine.caller
    return f"{caller.process.id}/task/{caller.id}"


def tree(system: System) -> Folder[Whole]:
    """The root of /proc; its subject is the machine."""
    entries: dict[str, GeneratedEntry[Whole]] = {
        "cgroups": _fixed(whole.CONTROL_GROUPS),
        "cmdline": _fixed(b"\n"),
        "config.gz": Text(configuration.compressed),
        "cpuinfo": Text(whole.processors),
        "devices": _fixed(whole.DEVICES),
        "diskstats": _fixed(b""),
        "execdomains": _fixed(whole.EXECUTION_DOMAINS),
        "filesystems": Text(mounts.file_systems),
        "loadavg": Text(whole.load_average),
        "locks": Text(locks.all_locks),
        "meminfo": Text(whole.memory),
        "modules": _fixed(b""),
        "mounts": Link(lambda _: "self/mounts"),
        "net": Link(lambda _: "self/net"),
        "partitions": _fixed(whole.PARTITIONS),
        "self": Link(_self),
        "stat": Text(whole.statistics),
        "swaps": _fixed(whole.SWAPS),
        "sys": settings.tree(system),
        "thread-self": Link(_thread_self),
        "tty": Folder({"drivers": _fixed(whole.TERMINAL_DRIVERS)}),
        "uptime": Text(whole.uptime),
        "version": Text(whole.version),
        "vmstat": Text(whole.virtual_memory),
    }
    return Folder(entries, Members(_process_names, _find_process, _process(_task(system.host))))
