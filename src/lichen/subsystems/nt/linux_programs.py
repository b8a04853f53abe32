"""The folders of Linux' programs as the search path of Windows programs has them: without the names that Windows has itself.

In cmd.exe `mkdir`, `sort` and `timeout` mean Windows' own, also in `call mkdir`, for which cmd.exe searches the PATH first,
and also where the userland lacks the program: a Linux program of that name does something else. So PATH leads Windows
programs not to `Z:\\usr\\bin` but to a folder of links to all that is there, but for such names (decision 017).
"""

from __future__ import annotations

from typing import Final

from lichen.executive.io.location import Location, fold

PLACE: Final = "linux"
"""The folder of C: that shows FOLDERS."""
FOLDERS: Final = frozenset(
    (*above, name) for above in ((), ("usr",), ("usr", "local")) for name in ("bin", "sbin", "games")
)
"""Where Linux' own programs are. The folders of users and of other packages are searched as they are."""
_BUILT_IN: Final = """
    assoc break call cd chdir cls color copy date del dir echo endlocal erase exit for ftype goto if md mkdir mklink move path
    pause popd prompt pushd rd rem ren rename rmdir set setlocal shift start time title type ver verify vol
"""
_PROGRAMS: Final = """
    arp at attrib bcdedit cacls certutil chcp chkdsk choice cipher clip cmd comp compact convert cscript diskpart edit
    expand explorer fc find findstr forfiles format fsutil getmac help icacls ipconfig label link logoff makecab mode
    more mountvol msg net netsh netstat notepad pathping print query reg regsvr32 replace robocopy route runas sc
    schtasks setx sfc shutdown sort subst systeminfo takeown taskkill tasklist timeout tracert tree tzutil waitfor
    wevtutil where wmic write wscript wsl xcopy
"""
"""Names that Windows' command line has and whose namesakes on Linux do something else, if there are any.

`curl`, `tar`, `ssh`, `ping` and the like are not among them: they are the same programs.
"""
_NAMES: Final = frozenset(map(fold, (_BUILT_IN + _PROGRAMS).split()))


def hides(name: str) -> bool:
    """Whether a name means something of Windows'."""
    return fold(name) in _NAMES


def shown_as(location: Location) -> str | None:
    """The Windows path of the folder that shows this one; None when none does."""
    place = location.place(None)
    return "\\".join(("C:", PLACE, *place.components)) if place.components in FOLDERS else None


def stands_for(location: Location, drive: Location) -> tuple[str, ...] | None:
    """The path of the folder that is shown at a place of C:; None when that is no such place."""
    place = location.place(drive)
    first, *rest = place.components or ("",)
    return tuple(rest) if place.reachable and first == PLACE and tuple(rest) in FOLDERS else None
