"""Ending and restarting the machine.

Source: NtShutdownSystem (phnt), NtInitiatePowerAction, POWER_ACTION (winnt.h).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.layout import u32
from lichen.executive.power import PowerAction
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, Wait
from lichen.subsystems.nt.power import may_shut_down
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Boolean, Flags

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_SHUTDOWN_ACTIONS: Final = (PowerAction.HALT, PowerAction.RESTART, PowerAction.POWER_OFF)
"""ShutdownNoReboot, ShutdownReboot, ShutdownPowerOff"""
_POWER_ACTIONS: Final = {4: PowerAction.POWER_OFF, 5: PowerAction.RESTART, 6: PowerAction.POWER_OFF}
"""PowerActionShutdown, PowerActionShutdownReset, PowerActionShutdownOff"""
_KNOWN_POWER_ACTIONS: Final = range(2, 9)
_CRITICAL: Final = 0x80000000


@nt.call()
def NtShutdownSystem(thread: Thread, action: u32) -> Blocks[int]:
    """End or restart the machine at once; nobody is asked, and the call does not return."""
    if action >= len(_SHUTDOWN_ACTIONS):
        raise Failure(Status.INVALID_PARAMETER)
    _request(thread, _SHUTDOWN_ACTIONS[action], at_once=True)
    return _wait_for_the_end()


@nt.call(partial="ending and restarting the machine, which cannot sleep")
def NtInitiatePowerAction(
    thread: Thread, action: u32, lightest_state: u32, flags: Flags, asynchronous: Boolean
) -> int:
    """End or restart the machine."""
    if action not in _KNOWN_POWER_ACTIONS:
        raise Failure(Status.INVALID_PARAMETER)
    if action not in _POWER_ACTIONS:
        raise Failure(Status.NOT_SUPPORTED)
    _request(thread, _POWER_ACTIONS[action], at_once=bool(flags & _CRITICAL))
    return Status.SUCCESS


def _request(thread: Thread, action: PowerAction, at_once: bool) -> None:
    if not may_shut_down(thread.process):
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    thread.process.machine.power.request(action, str(thread.process), at_once)


def _wait_for_the_end() -> Blocks[int]:
    while True:
        yield Wait((), interruptible=False)
