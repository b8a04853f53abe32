"""A Wine of the host to compare with: one prefix and one warm server for all tests, since a cold one takes seconds."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

_PLACES = "/usr/lib/wine", "/usr/lib64/wine", "/opt/wine-stable/bin"
_FIRST_SECONDS = 55


def find(*names: str) -> str | None:
    """The path of the first of these programs of Wine that is installed."""
    places = os.pathsep.join((os.environ.get("PATH", ""), *_PLACES))
    return next((path for name in names if (path := shutil.which(name, path=places)) is not None), None)


@cache
def release() -> int:
    """The first number of the release of the host's Wine, 0 where there is none."""
    loader = find("wine64", "wine")
    if loader is None:
        return 0
    done = subprocess.run([loader, "--version"], check=False, capture_output=True, text=True)
    found = re.match(r"wine-(\d+)", done.stdout)
    return int(found[1]) if found else 0


class Wine:
    """Runs Windows programs with a prefix of its own."""

    def __init__(self, loader: str, server: str, prefix: Path) -> None:
        self.loader, self.server = loader, server
        self.environment = {
            "HOME": str(prefix),
            "WINEPREFIX": str(prefix / "wine"),
            "WINESERVER": server,
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "winemenubuilder.exe,mscoree,mshtml=d",
            "DISPLAY": "",
            # Wine 10 looks for Wayland, and says so when it has no folder to look in.
            "XDG_RUNTIME_DIR": str(prefix),
        }

    def start(self) -> bool:
        """Start the server and make the prefix; whether this Wine runs programs at all."""
        environment = {**os.environ, **self.environment}
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        Path(self.environment["WINEPREFIX"]).mkdir()
        for command in ((self.server, "-p"), (self.loader, "hostname.exe")):
            try:
                done = subprocess.run(command, check=False, env=environment, timeout=_FIRST_SECONDS, **quiet)  # type: ignore[call-overload]
            except (OSError, subprocess.TimeoutExpired):
                return False
            if done.returncode != 0:
                return False
        return True

    def stop(self) -> None:
        """End the server and with it whatever still runs in the prefix."""
        for option in ("-k", "-w"):
            subprocess.run(
                (self.server, option), check=False, env={**os.environ, **self.environment}, timeout=20
            )


@contextmanager
def running() -> Iterator[Wine | None]:
    """A Wine that is ready; None where there is none that runs."""
    loader, server = find("wine64", "wine"), find("wineserver64", "wineserver")
    if loader is None or server is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="lichen-wine-", ignore_cleanup_errors=True) as folder:
        wine = Wine(loader, server, Path(folder))
        try:
            yield wine if wine.start() else None
        finally:
            wine.stop()
