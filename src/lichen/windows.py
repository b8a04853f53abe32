"""The Windows half of a machine: its userland, its drives, its registry, and the NT subsystem on top of them.

C: is a folder of the machine, seen by Linux at /mnt/c; C:\\windows\\system32 shows the userland's PE files under a private
layer. Z: is the machine's root. The names of both worlds lead to the same nodes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from lichen.executive.io.file import File
from lichen.executive.io.lookup import Walk, find
from lichen.executive.io.manager import create_file
from lichen.executive.io.names import Name, make_directory
from lichen.executive.io.opening import Access, Open
from lichen.executive.registry import Registry
from lichen.executive.status import Failure, Status
from lichen.filesystems.host import HostFileSystem
from lichen.filesystems.union import UnionFileSystem
from lichen.platforms.native import stub
from lichen.subsystems.nt import environment, names, pe, registry_seeds, userland
from lichen.subsystems.nt.calls.token import sid_text, user_sid
from lichen.subsystems.nt.devices import build_namespace
from lichen.subsystems.nt.loader import PeLoader, patch_unix_dispatcher
from lichen.subsystems.nt.shared_data import system_time
from lichen.subsystems.nt.subsystem import NtSubsystem, stopping_numbers

if TYPE_CHECKING:
    from lichen.executive.io.context import FileSystemContext
    from lichen.executive.processes import Process
    from lichen.executive.programs import Program
    from lichen.machine import Machine

MOUNT_POINT: Final = "/mnt/c"
_FOLDERS: Final = ("windows/temp", "windows/system32", "ProgramData", "Program Files", "users/Public")
_PROCESSORS: Final = os.cpu_count() or 1


def find_userland(data_folder: Path | None = None) -> userland.Userland | None:
    """The host's own Wine PE files, else those that were fetched into Lichen's data folder."""
    roots: list[str | Path] = ["/"]
    if data_folder is not None:
        roots.append(data_folder / "windows")
    return userland.find(roots)


def paths_of(name: bytes) -> tuple[bytes, ...]:
    """The Linux paths that a Windows program's name may mean: a path on C: or Z:, or a name without one."""
    text = name.decode("utf-8", "surrogateescape")
    if text[1:3] in (":\\", ":/") and text[0] in "cCzZ":
        rest = text[3:].replace("\\", "/")
        return (os.fsencode(f"{MOUNT_POINT}/{rest}" if text[0] in "cC" else f"/{rest}"),)
    if "/" not in text and text.lower().endswith(".exe"):
        return (os.fsencode(f"{MOUNT_POINT}/windows/system32/{text.lower()}"),)
    return ()


def numbers_that_stop(found: userland.Userland | None) -> tuple[int, ...]:
    """What the platform's filter has to know of the userland's ntdll."""
    return stopping_numbers(pe.parse(found.ntdll.read_bytes())) if found else ()


class Windows:
    """Adds NT to a machine whose Linux half is up."""

    def __init__(
        self, machine: Machine, found: userland.Userland, folder: Path, context: FileSystemContext
    ) -> None:
        self.machine, self.userland, self.folder, self.context = machine, found, folder, context
        self._mount_drives()
        self.registry = self._open_registry()
        machine.table.registry = self.registry
        build_namespace(machine.table, find(context, context.root, ("dev", "null")))
        guests = machine.platform.enable_nt()
        file = self._open("windows", "system32", "ntdll.dll")
        self.subsystem = NtSubsystem(machine.platform, guests, machine.table, file, found.nls, _PROCESSORS)
        self.subsystem.images.patches[self.subsystem.ntdll.key] = patch_unix_dispatcher(stub.UNIX_DISPATCH)
        api_set = pe.parse((found.system / "apisetschema.dll").read_bytes())
        self.loader = PeLoader(self.subsystem, api_set, self.describe)

    # ---- drives

    def _mount_drives(self) -> None:
        machine = self.machine
        drive = UnionFileSystem(None, self._made("drive_c"), machine.next_device(), machine.devices)
        machine.mount(MOUNT_POINT, drive, "C:", "rw,relatime")
        root = find(self.context, self.context.root, ("mnt", "c"))
        for path in _FOLDERS:
            components = tuple(path.split("/"))
            for depth in range(1, len(components) + 1):
                self._make_folder(("mnt", "c", *components[:depth]))
        files = HostFileSystem(
            self.userland.system, machine.next_device(), machine.devices, True, executable=True
        )
        system = UnionFileSystem(files, self._made("system32"), machine.next_device(), machine.devices)
        machine.mount(MOUNT_POINT + "/windows/system32", system, "system32", "rw,relatime")
        self._copy_extra_libraries()
        machine.table.drives = {"C": root, "Z": self.context.root}

    def _made(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def _make_folder(self, components: tuple[str, ...]) -> None:
        try:
            make_directory(self.context, Name(self.context.root, components), 0o755)
        except Failure as failure:
            if failure.status != Status.OBJECT_NAME_COLLISION:
                raise

    def _copy_extra_libraries(self) -> None:
        """DLLs that Wine's programs import and that other packages bring."""
        for folder in self.userland.extra:
            for library in folder.glob("zlib1.dll"):
                target = ("mnt", "c", "windows", "system32", library.name.lower())
                try:
                    find(self.context, self.context.root, target)
                except Failure:
                    file = create_file(
                        self.context, self.context.root, target, Open(Access.WRITE, 2, mode=0o755)
                    )
                    cast(File, file).write(library.read_bytes())
                    cast(File, file).release()

    def _open(self, *components: str) -> File:
        drive = self.machine.table.drives["C"]
        return cast(File, create_file(self.context, drive, components, Open(walk=Walk.FOLLOW)))

    # ---- registry

    def _open_registry(self) -> Registry:
        scheduler = self.machine.scheduler
        registry = Registry(
            self.folder / "registry.sqlite",
            system_time,
            lambda seconds, action: scheduler.at(scheduler.clock() + seconds, action),
        )
        if registry.is_empty:
            token = self.context.token
            user = sid_text(user_sid(token))
            registry_seeds.seed(registry, self.machine.table.system.host_name, user, "root")
        return registry

    # ---- programs

    def describe(self, process: Process, program: Program) -> tuple[str, str, dict[str, str]]:
        """(image path, current folder, environment) in Windows' terms."""
        image = names.dos_path(process, program.file.location)
        folder = names.dos_path(process, process.files.current)
        return image, folder, environment.to_windows(process, program.environment)

    def close(self) -> None:
        """Commit the registry."""
        self.registry.close()
