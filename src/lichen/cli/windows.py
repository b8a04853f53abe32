"""The verb that brings the Windows userland: Wine's PE files out of Debian's packages, without root.

Only the x86-64 PE files and the tables that go with them are unpacked, without their debug sections, beside the place where
they are to be. They get that place when all of them are there and are what Lichen knows, so whatever ends it, the next one
begins anew, and what was there before is used until then.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from lichen.boot.drives import find_userland
from lichen.cli import archives, debian, seed
from lichen.cli.asking import CommandError
from lichen.cli.stripping import without_debug_sections
from lichen.daemon import places
from lichen.executive.status import Failure
from lichen.subsystems.nt import userland

_PROGRAMS: Final = PurePosixPath("usr/lib/x86_64-linux-gnu/wine/x86_64-windows")
_NLS: Final = PurePosixPath("usr/share/wine/nls")
_EXTRA: Final = PurePosixPath("usr/x86_64-w64-mingw32/lib")
_KEPT: Final = (_PROGRAMS, _NLS, PurePosixPath("usr/share/wine/wine.inf"), _EXTRA)
_UNKNOWN: Final = "no Windows userland that Lichen knows"


@click.command("windows")
@click.option("--fetch", "anew", is_flag=True, help="Fetch it although there is one, and use that.")
@click.option(
    "--from",
    "sources",
    multiple=True,
    metavar="DIR|FILE.deb",
    help="Take it from packages, or from a folder that has them unpacked: / for the host's own Wine. Can be repeated.",
)
def windows(anew: bool, sources: tuple[str, ...]) -> None:
    """Find the Windows userland, or bring it into Lichen's folder."""
    home = Path(places.home())
    found = find_userland(home)
    chosen = os.environ.get(userland.SETTING)
    if found is None and chosen:
        raise CommandError(f"{userland.SETTING} names {chosen}, where {_UNKNOWN} is")
    if found is None or anew or sources:
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
        with _alone(home):
            if anew or sources or find_userland(home) is None:
                _Bringing(home / "windows", Console(stderr=True)).run([Path(name) for name in sources])
        found = find_userland(home)
    assert found is not None
    if not (registry := found.registry(home)).exists():
        _make_registry(found, registry, home)
    click.echo(f"Windows userland: {found.system}")


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Have others who come for the same wait."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        (home / "windows.lock").touch()
    except OSError as error:
        raise CommandError(f"cannot write to {home}: {error.strerror}") from error
    with open(home / "windows.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make_registry(found: userland.Userland, target: Path, home: Path) -> None:
    """Make the registry that new machines begin with; a machine does without it, but for COM classes and the like."""
    console = Console(stderr=True)
    try:
        with _alone(home), console.status("making the registry of new machines") as status:
            if not target.exists():
                seed.make(found, target, status.update)
    except (OSError, Failure) as error:
        reason = error.strerror if isinstance(error, OSError) else "the disk does not take it"
        raise CommandError(f"cannot write to {target}: {reason}") from error


class _Bringing:
    """Gathers a userland beside its place `target`, in a folder `files` of a work folder, and puts it there."""

    def __init__(self, target: Path, console: Console) -> None:
        self.target, self.console = target, console
        self.work = target.with_name(target.name + ".partial")
        self.files = self.work / "files"
        self.done = 0

    def run(self, sources: Sequence[Path]) -> None:
        """Take the files from `sources`, or from Debian; CommandError says what to do when that is impossible here."""
        columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
        try:
            shutil.rmtree(self.work, ignore_errors=True)
            self.files.mkdir(parents=True)
            with Progress(*columns, console=self.console) as self.progress:
                self.task = self.progress.add_task("looking for the Windows userland", total=None)
                for source in sources:
                    self._take(source)
                if not sources:
                    self._fetch()
            self._check("what was given holds" if sources else "the packages hold")
            shutil.rmtree(self.target, ignore_errors=True)
            self.files.rename(self.target)
        except OSError as error:
            where = error.filename if error.filename is not None else self.work
            raise CommandError(f"cannot read or write {where}: {error.strerror or error}") from error
        finally:
            shutil.rmtree(self.work, ignore_errors=True)

    def _check(self, what: str) -> None:
        if userland.find([self.files]) is None:
            raise CommandError(f"{what} {_UNKNOWN}; {debian.INSTALL}")

    def _show(self, what: str, further: int = 0) -> None:
        self.progress.update(self.task, description=what, completed=self.done + further)

    def _fetch(self) -> None:
        source = debian.choose(self.work, self._show)
        if source.said:
            self.console.print(f"lichen: {source.said}", highlight=False, soft_wrap=True)
        sizes = source.sizes()
        self.progress.update(
            self.task, total=sum(download + installed for download, installed in sizes.values())
        )
        for name, (download, installed) in sizes.items():
            package = source.download(name, partial(self._show, f"downloading {name}"))
            self.done += download
            self._unpack(package, name)
            self.done += installed
            package.unlink()

    def _take(self, source: Path) -> None:
        """The files of a package, of a folder with packages, or of a folder that has them unpacked."""
        if source.is_file():
            self._unpack(source, source.name)
            return
        found = userland.find([source])
        if found is not None:
            self._copy(found)
        elif packages := sorted(source.glob("*.deb")):
            for package in packages:
                self._unpack(package, package.name)
        else:
            raise CommandError(f"{source} holds {_UNKNOWN}: neither packages nor their files")

    def _unpack(self, package: Path, name: str) -> None:
        def wanted(path: PurePosixPath) -> bool:
            return any(path.is_relative_to(kept) for kept in _KEPT)

        archives.unpack(package, wanted, self._write, partial(self._show, f"unpacking {name}"))

    def _copy(self, found: userland.Userland) -> None:
        """The files of an installed Wine, wherever its distribution has them, at the places where Debian has them."""
        parts = [(found.system, _PROGRAMS), (found.nls, _NLS), *((folder, _EXTRA) for folder in found.extra)]
        for folder, place in parts:
            for file in sorted(folder.iterdir()):
                if file.is_file() and (place != _EXTRA or file.name in userland.EXTRA_LIBRARIES):
                    self._write(place / file.name, file.read_bytes())
        if (setup := found.nls.parent / "wine.inf").is_file():
            self._write(_NLS.parent / "wine.inf", setup.read_bytes())

    def _write(self, path: PurePosixPath, content: bytes) -> None:
        target = self.files / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(without_debug_sections(content))
