"""What is told when a program cannot be started, and what to do about it."""

from __future__ import annotations

import os
from typing import Final

FAILURE: Final = 125
"""The exit status of `lichen run` when it is not the program that failed."""
_OWN_TREES: Final = (b"/dev/", b"/proc/", b"/run/", b"/sys/", b"/tmp/")


class LaunchError(Exception):
    """A program that could not be started: why, for the user, and the exit status that says so to scripts."""

    def __init__(self, message: str, status: int = FAILURE) -> None:
        super().__init__(message)
        self.status = status


def hint_at(path: bytes, hides_private: bool) -> str:
    """What to do about a path that the machine does not have, when the host has it.

    `hides_private`: the machine shows no files that only root may read.
    """
    path = os.path.normpath(path)
    if not os.path.exists(path):
        return ""
    folder = os.path.normpath(os.fsdecode(path if os.path.isdir(path) else os.path.dirname(path)))
    share = f"show it to the machine with --share {folder}"
    if hides_private and _is_private(os.path.realpath(path)):
        return f" on the machine; only root may read it on the host: start the machine with --root-files, or {share}"
    return f" on the machine; it is on the host, so {share}"


def _is_private(path: bytes) -> bool:
    """Whether others may not come to a path of the host, or not read what is there, and it would show otherwise."""
    if path.startswith(_OWN_TREES):
        return False
    if not os.stat(path).st_mode & (0o001 if os.path.isdir(path) else 0o004):
        return True
    above = os.path.dirname(path)
    return above != path and _is_private(above)
