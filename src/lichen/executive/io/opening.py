"""What an open asks for. Both worlds' flags become these, which are NT's idea of opening with names for what POSIX adds.

Bits are plain integers: a test of one costs 0.04 us, `enum.IntFlag` takes 1 us.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Access:
    """The rights to a file that an open asks for and a handle carries: NT's access mask."""

    READ: Final = 0x1
    """Read content, or list a directory."""
    WRITE: Final = 0x2
    """Write content, or add a file to a directory."""
    APPEND: Final = 0x4
    READ_EXTENDED: Final = 0x8
    WRITE_EXTENDED: Final = 0x10
    EXECUTE: Final = 0x20
    DELETE_CHILD: Final = 0x40
    READ_ATTRIBUTES: Final = 0x80
    WRITE_ATTRIBUTES: Final = 0x100
    DELETE: Final = 0x1_0000
    READ_CONTROL: Final = 0x2_0000
    WRITE_DAC: Final = 0x4_0000
    WRITE_OWNER: Final = 0x8_0000
    SYNCHRONIZE: Final = 0x10_0000
    MAXIMUM_ALLOWED: Final = 0x200_0000
    ALL: Final = 0x1F_01FF
    CONTENT: Final = WRITE | APPEND


class Share:
    """What others may do to a file while this open lasts."""

    READ: Final = 0x1
    WRITE: Final = 0x2
    DELETE: Final = 0x4
    ALL: Final = 0x7


class Disposition:
    """What to do when the file exists and when it does not, in NT's numbers."""

    SUPERSEDE: Final = 0
    OPEN: Final = 1
    CREATE: Final = 2
    OPEN_IF: Final = 3
    OVERWRITE: Final = 4
    OVERWRITE_IF: Final = 5


class Outcome:
    """What an open did (NT's IO_STATUS_BLOCK.Information)."""

    SUPERSEDED: Final = 0
    OPENED: Final = 1
    CREATED: Final = 2
    OVERWRITTEN: Final = 3


class Options:
    """How to open and how the open file behaves."""

    DIRECTORY: Final = 0x1
    """Only a directory will do (NOT_A_DIRECTORY); with a creating disposition, make one."""
    NON_DIRECTORY: Final = 0x2
    """Anything but a directory (FILE_IS_A_DIRECTORY)."""
    OPEN_LINK: Final = 0x4
    """Open a symlink itself (O_PATH | O_NOFOLLOW, FILE_OPEN_REPARSE_POINT)."""
    NO_FOLLOW: Final = 0x8
    """A symlink at the end is an error (REPARSE_POINT_NOT_RESOLVED)."""
    PATH_ONLY: Final = 0x10
    """Only stand for the place; neither content nor driver is touched (O_PATH)."""
    APPEND: Final = 0x20
    """Every write goes to the end."""
    NONBLOCKING: Final = 0x40
    SYNCHRONOUS: Final = 0x80
    """Writes reach the disk before they return (O_SYNC, write-through)."""
    DIRECT: Final = 0x100
    NO_ACCESS_TIME: Final = 0x200
    DELETE_ON_CLOSE: Final = 0x400
    UNNAMED: Final = 0x800
    """Make a file without a name in the directory that is named (O_TMPFILE)."""
    IMAGE: Final = 0x1000
    """Opened to be run: nobody may write meanwhile (IMAGE_BUSY)."""
    POSIX: Final = 0x2000
    """A Linux open: other opens' denials bind it only where the mount enforces them (G23)."""
    NO_TERMINAL: Final = 0x4000
    """Do not make a terminal the controlling one (O_NOCTTY)."""
    OVERLAPPED: Final = 0x8000
    """NT: calls on the handle may be left pending; without this they wait."""
    ALERTABLE: Final = 0x1_0000
    """NT: a user APC cuts short what waits for the file."""
    UNBUFFERED: Final = 0x2_0000
    SEQUENTIAL: Final = 0x4_0000
    """NT: what a program says of its use of the file, and may ask for again."""
    RUNNABLE: Final = 0x8_0000
    """NT: a file that is made from a start on Windows' own drives may be run, as no program asks for that."""


class Poll:
    """What a file is ready for, in the bits of poll(2)."""

    READABLE: Final = 0x1
    PRIORITY: Final = 0x2
    WRITABLE: Final = 0x4
    ERROR: Final = 0x8
    HANGUP: Final = 0x10
    READ_HANGUP: Final = 0x2000


class Open(NamedTuple):
    """One open request.

    `mode` (before the umask) and `flags` (attributes.Flag) are for a file that it makes; `walk` is bits of lookup.Walk.
    """

    access: int = Access.READ
    disposition: int = Disposition.OPEN
    share: int = Share.ALL
    options: int = 0
    mode: int = 0o666
    walk: int = 0
    flags: int = 0
