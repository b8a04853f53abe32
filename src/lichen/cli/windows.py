"""The verb that brings the Windows userland: Wine's PE files out of Debian's packages, without root.

Packages are downloaded by apt, with lists of Lichen's own where the system has none; nothing of the system changes. Only the
x86-64 PE files and the NLS tables are unpacked, beside the place where they are to be. They get that place when all of them
are there, so whatever ends a download, the next one begins anew.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from lichen.cli.asking import CommandError
from lichen.daemon import places
from lichen.drives import find_userland

_PACKAGES: Final = ("libwine", "libz-mingw-w64")
_KEPT: Final = (
    PurePosixPath("usr/lib/x86_64-linux-gnu/wine/x86_64-windows"),
    PurePosixPath("usr/share/wine/nls"),
    PurePosixPath("usr/x86_64-w64-mingw32/lib"),
)
_INSTALL: Final = (
    "install Wine's files yourself: on Debian and Ubuntu `sudo apt-get install libwine libz-mingw-w64`, "
    "elsewhere the distribution's wine package"
)
_LOOK: Final = 0.1
"""Seconds between two looks at how far a download is."""


@click.command("windows")
@click.option("--fetch", "anew", is_flag=True, help="Fetch it although there is one, and use that.")
def windows(anew: bool) -> None:
    """Find the Windows userland, or fetch it into Lichen's folder."""
    home = Path(places.home())
    found = find_userland(home)
    if found is None or anew:
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
        with _alone(home):
            if anew or find_userland(home) is None:
                fetch(home / "windows", Console(stderr=True))
        found = find_userland(home)
    if found is None:
        raise CommandError(f"the packages hold no Windows userland that Lichen knows; {_INSTALL}")
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


def fetch(target: Path, console: Console) -> None:
    """Download and unpack the packages; CommandError says what to do when that is impossible here."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise CommandError(f"the Windows userland is missing and this is no Debian; {_INSTALL}")
    work = target.with_name(target.name + ".partial")
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    try:
        shutil.rmtree(work, ignore_errors=True)
        (work / "files").mkdir(parents=True)
        with Progress(*columns, console=console) as progress:
            _Fetching(work, progress).run()
        shutil.rmtree(target, ignore_errors=True)
        (work / "files").rename(target)
    except OSError as error:
        raise CommandError(f"cannot write to {work}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


class _Fetching:
    """One download into the folder `work`; what is wanted of it ends up in its folder `files`."""

    def __init__(self, work: Path, progress: Progress) -> None:
        self.work, self.progress = work, progress
        self.task = progress.add_task("fetching the Windows userland", total=None)
        self.done = 0

    def run(self) -> None:
        options = self._lists()
        packages = {name: _described(name, options) for name in _PACKAGES}
        total = sum(download + installed for download, installed in packages.values())
        self.progress.update(self.task, total=total)
        for name, (size, _) in packages.items():
            self._download(name, options)
            self.done += size
        for name, (_, size) in packages.items():
            self._unpack(name)
            self.done += size

    def _show(self, what: str, further: int = 0) -> None:
        self.progress.update(self.task, description=what, completed=self.done + further)

    def _lists(self) -> tuple[str, ...]:
        """Options for apt; with them it has lists of the packages: the system's or, fetched now, its own."""
        if _knows(()):
            return ()
        for name in ("lists/partial", "cache/archives/partial"):
            (self.work / name).mkdir(parents=True)
        options = (
            *("-o", f"Dir::State::lists={self.work / 'lists'}"),
            *("-o", f"Dir::Cache={self.work / 'cache'}"),
            *("-o", "APT::Sandbox::User="),
        )
        what = "fetching apt's lists of packages"
        result = self._apt(["apt-get", *options, "-q", "update"], lambda: self._show(what))
        if not _knows(options):
            raise _failed("apt's lists of packages cannot be fetched", result)
        return options

    def _download(self, package: str, options: Sequence[str]) -> None:
        def look() -> None:
            self._show(
                f"downloading {package}", sum(p.stat().st_size for p in self.work.glob(f"{package}_*"))
            )

        result = self._apt(["apt-get", *options, "-q", "download", package], look)
        if result.returncode or not any(self.work.glob(f"{package}_*.deb")):
            raise _failed(f"{package} cannot be downloaded", result)

    def _apt(self, command: list[str], look: Callable[[], None]) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, looking how far it is; it ends with us."""
        log = self.work / "log"
        with (
            open(log, "w") as output,
            subprocess.Popen(
                command,
                cwd=self.work,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            ) as process,
        ):
            try:
                while process.poll() is None:
                    look()
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(_LOOK)
            finally:
                process.terminate()
        return subprocess.CompletedProcess(command, process.returncode, "", log.read_text(errors="replace"))

    def _unpack(self, package: str) -> None:
        (archive,) = self.work.glob(f"{package}_*.deb")
        command = ["dpkg-deb", "--fsys-tarfile", archive.name]
        written = 0
        with (
            subprocess.Popen(command, cwd=self.work, env=_environment(), stdout=subprocess.PIPE) as process,
            tarfile.open(fileobj=process.stdout, mode="r|") as members,
        ):
            for member in members:
                self._extract(members, member)
                written += member.size
                self._show(f"unpacking {package}", written)
        if process.returncode:
            raise CommandError(f"{archive.name} is damaged; try again")
        archive.unlink()

    def _extract(self, members: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Write a file that is wanted."""
        path = PurePosixPath(member.name)
        content = members.extractfile(member) if member.isreg() else None
        if content is None or ".." in path.parts or not any(path.is_relative_to(kept) for kept in _KEPT):
            return
        target = self.work / "files" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "wb") as file:
            shutil.copyfileobj(content, file)


def _environment() -> Mapping[str, str]:
    return {**os.environ, "LC_ALL": "C"}


def _knows(options: Sequence[str]) -> bool:
    """Whether apt's lists say where the packages are; of one that is only installed nobody does."""
    return all("Filename" in _fields(package, options) for package in _PACKAGES)


def _described(package: str, options: Sequence[str]) -> tuple[int, int]:
    """Bytes to download for a package and bytes that it takes then, as apt's lists say."""
    fields = _fields(package, options)
    return int(fields.get("Size", "0")), int(fields.get("Installed-Size", "0")) << 10


def _fields(package: str, options: Sequence[str]) -> Mapping[str, str]:
    """What apt's lists say of a package."""
    command = ["apt-cache", *options, "show", "--no-all-versions", package]
    shown = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False).stdout
    return dict(line.partition(": ")[::2] for line in shown.splitlines())


def _failed(what: str, result: subprocess.CompletedProcess[str]) -> CommandError:
    """What apt said was wrong comes first, then what followed from it."""
    reasons = [line[3:].strip() for line in result.stderr.splitlines() if line.startswith(("E: ", "W: "))]
    reason = reasons[0] if reasons else "apt does not say why"
    return CommandError(f"{what}: {reason}\nSee to it that the network is there and try again, or {_INSTALL}")
