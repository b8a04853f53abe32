"""Devices in NT's object namespace: objects that take the rest of a name and open it themselves (NT: Io device objects)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Protocol

from lichen.executive.io.file import File
from lichen.executive.io.location import Location, fold
from lichen.executive.io.manager import open_location
from lichen.executive.io.opening import Open
from lichen.executive.io.volume import Volume
from lichen.executive.objects.namespace import Directory, SymbolicLink
from lichen.executive.objects.object import Object
from lichen.executive.objects.rights import DIRECTORY
from lichen.executive.security.descriptors import Known, allowing
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks
from lichen.subsystems.nt.registry_keys import RegistryRoot
from lichen.subsystems.nt.spelling import components_of
from lichen.subsystems.nt.status import NtStatus

if TYPE_CHECKING:
    from lichen.executive.processes import Process

_FOR_LOOKING: Final = allowing(
    Known.SYSTEM,
    Known.SYSTEM,
    (Known.SYSTEM, DIRECTORY.all),
    (Known.ADMINISTRATORS, DIRECTORY.all),
    (Known.EVERYONE, DIRECTORY.read),
)
"""The descriptor of a directory that programs find things in, and only administrators put any."""
SERVERS: Final = frozenset(("WSL.LOCALHOST", "WSL$"))
DISTRIBUTION: Final = "Lichen"
"""`\\\\wsl.localhost\\Lichen` is the root of the machine, as in WSL that of a distribution."""


class Opener(Protocol):
    """A device's way to open the rest of a name."""

    def __call__(self, process: Process, rest: tuple[str, ...], open: Open) -> File | Blocks[File]: ...


class Device(Object):
    """A device: `opener` opens what is behind its name."""

    __slots__ = ("opener",)
    type_name: ClassVar[str] = "Device"

    def __init__(self, opener: Opener) -> None:
        super().__init__()
        self.opener = opener

    def open_relative(self, process: Process, rest: tuple[str, ...], open: Open) -> File | Blocks[File]:
        return self.opener(process, components_of("\\".join(rest)), open)


class Shares(Volume):
    """Servers of a network: WSL's name for the machine itself, whose one share is its tree as WSL shows a distribution's."""

    __slots__ = ()

    def place(self, names: tuple[str, ...]) -> tuple[Location, tuple[str, ...]]:
        rest = tuple(filter(None, names))
        if not rest or fold(rest[0]) not in SERVERS:
            raise Failure(NtStatus.BAD_NETWORK_PATH)
        if len(rest) < 2 or fold(rest[1]) != fold(DISTRIBUTION):
            raise Failure(NtStatus.BAD_NETWORK_NAME)
        return super().place(rest[2:])


def single(location: Location) -> Device:
    """A device that is one object of the machine's tree (NUL)."""

    def open_it(process: Process, rest: tuple[str, ...], open: Open) -> File | Blocks[File]:
        if rest:
            raise Failure(Status.OBJECT_PATH_NOT_FOUND)
        return open_location(
            process.files, location, Open(open.access, share=open.share, options=open.options & ~3)
        )

    return Device(open_it)


def fill_namespace(root: Directory, drives: dict[str, Location], null: Location) -> None:
    """The directories, drives and devices that every NT system has."""
    dos = root.make("??")
    devices = root.make("Device")
    for path in (
        ("BaseNamedObjects",),
        ("Sessions", "1", "BaseNamedObjects"),
        ("KernelObjects",),
        ("Driver",),
    ):
        root.make(*path)
    for alias in ("DosDevices", "GLOBAL??"):
        root.insert(alias, SymbolicLink(("??",)))
    root.make("Sessions", "1").insert("DosDevices", SymbolicLink(("??",)))
    for alias in ("Global", "Local"):
        root.make("BaseNamedObjects").insert(alias, SymbolicLink(("BaseNamedObjects",)))
    root.make("BaseNamedObjects", "Session").insert("1", SymbolicLink(("Sessions", "1", "BaseNamedObjects")))
    root.make("Sessions", "1", "BaseNamedObjects").insert("Global", SymbolicLink(("BaseNamedObjects",)))
    root.make("Sessions", "1", "BaseNamedObjects").insert(
        "Local", SymbolicLink(("Sessions", "1", "BaseNamedObjects"))
    )
    for number, (letter, location) in enumerate(drives.items(), 1):
        devices.insert(f"HarddiskVolume{number}", Volume(location))
        dos.insert(f"{letter}:", SymbolicLink(("Device", f"HarddiskVolume{number}")))
    devices.insert("Null", single(null))
    dos.insert("NUL", SymbolicLink(("Device", "Null")))
    if "Z" in drives:
        devices.insert("Mup", Shares(drives["Z"]))
        dos.insert("UNC", SymbolicLink(("Device", "Mup")))
    dos.insert("PIPE", SymbolicLink(("Device", "NamedPipe")))
    dos.insert("GLOBALROOT", SymbolicLink(()))
    root.insert("REGISTRY", RegistryRoot())
    root.insert("SystemRoot", SymbolicLink(("??", "C:", "windows")))
    sessions = root.make("Sessions")
    for directory in (
        root,
        devices,
        root.make("Driver"),
        root.make("KernelObjects"),
        sessions,
        sessions.make("1"),
    ):
        directory.security = _FOR_LOOKING
