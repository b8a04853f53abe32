"""The machine's files as the Linux face of the service manager looks at them: as the administrator, whoever asks."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from lichen.executive.io.attributes import Kind
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.lookup import Walk, find
from lichen.executive.io.names import Name, make_directory, remove, symlink
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.types import path_of

if TYPE_CHECKING:
    from lichen.executive.io.location import Location


def components(path: str) -> tuple[str, ...]:
    """The names in a path."""
    return path_of(os.fsencode(path)).components


class Tree:
    """Files by path. `is_own` says whether something is the machine's, and not one of the host's files that it shows."""

    def __init__(self, context: FileSystemContext, is_own: Callable[[Location], bool]) -> None:
        self.context, self._is_own = context, is_own

    def find(self, path: str, follow: bool = True) -> Location | None:
        """What is at a path; None when there is nothing, or no way to it."""
        context = self.context
        try:
            return find(context, context.root, components(path), Walk.FOLLOW if follow else 0)
        except Failure:
            return None

    def is_own(self, path: str) -> bool:
        """Whether what is at a path was made on this machine."""
        location = self.find(path, follow=False)
        return location is not None and self._is_own(location)

    def read(self, path: str, most: int) -> bytes | None:
        """The beginning of a regular file; None when it is none."""
        location = self.find(path)
        if location is None or location.node.kind != Kind.REGULAR:
            return None
        try:
            return location.node.read_at(0, most)
        except Failure:
            return None

    def kind(self, path: str, follow: bool = True) -> int | None:
        location = self.find(path, follow)
        return None if location is None else location.node.kind

    def link(self, path: str) -> str | None:
        """The text of a symlink; None for what is none."""
        location = self.find(path, follow=False)
        if location is None or location.node.kind != Kind.SYMLINK:
            return None
        try:
            return location.node.readlink()
        except Failure:
            return None

    def names(self, folder: str) -> list[tuple[str, int]]:
        """What is in a folder, by name, with the kind of each; nothing when it is none."""
        location = self.find(folder)
        if location is None or location.node.kind != Kind.DIRECTORY:
            return []
        try:
            return sorted((entry.name, entry.kind) for entry in location.node.entries())
        except Failure:
            return []

    def same(self, one: str, other: str) -> bool:
        """Whether two paths lead to one object."""
        first, second = self.find(one), self.find(other)
        return first is not None and second is not None and first.node is second.node

    # ---- changes; each fails as the file system has it

    def make_folder(self, path: str, mode: int = 0o755, base: str = "") -> Location:
        """The folder at a path, made with those above it when it is missing.

        Below `base` nothing may be a symlink: others may write there. REPARSE_POINT_NOT_RESOLVED, NOT_A_DIRECTORY.
        """
        context, names = self.context.copy(), components(path)
        context.umask = 0o022
        location = context.root
        for depth in range(1, len(names) + 1):
            place = "/" + "/".join(names[:depth])
            found = self.find(place)
            if base and place.startswith(f"{base}/"):
                found = self.find(place, follow=False)
                if found is not None and found.node.kind != Kind.DIRECTORY:
                    is_link = found.node.kind == Kind.SYMLINK
                    raise Failure(Status.REPARSE_POINT_NOT_RESOLVED if is_link else Status.NOT_A_DIRECTORY)
            if found is None:
                last = depth == len(names)
                found = make_directory(context, Name(context.root, names[:depth]), mode if last else 0o755)
            location = found.inner()
        return location

    def make_link(self, path: str, target: str) -> None:
        """Make a symlink in place of whatever has its name; NOT_SUPPORTED when that is a folder."""
        folder = path.rpartition("/")[0]
        self.make_folder(folder)
        if self.kind(path, follow=False) is not None:
            self.remove(path)
        symlink(self.context, target, Name(self.context.root, components(path)))

    def remove(self, path: str) -> None:
        """Remove a file or a link."""
        remove(self.context, Name(self.context.root, components(path)), directory=False)

    def remove_all(self, path: str, base: str, most: int = 10_000) -> None:
        """Remove a folder below `base` with all that is in it; nothing when a symlink is on the way."""
        names = components(path)
        for depth in range(len(components(base)) + 1, len(names) + 1):
            if self.kind("/" + "/".join(names[:depth]), follow=False) != Kind.DIRECTORY:
                return
        pending = [path]
        folders = []
        while pending and most > 0:
            folder = pending.pop()
            if self.kind(folder, follow=False) != Kind.DIRECTORY:
                continue
            folders.append(folder)
            for name, kind in self.names(folder):
                most -= 1
                if kind == Kind.DIRECTORY:
                    pending.append(f"{folder}/{name}")
                else:
                    self.remove(f"{folder}/{name}")
        for folder in reversed(folders):
            remove(self.context, Name(self.context.root, components(folder)), directory=True)

    def remove_empty(self, path: str) -> None:
        """Remove a folder if there is nothing in it."""
        try:
            remove(self.context, Name(self.context.root, components(path)), directory=True)
        except Failure as failure:
            if failure.status != Status.DIRECTORY_NOT_EMPTY:
                raise
