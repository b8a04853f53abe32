"""Reading Debian's packages, with dpkg-deb where it is there (it is faster) and without it anywhere else.

A package is an `ar` archive with a tar archive in it. Only files of it are taken, and only those that are wanted; a link or a
path that leads out of it is never followed.

Source: deb(5); ar(5).
"""

from __future__ import annotations

import io
import lzma
import shutil
import subprocess
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, Literal

from lichen.cli.asking import CommandError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Write = Callable[[PurePosixPath, bytes], None]
_MAGIC: Final = b"!<arch>\n"
_HEADER: Final = 60
_COMPRESSIONS: Final[dict[str, Literal["r|xz", "r|gz", "r|bz2", "r|"]]] = {
    ".xz": "r|xz",
    ".gz": "r|gz",
    ".bz2": "r|bz2",
    "": "r|",
}
_DAMAGED: Final = (tarfile.TarError, EOFError, lzma.LZMAError, zlib.error, ValueError)


def unpack(
    package: Path, wanted: Callable[[PurePosixPath], bool], write: Write, look: Callable[[int], None]
) -> None:
    """Hand every wanted file of a package to `write`; `look` is told how much of it was seen."""
    seen = 0
    try:
        with _tree(package) as members:
            for member in members:
                path = PurePosixPath(member.name)
                if member.isreg() and ".." not in path.parts and wanted(path):
                    content = members.extractfile(member)
                    write(path, content.read() if content is not None else b"")
                seen += member.size
                look(seen)
    except _DAMAGED as error:
        raise CommandError(f"{package.name} is damaged, or no package: {error}") from error


@contextmanager
def _tree(package: Path) -> Iterator[tarfile.TarFile]:
    """The files in a package."""
    if not shutil.which("dpkg-deb"):
        with open(package, "rb") as file, _content(file, package.name) as members:
            yield members
        return
    command = ["dpkg-deb", "--fsys-tarfile", str(package)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as members:
                yield members
            assert process.stdout is not None
            while process.stdout.read(1 << 16):  # what pads the archive
                pass
        finally:
            if process.stdout is not None:
                process.stdout.close()
    if process.returncode:
        raise EOFError("dpkg-deb cannot read it")


def _content(file: io.BufferedReader, name: str) -> tarfile.TarFile:
    if file.read(len(_MAGIC)) != _MAGIC:
        raise ValueError("it begins as something else")
    while len(header := file.read(_HEADER)) == _HEADER:
        member, size = header[:16].decode("ascii", "replace").strip(" /"), int(header[48:58])
        if member.startswith("data.tar"):
            compression = _COMPRESSIONS.get(member.removeprefix("data.tar"))
            if compression is None:
                raise CommandError(
                    f"{name} is compressed in a way that only dpkg-deb knows, which is not here"
                )
            return tarfile.open(fileobj=io.BufferedReader(_Part(file, size)), mode=compression)
        file.seek(size + size % 2, 1)
    raise EOFError("it ends too early")


class _Part(io.RawIOBase):
    """Some bytes of a file; that they are not all there is an error, not an end."""

    def __init__(self, file: io.BufferedReader, size: int) -> None:
        self._file, self._left = file, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        room = memoryview(buffer)
        data = self._file.read(min(len(room), self._left))
        if not data and self._left:
            raise EOFError("it ends too early")
        self._left -= len(data)
        room[: len(data)] = data
        return len(data)
