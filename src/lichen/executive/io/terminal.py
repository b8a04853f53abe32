"""What terminals are asked by either world: their settings and the requests to `File.control` that they understand.

Terminals are drivers, but their settings are words of the executive: Linux sets them with ioctl, NT reads and writes them
as console modes, and the line discipline obeys them. They have Linux's bits and numbers, which have no rivals.

Source: termios(3), ioctl_tty(2).
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Input:
    """c_iflag: what happens to input."""

    IGNBRK: Final = 0o1
    BRKINT: Final = 0o2
    IGNPAR: Final = 0o4
    PARMRK: Final = 0o10
    INPCK: Final = 0o20
    ISTRIP: Final = 0o40
    INLCR: Final = 0o100
    IGNCR: Final = 0o200
    ICRNL: Final = 0o400
    IUCLC: Final = 0o1000
    IXON: Final = 0o2000
    IXANY: Final = 0o4000
    IXOFF: Final = 0o10000
    IMAXBEL: Final = 0o20000
    IUTF8: Final = 0o40000


class Output:
    """c_oflag: what happens to output."""

    OPOST: Final = 0o1
    OLCUC: Final = 0o2
    ONLCR: Final = 0o4
    OCRNL: Final = 0o10
    ONOCR: Final = 0o20
    ONLRET: Final = 0o40
    TABDLY: Final = 0o14000
    XTABS: Final = 0o14000


class Control:
    """c_cflag: what a line would be like if there were one."""

    CBAUD: Final = 0o10017
    B38400: Final = 0o17
    BOTHER: Final = 0o10000
    CSIZE: Final = 0o60
    CS8: Final = 0o60
    CREAD: Final = 0o200
    PARENB: Final = 0o400
    IBSHIFT: Final = 16


class Local:
    """c_lflag: editing, echo and signals."""

    ISIG: Final = 0o1
    ICANON: Final = 0o2
    ECHO: Final = 0o10
    ECHOE: Final = 0o20
    ECHOK: Final = 0o40
    ECHONL: Final = 0o100
    NOFLSH: Final = 0o200
    TOSTOP: Final = 0o400
    ECHOCTL: Final = 0o1000
    ECHOPRT: Final = 0o2000
    ECHOKE: Final = 0o4000
    IEXTEN: Final = 0o100000
    EXTPROC: Final = 0o200000


class Character:
    """Indices of c_cc: which characters mean what."""

    INTR: Final = 0
    QUIT: Final = 1
    ERASE: Final = 2
    KILL: Final = 3
    EOF: Final = 4
    TIME: Final = 5
    MIN: Final = 6
    START: Final = 8
    STOP: Final = 9
    SUSP: Final = 10
    EOL: Final = 11
    REPRINT: Final = 12
    WERASE: Final = 14
    LNEXT: Final = 15
    EOL2: Final = 16
    COUNT: Final = 19


class Settings(NamedTuple):
    """struct termios2: four words of flags, the line discipline's number, 19 special characters, speeds in bits/s."""

    input: int = Input.ICRNL | Input.IXON
    output: int = Output.OPOST | Output.ONLCR
    control: int = Control.B38400 | Control.CS8 | Control.CREAD
    local: int = (
        Local.ISIG
        | Local.ICANON
        | Local.ECHO
        | Local.ECHOE
        | Local.ECHOK
        | Local.ECHOCTL
        | Local.ECHOKE
        | Local.IEXTEN
    )
    line: int = 0
    characters: bytes = b"\x03\x1c\x7f\x15\x04\0\x01\0\x11\x13\x1a\0\x12\x0f\x17\x16\0\0\0"
    input_speed: int = 38400
    output_speed: int = 38400


class WindowSize(NamedTuple):
    """struct winsize: characters, then pixels, which nobody knows as a rule."""

    rows: int = 0
    columns: int = 0
    width: int = 0
    height: int = 0


class When:
    """When new settings come into force."""

    NOW: Final = 0
    DRAINED: Final = 1
    """After all output has left."""
    FLUSHED: Final = 2
    """After that, and input that nobody has read is dropped."""


class Queue:
    """Which direction FlushQueue means."""

    INPUT: Final = 1
    OUTPUT: Final = 2


class GetSettings(NamedTuple):
    """Settings."""


class SetSettings(NamedTuple):
    settings: Settings
    when: int = When.NOW


class GetWindowSize(NamedTuple):
    """WindowSize."""


class SetWindowSize(NamedTuple):
    """Whoever is in the foreground hears of a change by SIGWINCH."""

    size: WindowSize


class GetForeground(NamedTuple):
    """The id of the foreground process group, 0 for none."""


class SetForeground(NamedTuple):
    """NOT_A_TERMINAL unless it is the caller's controlling one; PRIVILEGE_NOT_HELD for a group of another session."""

    group: int


class GetSession(NamedTuple):
    """The id of the session whose controlling terminal it is; NOT_A_TERMINAL when it is nobody's."""


class AcquireTerminal(NamedTuple):
    """Make it the caller's controlling terminal; `steal` it from another session if the caller may."""

    steal: bool = False


class LeaveTerminal(NamedTuple):
    """Give the controlling terminal up."""


class FlushQueue(NamedTuple):
    """Drop what was typed and not read, or written and not sent: bits of Queue."""

    queues: int


class DrainOutput(NamedTuple):
    """Wait until all output has left."""


class HoldOutput(NamedTuple):
    """Stop (or start) output as ^S does, but so that only this request starts it again."""

    hold: bool


class SendFlowCharacter(NamedTuple):
    """Send the STOP (or START) character to the other side, to have it hold its input."""

    stop: bool


class GetExclusive(NamedTuple):
    """Whether it is kept from being opened again: a bool."""


class SetExclusive(NamedTuple):
    """Refuse (or allow) further opens, but for administrators."""

    exclusive: bool


class GetDiscipline(NamedTuple):
    """The number of the line discipline: N_TTY is 0, and the only one."""


class SetDiscipline(NamedTuple):
    number: int


class PendingOutput(NamedTuple):
    """How many bytes were written and have not left: an int."""


class PseudoNumber(NamedTuple):
    """Of the master side: the number N of /dev/pts/N."""


class GetLock(NamedTuple):
    """Of the master side: whether the slave cannot be opened yet."""


class SetLock(NamedTuple):
    locked: bool


class GetPacketMode(NamedTuple):
    """Of the master side: whether reads begin with a status byte."""


class SetPacketMode(NamedTuple):
    on: bool


class OpenPeer(NamedTuple):
    """Of the master side: the slave as an open File (opening.Options in `options`), with a reference for the caller."""

    access: int
    options: int


class SignalForeground(NamedTuple):
    """Of the master side: send INT, QUIT or TSTP to the foreground group."""

    number: int
