"""KUSER_SHARED_DATA: the page at 0x7ffe0000 that every NT process reads time, version and features from.

Rewritten every 15.6 ms while any NT thread can run, as a refresh on resume alone would hang a loop that waits for
GetTickCount to change (DECISIONS 26).
"""

from __future__ import annotations

import struct
import time
from mmap import mmap
from typing import Final

UNITS: Final = 10_000_000
"""100 ns units in a second."""
UNIX_EPOCH: Final = 116_444_736_000_000_000
"""1970 in 100 ns units since 1601."""
TICK: Final = 0.015625
_BUILD: Final = 19044
_FEATURES: Final = (2, 3, 6, 7, 8, 10, 12, 13, 14, 15, 17, 20, 23, 28, 32, 36, 37, 38, 39, 40)


def system_time() -> int:
    """Now, in 100 ns since 1601 UTC."""
    return time.time_ns() // 100 + UNIX_EPOCH


class SharedData:
    """The writable side of the page."""

    def __init__(self, page: mmap, processors: int) -> None:
        self.page = page
        path = "C:\\windows".encode("utf-16-le")
        page[0x30 : 0x30 + len(path)] = path
        struct.pack_into("<I", page, 0x04, 0x0FA00000)
        struct.pack_into("<IIB", page, 0x260, _BUILD, 1, 1)
        struct.pack_into("<2I", page, 0x26C, 10, 0)
        for feature in _FEATURES:
            page[0x274 + feature] = 1
        page[0x308] = 1  # ntdll's stubs call [0x7ffe1000]
        struct.pack_into("<I", page, 0x3C0, processors)
        struct.pack_into("<Q", page, 0x3D8, 7)
        self.refresh()

    def interrupt_time(self) -> int:
        """100 ns since the host was booted, as Linux programs count it (021)."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 100

    def refresh(self) -> None:
        """Write the times. Readers compare the two high parts, so those are written around the low one."""
        for offset, value in (
            (0x08, self.interrupt_time()),
            (0x14, system_time()),
            (0x320, self.interrupt_time() // 10_000),
        ):
            high = value >> 32
            struct.pack_into("<I", self.page, offset + 8, high & 0xFFFFFFFF)
            struct.pack_into("<Q", self.page, offset, value)
