"""The unit files of a machine in memory, part of which is the machine's own."""

from __future__ import annotations

from lichen.executive.io.device import Devices
from lichen.executive.io.location import Location
from lichen.executive.services.values import Definition, ServiceSettings
from lichen.filesystems.memory_files import MemoryFileSystem
from lichen.subsystems.linux.services.definitions import Definitions
from lichen.subsystems.linux.services.installing import Installer
from lichen.subsystems.linux.services.specifiers import Facts, User
from lichen.subsystems.linux.services.timers import Context
from lichen.subsystems.linux.services.tree import Tree
from lichen.subsystems.linux.services.unitpaths import UnitPaths
from tests.unit import trees

FACTS = Facts("box.example", "m" * 32, "b" * 32, "6.1", {"ID": "debian"})
USERS = {"root": User("root", 0, 0, "/root", "/bin/sh"), "web": User("web", 33, 33, "/var/www", "/bin/false")}
SIMPLE = "[Service]\nExecStart=/bin/main\n"
INSTALLED = f"{SIMPLE}[Install]\nWantedBy=multi-user.target\n"


class Etc:
    """Unit files, and what is made of them. `foreign` are nodes that only the host has."""

    def __init__(self) -> None:
        self.context = trees.context_of(MemoryFileSystem(1, Devices(lambda: 0)))
        self.foreign: set[int] = set()
        self.tree = Tree(self.context, self._is_own)
        self.paths = UnitPaths(self.tree)
        self.source = Definitions(self.paths, lambda: FACTS, USERS.get, Context())
        self.installer = Installer(self.paths)
        for folder in ("/etc/systemd/system", "/usr/lib/systemd/system", "/run/systemd/system", "/dev"):
            self.tree.make_folder(folder)
        self.write("/dev/null", "")

    def _is_own(self, location: Location) -> bool:
        return id(location.node) not in self.foreign

    def write(self, path: str, text: str | bytes) -> None:
        self.tree.make_folder(path.rpartition("/")[0])
        trees.write(self.context, path, text.encode() if isinstance(text, str) else text)

    def link(self, path: str, target: str, foreign: bool = False) -> None:
        self.tree.make_link(path, target)
        if foreign:
            location = self.tree.find(path, follow=False)
            assert location is not None
            self._kept = location
            self.foreign.add(id(location.node))

    def unit(self, name: str, text: str | bytes = SIMPLE) -> None:
        self.write(f"/usr/lib/systemd/system/{name}", text)

    def load(self, name: str) -> Definition:
        definition = self.source.load(name)
        assert definition is not None
        return definition

    def service(self, text: str, name: str = "a.service") -> ServiceSettings:
        """The settings of a service whose file is a text."""
        self.unit(name, text)
        definition = self.load(name)
        assert not definition.error, definition.error
        assert isinstance(definition.settings, ServiceSettings)
        return definition.settings
