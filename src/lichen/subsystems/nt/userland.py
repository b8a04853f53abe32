"""Where the Windows userland is on the host: Wine's PE files and NLS tables, installed or fetched.

Nothing of Wine but these files is used: no wineserver, no Unix libraries. Which of its releases they come from they say
themselves: since Wine 9 ntdll exports the handle with which it calls its own Unix half.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SETTING: Final = "LICHEN_WINDOWS"
"""The variable that names the folder to take the userland from: "/" for the host's own, whichever release that is of."""
OWN_HANDLE: Final = "__wine_unixlib_handle"
"""What ntdll exports since Wine 9."""
_LIBRARY_FOLDERS: Final = (
    "usr/lib/x86_64-linux-gnu/wine",
    "usr/lib/wine",
    "usr/lib64/wine",
    "opt/wine-stable/lib64/wine",
)
_NLS_FOLDERS: Final = ("usr/share/wine/nls", "usr/share/wine/wine/nls", "opt/wine-stable/share/wine/nls")
_REGISTRY: Final = "registry-1.sqlite"
"""The number changes when another Lichen would make it otherwise."""
EXTRA_LIBRARIES: Final = ("zlib1.dll",)
"""What Wine's programs import and other packages bring."""
_EXTRA_FOLDERS: Final = ("usr/x86_64-w64-mingw32/lib",)


@dataclass(frozen=True)
class Userland:
    """Host folders with Windows' system files."""

    system: Path
    """The x86-64 PE files: ntdll.dll, kernel32.dll, cmd.exe, ..."""
    nls: Path
    extra: tuple[Path, ...] = ()
    """Folders with EXTRA_LIBRARIES."""
    root: Path = Path("/")
    """The folder below which all of it is."""

    @property
    def ntdll(self) -> Path:
        return self.system / "ntdll.dll"

    def registry(self, data_folder: Path) -> Path:
        """Where the registry is that new machines begin with: beside the files, or in Lichen's folder for the host's own."""
        if self.root != Path("/"):
            return self.root / _REGISTRY
        return data_folder / f"host-{int(self.ntdll.stat().st_mtime)}-{_REGISTRY}"

    @property
    def is_current(self) -> bool:
        """Whether it is as new as the release that Lichen is made for; an older one is used when it is asked for."""
        return OWN_HANDLE.encode() in self.ntdll.read_bytes()


def find(roots: Iterable[str | os.PathLike[str]]) -> Userland | None:
    """The first complete userland below one of `roots`: "/" for the host's own, a folder with unpacked packages."""
    for root in map(Path, roots):
        system = next(
            (p for f in _LIBRARY_FOLDERS if (p := root / f / "x86_64-windows" / "ntdll.dll").is_file()), None
        )
        nls = next((p for f in _NLS_FOLDERS if (p := root / f).is_dir()), None)
        if system is not None and nls is not None:
            extra = tuple(p for f in _EXTRA_FOLDERS if (p := root / f).is_dir())
            return Userland(system.parent, nls, extra, root)
    return None
