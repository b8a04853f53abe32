"""What services say of themselves by datagrams to `NOTIFY_SOCKET`, and what programs tell the system's log.

Source: sd_notify(3), syslog(3).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lichen.executive.network.sockets import Level, SocketOption
from lichen.executive.services.service import Report, Service
from lichen.executive.status import Failure, Interrupted
from lichen.executive.wait import outcome

if TYPE_CHECKING:
    from lichen.executive.machine import MachineState
    from lichen.executive.network.sockets import Caller, Socket
    from lichen.executive.processes import Process
    from lichen.executive.wait import Blocks

_MOST: Final = 4096
_ON: Final = b"\1\0\0\0"
_LONGEST_STATUS: Final = 1024
_SYSLOG: Final = re.compile(
    r"(?:<(\d{1,3})>)?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d )?([^\s:\[]{1,64})(?:\[\d+\])?: ?(.*)",
    re.DOTALL,
)


def receive(
    machine: MachineState, socket: Socket, caller: Caller, take: Callable[[Process, bytes], None]
) -> Blocks[None]:
    """Take datagrams for ever, each with the process that has sent it."""
    socket.set_option(caller, Level.SOCKET, SocketOption.PASS_CREDENTIALS, _ON)
    while True:
        try:
            found = yield from outcome(socket.receive(_MOST))
        except (Failure, Interrupted):
            continue
        for thing in found.objects:
            thing.release()
        process = machine.processes.get(found.credentials.process) if found.credentials is not None else None
        if process is not None:
            take(process, found.data)


def notified(process: Process, data: bytes) -> None:
    """A service has sent a notification; one of a process that has no say counts for nothing."""
    service = process.service
    if isinstance(service, Service):
        service.report(process, report_of(data))


def report_of(data: bytes) -> Report:
    """A notification: lines of assignments."""
    said = dict(line.split("=", 1) for line in data.decode("utf-8", "replace").split("\n") if "=" in line)
    main, extends = said.get("MAINPID", ""), said.get("EXTEND_TIMEOUT_USEC", "")
    return Report(
        ready=said.get("READY") == "1",
        reloading=said.get("RELOADING") == "1",
        stopping=said.get("STOPPING") == "1",
        status=said["STATUS"][:_LONGEST_STATUS] if "STATUS" in said else None,
        main=int(main) if main.isdecimal() and len(main) < 10 else None,
        extends_timeout=int(extends) / 1e6 if extends.isdecimal() and len(extends) < 18 else None,
    )


def syslog_of(data: bytes) -> tuple[int, str, str]:
    """Level, identifier and text of a message to the system's log."""
    text = data.decode("utf-8", "replace").rstrip("\n\0")
    found = _SYSLOG.match(text)
    if found is None:
        return 6, "", text
    return int(found[1] or "6") & 7, found[2], found[3]
