"""Names of Linux that Windows has no way to write, and back: the one mapping at NT's border (docs/decisions/013).

A character that Windows forbids is seen as the one of Unicode's private area whose code is 0xF000 higher, as WSL's drives have
it; so are spaces and dots at the end, and the last character of what Win32 would take for a device (`con`, `aux.txt`). A
character of a name that would be read as one of these has U+F000 before it. So every name of Linux has one for Windows, no two
have the same, and each leads back.
"""

from __future__ import annotations

import re
from typing import Final

from lichen.executive.io.lookup import Written, stored
from lichen.executive.status import Failure, Status

_LONGEST: Final = 32767
_BASE: Final = 0xF000
_ESCAPE: Final = chr(_BASE)
_MAPPED: Final = {chr(code): chr(_BASE + code) for code in (*range(1, 32), *map(ord, '"*:<>?\\|'))}
"""What is mapped wherever it stands."""
_READ: Final = {private: plain for plain, private in _MAPPED.items()}
_AT_END: Final = {plain: chr(_BASE + ord(plain)) for plain in " ."}
_READ_AT_END: Final = {private: plain for plain, private in _AT_END.items()}
_ENDINGS: Final = "".join((*_AT_END, *_READ_AT_END))


def _or_private(last: str) -> str:
    """A pattern for the last character of a device's name: itself, or what it is mapped to."""
    return "[" + last + "".join(chr(_BASE + ord(each)) for each in last) + "]"


_DEVICE: Final = re.compile(
    "(?:"
    + "|".join(
        begin + _or_private(last)
        for begin, last in (
            *(("[cC][oO]", "nN"), ("[pP][rR]", "nN"), ("[aA][uU]", "xX"), ("[nN][uU]", "lL")),
            *(("[cC][oO][mM]", "123456789"), ("[lL][pP][tT]", "123456789")),
            *(("[cC][oO][nN][iI][nN]", "$"), ("[cC][oO][nN][oO][uU][tT]", "$")),
        )
    )
    + r")(?= *(?:\.|\Z))"
)
"""What Win32 takes for a device, whatever its extension (RtlIsDosDeviceName)."""
_PIECE: Final = re.compile(f"{_ESCAPE}[{_ESCAPE}-{chr(_BASE + 0x7F)}]|.", re.DOTALL)
"""One character of a name for Windows, or one of the private area with what says that it stands for itself."""
_PRIVATE: Final = re.compile(f"[{_ESCAPE}-{chr(_BASE + 0x7F)}]")
_REFUSED: Final = re.compile('[\0-\37"*:<>?|]')
_UNLIKE: Final = re.compile(f'[\0-\37"*:<>?|{_ESCAPE}-{chr(_BASE + 0x7F)}]')
"""What a name that a Windows program gave has in it when it may be refused or another one's for Linux."""
_DRIVE: Final = len("\\??\\C:")
"""Where that is looked for in a name behind the directory of drives, none of which is the name of a file."""
_PLAIN: Final = re.compile(f"[^{re.escape(''.join(_MAPPED))}{_ESCAPE}-{chr(_BASE + 0x7F)}]*(?<![ .])\\Z")


def for_windows(name: str) -> str:
    """A name of Linux' as Windows programs see it."""
    if (_PLAIN.match(name) and not _DEVICE.match(name)) or name in (".", ".."):
        return name
    body = name.rstrip(_ENDINGS)
    mapped = [_ESCAPE + c if c == _ESCAPE or c in _READ else _MAPPED.get(c, c) for c in body]
    mapped += [_AT_END.get(c) or _ESCAPE + c for c in name[len(body) :]]
    text = "".join(mapped)
    device = _DEVICE.match(text)
    if device is None:
        return text
    at = device.end() - 1
    code = ord(text[at])
    return text[:at] + (_ESCAPE + text[at] if code > _BASE else chr(_BASE + code)) + text[at + 1 :]


def for_linux(name: str) -> str:
    """The name of Linux' that Windows programs see as `name`; a name that none is seen as is taken as it is."""
    if _PRIVATE.search(name) is None:
        return name
    device = _DEVICE.match(name)
    text = name
    if device is not None and ord(name[device.end() - 1]) > _BASE:
        at = device.end() - 1
        text = name[:at] + chr(ord(name[at]) - _BASE) + name[at + 1 :]
    pieces = _PIECE.findall(text)
    for index in range(len(pieces) - 1, -1, -1):
        if pieces[index] not in _READ_AT_END and pieces[index][-1] not in _READ_AT_END:
            break
        pieces[index] = _READ_AT_END.get(pieces[index], pieces[index])
    found = "".join(_READ.get(piece, piece[-1]) for piece in pieces)
    return name if found in (".", "..") else found


def written(name: str) -> str:
    """A single name that a Windows program gave, which knows what it is in Linux' terms when that is another."""
    if _UNLIKE.search(name) is None:
        return name
    return Written(name, for_linux(name) if _REFUSED.search(name) is None else None)


def split(name: str) -> tuple[str, ...]:
    """All components of an NT name as `written`, empty ones included: an absolute name begins with one.

    OBJECT_NAME_INVALID for an absolute one that is too long.
    """
    if len(name) >= _LONGEST and name.startswith("\\"):
        raise Failure(Status.OBJECT_NAME_INVALID)
    components = tuple(name.split("\\")) if name else ()
    plain = _UNLIKE.search(name, _DRIVE if name.startswith("\\??\\") else 0) is None
    return components if plain else tuple(map(written, components))


def components_of(name: str) -> tuple[str, ...]:
    """The components of an NT name as `written`; OBJECT_NAME_INVALID for one that is too long or has a NUL."""
    if len(name) > _LONGEST or "\0" in name:
        raise Failure(Status.OBJECT_NAME_INVALID)
    return tuple(filter(None, split(name)))


def file_components_of(name: str) -> tuple[str, ...]:
    """As `components_of`, of a name of files, in Linux' terms; OBJECT_NAME_INVALID when one is no name for Windows."""
    return stored(components_of(name))


def parts_of(name: str) -> tuple[str, ...]:
    """All components of a name in the object namespace, as `split` but as they are; OBJECT_NAME_INVALID for one too long."""
    if len(name) >= _LONGEST:
        raise Failure(Status.OBJECT_NAME_INVALID)
    return tuple(name.split("\\")) if name else ()
