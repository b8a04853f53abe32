"""Functions of iphlpapi that call a program back when the network changes (NotifyIpInterfaceChange and its like, 032).

A thread of the program's waits in the kernel for what is to be told, and calls back: the loop that it runs is put into
iphlpapi when that is loaded (mends).

Source: netioapi.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.memory import BadAddress
from lichen.executive.status import Failure
from lichen.executive.wait import Blocks, Wait
from lichen.subsystems.nt import threads
from lichen.subsystems.nt.network.setters import INVALID_PARAMETER, NO_ACCESS, SUCCESS
from lichen.subsystems.nt.network.tables import configuration, packer
from lichen.subsystems.nt.network.watching import (
    FIRST,
    Look,
    Registration,
    Told,
    addresses,
    interfaces,
    routes,
)
from lichen.subsystems.nt.records import POINTER
from lichen.subsystems.nt.records.network_requests import Notification
from lichen.subsystems.nt.sockets.addresses import AF_INET, AF_INET6
from lichen.subsystems.nt.state import nt_of_process

if TYPE_CHECKING:
    from lichen.executive.processes import Thread
    from lichen.subsystems.nt.types import Result

NOT_ENOUGH_MEMORY: Final = 8
_ENDED: Final = 1
"""What the loop is told when there is nothing more to tell."""
_FAMILIES: Final = {0: (4, 16), AF_INET: (4,), AF_INET6: (16,)}
_MOST: Final = 64
"""Functions that a process may have called back."""
_NOTIFICATION = packer(Notification)

_KINDS: Final = {
    "NotifyIpInterfaceChange": interfaces,
    "NotifyUnicastIpAddressChange": addresses,
    "NotifyRouteChange2": routes,
}
FIRST_CODE: Final = 0x180
CODES: Final = {name: FIRST_CODE + number for number, name in enumerate(_KINDS)}
"""The functions, and the codes by which they ask the kernel."""
CANCEL: Final = "CancelMibChangeNotify2"
CANCEL_CODE: Final = FIRST_CODE + len(CODES)
WAIT_CODE: Final = CANCEL_CODE + 1
_BY_CODE: Final = {CODES[name]: look for name, look in _KINDS.items()}


def answer(thread: Thread, code: int, arguments: int) -> Result:
    """The error of Win32 that a function ends with, or what the loop is to do; None for another code."""
    try:
        if code in _BY_CODE:
            return _register(thread, _BY_CODE[code], arguments)
        if code == CANCEL_CODE:
            return _cancel(thread, arguments)
        if code == WAIT_CODE:
            return _next(thread, arguments)
    except BadAddress:
        return NO_ACCESS
    except Failure:
        return NOT_ENOUGH_MEMORY
    return None


def _register(thread: Thread, look: Look, arguments: int) -> int:
    """Family, function, context, the loop with whether something is to be told at once, where the handle goes."""
    family, function, context, loop, handle_at = (
        POINTER.read(thread.memory, arguments + number * POINTER.size) for number in range(5)
    )
    widths = _FAMILIES.get(family & 0xFFFF)
    if widths is None or not function or not handle_at:
        return INVALID_PARAMETER
    state = nt_of_process(thread.process)
    if len(state.notifications) >= _MOST:
        return NOT_ENOUGH_MEMORY
    registration = Registration(thread.process.machine, look, widths, function, context)
    if loop & 1:
        registration.waiting.append(Told(FIRST))
    handle = max(state.notifications, default=0) + 1
    thread.memory.write(handle_at, POINTER.pack(handle))
    threads.create(thread, loop & ~1, handle, (0, 0), False)
    state.notifications[handle] = registration
    return SUCCESS


def _cancel(thread: Thread, arguments: int) -> int:
    handle = POINTER.read(thread.memory, arguments)
    registration = nt_of_process(thread.process).notifications.pop(handle, None)
    if not isinstance(registration, Registration):
        return INVALID_PARAMETER
    registration.ended.set()
    return SUCCESS


def _next(thread: Thread, arguments: int) -> int | Blocks[int]:
    """Wait for what the function with a handle is to be told."""
    handle = POINTER.read(thread.memory, arguments)
    registration = nt_of_process(thread.process).notifications.get(handle)
    if not isinstance(registration, Registration):
        return _ENDED
    return _wait(thread, arguments, handle, registration)


def _wait(thread: Thread, arguments: int, handle: int, registration: Registration) -> Blocks[int]:
    changed = configuration(thread.process.machine).changed
    while not registration.waiting:
        registration.compare()
        if not registration.waiting:
            yield Wait((registration.ended, changed))
        if registration.ended.is_set:
            return _ENDED
    told = registration.waiting.popleft()
    row_at = arguments + _NOTIFICATION.size if told.row else 0
    head = Notification(handle, registration.function, registration.context, told.type, row_at)
    thread.memory.write(arguments, _NOTIFICATION.pack(head) + told.row)
    return SUCCESS
