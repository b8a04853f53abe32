"""Calls of Wine's DLLs into their Unix halves, which do not exist here: the kernel answers those that matter.

A DLL asks for a handle (NtQueryVirtualMemory, class 1000) and then calls through ntdll's `__wine_unix_call_dispatcher`.
"""

from __future__ import annotations

import logging
import struct
from typing import TYPE_CHECKING, Final

from lichen.executive.status import Status
from lichen.subsystems.nt import links
from lichen.subsystems.nt.shared_data import system_time
from lichen.subsystems.nt.types import Named, read_string, read_text, to_bytes

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

log = logging.getLogger("lichen.nt.unixcalls")

UNIX_CALL: Final = 0x2000
HANDLE_BASE: Final = 0x77000000
KERNEL: Final = HANDLE_BASE - 1
"""The handle by which what is mended in Wine's DLLs asks the kernel itself (mends)."""
MAKE_SYMBOLIC_LINK: Final = 0
_HOST_NAME: Final = 3
"""ws2_32's code for the machine's name."""
_WSAEFAULT: Final = 10014
_PRECISE_TIME: Final = 2
"""ntdll's code for the time in 100 ns, finer than the shared page has it."""


def unix_call(thread: Thread, handle: int, code: int, arguments: int) -> int:
    """One call of a module's Unix half; NOT_IMPLEMENTED is what the DLLs themselves fall back on."""
    if handle == KERNEL and code & 0xFFFFFFFF == MAKE_SYMBOLIC_LINK:
        return _make_symbolic_link(thread, arguments)
    modules = thread.process.personality.unix_modules
    index = handle - HANDLE_BASE
    name = modules[index] if 0 <= index < len(modules) else f"{handle:#x}"
    if name.lower().endswith("\\ntdll.dll") and code & 0xFFFFFFFF == _PRECISE_TIME:
        thread.memory.write(arguments, system_time().to_bytes(8, "little"))
        return Status.SUCCESS
    if name.lower().endswith("\\ws2_32.dll") and code & 0xFFFFFFFF == _HOST_NAME:
        return _host_name(thread, arguments)
    log.debug("unix call %d of %s", code & 0xFFFFFFFF, name)
    return Status.NOT_IMPLEMENTED


def _make_symbolic_link(thread: Thread, arguments: int) -> int:
    """The name's UNICODE_STRING, the target's text and the flags of CreateSymbolicLinkW."""
    name, target, flags = struct.unpack("<2QI", thread.memory.read(arguments, 20))
    path = read_text(thread.memory, target)
    links.make_symbolic_link(thread, Named(0, read_string(thread.memory, name), 0), path, flags)
    return Status.SUCCESS


def _host_name(thread: Thread, arguments: int) -> int:
    """gethostname: the address of the text and its size; 0, or Winsock's error."""
    address, size = struct.unpack("<QI", thread.memory.read(arguments, 12))
    name = to_bytes(thread.process.machine.system.host_name) + b"\0"
    if size < len(name):
        return _WSAEFAULT
    thread.memory.write(address, name)
    return 0
