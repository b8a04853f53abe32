"""The state of a machine: everything that its processes share (NT: what the executive's components keep).

Its parts exist from boot. The registry and the object namespace are opened when somebody first asks for them, whichever
world that is: a machine that runs no such program boots without reading them.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from lichen.executive.atoms import AtomTable
from lichen.executive.io.watch import WatchShare
from lichen.executive.power import Power
from lichen.executive.process_table import ProcessTable
from lichen.executive.status import Failure, Status

if TYPE_CHECKING:
    from lichen.executive.interfaces import Subsystem
    from lichen.executive.io.context import FileSystemContext
    from lichen.executive.io.location import Location, Mount
    from lichen.executive.io.node import FileSystem
    from lichen.executive.objects.namespace import Directory
    from lichen.executive.programs import Loader
    from lichen.executive.registry import Registry
    from lichen.executive.scheduler import Scheduler
    from lichen.executive.system import System

_RESERVED_UNIQUE_IDS: Final = 0x3E8
"""NT gives the ids below to what every system has, such as the logon session of the system."""


class MachineState:
    """What there is in a machine, by component.

    Init is of `subsystem` and sees the tree as `administrator`. `loaders` know the formats of programs. `mounts` is everything
    that is mounted in that tree, in the order in which it was; in `memory_files` live files that never get a name:
    memfd_create, shared anonymous memory, NT's unnamed sections. `registry` opens the registry, `namespace` makes the root of
    NT's object namespace.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        subsystem: Subsystem,
        administrator: FileSystemContext,
        loaders: list[Loader],
        mounts: list[Mount],
        memory_files: FileSystem,
        registry: Callable[[], Registry],
        namespace: Callable[[], Directory],
        system: System,
    ) -> None:
        self.scheduler = scheduler
        self.system = system
        self.mounts = mounts
        self.memory_files = memory_files
        self.drives: dict[str, Location] = {}
        """Where each drive letter leads."""
        self.loaders = loaders
        self.unique_ids = count(_RESERVED_UNIQUE_IDS + 1)
        """Locally unique ids (NT's LUID), each given out once."""
        self.atoms = AtomTable()
        self.power = Power(scheduler)
        self._watch_shares: WeakValueDictionary[int, WatchShare] = WeakValueDictionary()
        self.make_services: Callable[[], object] | None = None
        """Makes the service manager, where services are served."""
        self._services: object = None
        self._open_registry = registry
        self._registry: Registry | None = None
        self._make_namespace = namespace
        self._namespace: Directory | None = None
        self.processes = ProcessTable(self, subsystem, administrator)

    @property
    def registry(self) -> Registry:
        """The registry; DISK_FULL or IO_DEVICE_ERROR when it cannot be opened, and the next who asks tries again."""
        if self._registry is None:
            self._registry = self._open_registry()
        return self._registry

    @property
    def services(self) -> object:
        """The service manager, made when somebody first asks for it; NOT_SUPPORTED on a machine without services.

        `services.manager.services_of` says which type it has.
        """
        if self._services is None:
            if self.make_services is None:
                raise Failure(Status.NOT_SUPPORTED)
            self._services = self.make_services()
        return self._services

    @property
    def has_begun_services(self) -> bool:
        """Whether somebody has asked for the service manager."""
        return self._services is not None

    @property
    def namespace(self) -> Directory:
        """The root of NT's object namespace."""
        if self._namespace is None:
            self._namespace = self._make_namespace()
        return self._namespace

    def watch_share(self, user: int) -> WatchShare:
        """What a user has of the machine's watches."""
        return self._watch_shares.setdefault(user, WatchShare())

    def uptime(self) -> float:
        """Seconds since the host was booted, on the clock by which everything tells its age (021)."""
        return self.scheduler.since_boot()

    def load_averages(self) -> tuple[float, float, float]:
        """How many processors were busy in the last 1, 5 and 15 minutes."""
        return self.system.load.averages(self.scheduler.clock(), self.processes.processor_time().total)

    def close(self) -> None:
        """Commit the registry, if it was opened."""
        if self._registry is not None:
            self._registry.close()
