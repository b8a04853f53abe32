"""The Windows half of a machine: the NT subsystem with its ntdll, made when the first Windows program is started."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, cast

from lichen.executive.io.file import File
from lichen.executive.io.lookup import Walk
from lichen.executive.io.manager import create_file
from lichen.executive.io.opening import Open
from lichen.executive.status import Failure
from lichen.subsystems.nt import (
    environment,
    mends,
    names,
    pe,
    userland,
)
from lichen.subsystems.nt.loader import PeLoader, patch_unix_dispatcher
from lichen.subsystems.nt.shell_patches import patch_shell
from lichen.subsystems.nt.subsystem import NtSubsystem, stopping_numbers

if TYPE_CHECKING:
    from lichen.executive.interfaces import Platform
    from lichen.executive.io.context import FileSystemContext
    from lichen.executive.machine import MachineState
    from lichen.executive.processes import Process
    from lichen.executive.programs import Program


def numbers_that_stop(found: userland.Userland) -> tuple[int, ...]:
    """What the platform's filter has to know of the userland's ntdll."""
    return stopping_numbers(pe.parse(found.ntdll.read_bytes()))


class Windows:
    """Adds NT to a machine whose Linux half is up and whose drives are mounted."""

    def __init__(
        self,
        platform: Platform,
        state: MachineState,
        found: userland.Userland,
        context: FileSystemContext,
    ) -> None:
        self.drive, self.context = state.drives["C"], context
        guests = platform.enable_nt()
        file = self._open("windows", "system32", "ntdll.dll")
        self.subsystem = NtSubsystem(platform, guests, state, file, found.nls)
        self.subsystem.images.patches[self.subsystem.ntdll.key] = patch_unix_dispatcher(guests.unix_dispatch)
        self._patch_shell()
        self.subsystem.images.mend = functools.partial(mends.mend, dispatcher=guests.unix_dispatch)
        api_set = pe.parse((found.system / "apisetschema.dll").read_bytes())
        self.loader = PeLoader(self.subsystem, api_set, self.describe)

    # ---- programs

    def _open(self, *components: str) -> File:
        return cast(File, create_file(self.context, self.drive, components, Open(walk=Walk.FOLLOW)))

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
