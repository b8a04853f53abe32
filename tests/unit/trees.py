"""Small trees of files for tests of the I/O side: how to mount one, who looks at it, and what is in it."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any, TypeVar, cast

from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.file import File
from lichen.executive.io.location import Location, Mount
from lichen.executive.io.lookup import find
from lichen.executive.io.manager import create_file
from lichen.executive.io.names import Name
from lichen.executive.io.node import FileSystem
from lichen.executive.io.opening import Access, Disposition, Open, Options
from lichen.executive.security.tokens import Token
from lichen.executive.status import Failure

T = TypeVar("T")
READ = Open(Access.READ, options=Options.POSIX)
BOTH = Access.READ | Access.WRITE


def context_of(file_system: FileSystem, uid: int = 0, gid: int = 0) -> FileSystemContext:
    """A process of a user whose root is the root of a file system."""
    root = Mount(file_system, "test").root
    return FileSystemContext(root, root, Token.of_user(uid, gid))


def as_user(
    context: FileSystemContext, uid: int, gid: int, groups: tuple[int, ...] = ()
) -> FileSystemContext:
    return context.copy(Token.of_user(uid, gid, groups))


def split(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.split("/") if part)


def name(context: FileSystemContext, path: str, walk: int = 0) -> Name:
    return Name(context.root, split(path), walk)


def at(context: FileSystemContext, path: str, walk: int = 1) -> Location:
    return find(context, context.root, split(path), walk)


def opened(context: FileSystemContext, path: str, open: Open = READ) -> File:
    file = create_file(context, context.root, split(path), open)
    assert isinstance(file, File)
    return file


def write(context: FileSystemContext, path: str, text: bytes, mode: int = 0o666) -> None:
    """Make a file, or give it other content."""
    file = opened(context, path, Open(BOTH, Disposition.OVERWRITE_IF, options=Options.POSIX, mode=mode))
    assert not text or file.write(text) == len(text)
    file.release()


def read(context: FileSystemContext, path: str) -> bytes:
    file = opened(context, path)
    data = file.read(1 << 20)
    file.release()
    return cast(bytes, data)


def names(context: FileSystemContext, path: str = "") -> list[str]:
    """What a directory lists besides the dots, sorted."""
    file = opened(context, path)
    entries = sorted(entry.name for entry in file.directory_entries())
    file.release()
    assert entries[:2] == [".", ".."]
    return entries[2:]


def status_of(operation: Any, *arguments: Any, **keywords: Any) -> int:
    """The status that an operation fails with; 0 when it does not."""
    try:
        result = operation(*arguments, **keywords)
    except Failure as failure:
        return failure.status
    if isinstance(result, File):
        result.release()
    return 0


def finish(blocked: Generator[Any, int, T]) -> T:
    """Run a generator that is expected not to wait any more."""
    try:
        blocked.send(None)  # type: ignore[arg-type]  # the first value sent is None by definition
    except StopIteration as end:
        return cast(T, end.value)
    raise AssertionError("it still waits")


def host_descriptors() -> int:
    """How many descriptors this process has, after those of garbage are closed."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def make_host_tree(folder: Path, content: dict[str, str]) -> Path:
    """Make a tree on the host: `a/b` -> text, `a/` -> a folder, text that begins with `->` -> a symlink."""
    for path, text in content.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.endswith("/"):
            target.mkdir(exist_ok=True)
        elif text.startswith("->"):
            target.symlink_to(text[2:])
        else:
            target.write_text(text)
    return folder
