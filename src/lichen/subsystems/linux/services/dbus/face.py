"""The service manager as its clients on D-Bus see it: who is connected, what each may do, and what all are told.

User 0 changes things, everybody looks (041): that is what polkit says of systemd where nobody is asked for a password.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from lichen.executive.services.listener import Listener
from lichen.executive.services.timer import Timer
from lichen.executive.services.values import Phase, State
from lichen.subsystems.linux.services import names
from lichen.subsystems.linux.services.dbus import states, wire
from lichen.subsystems.linux.services.dbus.vocabulary import PROPERTIES, SYSTEMD

if TYPE_CHECKING:
    from lichen.executive.machine import MachineState
    from lichen.executive.services.manager import ServiceManager
    from lichen.executive.services.transactions import Job
    from lichen.executive.services.unit import Unit
    from lichen.subsystems.linux.services.dbus.vocabulary import Properties
    from lichen.subsystems.linux.services.definitions import Definitions
    from lichen.subsystems.linux.services.installing import Installer

log = logging.getLogger("lichen.dbus")

_BUSES: Final = ("dbus.service", "dbus-broker.service")
_REVERSED: Final = {
    "RequiredBy": "requires",
    "RequisiteOf": "requisite",
    "WantedBy": "wants",
    "BoundBy": "binds_to",
    "ConsistsOf": "part_of",
    "ConflictedBy": "conflicts",
}


class Hearer(Protocol):
    """A client, as far as it is told things."""

    listens: bool
    is_bus: bool
    name: str
    names_us: str
    uid: int
    process: int

    def next_serial(self) -> int: ...
    def send(self, data: bytes) -> None: ...


class Face:
    """One machine's service manager on D-Bus."""

    definitions: Definitions
    installer: Installer
    identity: str

    def __init__(
        self, machine: MachineState, manager: ServiceManager, definitions: Definitions, installer: Installer
    ) -> None:
        self.machine, self.manager = machine, manager
        self.definitions, self.installer = definitions, installer
        self.clients: dict[Hearer, None] = {}
        self.identity = machine.system.host.random(16).hex()
        self.started = manager.now()
        self.wall_message = ""
        self.scheduled: tuple[str, int] = ("", 0)
        """The kind of shutdown that is going to be, and when, in microseconds since 1970."""
        self.bus_started: Callable[[], None] = lambda: None
        """Called when a daemon of the machine serves the bus."""
        manager.listeners.append(self)

    # ---- units

    def unit(self, name: str) -> Unit:
        """The unit of a name, which need not be there."""
        return self.manager.look(name)

    def unit_at(self, path: str) -> Unit | None:
        """The unit that an object's path stands for."""
        name = names.of_path(path)
        return self.manager.look(name) if name else None

    def reverse_relations(self, unit: Unit) -> dict[str, frozenset[str]]:
        """The known units that name this one in their relations."""
        units = list(self.manager.units.values())
        found = {
            name: frozenset(
                other.name for other in units if unit.name in getattr(other.definition.relations, attribute)
            )
            for name, attribute in _REVERSED.items()
        }
        found["TriggeredBy"] = frozenset(
            other.name
            for other in units
            if isinstance(other, Timer | Listener) and other.settings.unit == unit.name
        )
        return found

    def needs_reload(self, unit: Unit) -> bool:
        """Whether the files of a unit have changed since they were read."""
        origin = states.origin_of(unit)
        return any(self.definitions.stamp(path) != stamp for path, stamp in origin.stamps)

    @staticmethod
    def job_path(job: Job) -> str:
        return f"{names.PATH}/job/{job.id}"

    # ---- what is told

    def unit_changed(self, unit: Unit) -> None:
        if unit.name in _BUSES and unit.phase is Phase.RUNNING and unit.state is State.RUNNING:
            self.bus_started()
        if not self.clients:
            return
        path = names.path_of(unit.name)
        changed: Properties = {"ActiveState": ("s", states.active(unit)), "SubState": ("s", states.sub(unit))}
        job = self.manager.job_of(unit)
        changed["Job"] = ("(uo)", (job.id, self.job_path(job)) if job is not None else (0, "/"))
        self.tell(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", (f"{SYSTEMD}.Unit", changed, []))

    def job_added(self, job: Job) -> None:
        self._tell_of_manager("JobNew", "uos", (job.id, self.job_path(job), job.unit.name))

    def job_ended(self, job: Job) -> None:
        assert job.result is not None
        result = "assert" if job.result.value == "assertion" else job.result.value
        self._tell_of_manager("JobRemoved", "uoss", (job.id, self.job_path(job), job.unit.name, result))
        self.unit_changed(job.unit)

    def unit_files_changed(self) -> None:
        """Links were made or removed."""
        self._tell_of_manager("UnitFilesChanged", "", ())

    def _tell_of_manager(self, member: str, signature: str, body: tuple[Any, ...]) -> None:
        self.tell(names.PATH, f"{SYSTEMD}.Manager", member, signature, body)

    def tell(self, path: str, interface: str, member: str, signature: str, body: tuple[Any, ...]) -> None:
        """Send a signal to every client that listens."""
        for client in list(self.clients):
            if client.listens:
                client.send(
                    wire.signal(
                        client.next_serial(), client.names_us, path, interface, member, signature, body
                    )
                )
