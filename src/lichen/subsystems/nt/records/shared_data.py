"""The page that all processes of the system see.

Source: ntddk.h.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from lichen.abi.layout import Bytes, i32, u8, u32, u64


class KsystemTime(NamedTuple):
    """KSYSTEM_TIME: readers compare the two high parts."""

    low_part: u32 = 0
    high_1_time: i32 = 0
    high_2_time: i32 = 0


class KuserSharedData(NamedTuple):
    """The head of KUSER_SHARED_DATA; fields are those that are written, with gaps between them."""

    tick_count_low: u32
    tick_count_multiplier: u32
    interrupt_time: KsystemTime
    system_time: KsystemTime
    time_zone_bias: KsystemTime
    image_numbers: u32
    nt_system_root: Annotated[bytes, Bytes(520, align=2)]
    gap_1: Annotated[bytes, Bytes(40)]
    nt_build_number: u32
    nt_product_type: u32
    product_type_is_valid: u8
    nt_major_version: u32
    nt_minor_version: u32
    processor_features: Annotated[bytes, Bytes(64)]
    gap_2: Annotated[bytes, Bytes(84)]
    system_call: u32
    gap_3: Annotated[bytes, Bytes(20)]
    tick_count: u64
    gap_4: Annotated[bytes, Bytes(152)]
    active_processor_count: u32
    gap_5: Annotated[bytes, Bytes(20)]
    enabled_features: u64
