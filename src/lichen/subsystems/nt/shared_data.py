"""KUSER_SHARED_DATA: the page at 0x7ffe0000 that every NT process reads time, version and features from.

Rewritten every 15.6 ms while any NT thread can run, as a refresh on resume alone would hang a loop that waits for
GetTickCount to change (G26).
"""

from __future__ import annotations

from mmap import mmap
from typing import TYPE_CHECKING, Final

from lichen.abi.layout import layout, layout_of, u64
from lichen.subsystems.nt.records import MODEL, ULONG
from lichen.subsystems.nt.records.shared_data import KsystemTime, KuserSharedData

if TYPE_CHECKING:
    from lichen.executive.machine import MachineState

UNITS: Final = 10_000_000
"""100 ns units in a second."""
UNIX_EPOCH: Final = 116_444_736_000_000_000
"""1970 in 100 ns units since 1601."""
TICK: Final = 0.015625
_BUILD: Final = 19044
_MOST_FEATURES: Final = 64
_DATA: Final = layout(KuserSharedData, MODEL)
_WHOLE: Final = layout_of(u64, MODEL)
_INTERRUPT_TIME, _SYSTEM_TIME = _DATA.offsets["interrupt_time"], _DATA.offsets["system_time"]
_TICK_COUNT: Final = _DATA.offsets["tick_count"]
_FEATURES: Final = (2, 3, 6, 7, 8, 10, 12, 13, 14, 15, 17, 20, 23, 28, 32, 36, 37, 38, 39, 40)


def file_time(nanoseconds: int) -> int:
    """A time since 1970 in 100 ns since 1601 UTC."""
    return nanoseconds // 100 + UNIX_EPOCH


def system_time(machine: MachineState) -> int:
    """Now, in 100 ns since 1601 UTC."""
    return file_time(machine.system.host.now())


def interrupt_time(machine: MachineState) -> int:
    """100 ns since the host was booted, as Linux programs count it (021)."""
    return int(machine.uptime() * UNITS)


class SharedData:
    """The writable side of the page."""

    def __init__(self, page: mmap, machine: MachineState) -> None:
        self.page, self.machine = page, machine
        features = bytearray(_MOST_FEATURES)
        for feature in _FEATURES:
            features[feature] = 1
        first = KuserSharedData(
            tick_count_low=0,
            tick_count_multiplier=0x0FA00000,
            interrupt_time=KsystemTime(),
            system_time=KsystemTime(),
            time_zone_bias=KsystemTime(),
            image_numbers=0,
            nt_system_root="C:\\windows".encode("utf-16-le"),
            gap_1=b"",
            nt_build_number=_BUILD,
            nt_product_type=1,
            product_type_is_valid=1,
            nt_major_version=10,
            nt_minor_version=0,
            processor_features=bytes(features),
            gap_2=b"",
            system_call=1,  # ntdll's stubs call [0x7ffe1000]
            gap_3=b"",
            tick_count=0,
            gap_4=b"",
            active_processor_count=len(machine.system.processors),
            gap_5=b"",
            enabled_features=7,
        )
        page[: _DATA.size] = _DATA.pack(first)
        self.refresh()

    def refresh(self) -> None:
        """Write the times. Readers compare the two high parts, so those are written around the low one."""
        for offset, value in (
            (_INTERRUPT_TIME, interrupt_time(self.machine)),
            (_SYSTEM_TIME, system_time(self.machine)),
            (_TICK_COUNT, interrupt_time(self.machine) // 10_000),
        ):
            self.page[offset + 8 : offset + 12] = ULONG.pack(value >> 32)
            self.page[offset : offset + 8] = _WHOLE.pack(value)
