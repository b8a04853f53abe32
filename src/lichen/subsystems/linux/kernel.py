"""Which Linux the machine's programs believe to run on: uname(2), /proc/version.

C libraries and tools decide by the release what to expect, so that it is one that all of them know, and the same on every
host.
"""

from __future__ import annotations

from typing import Final

SYSTEM_NAME: Final = "Linux"
RELEASE: Final = "6.1.0-lichen"
VERSION: Final = "#1 SMP PREEMPT_DYNAMIC Lichen"
MACHINE: Final = "x86_64"
OLD_RELEASE: Final = "2.6.61-lichen"
OLD_MACHINE: Final = "i686"
"""What programs are told that asked for it by personality(2)."""
