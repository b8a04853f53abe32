"""What is told of a process's memory.

Source: winnt.h.
"""

from __future__ import annotations

from typing import NamedTuple

from lichen.abi.layout import ptr, u32, u64


class MemoryBasicInformation(NamedTuple):
    """MEMORY_BASIC_INFORMATION; the partition, which only x64 has, is always 0."""

    base_address: ptr
    allocation_base: ptr
    allocation_protect: u32
    region_size: ptr
    state: u32
    protect: u32
    type: u32


class MemoryRegionInformation(NamedTuple):
    """MEMORY_REGION_INFORMATION; there is one partition and one node, 0."""

    allocation_base: ptr
    allocation_protect: u32
    region_type: u32
    region_size: ptr
    commit_size: ptr
    partition_id: ptr
    node_preference: ptr


class MemExtendedParameter(NamedTuple):
    """MEM_EXTENDED_PARAMETER: a type in the lowest byte, and a union that has eight bytes everywhere."""

    type: u64
    value: u64


class MemAddressRequirements(NamedTuple):
    """MEM_ADDRESS_REQUIREMENTS."""

    lowest_starting_address: ptr
    highest_ending_address: ptr
    alignment: ptr
