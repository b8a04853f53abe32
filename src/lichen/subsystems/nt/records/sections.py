"""Sections and the images in them.

Source: phnt.
"""

from __future__ import annotations

from typing import NamedTuple

from lichen.abi.layout import i64, ptr, u8, u16, ulong


class SectionBasicInformation(NamedTuple):
    """SECTION_BASIC_INFORMATION."""

    base_address: ptr
    attributes: ulong
    size: i64


class SectionImageInformation(NamedTuple):
    """SECTION_IMAGE_INFORMATION."""

    transfer_address: ptr
    zero_bits: ulong
    maximum_stack_size: ptr
    committed_stack_size: ptr
    subsystem_type: ulong
    minor_subsystem_version: u16
    major_subsystem_version: u16
    minor_operating_system_version: u16
    major_operating_system_version: u16
    image_characteristics: u16
    dll_characteristics: u16
    machine: u16
    image_contains_code: u8
    image_flags: u8
    loader_flags: ulong
    image_file_size: ulong
    check_sum: ulong
