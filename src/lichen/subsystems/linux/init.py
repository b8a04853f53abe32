"""How process 1 is told to end or restart the machine: by signals, and by records that are written to /run/initctl.

The machine's init is an object of the executive and runs nothing. It understands the signals of systemd, and where those mean
nothing to systemd those of busybox, whose `poweroff` says that all is well once it has sent one. The FIFO is sysvinit's; the
tools of systemd and of sysvinit speak to it where no service manager answers them.

Source: systemd(1), initreq.h and init(8) of sysvinit, busybox's halt.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

from lichen.abi.layout import LP64, Bytes, i32, layout
from lichen.executive.power import PowerAction
from lichen.subsystems.linux.siginfo import SiginfoKill
from lichen.subsystems.linux.signals import SI_QUEUE, SI_TKILL, SI_USER, SIGINT, SIGTERM, SIGUSR1, SIGUSR2

if TYPE_CHECKING:
    from lichen.executive.io.file import File
    from lichen.executive.machine import MachineState
    from lichen.executive.power import Power
    from lichen.executive.wait import Blocks

log = logging.getLogger("lichen.linux.init")

CONTROL: Final = ("run", "initctl")
"""Where the FIFO is."""
_FIRST_OF_LIBRARY: Final = 34
"""SIGRTMIN of the GNU C library."""
_SIGNALS: Final = {
    SIGINT: PowerAction.RESTART,
    SIGUSR1: PowerAction.HALT,
    SIGUSR2: PowerAction.POWER_OFF,
    SIGTERM: PowerAction.RESTART,
    _FIRST_OF_LIBRARY + 3: PowerAction.HALT,
    _FIRST_OF_LIBRARY + 4: PowerAction.POWER_OFF,
    _FIRST_OF_LIBRARY + 5: PowerAction.RESTART,
}
_SIGNALS_AT_ONCE: Final = {
    _FIRST_OF_LIBRARY + 13: PowerAction.HALT,
    _FIRST_OF_LIBRARY + 14: PowerAction.POWER_OFF,
    _FIRST_OF_LIBRARY + 15: PowerAction.RESTART,
}

_MAGIC: Final = 0x03091969
_RUN_LEVEL, _SET_VARIABLE, _UNSET_VARIABLE = 1, 6, 7
_RUN_LEVELS: Final = {ord("0"): PowerAction.POWER_OFF, ord("6"): PowerAction.RESTART}
_HOW_TO_HALT: Final = b"INIT_HALT="
"""The variable by which sysvinit's shutdown says that run level 0 is to leave the power on."""


class InitRequest(NamedTuple):
    """struct init_request of sysvinit."""

    magic: i32
    command: i32
    run_level: i32
    sleep_time: i32
    data: Annotated[bytes, Bytes(368)]


_REQUEST: Final = layout(InitRequest, LP64)
_KILL: Final = layout(SiginfoKill, LP64)


def signalled(machine: MachineState, number: int, information: bytes) -> None:
    """A process has sent a signal to process 1; one that comes of anything else says nothing to it."""
    sent = _KILL.unpack(information)
    if sent.code not in (SI_USER, SI_QUEUE, SI_TKILL):
        return
    at_once = number in _SIGNALS_AT_ONCE
    action = _SIGNALS_AT_ONCE[number] if at_once else _SIGNALS.get(number)
    if action is not None:
        sender = machine.processes.get(sent.pid)
        machine.power.request(action, f"signal {number} from {sender or f'process {sent.pid}'}", at_once)


def serve(power: Power, control: File) -> Blocks[None]:
    """Do what is asked on the FIFO, for ever. What is no record is dropped with all that was read with it."""
    halts = False
    while True:
        data = control.read(_REQUEST.size)
        if not isinstance(data, bytes):
            data = yield from data
        if len(data) != _REQUEST.size or (request := _REQUEST.unpack(data)).magic != _MAGIC:
            log.warning("/run/initctl: %d bytes are no request", len(data))
        elif request.command in (_SET_VARIABLE, _UNSET_VARIABLE):
            if request.data.startswith(_HOW_TO_HALT):
                value = request.data.removeprefix(_HOW_TO_HALT).partition(b"\0")[0]
                halts = request.command == _SET_VARIABLE and value == b"HALT"
        elif request.command == _RUN_LEVEL and request.run_level in _RUN_LEVELS:
            action = _RUN_LEVELS[request.run_level]
            if halts and action is PowerAction.POWER_OFF:
                action = PowerAction.HALT
            power.request(action, f"run level {chr(request.run_level)} on /run/initctl")
        else:
            log.warning("/run/initctl: request %d (%d) is not done", request.command, request.run_level)
