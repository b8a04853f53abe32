"""The mount manager: which volumes there are, by their letters, by names that never change, and by their devices.

Win32 asks it for a volume's own name (GetVolumeNameForVolumeMountPoint, FindFirstVolume), and by that for letters. A volume's
name is made of its letter, as drives are the same on every machine.

Source: mountmgr.h.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from lichen.abi.layout import layout
from lichen.executive.io.attributes import Kind
from lichen.executive.io.file import File
from lichen.executive.io.location import fold
from lichen.executive.io.opening import Open
from lichen.executive.objects.namespace import Directory, SymbolicLink
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.devices import Device
from lichen.subsystems.nt.records import MODEL
from lichen.subsystems.nt.records.volumes import MountPoint, MountPoints
from lichen.subsystems.nt.types import decode, encode

if TYPE_CHECKING:
    from lichen.executive.io.requests import DeviceRequest
    from lichen.executive.processes import Process

_QUERY_POINTS: Final = 0x6D0008
_POINT, _POINTS = layout(MountPoint, MODEL), layout(MountPoints, MODEL)
_DOS_DEVICES: Final = "\\DosDevices\\"


class _Point(NamedTuple):
    """One name of a volume."""

    link: str
    id: bytes
    device: str


def volume_name(letter: str) -> str:
    """The name of a volume in the directory of drives."""
    return f"Volume{{{ord(letter):08x}-0000-0000-0000-000000000000}}"


class MountManager(File):
    """An open mount manager."""

    __slots__ = ("drives",)

    def __init__(self, process: Process, open: Open, drives: tuple[str, ...]) -> None:
        place = process.files.devices.anonymous.place(Kind.CHARACTER, "volumes", process.files.token)
        super().__init__(place, open)
        self.drives = drives

    def device_control(self, request: DeviceRequest) -> int:
        return request.answer(self.request(request.code, request.data, request.room))

    def request(self, code: int, data: bytes, room: int) -> tuple[int, bytes]:
        """Carry out a device request: a status, and what goes into the output."""
        if code != _QUERY_POINTS:
            raise Failure(Status.NOT_IMPLEMENTED)
        return self._points(data, room)

    def _all(self) -> Iterator[_Point]:
        for number, letter in enumerate(self.drives, 1):
            id, device = letter.encode(), f"\\Device\\HarddiskVolume{number}"
            yield _Point(f"{_DOS_DEVICES}{letter}:", id, device)
            yield _Point(f"\\??\\{volume_name(letter)}", id, device)

    def _points(self, data: bytes, room: int) -> tuple[int, bytes]:
        if len(data) < _POINT.size or room < _POINTS.size:
            raise Failure(Status.INVALID_PARAMETER)
        link, id, device = (_part(data, *where) for where in _pairs(_POINT.unpack(data)))
        wanted = fold(decode(link)), bytes(id), fold(decode(device))
        found = [point for point in self._all() if _matches(point, *wanted)]
        if not found:
            raise Failure(Status.OBJECT_NAME_NOT_FOUND)
        records, texts = bytearray(), bytearray()
        begin = _POINTS.size + _POINT.size * len(found)
        for point in found:
            places: list[int] = []
            for text in (encode(point.link), point.id.ljust(2, b"\0"), encode(point.device)):
                places += (begin + len(texts), len(text))
                texts += text
            records += _POINT.pack(MountPoint(*places))
        answer = _POINTS.pack(MountPoints(begin + len(texts), len(found))) + records + texts
        if len(answer) > room:
            return Status.BUFFER_OVERFLOW, answer[: _POINTS.size]
        return Status.SUCCESS, answer


def _pairs(fields: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    return zip(fields[::2], fields[1::2], strict=True)


def _part(data: bytes, offset: int, length: int) -> bytes:
    """A part of a request that it says where to find; INVALID_PARAMETER when it is not there."""
    if length and offset + length > len(data):
        raise Failure(Status.INVALID_PARAMETER)
    return data[offset : offset + length] if length else b""


def _matches(point: _Point, link: str, id: bytes, device: str) -> bool:
    same = link.replace("\\??\\", fold(_DOS_DEVICES)) == fold(point.link).replace(
        "\\??\\", fold(_DOS_DEVICES)
    )
    return (
        (not link or same) and (not id or id.rstrip(b"\0") == point.id) and device in ("", fold(point.device))
    )


def install(root: Directory, drives: tuple[str, ...]) -> None:
    """Put the mount manager and the volumes' names into the object namespace."""

    def open_it(process: Process, rest: tuple[str, ...], open: Open) -> File:
        if rest:
            raise Failure(Status.OBJECT_NAME_NOT_FOUND)
        return MountManager(process, open, drives)

    dos = root.make("??")
    root.make("Device").insert("MountPointManager", Device(open_it))
    dos.insert("MountPointManager", SymbolicLink(("Device", "MountPointManager")))
    for number, letter in enumerate(drives, 1):
        dos.insert(volume_name(letter), SymbolicLink(("Device", f"HarddiskVolume{number}")))
