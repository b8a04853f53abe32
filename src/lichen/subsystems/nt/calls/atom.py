"""Atoms: the machine's table of short strings with numbers, blind to case.

Source: NtAddAtom, NtFindAtom, NtDeleteAtom, NtQueryInformationAtom (phnt).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.argument import OptionalOut
from lichen.abi.layout import layout, u16, u32
from lichen.executive.atoms import FIRST_ATOM, Atom
from lichen.executive.io.location import fold
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.records import MODEL
from lichen.subsystems.nt.records.objects import AtomBasicInformation
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address, decode, encode

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_LONGEST: Final = 255
_HEAD: Final = layout(AtomBasicInformation, MODEL)


def _named(thread: Thread, address: int, size: int) -> tuple[int, str]:
    """The number that stands for itself, a small address or `#number`; or 0, and an atom's name (`size` in bytes)."""
    if address < FIRST_ATOM:
        if not address:
            raise Failure(Status.INVALID_PARAMETER)
        return address, ""
    if not size or size % 2 or size > 2 * _LONGEST:
        raise Failure(Status.INVALID_PARAMETER)
    text = decode(thread.memory.read(address, size)).rstrip("\0")
    if text[:1] == "#" and text[1:].isascii() and text[1:].isdigit() and 0 < int(text[1:]) < FIRST_ATOM:
        return int(text[1:]), ""
    if not text:
        raise Failure(Status.OBJECT_NAME_INVALID)
    return 0, text


@nt.call()
def NtAddAtom(thread: Thread, name: Address, size: u32, atom: OptionalOut[u16]) -> int:
    """Enter a string, or use it once more."""
    number, text = _named(thread, name, size)
    atom.write(number or thread.process.machine.atoms.add(text))
    return Status.SUCCESS


@nt.call()
def NtFindAtom(thread: Thread, name: Address, size: u32, atom: OptionalOut[u16]) -> int:
    """The number of a string."""
    number, text = _named(thread, name, size)
    number = number or thread.process.machine.atoms.numbers.get(fold(text), 0)
    if not number:
        raise Failure(Status.OBJECT_NAME_NOT_FOUND)
    atom.write(number)
    return Status.SUCCESS


@nt.call()
def NtDeleteAtom(thread: Thread, atom: u16) -> int:
    """Use a string once less; it goes with its last use. Numbers that are atoms by themselves stay; INVALID_HANDLE for 0."""
    if not atom:
        raise Failure(Status.INVALID_HANDLE)
    if atom >= FIRST_ATOM:
        thread.process.machine.atoms.drop(atom)
    return Status.SUCCESS


@nt.call()
def NtQueryInformationAtom(
    thread: Thread, atom: u16, information_class: u32, buffer: Address, size: u32, needed: OptionalOut[u32]
) -> int:
    """ATOM_BASIC_INFORMATION: how often a string is used, and the string."""
    if information_class != 0:
        raise Failure(Status.INVALID_INFO_CLASS)
    found = thread.process.machine.atoms.get(atom) if atom >= FIRST_ATOM else Atom(f"#{atom}")
    text = encode(found.name)
    needed.write(_HEAD.size + len(text) + 2)
    if size < _HEAD.size + 2:
        raise Failure(Status.INFO_LENGTH_MISMATCH)
    shown = text[: (size - _HEAD.size - 2) // 2 * 2]
    if not shown:
        raise Failure(Status.BUFFER_TOO_SMALL)
    head = _HEAD.pack(AtomBasicInformation(found.uses, 0, len(shown)))
    thread.memory.write(buffer, head + shown + b"\0\0")
    return Status.SUCCESS
