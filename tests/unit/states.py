"""The state of a machine as tests need it: without a registry, and without NT's names."""

from __future__ import annotations

from typing import Any, cast

from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.location import Mount
from lichen.executive.machine import MachineState
from lichen.executive.objects.namespace import Directory
from lichen.executive.registry import Registry
from lichen.executive.scheduler import Scheduler
from lichen.executive.system import Load, System
from lichen.filesystems.memory_files import MemoryFileSystem
from lichen.platforms.thishost import ThisHost


def machine_state(
    scheduler: Scheduler,
    subsystem: Any,
    context: FileSystemContext,
    mounts: list[Mount] | None = None,
    system: System | None = None,
) -> MachineState:
    """A machine whose init is of `subsystem`, and sees what `context` sees."""
    return MachineState(
        scheduler,
        cast(Any, subsystem),
        context,
        [],
        [] if mounts is None else mounts,
        MemoryFileSystem(41, context.devices),
        _registry,
        Directory,
        system or System(ThisHost(), Load(scheduler.clock())),
    )


def _registry() -> Registry:
    return Registry(None, lambda: 0, lambda seconds, action: None)
