"""What the executive and its subsystems ask of the host beside having guests run: who it is, what it has, what time it is.

A machine is given it at boot. Drivers of the host's own files, sockets and terminals (filesystems) work on the host itself.
"""

from __future__ import annotations

from typing import Protocol


class Host(Protocol):
    """The computer that a machine runs on."""

    @property
    def processors(self) -> frozenset[int]:
        """The numbers of the processors that the kernel, and so a guest, may be run on; they do not change."""

    def name(self) -> str: ...

    def now(self) -> int:
        """Nanoseconds since 1970."""

    def clock(self, id: int) -> float:
        """What one of the clocks reads that guests read by themselves, in seconds (clock_gettime(2))."""

    def resolution(self, id: int) -> float:
        """The seconds in which such a clock goes on."""

    def random(self, size: int) -> bytes:
        """So many random bytes."""

    def read(self, path: str) -> bytes:
        """A file that speaks of hardware, of the network or of a setting, never of processes; empty when there is none."""

    def set(self, path: str, text: bytes) -> None:
        """Change a setting; PRIVILEGE_NOT_HELD for all but those of a network that is the machine's own."""

    def has(self, path: str) -> bool:
        """Whether there is such a file."""

    def names(self, path: str) -> list[str]:
        """What is in such a folder, sorted; nothing when there is none."""
