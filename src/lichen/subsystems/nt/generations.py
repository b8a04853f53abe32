"""What the releases of Wine that the userland may come from ask of the kernel in different ways.

ntdll calls its own Unix half with the handle that it exports since Wine 9, a null one until somebody fills that in. Nobody
does here.

Source: what Wine 8 and Wine 10 do, as observed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lichen.subsystems.nt import exceptions
from lichen.subsystems.nt.userland import OWN_HANDLE

if TYPE_CHECKING:
    from lichen.executive.processes import Thread
    from lichen.subsystems.nt.pe import PeFile
    from lichen.subsystems.nt.state import UserApc


@dataclass(frozen=True)
class Generation:
    """One way of asking."""

    version: str
    """What programs are told that ask which Wine it is."""
    call_apc: Callable[[Thread, int, UserApc, int], None]
    """The frame that KiUserApcDispatcher finds."""
    variables: Mapping[str, str]
    """Variables that every process is given for its ntdll."""
    precise_time: int
    """ntdll's code for the time in 100 ns, finer than the shared page has it."""
    write: int | None
    """ntdll's code for what a DLL or a program has to say, where that is no system call."""


WINE_8: Final = Generation(
    version="8.0",
    call_apc=exceptions.call_apc_behind_home,
    variables={"WINESYSTEMDLLPATH": "C:\\windows\\system32"},  # ntdll hides it, so every start says it again
    precise_time=2,
    write=None,
)
WINE_10: Final = Generation(
    version="10.0", call_apc=exceptions.call_apc_in_context, variables={}, precise_time=7, write=2
)


def generation_of(ntdll: PeFile) -> Generation:
    """The generation of a userland, by its ntdll."""
    return WINE_10 if OWN_HANDLE in ntdll.exports else WINE_8
