"""How the verbs besides `run` speak with the kernels of machines."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import struct
import time
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from lichen.daemon import ending, history, places, protocol, starting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lichen.daemon.description import MachineFacts, ProcessFacts

_PATIENCE: Final = 5.0
"""Seconds that a kernel has to answer, and to end beyond the two it gives its processes."""
_LAST_WORDS: Final = 1.0
"""Seconds until the host has ended a kernel that has closed its connections."""
_PAUSE: Final = 0.01
_MOST_ATTEMPTS: Final = 5
_CREDENTIALS: Final = struct.Struct("=iII")
_LONG_PATIENCE: Final = 60.0
"""Seconds that a machine has to go down cleanly, and to come up again."""


class CommandError(Exception):
    """A verb that cannot be carried out; the text is for the user."""


def folder_of(name: str) -> str:
    """The folder of an existing machine."""
    places.check_name(name)
    folder = places.folder_of(name)
    if not os.path.isdir(folder):
        raise CommandError(f"there is no machine {name}; `lichen list` shows those that are")
    return folder


def status_of(name: str) -> MachineFacts | None:
    """What the kernel of a machine says of it; None when the machine does not run."""
    return cast("MachineFacts | None", _ask(name, "status"))


def processes_of(name: str) -> list[ProcessFacts] | None:
    """What the kernel of a machine says of its processes; None when the machine does not run."""
    return cast("list[ProcessFacts] | None", _ask(name, "processes"))


def _ask(name: str, topic: str) -> object:
    folder = folder_of(name)
    connection = starting.join(folder)
    if connection is None:
        return None
    connection.settimeout(_PATIENCE)
    with connection:
        try:
            protocol.send(connection, protocol.encode(protocol.QUERY, topic.encode()))
            message = protocol.receive(connection, bytearray())
        except (BrokenPipeError, ConnectionResetError):
            message = None
        except TimeoutError as late:
            raise CommandError(f"the kernel of {name} does not answer; see {places.log_of(folder)}") from late
    if message is None and _wait_for_end(folder, _PATIENCE):
        return None
    if message is None or message[0] != protocol.ANSWER:
        raise CommandError(
            f"the machine {name} is run by Lichen {places.facts(folder).get('version', '?')}, "
            f"which does not tell that: end it with `lichen terminate {name}`"
        )
    told: object = json.loads(message[1][0])
    return told


def end(name: str, cleanly: bool = False) -> bool:
    """End a running machine and wait until it is gone; False when it did not run. By force when it must be.

    `cleanly`: its services and programs are asked, and given their time.
    """
    folder = folder_of(name)
    if not places.is_running(folder):
        return False
    fields, patience = ((protocol.STOP,), _LONG_PATIENCE) if cleanly else ((), _PATIENCE)
    request = protocol.encode(protocol.SHUTDOWN, *fields)
    for _ in range(_MOST_ATTEMPTS):  # one that just boots again does not hear of it
        connection = _join_when_booted(folder, _PATIENCE)
        if connection is None:
            break
        with connection, _process_of(connection) as process:
            if not _hangs_up(connection, request, patience):
                break
            if _has_ended(process, _LAST_WORDS):
                return True
    _kill(folder)
    return True


@contextmanager
def _process_of(connection: socket.socket) -> Iterator[int]:
    """A descriptor of the kernel's process: the lock may be another one's as soon as that has ended."""
    size = _CREDENTIALS.size
    pid, _, _ = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        process = os.open(os.devnull, os.O_RDONLY)  # has ended already, and can be read as well
    try:
        yield process
    finally:
        os.close(process)


def _has_ended(process: int, patience: float) -> bool:
    return bool(select.select([process], [], [], patience)[0])


def _hangs_up(connection: socket.socket, request: bytes, patience: float) -> bool:
    """Ask a kernel to end, and wait until it has closed the connection; False when that takes too long."""
    connection.settimeout(patience)
    _send(connection, request)
    try:
        protocol.receive(connection, bytearray())
    except TimeoutError:
        return False
    return True


def _join_when_booted(folder: str, patience: float) -> socket.socket | None:
    """A connection to a running kernel, which may be booting just now; None when it ends, or takes too long."""
    deadline = time.monotonic() + patience
    while (connection := starting.join(folder)) is None:
        if not places.is_running(folder) or time.monotonic() > deadline:
            return None
        time.sleep(_PAUSE)
    return connection


def _send(connection: socket.socket, message: bytes) -> None:
    """Send a message to a kernel that may end before it hears of it."""
    try:
        protocol.send(connection, message)
    except (BrokenPipeError, ConnectionResetError):
        return


def _kill(folder: str) -> None:
    """End the kernel of a machine by force. What it wrote of itself may be about one that was there before it."""
    kernel = places.facts(folder).get("pid", "")
    try:
        words = Path("/proc", kernel, "cmdline").read_bytes().split(b"\0") if kernel.isdigit() else []
        if places.is_running(folder) and os.fsencode(folder) in words:
            os.kill(int(kernel), signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        pass
    if not _wait_for_end(folder, _PATIENCE):
        raise CommandError(
            f"the kernel of {os.path.basename(folder)} cannot be ended; see {places.log_of(folder)}"
        )


def _wait_for_end(folder: str, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while places.is_running(folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)
    return True


def start(name: str, root_files: bool, network: str = "", ports: Sequence[str] = ()) -> tuple[bool, str]:
    """Have a machine run until it is stopped: whether that is new, and what its kernel says of its former end, if anything."""
    places.check_name(name)
    places.remove_dead_fresh_machines()
    arguments = ["--root-files"] * root_files + ([f"--network={network}"] if network else [])
    wishes = [protocol.ROOT_FILES] * root_files
    wishes += [protocol.NETWORK + network.encode()] if network else []
    wishes += [protocol.PUBLISH + port.encode() for port in ports]
    flags = protocol.joined(wishes)
    message = None
    for _ in range(_MOST_ATTEMPTS):
        connection, joined = starting.join_or_start(name, arguments)
        connection.settimeout(_LONG_PATIENCE)
        with connection:
            _send(connection, protocol.encode(protocol.STAY, protocol.version().encode(), flags))
            try:
                message = protocol.receive(connection, bytearray())
            except TimeoutError:
                break
        if message is not None or not joined:
            break
    if message is not None and message[0] == protocol.ANSWER:
        told = json.loads(message[1][0])
        return told["changed"], told["note"]
    if message is not None and message[0] == protocol.FAILED:
        raise CommandError(os.fsdecode(message[1][1]))
    raise CommandError(f"the kernel of {name} does not answer; see {places.log_of(folder_of(name))}")


def restart(name: str) -> bool:
    """Have a running machine go down cleanly and come up again, and wait for that; False when it stays down or did not run."""
    folder = folder_of(name)
    connection = _join_when_booted(folder, _LONG_PATIENCE)
    if connection is None:
        return False
    connection.settimeout(_LONG_PATIENCE)
    with connection, _process_of(connection) as process:
        _send(connection, protocol.encode(protocol.SHUTDOWN, protocol.RESTART))
        try:
            message = protocol.receive(connection, bytearray())
        except TimeoutError:
            raise CommandError(f"the machine {name} does not go down; see {places.log_of(folder)}") from None
        if message is not None and message[0] == protocol.FAILED:
            raise CommandError(os.fsdecode(message[1][1]))
        if message is not None and _has_ended(process, _LONG_PATIENCE):
            return False
    again = _join_when_booted(folder, _LONG_PATIENCE)
    if again is not None:
        again.close()
        if status_of(name) is not None:  # else that was the socket of one that is being killed
            return True
    how = places.facts(folder).get("how")
    if how == ending.IDLE.mark:  # it has been up, and nothing kept it
        return True
    if places.is_running(folder):
        raise CommandError(f"the machine {name} takes too long to come up again; see {places.log_of(folder)}")
    reason = history.crash(folder) or f"was {how}"
    raise CommandError(f"the machine {name} has not come up again: it {reason}")
