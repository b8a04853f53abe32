"""What ws2_32, dnsapi and iphlpapi ask of their Unix halves, or of the kernel where they are mended (027, 032).

Apart from `unixcalls`, as it is much to import, and few programs use the network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lichen.abi.layout import layout
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks
from lichen.subsystems.nt import name_servers
from lichen.subsystems.nt.network import notifications, setters
from lichen.subsystems.nt.objects import file_of
from lichen.subsystems.nt.records import MODEL, ULONG64
from lichen.subsystems.nt.records.unixcalls import TextRoom
from lichen.subsystems.nt.resolving import (
    get_address_information,
    get_host_by_address,
    get_host_by_name,
    get_name_information,
)
from lichen.subsystems.nt.sockets.afd import AfdFile
from lichen.subsystems.nt.types import Result, to_bytes

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_WSAEFAULT: Final = 10014
_ROOM: Final = layout(TextRoom, MODEL)


def kernel_call(thread: Thread, code: int, arguments: int) -> Result:
    """What a mended DLL asks of the kernel; NOT_IMPLEMENTED for another code."""
    for answers in (setters.answer, notifications.answer):
        if (answer := answers(thread, code, arguments)) is not None:
            return answer
    return Status.NOT_IMPLEMENTED


def is_socket(thread: Thread, arguments: int) -> int:
    """Whether a handle is one of a socket."""
    try:
        file = file_of(thread, ULONG64.read(thread.memory, arguments))
    except Failure:
        return 0
    return int(isinstance(file, AfdFile) and file.socket is not None)


def _host_name(thread: Thread, arguments: int) -> int:
    """gethostname: the address of the text and its size; 0, or Winsock's error."""
    address, size = _ROOM.read(thread.memory, arguments)
    name = to_bytes(thread.process.machine.system.host_name) + b"\0"
    if size < len(name):
        return _WSAEFAULT
    thread.memory.write(address, name)
    return 0


ANSWERS: Final[dict[tuple[str, int], Callable[[Thread, int], int | Blocks[int]]]] = {
    ("ws2_32.dll", 0): get_address_information,
    ("ws2_32.dll", 1): get_host_by_address,
    ("ws2_32.dll", 2): get_host_by_name,
    ("ws2_32.dll", 3): _host_name,
    ("ws2_32.dll", 4): get_name_information,
    ("dnsapi.dll", 0): name_servers.get_search_list,
    ("dnsapi.dll", 1): name_servers.get_servers,
    ("dnsapi.dll", 2): name_servers.set_servers,
    ("dnsapi.dll", 3): name_servers.query,
}
"""What is answered, by module and code."""
