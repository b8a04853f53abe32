"""What a kernel tells of its machine when `lichen status`, `lichen list` or `lichen ps` asks, as plain values for JSON."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypedDict

import lichen
from lichen.executive.processes import INIT

if TYPE_CHECKING:
    from lichen.daemon.kernel import Kernel
    from lichen.executive.processes import Process


_MOST_TEXT: Final = 1 << 20
"""Characters of all command lines together, of which every process has its share: an answer is one message."""


class MachineFacts(TypedDict, total=False):
    """What `status` tells; kernels of other versions may leave some out."""

    name: str
    version: str
    pid: int
    processor: int
    uptime: float
    sessions: int
    processes: int
    kept: list[str]
    namespaces: str
    extension: bool
    root_files: bool
    disk: int | None
    network: str
    ports: list[str]
    errors: int
    missing: dict[str, dict[str, int]]


class ProcessFacts(TypedDict):
    """What `processes` tells of each."""

    id: int
    parent: int
    user: int
    kind: str
    state: str
    age: float
    time: float
    command: str


def status(kernel: Kernel) -> MachineFacts:
    """The state of the machine as a whole."""
    machine = kernel.machine
    return {
        "name": kernel.name,
        "version": lichen.__version__,
        "pid": os.getpid(),
        "processor": kernel.processor,
        "uptime": machine.state.uptime() - machine.state.processes.init.started,
        "sessions": len(kernel.life.sessions),
        "processes": len(machine.living()),
        "kept": kernel.life.reasons(),
        "namespaces": machine.isolation,
        "extension": machine.has_extension,
        "root_files": kernel.root_files,
        "disk": machine.tree.disk.size,
        "network": machine.network.describe(),
        "ports": kernel.ports.describe(),
        "errors": machine.scheduler.errors,
        "missing": machine.missing_calls(),
    }


def processes(kernel: Kernel) -> list[ProcessFacts]:
    """Every process but init, parents before children where ids allow."""
    now = kernel.machine.state.uptime()
    table = kernel.machine.state.processes
    share = _MOST_TEXT // len(table)
    return [_process(process, now, share) for id, process in sorted(table.items()) if id != INIT]


def _process(process: Process, now: float, most: int) -> ProcessFacts:
    words = b" ".join(process.arguments)[:most].decode(errors="replace")
    return {
        "id": process.id,
        "parent": process.parent.id if process.parent is not None else 0,
        "user": process.files.token.euid,
        "kind": process.subsystem.name,
        "state": _state(process),
        "age": now - process.started,
        "time": process.processor_time().total,
        "command": words or process.name,
    }


def _state(process: Process) -> str:
    if process.is_zombie:
        return "zombie"
    if process.stopped:
        return "stopped"
    threads = process.threads.values()
    return "suspended" if threads and all(thread.suspended for thread in threads) else "alive"


TOPICS: Final[dict[str, Callable[[Kernel], object]]] = {"status": status, "processes": processes}
