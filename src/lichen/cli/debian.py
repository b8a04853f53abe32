"""Where the packages with Windows' system files come from: Debian 13, by apt or straight from Debian's pool.

apt verifies what it brings by Debian's key. It has the system's own lists where these offer packages that are new enough, else
lists of Lichen's own, which need no root and change nothing of the system. Where there is no apt, or no key of Debian's, the
pool is asked over HTTPS for the very packages whose SHA-256 is written here.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from lichen.cli.asking import CommandError

PACKAGES: Final = ("libwine", "libz-mingw-w64")
NEWEST_KNOWN: Final = 10
"""The release of Wine that Lichen is made for."""
INSTALL: Final = (
    "bring the packages libwine and libz-mingw-w64 of Debian 13 yourself and say "
    "`lichen windows --from FILE.deb --from FILE.deb`, or install a Wine 10 of your distribution's"
)
_SUITE: Final = """\
Types: deb
URIs: http://deb.debian.org/debian
Suites: trixie
Components: main
Architectures: amd64
Signed-By: {keyring}
"""
KEYRINGS: Final = (
    "/usr/share/keyrings/debian-archive-keyring.gpg",
    "/usr/share/keyrings/debian-archive-keyring.pgp",
)
_POOLS: Final = (
    "https://deb.debian.org/debian/pool/main/",
    "https://snapshot.debian.org/archive/debian/20250901T000000Z/pool/main/",
)
"""The second has what the first has no longer."""
_LOOK: Final = 0.1
"""Seconds between two looks at how far a download is."""
_PART: Final = 1 << 16
_PATIENCE: Final = 60
"""Seconds without a byte after which a download has failed."""


class Pinned(NamedTuple):
    """A package in the pool, known by its content."""

    path: str
    size: int
    installed: int
    sha256: str


PINNED: Final[Mapping[str, Pinned]] = {
    "libwine": Pinned(
        "w/wine/libwine_10.0~repack-6_amd64.deb",
        111365028,
        823 << 20,
        "702c99d2fbaef2a4966667e0cdabd477ed1754c1b3b5d4476606eaf5fd6e1444",
    ),
    "libz-mingw-w64": Pinned(
        "libz/libz-mingw-w64/libz-mingw-w64_1.3.1+dfsg-2_all.deb",
        158548,
        1 << 20,
        "c4e6d6bfabe8b6d12c797736a3d762d83513b49f488d1aaf61d4526387a2dd3e",
    ),
}


class Source:
    """A way to the packages: how much there is to be had, and bringing one into a folder."""

    said: str = ""
    """What the user should know of the way that was chosen."""

    def sizes(self) -> Mapping[str, tuple[int, int]]:
        """By package: bytes to download, and bytes that it takes then."""
        raise NotImplementedError

    def download(self, package: str, look: Callable[[int], None]) -> Path:
        """Bring a package, telling how much of it is there; CommandError when that is impossible."""
        raise NotImplementedError


def choose(work: Path, look: Callable[[str], None]) -> Source:
    """The way to the packages on this host; `look` is told what is going on meanwhile."""
    if not shutil.which("apt-get") or not shutil.which("apt-cache"):
        return Pool(work)
    if _offers((), NEWEST_KNOWN):
        return Apt(work, ())
    keyring = next((path for path in KEYRINGS if os.path.exists(path)), None)
    if keyring is None:
        source = Pool(work)
        source.said = (
            "there is no key of Debian's here for apt (the package debian-archive-keyring): "
            "the packages are taken over HTTPS and compared with what Lichen knows of them"
        )
        return source
    apt = Apt(work, _own_lists(work, keyring))
    apt.update(look)
    return apt


class Apt(Source):
    """apt-get with some options, in a folder for what it brings."""

    def __init__(self, work: Path, options: Sequence[str]) -> None:
        self.work, self.options = work, options

    def update(self, look: Callable[[str], None]) -> None:
        """Fetch the lists of packages."""
        what = "fetching apt's lists of packages"
        result = self._run(["update"], lambda: look(what))
        if not _offers(self.options, NEWEST_KNOWN):
            raise _failed("apt's lists of packages cannot be fetched", result)

    def sizes(self) -> Mapping[str, tuple[int, int]]:
        sizes = {}
        for package in PACKAGES:
            fields = _fields(package, self.options)
            sizes[package] = int(fields.get("Size", "0")), int(fields.get("Installed-Size", "0")) << 10
        return sizes

    def download(self, package: str, look: Callable[[int], None]) -> Path:
        def measure() -> None:
            look(sum(path.stat().st_size for path in self.work.glob(f"{package}_*")))

        result = self._run(["download", package], measure)
        found = list(self.work.glob(f"{package}_*.deb"))
        if result.returncode or not found:
            raise _failed(f"{package} cannot be downloaded", result)
        return found[0]

    def _run(self, words: Sequence[str], look: Callable[[], None]) -> subprocess.CompletedProcess[str]:
        """Run apt-get to its end, looking how far it is; it ends with us."""
        log = self.work / "log"
        command = ["apt-get", *self.options, "-q", *words]
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


class Pool(Source):
    """Debian's pool over HTTPS, for packages whose content is known."""

    def __init__(
        self, work: Path, pinned: Mapping[str, Pinned] = PINNED, pools: Sequence[str] = _POOLS
    ) -> None:
        self.work, self.pinned, self.pools = work, pinned, pools

    def sizes(self) -> Mapping[str, tuple[int, int]]:
        return {name: (package.size, package.installed) for name, package in self.pinned.items()}

    def download(self, package: str, look: Callable[[int], None]) -> Path:
        pinned = self.pinned[package]
        target = self.work / f"{package}_pinned.deb"
        reason = ""
        for pool in self.pools:
            try:
                digest = self._bring(pool + urllib.parse.quote(pinned.path), target, look)
            except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
                reason = reason or f"{pool}: {getattr(error, 'reason', '') or error}"
                continue
            if digest == pinned.sha256:
                return target
            raise CommandError(f"{package} came damaged from {pool}: it is not what Lichen knows; try again")
        raise CommandError(
            f"{package} cannot be downloaded: {reason}\nSee to it that the network is there and try again, or {INSTALL}"
        )

    @staticmethod
    def _bring(url: str, target: Path, look: Callable[[int], None]) -> str:
        """Write what is at a URL into a file; its SHA-256."""
        digest, done = hashlib.sha256(), 0
        with urllib.request.urlopen(url, timeout=_PATIENCE) as answer, open(target, "wb") as file:
            while part := answer.read(_PART):
                file.write(part)
                digest.update(part)
                done += len(part)
                look(done)
        return digest.hexdigest()


def _own_lists(work: Path, keyring: str) -> tuple[str, ...]:
    """Options with which apt knows Debian 13 and nothing else, and keeps what it learns in a folder."""
    for name in ("lists/partial", "cache/archives/partial", "parts"):
        (work / name).mkdir(parents=True)
    (work / "parts" / "lichen.sources").write_text(_SUITE.format(keyring=keyring))
    settings = {
        "Dir::Etc::SourceList": os.devnull,
        "Dir::Etc::SourceParts": work / "parts",
        "Dir::Etc::Preferences": os.devnull,
        "Dir::Etc::PreferencesParts": work / "parts",
        "Dir::State::Lists": work / "lists",
        "Dir::State::Status": os.devnull,
        "Dir::Cache": work / "cache",
        "APT::Architecture": "amd64",
        "APT::Architectures": "amd64",
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
    }
    return tuple(word for name, value in settings.items() for word in ("-o", f"{name}={value}"))


def _environment() -> Mapping[str, str]:
    return {**os.environ, "LC_ALL": "C"}


def _offers(options: Sequence[str], release: int) -> bool:
    """Whether apt's lists say where the packages are, and Wine is new enough; of one only installed nobody knows that."""
    found = {package: _fields(package, options) for package in PACKAGES}
    version = re.match(r"(?:\d+:)?(\d+)", found["libwine"].get("Version", ""))
    return (
        all("Filename" in fields for fields in found.values())
        and int(version[1] if version else 0) >= release
    )


def _fields(package: str, options: Sequence[str]) -> Mapping[str, str]:
    """What apt's lists say of a package."""
    command = ["apt-cache", *options, "show", "--no-all-versions", package]
    shown = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False).stdout
    return dict(line.partition(": ")[::2] for line in shown.splitlines())


def _failed(what: str, result: subprocess.CompletedProcess[str]) -> CommandError:
    """What apt said was wrong comes first, then what followed from it."""
    reasons = [line[3:].strip() for line in result.stderr.splitlines() if line.startswith(("E: ", "W: "))]
    reason = reasons[0] if reasons else "apt does not say why"
    return CommandError(f"{what}: {reason}\nSee to it that the network is there and try again, or {INSTALL}")
