"""The parameter types of Linux system calls: how each is decoded from a register and how it prints."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any, Final, NamedTuple

from lichen.abi.argument import Arg, show_address, show_bytes
from lichen.abi.memory import Memory
from lichen.executive import wait
from lichen.executive.status import Failure, Status

PATH_LIMIT: Final = 4096
_REMEMBERED: Final = 255
"""Paths of up to this many bytes are taken apart once: programs use the same few again and again."""
AT_FDCWD: Final = -100
_MOST_SHOWN, _LONGEST_SHOWN = 32, 129
"""How many strings of a vector a trace shows, and how much of one."""

Result = wait.Result
_SIGNED: Final = "({x} & 0xffffffff ^ 0x80000000) - 0x80000000"
_SIGNED_64: Final = "({x} ^ 0x8000000000000000) - 0x8000000000000000"


class Path(NamedTuple):
    """A path of a call, taken apart: components without `/`, `.` left out; `directory` when it must be one."""

    text: bytes
    absolute: bool
    components: tuple[str, ...]
    directory: bool


def path_of(text: bytes) -> Path:
    """Take a path apart; the empty path has no components."""
    parts = [part for part in os.fsdecode(text).split("/") if part and part != "."]
    return Path(
        text, text[:1] == b"/", tuple(parts), text.endswith((b"/", b"/.", b"/..")) or text in (b".", b"..")
    )


_known_path: Final = lru_cache(2048)(path_of)


def read_path(memory: Memory, address: int) -> Path:
    """The path at a guest address; NAME_TOO_LONG when it has 4096 bytes or more."""
    text = memory.cstring(address, PATH_LIMIT)
    if len(text) <= _REMEMBERED:
        return _known_path(text)
    if len(text) >= PATH_LIMIT:
        raise Failure(Status.NAME_TOO_LONG)
    return path_of(text)


def read_optional_path(memory: Memory, address: int) -> Path | None:
    """As `read_path`; None for a null pointer."""
    return read_path(memory, address) if address else None


def _show_descriptor(value: int) -> str:
    return "AT_FDCWD" if value == AT_FDCWD else str(value)


def _show_path(path: Path | None) -> str:
    return "NULL" if path is None else show_bytes(path.text)


def _show_strings(memory: Memory, vector: int) -> str:
    shown: list[str] = []
    while (pointer := int.from_bytes(memory.read(vector + 8 * len(shown), 8), "little")) and len(
        shown
    ) < _MOST_SHOWN:
        shown.append(show_bytes(memory.cstring(pointer, _LONGEST_SHOWN), _LONGEST_SHOWN - 1))
    return f"[{', '.join(shown + ['...'] * bool(pointer))}]"


def _show_mode(value: int) -> str:
    return f"{value:#o}"


Fd = Annotated[int, Arg(_SIGNED, _show_descriptor)]
"""A file descriptor, AT_FDCWD included."""

PathName = Annotated[Path, Arg("read_path(memory, {x})", _show_path, {"read_path": read_path})]
OptionalPathName = Annotated[
    Path | None,
    Arg("read_optional_path(memory, {x})", _show_path, {"read_optional_path": read_optional_path}),
]
Address = Annotated[int, Arg("{x}", show_address)]
"""A guest address that the call itself reads from or writes to."""
Strings = Annotated[int, Arg("{x}", show_address, peek=_show_strings)]
"""The address of a vector of strings that ends with a null pointer."""
Content = Annotated[int, Arg("{x}", show_address, sized=True)]
"""The address of bytes that the call takes, as many as the next parameter says."""

Size = Annotated[int, Arg("{x}", str)]
"""size_t: unsigned, 64 bits."""

Long = Annotated[int, Arg(_SIGNED_64, str)]
"""long, loff_t, ssize_t: signed, 64 bits."""

Int = Annotated[int, Arg(_SIGNED, str)]
Uint = Annotated[int, Arg("{x} & 0xffffffff", str)]
Pid = Annotated[int, Arg(_SIGNED, str)]
Uid = Annotated[int, Arg("{x} & 0xffffffff", lambda v: "-1" if v == 0xFFFFFFFF else str(v))]
Mode = Annotated[int, Arg("{x} & 0o177777", _show_mode)]
Signal = Annotated[int, Arg(_SIGNED, str)]
Flags = Annotated[int, Arg("{x} & 0xffffffff", show_address)]


def flags(show: Callable[[int], str]) -> Any:
    """A 32-bit flag parameter that prints by `show`."""
    return Annotated[int, Arg("{x} & 0xffffffff", show)]
