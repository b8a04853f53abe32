"""Threads: their information classes.

Source: winternl.h; ntddk.h; phnt.
"""

from __future__ import annotations

from typing import NamedTuple

from lichen.abi.layout import ptr, u32
from lichen.subsystems.nt.records.common import ClientId


class ThreadBasicInformation(NamedTuple):
    """THREAD_BASIC_INFORMATION."""

    exit_status: u32
    teb: ptr
    client_id: ClientId
    affinity_mask: ptr
    priority: u32
    base_priority: u32
