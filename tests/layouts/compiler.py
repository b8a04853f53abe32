"""Compares our layouts with those of a C compiler, without running anything it makes.

Each size, alignment, offset and sign becomes a static assertion in one C file, and the compiler's complaints
are the differences. So the layouts of Windows and of 32-bit programs are checked wherever a compiler for them
is.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_type_hints

from lichen.abi.layout import Array, Bytes, DataModel, Gap, layout, layout_of, scalar_of
from tests.toolchain import host_program


@dataclass(frozen=True)
class InC:
    """Where C declares a record.

    `type` is its name in C, declared by `headers` or by `text`. The member for a field is `prefix` and the
    field's name, which with `camel` is written as `FieldName`, unless `members` has it. `end` names the member
    that follows the record, if it is only the head of the type. `only` names the fields that C has members for,
    if it does not declare the whole.
    """

    type: str
    headers: tuple[str, ...] = ()
    prefix: str = ""
    members: Mapping[str, str] = field(default_factory=dict)
    end: str = ""
    text: str = ""
    camel: bool = False
    only: tuple[str, ...] = ()

    def member(self, name: str) -> str:
        """The member for a field."""
        written = "".join(part[:1].upper() + part[1:] for part in name.split("_")) if self.camel else name
        return self.members.get(name, self.prefix + written)


def differences(
    record: type, declared: InC, model: DataModel, compiler: Iterable[str] = ("gcc",)
) -> list[str]:
    """What the compiler lays out in another way than we do; `compiler` is a command and its flags."""
    return complaints([*preamble(declared), *assertions(record, declared, model)], compiler)


def complaints(source: Iterable[str], compiler: Iterable[str]) -> list[str]:
    """The static assertions of a C file that do not hold."""
    command, *flags = compiler
    run = subprocess.run(
        [host_program(command), *flags, "-w", "-fsyntax-only", "-x", "c", "-"],
        input="".join(f"{line}\n" for line in source),
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.findall(r'static assertion failed: "([^"]*)"', run.stderr)
    assert run.returncode == 0 or found, run.stderr
    return found


def preamble(declared: InC) -> Iterator[str]:
    """How a C file begins that knows the type."""
    yield "#define _GNU_SOURCE"
    yield "#include <stddef.h>"
    yield from (f"#include <{header}>" for header in declared.headers)
    yield declared.text


def assertions(record: Any, declared: InC, model: DataModel, signs: bool = True) -> Iterator[str]:
    """What does not compile where the layouts differ."""
    ours = layout(record, model)
    whole = declared.type
    if declared.end:
        yield assertion(f"offsetof({whole}, {declared.end})", ours.size, f"end of {record.__name__}")
    elif not declared.only:
        yield assertion(f"sizeof({whole})", ours.size, f"size of {record.__name__}")
        yield assertion(f"_Alignof({whole})", ours.align, f"alignment of {record.__name__}")
    for name, hint in get_type_hints(record, include_extras=True).items():
        if declared.only and name not in declared.only:
            continue
        member = declared.member(name)
        what = f"{record.__name__}.{name}"
        yield assertion(f"offsetof({whole}, {member})", ours.offsets[name], f"offset of {what}")
        yield assertion(f"sizeof((({whole} *)0)->{member})", size_of(hint, model), f"size of {what}")
        scalar = scalar_of(hint)
        if signs and scalar and scalar.code != "P":
            signed = "signed char: 1, char: 1, short: 1, int: 1, long: 1, long long: 1, default: 0"
            expression = f"_Generic((({whole} *)0)->{member}, {signed})"
            yield assertion(expression, int(scalar.code.islower()), f"sign of {what}")


def size_of(hint: Any, model: DataModel) -> int:
    """The bytes that a field takes, found independently of how records are compiled."""
    for mark in getattr(hint, "__metadata__", ()):
        if isinstance(mark, Bytes):
            return mark.size
        if isinstance(mark, Gap):
            return mark.size(model)
        if isinstance(mark, Array):
            return mark.count * size_of(mark.element, model)
    return layout_of(hint, model).size


def assertion(expression: str, value: int, what: str) -> str:
    return f'_Static_assert({expression} == {value}, "{what} is {value} here");'
