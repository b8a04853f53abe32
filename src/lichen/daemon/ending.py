"""The ways in which a machine ends: who is asked to end first and how, how long that may take, and what comes after."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Final, NamedTuple

from lichen.executive.power import PowerAction
from lichen.executive.processes import ExitStatus
from lichen.executive.wait import TIMED_OUT, Blocks, Wait

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lichen.boot.machine import Machine
    from lichen.executive.processes import Process

_KILLED: Final = ExitStatus.of_signal(signal.SIGKILL)
_TERMINATE_GRACE: Final = 2.0
_STOP_GRACE: Final = 5.0
"""Seconds between asking processes to end and ending them."""


class Way(NamedTuple):
    """One way to end. `told` is what attached clients hear, unless it is empty; `mark` what is kept on the disk."""

    told: str
    mark: str
    grace: float
    """Seconds that processes have when they were asked; the shorter, the more urgent."""
    signals: tuple[int, ...] = ()
    """What they are sent, in this order."""
    cleanly: bool = False
    """Whether services come first, and then every process is asked as its own world does it."""
    boots_again: bool = False
    is_final: bool = False
    """Whether it is the owner's word, so that a program of the machine cannot have that come back any more."""

    def at_once(self) -> Way:
        """The same without asking anybody."""
        return self._replace(grace=0.0, signals=(), cleanly=False)

    def for_good(self, mark: str) -> Way:
        """The same, after which the machine stays down, as its owner has said meanwhile."""
        return self._replace(told="", mark=mark, boots_again=False, is_final=True)


def _clean(told: str, mark: str, boots_again: bool = False) -> Way:
    return Way(told, mark, _STOP_GRACE, (), True, boots_again)


_HANG_UP: Final = (signal.SIGHUP, signal.SIGTERM, signal.SIGCONT)
IDLE: Final = Way("", "idle", _TERMINATE_GRACE)
PROGRAM_ENDED: Final = Way("", "its program ended", _TERMINATE_GRACE, _HANG_UP)
TERMINATED: Final = Way("is being terminated", "terminated", _TERMINATE_GRACE, _HANG_UP, is_final=True)
STOPPED: Final = _clean("is being stopped", "stopped")._replace(is_final=True)
RESTARTED: Final = _clean("is going down for restart", "restarted", boots_again=True)
OF_POWER: Final = {
    PowerAction.HALT: _clean("is going down for halt", "halted"),
    PowerAction.POWER_OFF: _clean("is going down for poweroff", "powered off"),
    PowerAction.RESTART: _clean("is going down for reboot", "rebooted", boots_again=True),
}


def end_processes(machine: Machine, way: Way) -> Blocks[None]:
    """Ask all processes to end, the youngest first, and end those that have not when the time is over."""
    for process in sorted(machine.living(), key=lambda process: process.started, reverse=True):
        if way.cleanly:
            process.subsystem.ask_to_end(process)
        for number in way.signals:
            process.signal(number)
    deadline = machine.scheduler.clock() + way.grace
    while left := machine.living():
        if (yield Wait(tuple(process.ended for process in left), deadline, all=True)) == TIMED_OUT:
            _kill(machine.living())


def _kill(processes: Iterable[Process]) -> None:
    for process in processes:
        process.terminate(_KILLED)
