"""Puts the service manager of a machine together, when somebody first asks for it, and opens the doors at which one asks.

At boot there are two sockets and nothing else: whoever runs no service pays for no more.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Final

from lichen.executive.network.sockets import Caller, SocketType
from lichen.executive.processes import INIT
from lichen.filesystems.unionnode import UnionNode
from lichen.subsystems.linux.services.listening import NOTIFY, listen, open_socket

if TYPE_CHECKING:
    from lichen.boot.machine import Machine
    from lichen.boot.servicelog import ServiceLog
    from lichen.executive.io.location import Location
    from lichen.executive.network.sockets import Socket
    from lichen.executive.processes import Process
    from lichen.executive.services.manager import ServiceManager
    from lichen.executive.wait import Blocks
    from lichen.subsystems.linux.services.dbus.face import Face
    from lichen.subsystems.linux.services.specifiers import Facts, User
    from lichen.subsystems.linux.services.tree import Tree

log = logging.getLogger("lichen.services")

_SYSTEM_LOG: Final = ("dev", "log")
_MOST_CLIENTS: Final = 256
_MOST_OF_USER: Final = 64
_MOST: Final = 4096


class Services:
    """The services of one machine. `log_path` is where on the host their log is kept."""

    def __init__(self, machine: Machine, log_path: str) -> None:
        self._machine, self._log_path = machine, log_path
        self._log: ServiceLog | None = None
        self._face: Face | None = None
        self._clients = self._number = 0
        self._is_on_bus = False
        self._of_user: dict[int, int] = {}
        machine.state.make_services = self._make
        listen(machine.scheduler, machine.tree.administrator, self._serve)

    def stop(self) -> Blocks[None]:
        """Stop all services, in their order."""
        if self.has_begun:
            yield from self.manager.stop_all()

    def going_down(self) -> None:
        """Whatever ends from now on does not come back."""
        if self.has_begun:
            self.manager.close()

    @property
    def manager(self) -> ServiceManager:
        from lichen.executive.services.manager import services_of

        return services_of(self._machine.state)

    @property
    def has_begun(self) -> bool:
        """Whether anybody has asked for the service manager."""
        return self._machine.state.has_begun_services

    def boot(self) -> None:
        """Start what is enabled on the machine."""
        try:
            manager = self.manager
        except ModuleNotFoundError as error:
            log.error("no service is started: %s", error)
            return
        assert self._face is not None
        manager.start_all(self._face.installer.default())

    def close(self) -> None:
        """Nothing is told any more."""
        if self._log is not None:
            self._log.close()

    # ---- making it

    def _make(self) -> ServiceManager:
        from lichen.boot.packages import reach

        reach("jeepney")
        from lichen.boot.servicelaunch import ProcessLauncher
        from lichen.boot.servicelog import ServiceLog
        from lichen.executive.services.manager import ServiceManager
        from lichen.subsystems.linux.services import timers
        from lichen.subsystems.linux.services.dbus.face import Face
        from lichen.subsystems.linux.services.definitions import Definitions
        from lichen.subsystems.linux.services.installing import Installer
        from lichen.subsystems.linux.services.specifiers import User
        from lichen.subsystems.linux.services.tree import Tree
        from lichen.subsystems.linux.services.unitpaths import UnitPaths

        machine = self._machine
        files = Tree(machine.tree.administrator, _is_own)
        self._log = ServiceLog(self._log_path, machine.host.now)
        launcher = ProcessLauncher(machine, files, self._log)

        def user(name: str) -> User | None:
            found = launcher.user(name)
            if found is None:
                return None
            name, home, shell = (os.fsdecode(word) for word in (found.name, found.home, found.shell))
            return User(name, found.uid, found.gid, home, shell)

        paths = UnitPaths(files)
        definitions = Definitions(paths, lambda: self._facts(files), user, timers.Context())
        manager = ServiceManager(machine.state, launcher, self._log)
        manager.sources.append(definitions)
        self._face = Face(machine.state, manager, definitions, Installer(paths))
        self._face.bus_started = self._join_bus
        self._listen_to_services(self._log)
        return manager

    def _join_bus(self) -> None:
        """A daemon serves the bus of the machine: be its client, under systemd's names."""
        from lichen.subsystems.linux.services.dbus.buslink import BusLink

        assert self._face is not None
        if not self._is_on_bus:
            self._is_on_bus = True
            link = BusLink(self._face, self._machine.tree.administrator)
            self._machine.scheduler.spawn(self._stay_on_bus(link.serve()))

    def _stay_on_bus(self, serving: Blocks[None]) -> Blocks[None]:
        yield from serving
        self._is_on_bus = False

    def _facts(self, files: Tree) -> Facts:
        from lichen.subsystems.linux.services import words
        from lichen.subsystems.linux.services.specifiers import Facts

        system = words.environment_file(
            (files.read("/etc/os-release", _MOST) or b"").decode(errors="replace")
        )
        machine_id = (files.read("/etc/machine-id", 64) or b"").decode(errors="replace").strip()
        boot_id = self._machine.host.read("/proc/sys/kernel/random/boot_id").decode().strip().replace("-", "")
        release = self._machine.host.read("/proc/sys/kernel/osrelease").decode().strip()
        return Facts(self._machine.state.system.host_name, machine_id or "0" * 32, boot_id, release, system)

    def _listen_to_services(self, told: ServiceLog) -> None:
        """Take what services say of themselves, and what programs tell the system's log."""
        from lichen.subsystems.linux.services.notify import notified, receive, syslog_of

        def logged(process: Process, data: bytes) -> None:
            level, identifier, text = syslog_of(data)
            unit = manager_unit(process)
            told.write(unit, identifier or process.name, process.id, text, level)

        def manager_unit(process: Process) -> str:
            unit = self.manager.unit_of(process)
            return unit.name if unit is not None else "-"

        context, caller = self._machine.tree.administrator, Caller(self._machine.tree.administrator, INIT)
        for place, take in ((NOTIFY, notified), (_SYSTEM_LOG, logged)):
            socket = open_socket(context, place, SocketType.DATAGRAM, 0o666)
            self._machine.scheduler.spawn(receive(self._machine.state, socket, caller, take))

    # ---- clients

    def _serve(self, socket: Socket, is_bus: bool) -> Blocks[None]:
        partner = socket.peer_credentials()
        uid = partner.uid if partner is not None else -1
        if self._clients >= _MOST_CLIENTS or self._of_user.get(uid, 0) >= _MOST_OF_USER or partner is None:
            socket.release()
            return
        try:
            self._machine.state.services  # noqa: B018  (asking makes it)
        except ModuleNotFoundError as error:
            log.warning("%s", error)
            socket.release()
            return
        from lichen.subsystems.linux.services.dbus.client import Client

        assert self._face is not None
        self._clients += 1
        self._of_user[uid] = self._of_user.get(uid, 0) + 1
        self._number += 1
        caller = Caller(self._machine.tree.administrator, INIT)
        try:
            yield from Client(self._face, socket, caller, is_bus, self._number).serve()
        finally:
            self._clients -= 1
            self._of_user[uid] -= 1
            if not self._of_user[uid]:
                del self._of_user[uid]


def _is_own(location: Location) -> bool:
    """Whether something was made on the machine: it is in the private layer, or in a tree that is the machine's alone."""
    return not isinstance(location.node, UnionNode) or location.node.upper is not None
