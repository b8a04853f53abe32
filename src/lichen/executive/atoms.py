"""Atoms: short strings with numbers, blind to case, which the processes of a machine share (NT: Ex)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lichen.executive.io.location import fold
from lichen.executive.status import Failure, Status

FIRST_ATOM: Final = 0xC000
LAST_ATOM: Final = 0xFFFF


@dataclass
class Atom:
    """A string, and how often it was entered."""

    name: str
    uses: int = 1


class AtomTable:
    """The atoms of a machine, by number and by folded name."""

    def __init__(self) -> None:
        self.by_number: dict[int, Atom] = {}
        self.numbers: dict[str, int] = {}

    def add(self, name: str) -> int:
        """Enter a string, or use it once more: its number."""
        number = self.numbers.get(fold(name))
        if number is not None:
            self.by_number[number].uses += 1
            return number
        number = next((n for n in range(FIRST_ATOM, LAST_ATOM + 1) if n not in self.by_number), None)
        if number is None:
            raise Failure(Status.INSUFFICIENT_RESOURCES)
        self.by_number[number] = Atom(name)
        self.numbers[fold(name)] = number
        return number

    def get(self, number: int) -> Atom:
        """The atom with a number; INVALID_HANDLE."""
        if number not in self.by_number:
            raise Failure(Status.INVALID_HANDLE)
        return self.by_number[number]

    def drop(self, number: int) -> None:
        """Use a string once less; it goes with its last use."""
        atom = self.get(number)
        atom.uses -= 1
        if not atom.uses:
            del self.by_number[number], self.numbers[fold(atom.name)]
