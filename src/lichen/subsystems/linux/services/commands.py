"""Command lines of unit files.

Source: systemd.service(5) "Command lines".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.executive.services.values import Command
from lichen.subsystems.linux.services import words

if TYPE_CHECKING:
    from lichen.subsystems.linux.services.specifiers import Specifiers

_PREFIXES: Final = "@-:+!"
_MOST_ARGUMENTS: Final = 10_000


def parse(text: str, specifiers: Specifiers) -> list[Command]:
    """The commands of a value, which `;` separates; ValueError when there is something wrong with one."""
    found: list[Command] = []
    group: list[str] = []
    for word in [*_marked(text), ";"]:
        if word == ";":
            if group:
                found.append(_command(group, specifiers))
            group = []
        else:
            group.append(";" if word == "\0;" else word)
    if not found:
        raise ValueError("there is no command")
    return found


def _marked(text: str) -> list[str]:
    """The words of a value; a `;` that is meant as itself is marked."""
    return words.split(text.replace(" \\;", " \0;").replace("\t\\;", "\t\0;"))


def _command(group: list[str], specifiers: Specifiers) -> Command:
    first, *rest = group
    flags = ""
    while first[:1] and first[0] in _PREFIXES:
        flags, first = flags + first[0], first[1:]
    program = specifiers.replace(first)
    if not program or program.endswith("/") or "\0" in program:
        raise ValueError(f"{first!r} is no program")
    if "/" in program and not program.startswith("/"):
        raise ValueError(f"{program!r} is neither absolute nor a name")
    arguments = [specifiers.replace(word) for word in rest]
    if len(arguments) > _MOST_ARGUMENTS:
        raise ValueError("there are too many arguments")
    if "@" in flags:
        if not arguments:
            raise ValueError("@ wants a name for the program to see")
    else:
        arguments.insert(0, program)
    return Command(program, tuple(arguments), "-" in flags, "+" in flags, ":" not in flags)
