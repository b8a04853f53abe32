"""/dev/pts: one name for every terminal that exists, made and removed with it.

Source: pts(4), Linux's documentation of devpts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Final

from lichen.executive.io.attributes import (
    AttributeChange,
    Attributes,
    DirectoryEntry,
    FileSystemStatistics,
    Kind,
)
from lichen.executive.io.device import Devices, device_number
from lichen.executive.io.node import FileSystem, Node
from lichen.executive.status import Failure, Status
from lichen.filesystems.terminal.terminal import SLAVE_MAJOR

if TYPE_CHECKING:
    from lichen.executive.security.tokens import Token

MAXIMUM_TERMINALS: Final = 1024
AUXILIARY_MAJOR: Final = 5
PTMX_MINOR: Final = 2
_TTY_GROUP: Final = 5
_MAGIC: Final = 0x1CD1
_BLOCK_SIZE: Final = 1024
_ROOT, _PTMX, _FIRST_SLAVE = 1, 2, 3
"""Inode numbers."""


class TerminalNames(FileSystem):
    """The file system devpts."""

    type: ClassVar[str] = "devpts"
    stable = False
    root: TerminalNode

    def __init__(self, device: int, devices: Devices) -> None:
        super().__init__(device, devices)
        self.root = TerminalNode(self, Kind.DIRECTORY, _ROOT, 0o755, 0, 0, 0)
        ptmx = device_number(AUXILIARY_MAJOR, PTMX_MINOR)
        self.names = {"ptmx": TerminalNode(self, Kind.CHARACTER, _PTMX, 0, 0, 0, ptmx)}

    def statistics(self) -> FileSystemStatistics:
        return FileSystemStatistics(_MAGIC, _BLOCK_SIZE, 0, 0, 0, 0, 0)

    def add(self, token: Token) -> int:
        """Make the lowest free number a name, owned by `token`; DISK_FULL when there are too many."""
        for number in range(MAXIMUM_TERMINALS):
            if str(number) not in self.names:
                rdev = device_number(SLAVE_MAJOR, number)
                self.names[str(number)] = TerminalNode(
                    self, Kind.CHARACTER, _FIRST_SLAVE + number, 0o620, token.uid, _TTY_GROUP, rdev
                )
                return number
        raise Failure(Status.DISK_FULL)

    def remove(self, number: int) -> None:
        self.names.pop(str(number), None)


class TerminalNode(Node):
    """The directory, or a name in it."""

    __slots__ = ("_attributes",)

    file_system: TerminalNames

    def __init__(
        self, file_system: TerminalNames, kind: int, file_id: int, mode: int, uid: int, gid: int, rdev: int
    ) -> None:
        super().__init__(file_system, kind)
        self.everyone_searches = kind == Kind.DIRECTORY
        now, links = file_system.devices.now(), 2 if kind == Kind.DIRECTORY else 1
        self._attributes = Attributes(
            *(file_id, file_system.device, kind, mode, links, uid, gid, rdev),
            *(0, 0, _BLOCK_SIZE, now, now, now, now),
        )

    def attributes(self) -> Attributes:
        return self._attributes

    def change(self, change: AttributeChange) -> None:
        changed = {
            name: value for name, value in change._asdict().items() if value is not None and name != "size"
        }
        self._attributes = self._attributes._replace(**changed, changed=self.file_system.devices.now())
        if self.kind == Kind.DIRECTORY:
            self.everyone_searches = self._attributes.mode & 0o111 == 0o111

    def lookup(self, name: str, case_blind: bool = False) -> tuple[str, Node] | None:
        if self.kind != Kind.DIRECTORY:
            raise Failure(Status.NOT_A_DIRECTORY)
        node = self.file_system.names.get(name.lower() if case_blind else name)
        return None if node is None else (name, node)

    def entries(self) -> Iterable[DirectoryEntry]:
        if self.kind != Kind.DIRECTORY:
            raise Failure(Status.NOT_A_DIRECTORY)
        names = self.file_system.names.items()
        return [DirectoryEntry(name, node.attributes().file_id, node.kind) for name, node in names]
