"""The verb that brings the Windows userland: Wine's PE files out of Debian's packages, without root.

Packages are downloaded by apt with lists of Lichen's own where the system has none, and unpacked into Lichen's folder;
nothing of the system changes. Only the x86-64 PE files and the NLS tables are kept.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.progress import Progress

from lichen.cli.asking import CommandError
from lichen.daemon import places
from lichen.drives import find_userland

_PACKAGES: Final = ("libwine", "libz-mingw-w64")
_KEPT: Final = (
    "usr/lib/x86_64-linux-gnu/wine/x86_64-windows",
    "usr/share/wine/nls",
    "usr/x86_64-w64-mingw32/lib",
)
_HELP: Final = (
    "install Wine's files yourself: on Debian and Ubuntu `sudo apt-get install libwine libz-mingw-w64`, "
    "elsewhere the distribution's wine package"
)


@click.command("windows")
def windows() -> None:
    """Find the Windows userland, or fetch it into Lichen's folder."""
    found = find_userland(Path(places.home()))
    if found is None:
        fetch(Path(places.home()) / "windows", Console(stderr=True))
        found = find_userland(Path(places.home()))
    if found is None:
        raise CommandError(f"the packages hold no Windows userland that Lichen knows; {_HELP}")
    click.echo(f"Windows userland: {found.system}")


def fetch(target: Path, console: Console) -> None:
    """Download and unpack the packages; CommandError says what to do when that is impossible here."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise CommandError(f"the Windows userland is missing and this is no Debian; {_HELP}")
    with (
        tempfile.TemporaryDirectory(prefix="lichen-windows-") as folder,
        Progress(console=console) as progress,
    ):
        work = Path(folder)
        task = progress.add_task("fetching the Windows userland", total=2 + 2 * len(_PACKAGES))
        options = _apt_options(work) if not _has_candidate(()) else ()
        if options:
            progress.update(task, description="fetching apt's lists of packages")
            _run(["apt-get", *options, "-q", "update"], work)
        progress.advance(task, 2)
        for package in _PACKAGES:
            progress.update(task, description=f"downloading {package}")
            _run(["apt-get", *options, "-q", "download", package], work)
            progress.advance(task)
        for archive in work.glob("*.deb"):
            progress.update(task, description=f"unpacking {archive.name.partition('_')[0]}")
            _run(["dpkg-deb", "--extract", str(archive), "unpacked"], work)
            progress.advance(task)
        _keep(work / "unpacked", target)


def _has_candidate(options: Sequence[str]) -> bool:
    """Whether apt's lists know the packages."""
    shown = subprocess.run(["apt-cache", *options, "show", *_PACKAGES], capture_output=True, check=False)
    return shown.returncode == 0


def _apt_options(work: Path) -> tuple[str, ...]:
    """Let apt keep its lists and its cache in a folder of ours, as whatever user we are."""
    for name in ("lists/partial", "cache/archives/partial"):
        (work / name).mkdir(parents=True)
    return (
        *("-o", f"Dir::State::lists={work / 'lists'}"),
        *("-o", f"Dir::Cache={work / 'cache'}"),
        *("-o", "APT::Sandbox::User="),
    )


def _run(command: list[str], folder: Path) -> None:
    environment = {**os.environ, "LC_ALL": "C"}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        reason = (result.stderr or result.stdout).strip().splitlines()
        raise CommandError(f"`{command[0]}` failed: {reason[-1] if reason else 'no reason given'}; {_HELP}")


def _keep(unpacked: Path, target: Path) -> None:
    """Move what is needed to its place, whole or not at all."""
    staging = target.with_name(target.name + ".new")
    shutil.rmtree(staging, ignore_errors=True)
    for folder in _KEPT:
        if (unpacked / folder).is_dir():
            (staging / folder).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(unpacked / folder, staging / folder)
    shutil.rmtree(target, ignore_errors=True)
    staging.rename(target)
