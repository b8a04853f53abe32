"""Removing a folder in which guests were at home: they may have made it deeper than a recursion or a path can go."""

from __future__ import annotations

import os
from itertools import count
from typing import Final

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_tree(folder: str | os.PathLike[str], directory: int | None = None) -> None:
    """Remove a folder of the host and all that is in it, however deep; what cannot be removed stays, silently.

    Each folder found is moved up to the top first, so that the depth never grows. No symlink is followed.
    """
    try:
        top = os.open(folder, _FOLDER, dir_fd=directory)
    except OSError:
        return
    try:
        pending = _emptied(top, top, names := count())
        while pending:
            pending += _removed(pending.pop(), top, names)
    finally:
        os.close(top)
    try:
        os.rmdir(folder, dir_fd=directory)
    except OSError:
        return


def _removed(name: str, top: int, names: count[int]) -> list[str]:
    """Remove a folder in `top`; returns the names that its folders have there now."""
    try:
        descriptor = os.open(name, _FOLDER, dir_fd=top)
    except OSError:
        return []
    try:
        moved = _emptied(descriptor, top, names)
    finally:
        os.close(descriptor)
    try:
        os.rmdir(name, dir_fd=top)
    except OSError:
        pass
    return moved


def _emptied(folder: int, top: int, names: count[int]) -> list[str]:
    """Remove the files of a folder and move its folders to `top`; returns the names that they have there."""
    with os.scandir(folder) as scan:
        entries = list(scan)
    moved = []
    for entry in entries:
        try:
            if entry.is_dir(follow_symlinks=False):
                name = f"\n{next(names)}"
                os.rename(entry.name, name, src_dir_fd=folder, dst_dir_fd=top)
                moved.append(name)
            else:
                os.unlink(entry.name, dir_fd=folder)
        except OSError:
            continue
    return moved
