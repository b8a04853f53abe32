"""Threads: what their information classes tell and take.

Source: winnt.h; phnt.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from lichen.abi.layout import Array, ptr, u16, u32, u64
from lichen.subsystems.nt.records.common import ClientId


class ThreadBasicInformation(NamedTuple):
    """THREAD_BASIC_INFORMATION."""

    exit_status: u32
    teb: ptr
    client_id: ClientId
    affinity_mask: ptr
    priority: u32
    base_priority: u32


class GroupAffinity(NamedTuple):
    """GROUP_AFFINITY."""

    mask: ptr
    group: u16 = 0
    reserved: Annotated[tuple[int, ...], Array(u16, 3)] = (0, 0, 0)


class ContinueArgument(NamedTuple):
    """KCONTINUE_ARGUMENT."""

    type: u32
    flags: u32
    reserved_0: u64
    reserved_1: u64
