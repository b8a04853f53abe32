"""How a process sees the tree of names."""

from __future__ import annotations

from dataclasses import dataclass

from lichen.executive.io.device import Devices
from lichen.executive.io.location import Location
from lichen.executive.security.tokens import Token


@dataclass(slots=True)
class FileSystemContext:
    """From where a process sees the tree, and as whom. Shared by processes after clone(CLONE_FS)."""

    root: Location
    current: Location
    token: Token
    umask: int = 0o022
    users: int = 1

    @property
    def devices(self) -> Devices:
        """The drivers of the machine whose tree this is."""
        return self.root.node.file_system.devices

    def copy(self, token: Token | None = None) -> FileSystemContext:
        """One for another process, or (with a token) for one call as somebody else."""
        return FileSystemContext(self.root, self.current, token or self.token, self.umask)
