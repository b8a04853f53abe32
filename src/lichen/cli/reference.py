"""The reference of system calls, made of their declarations: what `lichen calls` prints and docs/calls.md holds.

`python -m lichen.cli.reference docs/calls.md` brings that file up to date.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from lichen.abi.convention import AMD64, X64
from lichen.abi.declare import Row
from lichen.platforms.native.filters import HOST_ANSWERS
from lichen.subsystems.linux.numbers import AMD64_NUMBERS
from lichen.subsystems.linux.subsystem import declare_calls as linux_calls
from lichen.subsystems.nt.subsystem import declare_calls as nt_calls

FULL, MISSING, HOST = "full", "missing", "host"

_HEAD: Final = """\
# System calls

Generated from the declarations by `make reference`; what is wrong here is wrong there.

A call is *full*, or its row says in brackets what is missing from it. *host* calls are answered by the host itself, as they
concern nothing but the calling thread.
"""


def reference() -> str:
    """The whole reference as Markdown."""
    nt_rows = sorted(nt_calls().reference(X64), key=lambda row: row.name)
    return "\n".join(
        [
            _HEAD,
            "## Linux on x86-64\n",
            *_section(list(_linux_rows()), "ENOSYS"),
            "\n## Windows NT on x64\n",
            "The numbers are those of the guest's own ntdll.\n",
            *_section(nt_rows, "STATUS_NOT_IMPLEMENTED"),
            "",
        ]
    )


def _linux_rows() -> Iterator[Row]:
    for row in linux_calls().reference(AMD64, AMD64_NUMBERS):
        yield row._replace(support=HOST) if row.support == MISSING and row.number in HOST_ANSWERS else row


def _section(rows: list[Row], error: str) -> Iterator[str]:
    """The calls of one system: how many there are, a table, and those that are missing."""
    there = [row for row in rows if row.support != MISSING]
    missing = [row for row in rows if row.support == MISSING]
    yield f"{_counts(rows)}.\n"
    numbered = any(row.number is not None for row in there)
    yield "| number | call | what it does |" if numbered else "| call | what it does |"
    yield "|---:|---|---|" if numbered else "|---|---|"
    yield from (_line(row, numbered) for row in there)
    if missing:
        yield f"\nMissing ({error}): " + ", ".join(_named(missing)) + "."


def _counts(rows: Iterable[Row]) -> str:
    kinds = Counter(row.support if row.support in (FULL, MISSING, HOST) else "partial" for row in rows)
    return ", ".join(f"{kinds[kind]} {kind}" for kind in (FULL, "partial", HOST, MISSING) if kinds[kind])


def _line(row: Row, numbered: bool) -> str:
    note = f"*{HOST}*" if row.support == HOST else _cell(row.doc)
    if row.support not in (FULL, HOST):
        note += f" [{_cell(row.support)}]"
    number = f"| {row.number} " if numbered else ""
    return f"{number}| `{_cell(row.signature)}` | {note} |"


def _cell(text: str) -> str:
    """Text that does not end the cell of a table."""
    return text.replace("|", "\\|")


def _named(rows: Iterable[Row]) -> Iterator[str]:
    return (row.name if row.number is None else f"{row.number} {row.name}" for row in rows)


def main(arguments: list[str]) -> None:
    """Print the reference, or write it to the file that is named."""
    if arguments:
        Path(arguments[0]).write_text(reference())
    else:
        sys.stdout.write(reference())


if __name__ == "__main__":
    main(sys.argv[1:])
