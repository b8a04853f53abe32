"""A unit file as text: sections of assignments, continued lines, comments. What they mean is not known here.

Source: systemd.syntax(7).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

MOST: Final = 1 << 20
"""Bytes of a file."""
_MOST_ASSIGNMENTS: Final = 20_000
_BOOLEANS: Final = {
    **dict.fromkeys(("1", "yes", "y", "true", "t", "on"), True),
    **dict.fromkeys(("0", "no", "n", "false", "f", "off"), False),
}


@dataclass
class UnitFile:
    """Assignments by section and name, in the order in which they were read; one without a value forgets those before it."""

    assignments: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def add(self, text: bytes, place: str) -> None:
        """Read one more file: a unit's own, then what is dropped in."""
        section, count = "", 0
        for number, line in _logical_lines(text.decode("utf-8", "replace")):
            if line[:1] == "[":
                section = line[1:-1] if line[-1:] == "]" else ""
                if not section:
                    self.warnings.append(f"{place}:{number}: no section: {line[:80]}")
                continue
            name, equals, value = line.partition("=")
            count += 1
            if not equals or not section or count > _MOST_ASSIGNMENTS or "\0" in line:
                self.warnings.append(f"{place}:{number}: no assignment: {line[:80]!r}")
                if count > _MOST_ASSIGNMENTS:
                    return
                continue
            self._assign(section, name.strip(), value.strip())

    def _assign(self, section: str, name: str, value: str) -> None:
        values = self.assignments.setdefault((section, name), [])
        if not value:
            values.clear()
        values.append(value)

    def all(self, section: str, name: str) -> list[str]:
        """The values of a name that are no empty ones."""
        return [value for value in self.assignments.get((section, name), ()) if value]

    def last(self, section: str, name: str, default: str = "") -> str:
        """The value that counts of a name that has one."""
        values = self.assignments.get((section, name))
        return values[-1] if values and values[-1] else default

    def flag(self, section: str, name: str, default: bool = False) -> bool:
        """A value that is yes or no."""
        value = boolean(self.last(section, name))
        return default if value is None else value

    def has_section(self, section: str) -> bool:
        return any(known == section for known, _ in self.assignments)


def boolean(text: str) -> bool | None:
    """What a word for yes or no says; None for any other."""
    return _BOOLEANS.get(text.lower())


def _logical_lines(text: str) -> list[tuple[int, str]]:
    """Lines with the number of each, those that a backslash continues put together, without comments and empty ones."""
    lines: list[tuple[int, str]] = []
    parts: list[str] = []
    begin = 0
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if line[:1] in ("#", ";"):
            continue
        if not parts:
            begin = number
        if line.endswith("\\"):
            parts.append(line[:-1])
            continue
        if parts or line:
            whole = " ".join((*parts, line)).strip()
            if whole:
                lines.append((begin, whole))
        parts = []
    if parts and (whole := " ".join(parts).strip()):
        lines.append((begin, whole))
    return lines
