"""What is known of volumes.

Source: [MS-FSCC] 2.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.argument import Out
from lichen.abi.layout import u32
from lichen.executive.io.attributes import FileSystemStatistics, Kind
from lichen.executive.io.file import File
from lichen.subsystems.nt.information import Information
from lichen.subsystems.nt.objects import file_of
from lichen.subsystems.nt.records.common import IoStatusBlock
from lichen.subsystems.nt.records.volumes import (
    FileFsAttributeInformation,
    FileFsDeviceInformation,
    FileFsFullSizeInformation,
    FileFsSizeInformation,
    FileFsVolumeInformation,
)
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address, Handle, encode

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_DEVICE_DISK, _DEVICE_NULL, _DEVICE_PIPE, _DEVICE_CONSOLE = 0x08, 0x15, 0x11, 0x50
_SECTOR: Final = 512


@nt.call(partial="a volume's serial number and label are made up")
def NtQueryVolumeInformationFile(
    thread: Thread,
    handle: Handle,
    status: Out[IoStatusBlock],
    buffer: Address,
    size: u32,
    information_class: u32,
) -> int:
    """What is known of the volume or device behind an open file."""
    told = information.find(information_class).answer(
        thread.memory, buffer, size, None, file_of(thread, handle)
    )
    status.write(IoStatusBlock(*told))
    return told[0]


information: Final = Information[File](least=0, cut=True)


@information.tailed(1, FileFsVolumeInformation)
def _volume(at: int, file: File) -> tuple[FileFsVolumeInformation, bytes]:
    label = encode("Lichen")
    return FileFsVolumeInformation(0, 0x4C494348, len(label), 1), label


def _sizes(file: File) -> tuple[FileSystemStatistics, int]:
    """A volume's statistics, and how many sectors a unit of them has."""
    volume = file.node.file_system.statistics()
    return volume, max(1, (volume.block_size or 4096) // _SECTOR)


@information(3, FileFsSizeInformation)
def _volume_size(file: File) -> FileFsSizeInformation:
    volume, sectors = _sizes(file)
    return FileFsSizeInformation(volume.blocks, volume.available, sectors, _SECTOR)


@information(4, FileFsDeviceInformation)
def _device(file: File) -> FileFsDeviceInformation:
    return FileFsDeviceInformation(_device_type(file), 0x20 if file.seekable else 0)


@information.tailed(5, FileFsAttributeInformation)
def _volume_attributes(at: int, file: File) -> tuple[FileFsAttributeInformation, bytes]:
    kind = encode("NTFS")
    return FileFsAttributeInformation(0x000700CF, 255, len(kind)), kind


@information(7, FileFsFullSizeInformation)
def _volume_full_size(file: File) -> FileFsFullSizeInformation:
    volume, sectors = _sizes(file)
    return FileFsFullSizeInformation(volume.blocks, volume.available, volume.free, sectors, _SECTOR)


def _device_type(file: File) -> int:
    kind = file.node.kind
    if kind in (Kind.REGULAR, Kind.DIRECTORY, Kind.SYMLINK):
        return _DEVICE_DISK
    if kind in (Kind.FIFO, Kind.SOCKET):
        return _DEVICE_PIPE
    if file.is_console:
        return _DEVICE_CONSOLE
    return _DEVICE_NULL if file.discards else _DEVICE_PIPE
