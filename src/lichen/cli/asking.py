"""How the verbs besides `run` speak with the kernels of machines."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any, Final

from lichen.daemon import places, protocol, starting

_PATIENCE: Final = 5.0
"""Seconds that a kernel has to answer, and to end beyond the two it gives its processes."""
_PAUSE: Final = 0.01


class CommandError(Exception):
    """A verb that cannot be carried out; the text is for the user."""


def folder_of(name: str) -> str:
    """The folder of an existing machine."""
    places.check_name(name)
    folder = places.folder_of(name)
    if not os.path.isdir(folder):
        raise CommandError(f"there is no machine {name}; `lichen list` shows those that are")
    return folder


def ask(name: str, topic: str) -> Any | None:
    """What the kernel of a machine says about a topic; None when the machine does not run."""
    folder = folder_of(name)
    connection = starting.join(folder)
    if connection is None:
        return None
    connection.settimeout(_PATIENCE)
    with connection:
        try:
            protocol.send(connection, protocol.encode(protocol.QUERY, topic.encode()))
            message = protocol.receive(connection, bytearray())
        except TimeoutError as late:
            raise CommandError(f"the kernel of {name} does not answer; see {places.log_of(folder)}") from late
    if message is None or message[0] != protocol.ANSWER:
        raise CommandError(
            f"the machine {name} is run by Lichen {places.facts(folder).get('version', '?')}, "
            f"which does not tell that: end it with `lichen terminate {name}`"
        )
    return json.loads(message[1][0])


def end(name: str) -> bool:
    """End a running machine and wait until it is gone; False when it did not run. By force when it must be."""
    folder = folder_of(name)
    if not places.is_running(folder):
        return False
    connection = starting.join(folder)
    if connection is not None:
        with connection:
            protocol.send(connection, protocol.encode(protocol.SHUTDOWN))
            if _wait_for_end(folder):
                return True
    kernel = places.facts(folder).get("pid", "")
    if kernel.isdigit() and places.is_running(folder):
        os.kill(int(kernel), signal.SIGKILL)
        _wait_for_end(folder)
    return True


def _wait_for_end(folder: str) -> bool:
    deadline = time.monotonic() + _PATIENCE
    while places.is_running(folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)
    return True
