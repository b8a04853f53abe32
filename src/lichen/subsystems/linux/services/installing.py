"""Enabling, disabling and masking units by links, as systemd has it, and what state a unit file is in.

A link that only the host has counts as none (041): enabling makes the machine's own in its place.

Source: systemctl(1), systemd.unit(5) "[Install] Section Options".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from lichen.executive.io.attributes import Kind
from lichen.executive.status import Failure
from lichen.subsystems.linux.services import names, words
from lichen.subsystems.linux.services.unitfile import MOST, UnitFile
from lichen.subsystems.linux.services.unitpaths import CONFIGURED, NOTHING, VOLATILE

if TYPE_CHECKING:
    from lichen.subsystems.linux.services.unitpaths import UnitPaths

_FOLDERS: Final = {"WantedBy": "wants", "RequiredBy": "requires", "UpheldBy": "upholds"}
_DEEPEST: Final = 32


class Change(NamedTuple):
    """One link that was made or removed: `symlink` or `unlink`, the link, and where it leads."""

    kind: str
    path: str
    target: str


class InstallError(Exception):
    """A unit file cannot be enabled, disabled or masked; `reason` is one of a few known things."""

    def __init__(self, message: str, reason: str = "failed") -> None:
        super().__init__(message)
        self.reason = reason


class Installer:
    """Makes and removes the links of one machine."""

    def __init__(self, paths: UnitPaths) -> None:
        self.paths, self.tree = paths, paths.tree

    # ---- what is

    def state(self, name: str, links: dict[str, list[str]] | None = None) -> str:
        """The state of a unit file (systemctl is-enabled); empty when there is none. `links`: `enabling_links`."""
        path = self.paths.place_of(name)
        if path is None:
            return ""
        base = VOLATILE if path.startswith(f"{VOLATILE}/") else CONFIGURED
        suffix = "-runtime" if base == VOLATILE else ""
        target = self.tree.link(path)
        if target is not None and (target == NOTHING or self.tree.same(path, NOTHING)):
            return f"masked{suffix}"
        location = self.tree.find(path)
        if location is None or location.node.kind != Kind.REGULAR:
            return "bad"
        if not location.node.size():
            return f"masked{suffix}"
        if target is not None and self._is_alias(name, target):
            return "alias"
        links = self.paths.enabling_links() if links is None else links
        found = links.get(name) or self._links_of_instances(name, links)
        if found:
            return "enabled" if any(link.startswith(CONFIGURED) for link in found) else "enabled-runtime"
        if path.startswith("/run/systemd/generator"):
            return "generated"
        file = self._read(path)
        if self._alias_is_made(name, file):
            return "enabled"
        if target is not None and path.startswith((CONFIGURED, VOLATILE)):
            return f"linked{suffix}"
        if any(file.all("Install", directive) for directive in (*_FOLDERS, "Alias")):
            return "disabled"
        return "indirect" if file.all("Install", "Also") else "static"

    def _is_alias(self, name: str, target: str) -> bool:
        real = target.rpartition("/")[2]
        return names.is_valid(real) and real != name and real != names.template(name)

    def _links_of_instances(self, name: str, links: dict[str, list[str]]) -> list[str]:
        if not names.is_template(name):
            return []
        return [link for other, found in links.items() if names.template(other) == name for link in found]

    def _alias_is_made(self, name: str, file: UnitFile) -> bool:
        for alias in self._words(file, "Alias"):
            path = f"{CONFIGURED}/{alias}"
            target = self.tree.link(path) or ""
            if target.rpartition("/")[2] == name and self.tree.is_own(path):
                return True
        return False

    def _read(self, path: str) -> UnitFile:
        file = UnitFile()
        file.add(self.tree.read(path, MOST) or b"", path)
        return file

    def _words(self, file: UnitFile, directive: str) -> list[str]:
        found: list[str] = []
        for value in file.all("Install", directive):
            found += words.split(value)
        return found

    # ---- enabling

    def enable(self, wanted: list[str], volatile: bool, force: bool) -> tuple[bool, list[Change]]:
        """Enable units; whether any says where it belongs, and what was changed."""
        changes: list[Change] = []
        says = False
        for name, file, path in self._all(wanted):
            says = says or any(file.all("Install", directive) for directive in (*_FOLDERS, "Alias", "Also"))
            for link in self._links(name, file, VOLATILE if volatile else CONFIGURED):
                self._make(link, path, force, changes)
        self.paths.forget()
        return says, changes

    def _all(self, wanted: list[str]) -> list[tuple[str, UnitFile, str]]:
        """The units that are meant, with those that each says to be enabled along."""
        found: list[tuple[str, UnitFile, str]] = []
        pending = [(name, False) for name in reversed(wanted)]
        seen: set[str] = set()
        while pending and len(seen) < _DEEPEST * max(1, len(wanted)):
            text, is_extra = pending.pop()
            name = self._name_of(text)
            if name in seen:
                continue
            seen.add(name)
            path = self.paths.place_of(name)
            if path is None:
                if is_extra:
                    continue
                raise InstallError(f"Unit file {name} does not exist.", "missing")
            if self.state(name).startswith("masked"):
                raise InstallError(f"Unit file {path} is masked.", "masked")
            target = self.tree.link(path)
            if target is not None and self._is_alias(name, target):
                raise InstallError(f"Refusing to operate on alias name or linked unit file: {name}", "alias")
            file = self._read(path)
            found.append((name, file, self._file_of(path, target)))
            pending += ((other, True) for other in reversed(self._words(file, "Also")))
        return found

    def _name_of(self, text: str) -> str:
        name = text.rpartition("/")[2]
        if not names.is_valid(name):
            raise InstallError(f"Invalid unit name: {text}", "invalid")
        if "/" in text and self.paths.place_of(name) is None:
            raise InstallError(f"{text}: link the file first (systemctl link)", "missing")
        return name

    def _file_of(self, path: str, target: str | None) -> str:
        if target is None:
            return path
        return target if target.startswith("/") else f"{path.rpartition('/')[0]}/{target}"

    def _links(self, name: str, file: UnitFile, base: str) -> list[str]:
        """The links that enable a unit."""
        instance = name
        if names.is_template(name):
            default = (self._words(file, "DefaultInstance") or [""])[0]
            instance = names.instantiate(name, default) if default else ""
        found = []
        for directive, folder in _FOLDERS.items():
            for word in self._words(file, directive):
                other = word.replace("%i", names.instance(name)).replace("%p", names.prefix(name))
                if not instance:
                    raise InstallError(f"{name} has no instance to enable", "template")
                if not names.is_valid(other):
                    raise InstallError(f"{directive}={other} in {name}: no name of a unit", "invalid")
                found.append(f"{base}/{other}.{folder}/{instance}")
        for alias in self._words(file, "Alias"):
            if not names.is_valid(alias) or names.kind(alias) != names.kind(name):
                raise InstallError(f"Alias={alias} in {name}: not a name that it can have", "invalid")
            found.append(f"{base}/{alias}")
        return found

    def _make(self, link: str, target: str, force: bool, changes: list[Change]) -> None:
        known = self.tree.link(link)
        if known is not None and self.tree.is_own(link):
            if self.tree.same(link, target):
                return
            if not force:
                raise InstallError(f"File {link} already exists and leads to {known}.", "exists")
        elif known is None and self.tree.kind(link, follow=False) is not None:
            raise InstallError(f"File {link} already exists.", "exists")
        try:
            self.tree.make_link(link, target)
        except Failure as failure:
            raise InstallError(f"{link} cannot be made: status {failure.status:#x}") from failure
        changes.append(Change("symlink", link, target))

    # ---- disabling

    def disable(self, wanted: list[str], volatile: bool) -> tuple[bool, list[Change]]:
        """Remove the machine's links that enable units; whether any says where it belongs, and what was changed."""
        base = VOLATILE if volatile else CONFIGURED
        meant: set[str] = set()
        says = False
        pending = [self._name_of(text) for text in wanted]
        while pending and len(meant) < 1000:
            name = pending.pop()
            if name in meant:
                continue
            meant.add(name)
            path = self.paths.place_of(name)
            file = self._read(path) if path is not None else UnitFile()
            says = says or any(file.all("Install", directive) for directive in (*_FOLDERS, "Alias", "Also"))
            pending += (other for other in self._words(file, "Also") if names.is_valid(other))
        changes: list[Change] = []
        for name, links in self.paths.enabling_links().items():
            if name in meant or names.template(name) in meant:
                self._remove([link for link in links if link.startswith(f"{base}/")], changes)
        for name, kind in self.tree.names(base):
            target = (self.tree.link(f"{base}/{name}") or "").rpartition("/")[2]
            if kind == Kind.SYMLINK and target in meant and self.tree.is_own(f"{base}/{name}"):
                self._remove([f"{base}/{name}"], changes)
        self.paths.forget()
        return says, changes

    def _remove(self, links: list[str], changes: list[Change]) -> None:
        for link in links:
            try:
                self.tree.remove(link)
                if link.count("/") > CONFIGURED.count("/") + 1:
                    self.tree.remove_empty(link.rpartition("/")[0])
            except Failure as failure:
                raise InstallError(f"{link} cannot be removed: status {failure.status:#x}") from failure
            changes.append(Change("unlink", link, ""))

    # ---- masking, linking

    def mask(self, wanted: list[str], volatile: bool, force: bool) -> list[Change]:
        """Have units lead nowhere, so that nothing starts them."""
        changes: list[Change] = []
        for text in wanted:
            name = self._valid(text)
            self._make(f"{VOLATILE if volatile else CONFIGURED}/{name}", NOTHING, force, changes)
        self.paths.forget()
        return changes

    def unmask(self, wanted: list[str], volatile: bool) -> list[Change]:
        """Undo `mask`."""
        changes: list[Change] = []
        for text in wanted:
            link = f"{VOLATILE if volatile else CONFIGURED}/{self._valid(text)}"
            if self.tree.link(link) == NOTHING:
                self._remove([link], changes)
        self.paths.forget()
        return changes

    def link(self, wanted: list[str], volatile: bool, force: bool) -> list[Change]:
        """Have unit files count that lie elsewhere."""
        changes: list[Change] = []
        for path in wanted:
            name = self._valid(path.rpartition("/")[2])
            if not path.startswith("/") or self.tree.kind(path) != Kind.REGULAR:
                raise InstallError(f"File {path} does not exist.", "missing")
            self._make(f"{VOLATILE if volatile else CONFIGURED}/{name}", path, force, changes)
        self.paths.forget()
        return changes

    def set_default(self, name: str) -> list[Change]:
        """Choose what is started when the machine boots."""
        path = self.paths.place_of(self._valid(name))
        if path is None:
            raise InstallError(f"Unit file {name} does not exist.", "missing")
        changes: list[Change] = []
        self._make(f"{CONFIGURED}/default.target", path, True, changes)
        self.paths.forget()
        return changes

    def default(self) -> str:
        """What is started when the machine boots: multi-user.target, unless the machine says otherwise itself."""
        path = f"{CONFIGURED}/default.target"
        target = (self.tree.link(path) or "").rpartition("/")[2]
        return target if self.tree.is_own(path) and names.is_valid(target) else "multi-user.target"

    def _valid(self, text: str) -> str:
        if not names.is_valid(text):
            raise InstallError(f"Invalid unit name: {text}", "invalid")
        return text
