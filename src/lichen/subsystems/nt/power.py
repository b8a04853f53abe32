"""Windows' ways to end or restart the machine, by the executive's `Power` (docs/decisions/025).

InitiateSystemShutdown and its like are calls of a service on Windows, for which Wine's DLLs have stubs; these are mended to
ask here (`stub_mends`), and get an error of Win32 back, 0 for none.

Source: winreg.h, winuser.h, [MS-RSP] (remote shutdown), [MS-ERREF] 2.2.
"""

from __future__ import annotations

import signal as posix
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lichen.abi.layout import layout
from lichen.abi.memory import BadAddress, PageReader
from lichen.executive.power import PowerAction
from lichen.executive.security.inspection import rules_over
from lichen.executive.security.tokens import Capability
from lichen.executive.status import Failure
from lichen.subsystems.nt.records import MODEL, POINTER, ULONG
from lichen.subsystems.nt.records.unixcalls import ShutdownArguments
from lichen.subsystems.nt.types import read_text

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread

INITIATE_SYSTEM_SHUTDOWN, INITIATE_SYSTEM_SHUTDOWN_ANSI = 1, 2
INITIATE_SHUTDOWN, INITIATE_SHUTDOWN_ANSI = 3, 4
ABORT_SYSTEM_SHUTDOWN, ABORT_SYSTEM_SHUTDOWN_ANSI = 5, 6
EXIT_WINDOWS: Final = 7

SUCCESS, ACCESS_DENIED, NOT_SUPPORTED, BAD_NETPATH, INVALID_PARAMETER, NOACCESS = 0, 5, 50, 53, 87, 998
SHUTDOWN_IN_PROGRESS, NO_SHUTDOWN_IN_PROGRESS, SHUTDOWN_IS_SCHEDULED = 1115, 1116, 1190
PRIVILEGE_NOT_HELD: Final = 1314

_LONGEST_DELAY: Final = 10 * 365 * 24 * 60 * 60
"""Seconds: MAX_SHUTDOWN_TIMEOUT."""
_LONGEST_MESSAGE: Final = 512
_SHUTDOWN_RESTART, _SHUTDOWN_POWEROFF, _SHUTDOWN_NOREBOOT, _GRACE_OVERRIDE = 0x4, 0x8, 0x10, 0x20
_SHUTDOWN_FLAGS: Final = 0x3FFF
_EWX_SHUTDOWN, _EWX_REBOOT, _EWX_POWEROFF, _EWX_RESTARTAPPS = 0x1, 0x2, 0x8, 0x40
_ARGUMENTS: Final = layout(ShutdownArguments, MODEL)


def may_shut_down(process: Process) -> bool:
    """Whether a process has SeShutdownPrivilege: that is Linux' capability."""
    return process.files.token.has(Capability.SYS_BOOT)


def answer(thread: Thread, code: int, arguments: int) -> int | None:
    """The answer to one of the functions above, whose arguments lie at an address; None for another code."""
    function = _FUNCTIONS.get(code)
    if function is None:
        return None
    try:
        return function(thread, arguments)
    except BadAddress:
        return NOACCESS
    except Failure:
        return INVALID_PARAMETER


# ---- advapi32


def _wide(thread: Thread, address: int) -> str:
    return read_text(thread.memory, address) if address else ""


def _ansi(thread: Thread, address: int) -> str:
    """Of what is not UTF-8 enough is left to be told."""
    if not address:
        return ""
    return PageReader(thread.memory).cstring(address, _LONGEST_MESSAGE + 1).decode(errors="replace")


_Reader = Callable[["Thread", int], str]


def _initiate_system_shutdown(thread: Thread, at: int, text: _Reader) -> int:
    """(computer, message, seconds, whether programs are ended by force, whether it is a restart)"""
    computer, message, seconds, _, restarts = _ARGUMENTS.read(thread.memory, at)
    action = PowerAction.RESTART if restarts & 0xFF else PowerAction.POWER_OFF
    return _schedule(
        thread, text(thread, computer), text(thread, message), action, seconds & 0xFFFFFFFF, False
    )


def _initiate_shutdown(thread: Thread, at: int, text: _Reader) -> int:
    """(computer, message, seconds, SHUTDOWN_ flags, reason)"""
    computer, message, seconds, flags, _ = _ARGUMENTS.read(thread.memory, at)
    actions = {
        _SHUTDOWN_RESTART: PowerAction.RESTART,
        _SHUTDOWN_POWEROFF: PowerAction.POWER_OFF,
        _SHUTDOWN_NOREBOOT: PowerAction.HALT,
    }
    flags &= 0xFFFFFFFF
    action = actions.get(flags & (_SHUTDOWN_RESTART | _SHUTDOWN_POWEROFF | _SHUTDOWN_NOREBOOT))
    if action is None or flags & ~_SHUTDOWN_FLAGS:
        return INVALID_PARAMETER
    return _schedule(
        thread,
        text(thread, computer),
        text(thread, message),
        action,
        seconds & 0xFFFFFFFF,
        bool(flags & _GRACE_OVERRIDE),
    )


def _schedule(
    thread: Thread, computer: str, message: str, action: PowerAction, seconds: int, overrides: bool
) -> int:
    if seconds > _LONGEST_DELAY:
        return INVALID_PARAMETER
    if (error := _refusal(thread, computer)) != SUCCESS:
        return error
    power = thread.process.machine.power
    if power.is_ending:
        return SHUTDOWN_IN_PROGRESS
    if overrides:
        power.cancel()
    if power.is_scheduled:
        return SHUTDOWN_IS_SCHEDULED
    by = f"{thread.process}: {message[:_LONGEST_MESSAGE]!r}" if message else str(thread.process)
    if seconds:
        power.schedule(action, by, seconds)
    else:
        power.request(action, by)
    return SUCCESS


def _abort(thread: Thread, at: int, text: _Reader) -> int:
    if (error := _refusal(thread, text(thread, POINTER.read(thread.memory, at)))) != SUCCESS:
        return error
    return SUCCESS if thread.process.machine.power.cancel() else NO_SHUTDOWN_IN_PROGRESS


def _refusal(thread: Thread, computer: str) -> int:
    """Why nothing is done: there is no other computer to be reached, and not everybody may."""
    own = thread.process.machine.system.host_name.partition(".")[0]
    if computer and computer.removeprefix("\\\\").lower() not in (own.lower(), own.lower()[:15], "localhost"):
        return BAD_NETPATH
    return SUCCESS if may_shut_down(thread.process) else ACCESS_DENIED


# ---- user32


def _exit_windows(thread: Thread, at: int) -> int:
    """The flags of ExitWindowsEx."""
    flags = ULONG.read(thread.memory, at)
    if not flags & (_EWX_SHUTDOWN | _EWX_REBOOT | _EWX_POWEROFF | _EWX_RESTARTAPPS):
        _log_off(thread.process)
        return SUCCESS
    if not may_shut_down(thread.process):
        return PRIVILEGE_NOT_HELD
    restarts = flags & (_EWX_REBOOT | _EWX_RESTARTAPPS)
    action = PowerAction.RESTART if restarts else PowerAction.POWER_OFF
    is_first = thread.process.machine.power.request(action, str(thread.process))
    return SUCCESS if is_first else SHUTDOWN_IN_PROGRESS


def _log_off(process: Process) -> None:
    """End the session of who asks, as its terminal's end does."""
    members = [member for group in process.session.groups.values() for member in group.members.values()]
    for member in members:
        if rules_over(process.files.token, member.files.token):
            member.signal(posix.SIGHUP)
            member.signal(posix.SIGCONT)


_FUNCTIONS: Final[dict[int, Callable[[Thread, int], int]]] = {
    INITIATE_SYSTEM_SHUTDOWN: lambda thread, at: _initiate_system_shutdown(thread, at, _wide),
    INITIATE_SYSTEM_SHUTDOWN_ANSI: lambda thread, at: _initiate_system_shutdown(thread, at, _ansi),
    INITIATE_SHUTDOWN: lambda thread, at: _initiate_shutdown(thread, at, _wide),
    INITIATE_SHUTDOWN_ANSI: lambda thread, at: _initiate_shutdown(thread, at, _ansi),
    ABORT_SYSTEM_SHUTDOWN: lambda thread, at: _abort(thread, at, _wide),
    ABORT_SYSTEM_SHUTDOWN_ANSI: lambda thread, at: _abort(thread, at, _ansi),
    EXIT_WINDOWS: _exit_windows,
}
