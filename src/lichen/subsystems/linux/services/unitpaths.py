"""Where unit files lie, which of several counts, what is dropped in beside them, and which links enable them.

Links that only the host has made enable nothing here: what is enabled on a machine is what was enabled on it (041).

Source: systemd.unit(5) "Unit File Load Path".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from lichen.executive.io.attributes import Kind
from lichen.subsystems.linux.services import names
from lichen.subsystems.linux.services.unitfile import MOST, UnitFile

if TYPE_CHECKING:
    from lichen.subsystems.linux.services.tree import Tree

CONFIGURED: Final = "/etc/systemd/system"
VOLATILE: Final = "/run/systemd/system"
FOLDERS: Final = (
    CONFIGURED,
    VOLATILE,
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
NOTHING: Final = "/dev/null"
_DEEPEST_ALIAS: Final = 16
_MOST_LINKED: Final = 500
_MOST_DROPPED_IN: Final = 200


@dataclass
class Found:
    """The files of one unit."""

    name: str
    path: str = ""
    dropped_in: list[str] = field(default_factory=list)
    aliases: set[str] = field(default_factory=set)
    is_masked: bool = False
    error: str = ""
    file: UnitFile = field(default_factory=UnitFile)


class UnitPaths:
    """The unit files of one machine."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._aliases: dict[str, set[str]] | None = None

    def forget(self) -> None:
        """Look at the folders anew."""
        self._aliases = None

    def folders(self) -> list[str]:
        """The folders that are there, each once."""
        found: list[str] = []
        for folder in FOLDERS:
            if self.tree.kind(folder) == Kind.DIRECTORY and not any(
                self.tree.same(folder, known) for known in found
            ):
                found.append(folder)
        return found

    # ---- one unit

    def find(self, name: str) -> Found | None:
        """The unit of a name or an alias, with what its files say; None when there is none."""
        found = self._resolve(name)
        if found is None:
            return None
        if found.path and not found.is_masked and not found.error:
            self._read(found)
        found.aliases |= {alias for alias in self._alias_map().get(found.name, ()) if alias != found.name}
        return found

    def _resolve(self, name: str) -> Found | None:
        for _ in range(_DEEPEST_ALIAS):
            path = self.place_of(name)
            if path is None:
                return self._only_dropped_in(name)
            target = self.tree.link(path)
            if target is None:
                found = Found(name, path)
                location = self.tree.find(path)
                if location is not None and location.node.kind == Kind.REGULAR and not location.node.size():
                    found.is_masked = True
                return found
            if self._is_nothing(path, target):
                return Found(name, path, is_masked=True)
            real = self._alias(name, target)
            if real == name:
                return self._linked(name, path, target)
            name = real
        return Found(name, error="too many links")

    def _linked(self, name: str, path: str, target: str) -> Found:
        """A unit whose file lies elsewhere."""
        location = self.tree.find(path)
        if location is None or location.node.kind != Kind.REGULAR:
            return Found(name, path, error=f"{path} leads to no file")
        absolute = target if target.startswith("/") else f"{path.rpartition('/')[0]}/{target}"
        return Found(name, absolute if self.tree.find(absolute) else path)

    def _alias(self, name: str, target: str) -> str:
        """The name that a link of a unit leads to."""
        real = target.rpartition("/")[2]
        if not names.is_valid(real) or names.kind(real) != names.kind(name):
            return name
        if names.is_template(real) and "@" in name:
            return names.instantiate(real, names.instance(name)) if names.instance(name) else real
        return real

    def _only_dropped_in(self, name: str) -> Found | None:
        """A unit without a file, of which all is said beside it."""
        found = Found(name)
        return found if self._dropped_in(name) and names.kind(name) == "target" else None

    def _is_nothing(self, path: str, target: str) -> bool:
        return target == NOTHING or self.tree.same(path, NOTHING)

    def place_of(self, name: str) -> str | None:
        """The path of the file or link that counts for a name: its own, or else its template's."""
        for wanted in (name, names.template(name)):
            for folder in FOLDERS if wanted else ():
                path = f"{folder}/{wanted}"
                if self.tree.kind(path, follow=False) is not None:
                    return path
        return None

    def _read(self, found: Found) -> None:
        text = self.tree.read(found.path, MOST + 1)
        if text is None or len(text) > MOST:
            found.error = f"{found.path} cannot be read" if text is None else f"{found.path} is too large"
            return
        found.file.add(text, found.path)
        found.dropped_in = self._dropped_in(found.name)
        for path in found.dropped_in:
            found.file.add(self.tree.read(path, MOST) or b"", path)

    def _dropped_in(self, name: str) -> list[str]:
        """The files beside a unit's own, by name; one in an earlier folder hides those of its name in later ones."""
        chosen: dict[str, str] = {}
        for stem in _stems(name):
            for folder in FOLDERS:
                for file, _ in self.tree.names(f"{folder}/{stem}.d"):
                    if file.endswith(".conf"):
                        chosen.setdefault(file, f"{folder}/{stem}.d/{file}")
        paths = [chosen[file] for file in sorted(chosen)][:_MOST_DROPPED_IN]
        return [path for path in paths if self.tree.kind(path) == Kind.REGULAR]

    def _alias_map(self) -> dict[str, set[str]]:
        """The other names of units, by their own."""
        if self._aliases is None:
            self._aliases = {}
            for folder in self.folders():
                for name, kind in self.tree.names(folder):
                    if kind != Kind.SYMLINK or not names.is_valid(name):
                        continue
                    target = self.tree.link(f"{folder}/{name}") or ""
                    real = self._alias(name, target)
                    if real != name and target != NOTHING:
                        self._aliases.setdefault(real, set()).add(name)
        return self._aliases

    # ---- what brings it along

    def brought_by_links(self, name: str, how: str) -> list[str]:
        """The units that links in `NAME.wants` or `NAME.requires` (`how`) add to what a unit brings along."""
        found = []
        for stem in (name, names.template(name)):
            for folder in FOLDERS if stem else ():
                place = f"{folder}/{stem}.{how}"
                for entry, _ in self.tree.names(place):
                    if names.is_valid(entry) and self.tree.is_own(f"{place}/{entry}"):
                        found.append(entry)
        return list(dict.fromkeys(found))[:_MOST_LINKED]

    def enabling_links(self) -> dict[str, list[str]]:
        """By unit: the machine's own links that enable it, in the folders of others."""
        found: dict[str, list[str]] = {}
        for base in (CONFIGURED, VOLATILE):
            for folder, _ in self.tree.names(base):
                if not folder.endswith((".wants", ".requires")):
                    continue
                for name, _ in self.tree.names(f"{base}/{folder}"):
                    path = f"{base}/{folder}/{name}"
                    if names.is_valid(name) and self.tree.is_own(path):
                        found.setdefault(name, []).append(path)
        return found

    def all_names(self) -> dict[str, str]:
        """Every unit that has a file, and where that is."""
        found: dict[str, str] = {}
        for folder in self.folders():
            for name, kind in self.tree.names(folder):
                if kind in (Kind.REGULAR, Kind.SYMLINK) and names.is_valid(name):
                    found.setdefault(name, f"{folder}/{name}")
        return found


def _stems(name: str) -> list[str]:
    """The folders, without `.d`, in which something may lie for a unit, the most particular first."""
    kind, stem = names.kind(name), names.stem(name)
    found = [name]
    if names.template(name):
        found.append(names.template(name))
    plain = stem.partition("@")[0]
    dashes = [at for at in range(len(plain) - 1, 0, -1) if plain[at] == "-" and at + 1 < len(plain)]
    found += (f"{plain[: at + 1]}.{kind}" for at in dashes)
    return [*found, kind]
