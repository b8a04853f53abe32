"""Volumes, and the mount manager's points in them.

Source: [MS-FSCC] 2.5; ntifs.h; mountmgr.h.
"""

from __future__ import annotations

from typing import NamedTuple

from lichen.abi.layout import i64, open_ended, u8, u16, u32, u64


@open_ended(2)
class FileFsVolumeInformation(NamedTuple):
    """FILE_FS_VOLUME_INFORMATION."""

    volume_creation_time: i64
    volume_serial_number: u32
    volume_label_length: u32
    supports_objects: u8


class FileFsSizeInformation(NamedTuple):
    """FILE_FS_SIZE_INFORMATION."""

    total_allocation_units: u64
    available_allocation_units: u64
    sectors_per_allocation_unit: u32
    bytes_per_sector: u32


class FileFsFullSizeInformation(NamedTuple):
    """FILE_FS_FULL_SIZE_INFORMATION."""

    total_allocation_units: u64
    caller_available_allocation_units: u64
    actual_available_allocation_units: u64
    sectors_per_allocation_unit: u32
    bytes_per_sector: u32


class FileFsDeviceInformation(NamedTuple):
    """FILE_FS_DEVICE_INFORMATION."""

    device_type: u32
    characteristics: u32


@open_ended()
class FileFsAttributeInformation(NamedTuple):
    """FILE_FS_ATTRIBUTE_INFORMATION."""

    file_system_attributes: u32
    maximum_component_name_length: u32
    file_system_name_length: u32


class MountPoint(NamedTuple):
    """MOUNTMGR_MOUNT_POINT: where the link's name, the unique id and the device's name are, and how long."""

    symbolic_link_name_offset: u32
    symbolic_link_name_length: u16
    unique_id_offset: u32
    unique_id_length: u16
    device_name_offset: u32
    device_name_length: u16


@open_ended()
class MountPoints(NamedTuple):
    """MOUNTMGR_MOUNT_POINTS."""

    size: u32
    number_of_mount_points: u32
