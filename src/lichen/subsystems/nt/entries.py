"""Where user mode begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lichen.subsystems.nt.pe import PeFile


@dataclass(frozen=True)
class Entries:
    """Entry points of the mapped ntdll."""

    loader_start: int
    thread_start: int
    exception_dispatcher: int
    apc_dispatcher: int

    @classmethod
    def of(cls, ntdll: PeFile, base: int) -> Entries:
        names = (
            "LdrInitializeThunk",
            "RtlUserThreadStart",
            "KiUserExceptionDispatcher",
            "KiUserApcDispatcher",
        )
        return cls(*(base + ntdll.exports[name] for name in names))
