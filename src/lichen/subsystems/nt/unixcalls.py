"""Calls of Wine's DLLs into their Unix halves, which do not exist here: the kernel answers those that matter.

A DLL asks for a handle (NtQueryVirtualMemory, class 1000) and then calls through ntdll's `__wine_unix_call_dispatcher`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lichen.abi.layout import layout
from lichen.executive.status import Status
from lichen.executive.wait import Blocks
from lichen.subsystems.nt import crash, links, power
from lichen.subsystems.nt.records import MODEL, ULONG64
from lichen.subsystems.nt.records.unixcalls import LinkRequest, TextRoom
from lichen.subsystems.nt.shared_data import system_time
from lichen.subsystems.nt.state import nt_of_process
from lichen.subsystems.nt.types import Named, Result, read_string, read_text

if TYPE_CHECKING:
    from lichen.executive.processes import Thread
    from lichen.executive.wait import Result
    from lichen.subsystems.nt.generations import Generation

log = logging.getLogger("lichen.nt.unixcalls")

UNIX_CALL: Final = 0x2000
HANDLE_BASE: Final = 0x77000000
KERNEL: Final = HANDLE_BASE - 1
"""The handle by which what is mended in Wine's DLLs asks the kernel itself (mends)."""
MAKE_SYMBOLIC_LINK, IS_SOCKET = 0, 8
_ROOM, _LINK = layout(TextRoom, MODEL), layout(LinkRequest, MODEL)
_NTDLL: Final = "ntdll.dll"
_NETWORK: Final = ("ws2_32.dll", "dnsapi.dll")
_UNWIND: Final = 1
"""ntdll's code for unwinding code that no PE module has: the answer says that there is none, so it is taken for a leaf."""


def unix_call(thread: Thread, generation: Generation, handle: int, code: int, arguments: int) -> Result:
    """One call of a module's Unix half; NOT_IMPLEMENTED is what the DLLs themselves fall back on."""
    code &= 0xFFFFFFFF
    if handle == KERNEL:
        return _kernel_call(thread, code, arguments)
    name = _module(thread, handle)
    if name == _NTDLL:
        if code == _UNWIND:
            return Status.UNSUCCESSFUL
        if code == generation.precise_time:
            thread.memory.write(arguments, ULONG64.pack(system_time(thread.process.machine)))
            return Status.SUCCESS
        if code == generation.write:
            address, size = _ROOM.read(thread.memory, arguments)
            return crash.say(thread, address, size)
    answer = _ANSWERS.get((name, code)) or (_of_the_network(name, code) if name in _NETWORK else None)
    if answer is not None:
        return answer(thread, arguments)
    log.debug("unix call %d of %s", code, name or f"{handle:#x}")
    return Status.NOT_IMPLEMENTED


def _kernel_call(thread: Thread, code: int, arguments: int) -> Result:
    if code == MAKE_SYMBOLIC_LINK:
        return _make_symbolic_link(thread, arguments)
    answer = power.answer(thread, code, arguments)
    if answer is not None:
        return answer
    from lichen.subsystems.nt import network_calls

    if code == IS_SOCKET:
        return network_calls.is_socket(thread, arguments)
    return network_calls.kernel_call(thread, code, arguments)


def _of_the_network(name: str, code: int) -> Callable[[Thread, int], int | Blocks[int]] | None:
    from lichen.subsystems.nt import network_calls  # much to import, and few programs use it

    return network_calls.ANSWERS.get((name, code))


def _module(thread: Thread, handle: int) -> str:
    """The file name of the module that was given a handle; the null one is what ntdll begins with."""
    if handle == 0:
        return _NTDLL
    modules = nt_of_process(thread.process).unix_modules
    index = handle - HANDLE_BASE
    return modules[index].rpartition("\\")[2].lower() if 0 <= index < len(modules) else ""


def _make_symbolic_link(thread: Thread, arguments: int) -> int:
    """The name's UNICODE_STRING, the target's text and the flags of CreateSymbolicLinkW."""
    name, target, flags = _LINK.read(thread.memory, arguments)
    path = read_text(thread.memory, target)
    links.make_symbolic_link(thread, Named(0, read_string(thread.memory, name), 0), path, flags)
    return Status.SUCCESS


def _attached(thread: Thread, arguments: int) -> int:
    """A process begins to use a module: there is nothing to prepare."""
    return Status.SUCCESS


_ANSWERS: Final[dict[tuple[str, int], Callable[[Thread, int], int | Blocks[int]]]] = {
    ("win32u.dll", 0): _attached,
    ("opengl32.dll", 0): _attached,
    ("winevulkan.dll", 0): _attached,
}
"""What is answered, by module and code."""
