"""What a machine has of its own where the host's is for the host's root alone.

A kernel of root does not show its guests what others may not read (G21), nor one of a user what it may not read
itself: the locks and caches of package managers are made anew. Yet an administrator has a home, and without /etc/shadow `su`,
`useradd` and `passwd` fail even for root: so the machine has one of its own, in which nobody has a password.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final, cast

from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.file import File
from lichen.executive.io.lookup import find
from lichen.executive.io.manager import create_file
from lichen.executive.io.names import Name, make_directory
from lichen.executive.io.opening import Access, Disposition, Open
from lichen.executive.security.tokens import Token
from lichen.executive.status import Failure

_HOME: Final = ("root",)
_SHADOW: Final = ("etc", "shadow")
_MOST: Final = 1 << 20
_SHADOWED: Final = b"x"
"""The password of those in /etc/passwd whose true one is in /etc/shadow."""


def provide(context: FileSystemContext) -> None:
    """Make what is missing in the machine's private layer; a userland that has no place for it does without."""
    with suppress(Failure):
        if not _has(context, _HOME):
            make_directory(context, Name(context.root, _HOME), 0o700)
        if not _has(context, _SHADOW):
            _make_shadow(context)


def _make_shadow(context: FileSystemContext) -> None:
    users = [name for name, password, *_ in _lines(context, "passwd") if password == _SHADOWED]
    group = next((int(gid) for name, _, gid, *_ in _lines(context, "group") if name == b"shadow"), 0)
    owner = FileSystemContext(context.root, context.root, Token.of_user(0, group))
    make = Open(Access.WRITE, Disposition.CREATE, mode=0o640)
    file = cast(File, create_file(owner, owner.root, _SHADOW, make))
    file.write(b"".join(name + b":*:::::::\n" for name in users))
    file.release()


def _lines(context: FileSystemContext, name: str) -> list[list[bytes]]:
    """The lines of a table in /etc, taken apart at colons."""
    text = find(context, context.root, ("etc", name)).node.read_at(0, _MOST)
    lines = (line.split(b":") for line in text.splitlines())
    return [line for line in lines if len(line) > 2 and line[2].isdigit()]


def _has(context: FileSystemContext, components: tuple[str, ...]) -> bool:
    try:
        find(context, context.root, components)
    except Failure:
        return False
    return True
