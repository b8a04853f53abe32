"""The tree of names of a machine: the host's root under the private layer, the machine's own trees, and shares."""

from __future__ import annotations

import errno
import os
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from lichen.boot import private_files
from lichen.boot.refusals import LaunchError
from lichen.executive.io.attributes import Kind
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.location import Location, Mount
from lichen.executive.io.lookup import Walk, find
from lichen.executive.io.names import Name, make_directory
from lichen.executive.security.tokens import Token
from lichen.executive.status import Failure
from lichen.filesystems import devices as simple_devices
from lichen.filesystems.disk import Disk
from lichen.filesystems.host import HostFileSystem, Owners
from lichen.filesystems.memory_files import MemoryFileSystem, Pool
from lichen.filesystems.sharerecords import ShareRecords
from lichen.filesystems.terminal import pty
from lichen.filesystems.union import UnionFileSystem
from lichen.subsystems.linux.errors import errno_of
from lichen.subsystems.linux.types import path_of

if TYPE_CHECKING:
    from lichen.executive.io.device import Devices
    from lichen.executive.io.node import FileSystem
    from lichen.filesystems.hostwatch import HostMonitor

_FIRST_DEVICE: Final = 32
"""st_dev of the root; the file systems mounted later count on."""
_RESOLVER: Final = "/etc/resolv.conf"
"""How names of hosts are found; many hosts keep it in /run."""
_NOT_SHARED: Final = ("", "dev", "proc", "sys")
"""The root and the folders below it that no share may cover: without them there is no machine."""
_MOST_CARRIED: Final = 1 << 16


class Share(NamedTuple):
    """A folder of the host that shows at a place of the machine's tree."""

    host: str
    guest: str
    read_only: bool = False


class Tree:
    """Everything that is mounted in a machine, in the order in which it was.

    `folder` holds the private layer, `hides_private` says that files of the host that only root may read are not shown.
    """

    def __init__(self, folder: Path, devices: Devices, monitor: HostMonitor, hides_private: bool) -> None:
        self.folder, self.devices, self.monitor, self.hides_private = folder, devices, monitor, hides_private
        self.mounts: list[Mount] = []
        self.disk = Disk(folder)
        self._device_numbers = count(_FIRST_DEVICE)
        self._shares: dict[str, tuple[Share, Mount]] = {}
        self._share_records = ShareRecords(folder / "shares.sqlite", devices.worker)
        self._memory = Pool()
        root = self._root(folder)
        self.administrator = FileSystemContext(root, root, Token.of_user(0, 0))

    def next_device(self) -> int:
        """A number for one more file system."""
        return next(self._device_numbers)

    def close(self) -> None:
        for mount in self.mounts:
            mount.file_system.close()
        self._share_records.close()
        self.disk.close()

    # ---- what every machine has

    def _root(self, folder: str | os.PathLike[str]) -> Location:
        lower = HostFileSystem(
            "/",
            self.next_device(),
            self.devices,
            read_only=True,
            public_only=self.hides_private,
            readable_only=os.geteuid() != 0,
            monitor=self.monitor,
        )
        union = UnionFileSystem(lower, folder, self.next_device(), self.devices, disk=self.disk)
        mount = Mount(union, "lichen")
        self.mounts.append(mount)
        return mount.root

    def mount_own_trees(self, state: str | None) -> None:
        names = (*simple_devices.SIMPLE, *pty.NAMES)
        own_devices = simple_devices.device_tree(self.next_device(), self.devices, names, self._memory)
        self.mount("/dev", own_devices, "devtmpfs")
        for path, mode in (("/dev/shm", 0o1777), ("/tmp", 0o1777), ("/run", 0o755)):
            self.mount(path, self.in_memory(mode), "tmpfs")
        if state is not None and self._has(state):
            owner = os.geteuid(), os.getegid()
            empty = MemoryFileSystem(self.next_device(), self.devices, 0o700, *owner, pool=self._memory)
            self.mount(state, empty, "tmpfs")
        private_files.provide(self.administrator)
        self._carry_over(_RESOLVER)

    def in_memory(self, mode: int = 0o777) -> MemoryFileSystem:
        """One more file system in memory: all of a machine's share the bytes that they may take."""
        return MemoryFileSystem(self.next_device(), self.devices, mode, pool=self._memory)

    def _carry_over(self, path: str) -> None:
        """Copy a file of the host to where a link leads to it, when that is in /run, which is the machine's own."""
        target = os.path.realpath(path)
        if not target.startswith("/run/"):
            return
        try:
            with open(target, "rb") as file:
                content = file.read(_MOST_CARRIED)
        except OSError:
            return
        folder, name = os.path.split(target)
        node = self._mount_point(folder).node.create(name, Kind.REGULAR, 0o644, 0, 0)
        node.write_at(0, content)

    def _has(self, path: str) -> bool:
        context = self.administrator
        try:
            find(context, context.root, path_of(os.fsencode(path)).components)
        except Failure:
            return False
        return True

    # ---- mounting

    def mount(self, path: str, file_system: FileSystem, source: str, options: str = "rw") -> Mount:
        """Mount a file system at an absolute path, whose folders are made when they are missing."""
        mount = Mount(file_system, source, options)
        mount.attach(self._mount_point(path))
        self.mounts.append(mount)
        return mount

    def _mount_point(self, path: str) -> Location:
        """The folder at a path, made if need be with those above it."""
        context = self.administrator
        components = path_of(os.fsencode(path)).components
        location = context.root
        for depth in range(1, len(components) + 1):
            try:
                location = find(context, context.root, components[:depth], Walk.FOLLOW | Walk.DIRECTORY)
            except Failure as failure:
                if errno_of(failure.status) != errno.ENOENT:
                    raise
                location = make_directory(context, Name(context.root, components[:depth]), 0o755)
        return location.inner()

    def share(self, share: Share, token: Token) -> None:
        """Show a folder of the host to guests; what `token` is shown as owning belongs to the caller on the host."""
        if share.guest.split("/")[1] in _NOT_SHARED:
            raise LaunchError(
                f"cannot share at {share.guest}: it is the machine's own; choose another folder of it"
            )
        known = self._shares.get(share.guest)
        if known is not None and known[0] != share:
            raise LaunchError(
                f"{share.guest} is a share of {known[0].host} already: `lichen terminate` the machine first"
            )
        owners = Owners({os.geteuid(): token.uid}, {os.getegid(): token.gid})
        number = self.next_device()
        try:
            if known is not None and cast(HostFileSystem, known[1].file_system).is_at(share.host):
                return
            files = HostFileSystem(
                share.host,
                number,
                self.devices,
                read_only=share.read_only,
                stable=False,
                owners=owners,
                monitor=self.monitor,
                records=self._share_records,
            )
        except OSError as error:
            raise LaunchError(f"cannot share {share.host}: {error.strerror}") from error
        if (
            known is not None
        ):  # another folder has taken the name on the host, as after `rm -r build; mkdir build`
            self._unshare(share.guest)
        try:
            mount = self.mount(share.guest, files, share.host, "ro" if share.read_only else "rw")
        except Failure as failure:
            files.close()
            reason = os.strerror(errno_of(failure.status))
            raise LaunchError(f"cannot mount a share at {share.guest}: {reason}") from failure
        self._shares[share.guest] = share, mount

    def _unshare(self, guest: str) -> None:
        """Uncover a folder that was a share, and forget those below it; programs that are in them keep what they have."""
        for place in [place for place in self._shares if place == guest or place.startswith(f"{guest}/")]:
            _, mount = self._shares.pop(place)
            mount.detach()
            self.mounts.remove(mount)
