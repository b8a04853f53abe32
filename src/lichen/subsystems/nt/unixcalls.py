"""Calls of Wine's DLLs into their Unix halves, which do not exist here: the kernel answers those that matter.

A DLL asks for a handle (NtQueryVirtualMemory, class 1000) and then calls through ntdll's `__wine_unix_call_dispatcher`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from lichen.executive.status import Status
from lichen.subsystems.nt.shared_data import system_time

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

log = logging.getLogger("lichen.nt.unixcalls")

UNIX_CALL: Final = 0x2000
HANDLE_BASE: Final = 0x77000000
_PRECISE_TIME: Final = 2
"""ntdll's code for the time in 100 ns, finer than the shared page has it."""


def unix_call(thread: Thread, handle: int, code: int, arguments: int) -> int:
    """One call of a module's Unix half; NOT_IMPLEMENTED is what the DLLs themselves fall back on."""
    modules = thread.process.personality.unix_modules
    index = handle - HANDLE_BASE
    name = modules[index] if 0 <= index < len(modules) else f"{handle:#x}"
    if name.lower().endswith("\\ntdll.dll") and code & 0xFFFFFFFF == _PRECISE_TIME:
        thread.memory.write(arguments, system_time().to_bytes(8, "little"))
        return Status.SUCCESS
    log.debug("unix call %d of %s", code & 0xFFFFFFFF, name)
    return Status.NOT_IMPLEMENTED
