"""The Windows half of a machine: its registry and the NT subsystem, made when the first Windows program is started."""

from __future__ import annotations

import functools
import logging
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from lichen.executive.io.file import File
from lichen.executive.io.lookup import Walk, find
from lichen.executive.io.manager import create_file
from lichen.executive.io.opening import Open
from lichen.executive.registry import Registry
from lichen.executive.status import Failure
from lichen.platforms.native import stub
from lichen.subsystems.nt import (
    environment,
    mends,
    mount_manager,
    names,
    pe,
    registry_seeds,
    time_zone,
    userland,
)
from lichen.subsystems.nt.console import files as console_files
from lichen.subsystems.nt.devices import build_namespace
from lichen.subsystems.nt.loader import PeLoader, patch_unix_dispatcher
from lichen.subsystems.nt.named_pipes import NamedPipes
from lichen.subsystems.nt.shared_data import system_time
from lichen.subsystems.nt.shell_patches import patch_shell
from lichen.subsystems.nt.sids import sid_text, user_sid
from lichen.subsystems.nt.sockets import afd
from lichen.subsystems.nt.subsystem import NtSubsystem, stopping_numbers

if TYPE_CHECKING:
    from lichen.executive.io.context import FileSystemContext
    from lichen.executive.processes import Process
    from lichen.executive.programs import Program
    from lichen.machine import Machine

log = logging.getLogger("lichen.windows")


def numbers_that_stop(found: userland.Userland) -> tuple[int, ...]:
    """What the platform's filter has to know of the userland's ntdll."""
    return stopping_numbers(pe.parse(found.ntdll.read_bytes()))


class Windows:
    """Adds NT to a machine whose Linux half is up and whose drives are mounted."""

    def __init__(
        self,
        machine: Machine,
        found: userland.Userland,
        folder: Path,
        context: FileSystemContext,
        seed: Path | None = None,
    ) -> None:
        self.machine, self.userland, self.folder, self.context = machine, found, folder, context
        self.seed = seed
        """The registry that a new machine begins with, where it was made."""
        self.registry = self._open_registry()
        machine.table.registry = self.registry
        build_namespace(machine.table, find(context, context.root, ("dev", "null")))
        machine.table.namespace.make("Device").insert("NamedPipe", NamedPipes())
        console_files.install(machine.table.namespace)
        mount_manager.install(machine.table)
        afd.install(machine.table.namespace)
        guests = machine.platform.enable_nt()
        file = self._open("windows", "system32", "ntdll.dll")
        self.subsystem = NtSubsystem(
            machine.platform, guests, machine.table, file, found.nls, len(machine.table.system.processors)
        )
        self.subsystem.images.patches[self.subsystem.ntdll.key] = patch_unix_dispatcher(stub.UNIX_DISPATCH)
        self._patch_shell()
        self.subsystem.images.mend = functools.partial(mends.mend, dispatcher=stub.UNIX_DISPATCH)
        api_set = pe.parse((found.system / "apisetschema.dll").read_bytes())
        self.loader = PeLoader(self.subsystem, api_set, self.describe)

    # ---- registry

    def _open_registry(self) -> Registry:
        scheduler, system = self.machine.scheduler, self.machine.table.system
        path = self.folder / "registry.sqlite"
        is_new = not path.exists()
        if is_new:
            self._begin_registry(path)
        registry = Registry(
            path,
            system_time,
            lambda seconds, action: scheduler.at(scheduler.clock() + seconds, action),
        )
        registry.require_room = self.machine.disk.require
        if is_new or registry.is_empty:
            user = sid_text(user_sid(self.context.token))
            registry_seeds.give_user(registry, user)
            registry_seeds.seed(registry, user, "root")
        registry_seeds.renew(registry)
        registry_seeds.tell_name(registry, system.host_name)
        system.when_renamed.append(lambda name: self._renamed(registry, name))
        registry_seeds.tell_time_zone(registry, time_zone.zone_of(self.context, None))
        registry_seeds.tell_processors(registry)
        return registry

    @staticmethod
    def _renamed(registry: Registry, name: str) -> None:
        with suppress(Failure):  # it is full
            registry_seeds.tell_name(registry, name)

    def _begin_registry(self, path: Path) -> None:
        """Take over the registry that was made with the userland, where there is one; else it is made small."""
        if self.seed is None or not self.seed.is_file():
            return
        unfinished = path.with_name(path.name + ".new")
        try:
            shutil.copyfile(self.seed, unfinished)
            unfinished.replace(path)
        except OSError as error:
            log.warning("the registry cannot be copied from %s: %s", self.seed, error)
            unfinished.unlink(missing_ok=True)

    # ---- programs

    def _open(self, *components: str) -> File:
        drive = self.machine.table.drives["C"]
        return cast(File, create_file(self.context, drive, components, Open(walk=Walk.FOLLOW)))

    def _patch_shell(self) -> None:
        try:
            file = self._open("windows", "system32", "cmd.exe")
        except Failure:
            return
        self.subsystem.images.patches[self.subsystem.images.key_of(file)] = patch_shell
        file.release()

    def describe(self, process: Process, program: Program) -> tuple[str, str, dict[str, str]]:
        """(image path, current folder, environment) in Windows' terms."""
        image = names.dos_path(process, program.file.location)
        folder = names.dos_path(process, process.files.current)
        return image, folder, environment.to_windows(process, program.environment)

    def close(self) -> None:
        """Commit the registry."""
        self.registry.close()
