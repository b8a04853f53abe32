"""Users and groups as the machine's own /etc has them, and the environment that a session begins with."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, NamedTuple

from lichen.boot.drives import MOUNT_POINT
from lichen.boot.launching import DEFAULT_PATH
from lichen.boot.machine import Machine
from lichen.boot.refusals import LaunchError
from lichen.executive.security.tokens import Token
from lichen.executive.status import Failure

_MOST: int = 1 << 20

_WINDOWS_FOLDERS: Final = (os.fsencode(MOUNT_POINT) + b"/windows/system32",)
"""Where a shell finds Windows programs by name, behind its own folders."""


class User(NamedTuple):
    """A line of /etc/passwd; names and paths are bytes, as the environment has them."""

    name: bytes
    uid: int
    gid: int
    home: bytes = b"/"
    shell: bytes = b"/bin/sh"


def _lines(machine: Machine, path: str, fields: int) -> list[list[bytes]]:
    """The lines of a file of the machine, taken apart at colons; none when it cannot be read."""
    try:
        text = machine.read_file(path, _MOST)
    except Failure:
        return []
    lines = (line.split(b":") for line in text.splitlines())
    return [line for line in lines if len(line) >= fields and line[2].isdigit()]


def _find(machine: Machine, wanted: Callable[[User], bool]) -> User | None:
    for name, _, uid, gid, _, home, shell, *_ in _lines(machine, "/etc/passwd", 7):
        user = User(name, int(uid), int(gid or b"0"), home or b"/", shell or b"/bin/sh")
        if wanted(user):
            return user
    return None


def user_of_id(machine: Machine, uid: int, gid: int) -> User:
    """The user with an id; one without a name when the machine knows none."""
    return _find(machine, lambda user: user.uid == uid) or User(str(uid).encode(), uid, gid)


def user_named(machine: Machine, name: bytes) -> User:
    """The user with a name; LaunchError when there is none. root is there even without /etc/passwd."""
    user = _find(machine, lambda user: user.name == name)
    if user is None and name == b"root":
        user = User(b"root", 0, 0, b"/root")
    if user is None:
        raise LaunchError(f"the machine has no user {os.fsdecode(name)}")
    return user


def token_of(machine: Machine, user: User) -> Token:
    """The token of a login as `user`, with the groups of /etc/group."""
    groups = (
        int(gid)
        for _, _, gid, members, *_ in _lines(machine, "/etc/group", 4)
        if user.name in members.split(b",")
    )
    return Token.of_user(user.uid, user.gid, tuple(groups))


def group_id(machine: Machine, name: str) -> int | None:
    """The id of a group by its name or number; None when there is none."""
    if name.isdecimal():
        return int(name)
    found = (int(gid) for each, _, gid, *_ in _lines(machine, "/etc/group", 4) if each == os.fsencode(name))
    return next(found, None)


def environment_of(caller: dict[bytes, bytes], user: User, is_caller: bool) -> dict[bytes, bytes]:
    """The caller's variables with what they lack, and with what says who one is when that is somebody else."""
    own = {b"HOME": user.home, b"USER": user.name, b"LOGNAME": user.name, b"SHELL": user.shell}
    environment = {**own, b"PATH": DEFAULT_PATH, **caller}
    folders = environment[b"PATH"].split(b":")
    environment[b"PATH"] = b":".join(dict.fromkeys([*folders, *_WINDOWS_FOLDERS]))
    return environment if is_caller else environment | own
