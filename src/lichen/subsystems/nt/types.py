"""The parameter types of NT system calls: how each is decoded and how it prints."""

from __future__ import annotations

from typing import Annotated, Final, NamedTuple

from lichen.abi.argument import Arg, show_address
from lichen.abi.layout import layout
from lichen.abi.memory import Memory, PageReader
from lichen.executive import wait
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.records import MODEL
from lichen.subsystems.nt.records.common import ObjectAttributes, UnicodeString
from lichen.subsystems.nt.status import NtStatus

CURRENT_PROCESS: Final = 0xFFFFFFFF
CURRENT_THREAD: Final = 0xFFFFFFFE

Result = wait.Result
OBJ_INHERIT, OBJ_CASE_INSENSITIVE, OBJ_OPENIF, OBJ_OPENLINK = 0x2, 0x40, 0x80, 0x100

_HIGHEST: Final = (1 << 8 * MODEL.pointer) - 1
_LONGEST_TEXT: Final = 0xFFFE
_STRING: Final = layout(UnicodeString, MODEL)
_ATTRIBUTES: Final = layout(ObjectAttributes, MODEL)


class Named(NamedTuple):
    """OBJECT_ATTRIBUTES as the executive wants it: a root handle (0 for none), a name, OBJ_* flags.

    `security` is where the descriptor for a new object lies, 0 for none.
    """

    root: int
    name: str
    attributes: int
    security: int = 0

    @property
    def inherit(self) -> bool:
        return bool(self.attributes & OBJ_INHERIT)


NOTHING: Final = Named(0, "", 0)


def read_string(memory: Memory, address: int) -> str:
    """The text of a UNICODE_STRING; lone surrogates are kept."""
    return text_of(memory, _STRING.read(memory, address))


def text_of(memory: Memory, string: UnicodeString) -> str:
    """As `read_string`, for a string that was read already."""
    return decode(memory.read(string.buffer, string.length)) if string.length else ""


def read_optional_string(memory: Memory, address: int) -> str:
    """As `read_string`; empty for a null pointer."""
    return read_string(memory, address) if address else ""


def read_text(memory: Memory, address: int) -> str:
    """The UTF-16 text before the first NUL; OBJECT_NAME_INVALID when it is longer than any name."""
    reader, units = PageReader(memory), bytearray()
    while (unit := reader.read(address + len(units), 2)) != b"\0\0":
        units += unit
        if len(units) > _LONGEST_TEXT:
            raise Failure(Status.OBJECT_NAME_INVALID)
    return decode(bytes(units))


def _read_name(memory: Memory, address: int) -> str:
    """The text of an object's name, which DATATYPE_MISALIGNMENT tells to be at an odd address."""
    string = _STRING.read(memory, address)
    if string.length and string.buffer & 1 and not string.length & 1:
        raise Failure(NtStatus.DATATYPE_MISALIGNMENT)
    return decode(memory.read(string.buffer, string.length)) if string.length else ""


def read_named(memory: Memory, address: int) -> Named:
    """The OBJECT_ATTRIBUTES at an address; a null pointer is a nameless object without flags."""
    if not address:
        return NOTHING
    attributes = _ATTRIBUTES.read(memory, address)
    if attributes.length != _ATTRIBUTES.size:
        raise Failure(Status.INVALID_PARAMETER)
    name = _read_name(memory, attributes.object_name) if attributes.object_name else ""
    root = attributes.root_directory & 0xFFFFFFFF
    return Named(root, name, attributes.attributes, attributes.security_descriptor)


def _show_handle(handle: int) -> str:
    return {CURRENT_PROCESS: "CurrentProcess", CURRENT_THREAD: "CurrentThread"}.get(handle, f"{handle:#x}")


def _show_named(named: Named) -> str:
    return repr(named.name) + (f" in {named.root:#x}" if named.root else "")


Handle = Annotated[int, Arg("{x} & 0xffffffff", _show_handle)]
ObjectName = Annotated[Named, Arg("read_named(memory, {x})", _show_named, {"read_named": read_named})]
Text = Annotated[
    str, Arg("read_optional_string(memory, {x})", repr, {"read_optional_string": read_optional_string})
]
Address = Annotated[int, Arg("{x}", show_address)]
Content = Annotated[int, Arg("{x}", show_address, sized=True)]
"""The address of bytes that the call takes, as many as the next parameter says."""
Size = Annotated[int, Arg("{x}", str)]
"""SIZE_T."""
Boolean = Annotated[bool, Arg("bool({x} & 0xff)", str)]
Flags = Annotated[int, Arg("{x} & 0xffffffff", show_address)]


def wrapped(address: int) -> int:
    """An address as a pointer tells it: one that a bad buffer carries past the end wraps, as the write there faults."""
    return address & _HIGHEST


def encode(text: str) -> bytes:
    """UTF-16 as NT has it in memory."""
    return text.encode("utf-16-le", "surrogatepass")


def decode(data: bytes) -> str:
    """The text of UTF-16 that a guest gave; OBJECT_NAME_INVALID when half a unit is left over."""
    if len(data) % 2:
        raise Failure(Status.OBJECT_NAME_INVALID)
    return data.decode("utf-16-le", "surrogatepass")


def to_bytes(text: str) -> bytes:
    """NT's text as Linux has it: UTF-8, with bytes of Linux that were none as they were, and lone surrogates kept (WTF-8)."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
