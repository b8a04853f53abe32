"""What ioctl asks of terminals.

Whoever declares a number here says how its argument becomes a request of `executive.io.terminal`, and the answer a record.

Source: ioctl_tty(2), ioctl_console(2), termios(3), asm-generic/ioctls.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.layout import LP64, layout
from lichen.executive.io import terminal as requests
from lichen.executive.io.terminal import Control, Queue, Settings, When, WindowSize
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.openflags import OpenFlag, open_request
from lichen.subsystems.linux.records import Termio, Termios, Termios2, Winsize
from lichen.subsystems.linux.requests import control, declare_ioctl, read_int, write_int
from lichen.subsystems.linux.types import Result

if TYPE_CHECKING:
    from lichen.executive.io.file import File
    from lichen.executive.processes import Thread

TCGETS, TCSETS, TCSETSW, TCSETSF, TCSBRK, TCXONC, TCFLSH = (
    0x5401,
    0x5402,
    0x5403,
    0x5404,
    0x5409,
    0x540A,
    0x540B,
)
TCGETA, TCSETA, TCSETAW, TCSETAF = 0x5405, 0x5406, 0x5407, 0x5408
TIOCEXCL, TIOCNXCL, TIOCSCTTY, TIOCGPGRP, TIOCSPGRP, TIOCOUTQ = 0x540C, 0x540D, 0x540E, 0x540F, 0x5410, 0x5411
TIOCSTI, TIOCGWINSZ, TIOCSWINSZ, TIOCPKT, TIOCNOTTY = 0x5412, 0x5413, 0x5414, 0x5420, 0x5422
TIOCSETD, TIOCGETD, TCSBRKP, TIOCGSID = 0x5423, 0x5424, 0x5425, 0x5429
TCGETS2, TCSETS2, TCSETSW2, TCSETSF2 = 0x802C542A, 0x402C542B, 0x402C542C, 0x402C542D
TIOCGPTN, TIOCSPTLCK, TIOCSIG, TIOCGPKT, TIOCGPTLCK = (
    0x80045430,
    0x40045431,
    0x40045436,
    0x80045438,
    0x80045439,
)
TIOCGEXCL, TIOCGPTPEER = 0x80045440, 0x5441
TCOOFF, TCOON, TCIOFF, TCION = range(4)
TCIFLUSH, TCOFLUSH, TCIOFLUSH = range(3)

_TERMIOS: Final = layout(Termios, LP64)
_TERMIO: Final = layout(Termio, LP64)
_TERMIOS2: Final = layout(Termios2, LP64)
_WINSIZE: Final = layout(Winsize, LP64)
_QUEUES: Final = {TCIFLUSH: Queue.INPUT, TCOFLUSH: Queue.OUTPUT, TCIOFLUSH: Queue.INPUT | Queue.OUTPUT}
_SPEEDS: Final = (
    *(0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400),
    *(0, 57600, 115200, 230400, 460800, 500000, 576000, 921600, 1000000, 1152000),
    *(1500000, 2000000, 2500000, 3000000, 3500000, 4000000),
)
"""Bits per second by the number in c_cflag, whose bit 12 stands for 16; the second 0 is BOTHER."""


def _done(answer: object) -> int:
    return 0


# ---- settings


def _with_speeds(settings: Settings) -> Settings:
    """Speeds as the flags have them; those that come with the flags count where these say BOTHER."""
    flags = settings.control
    output = _speed(flags, settings.output_speed)
    input = flags >> Control.IBSHIFT
    return settings._replace(
        output_speed=output,
        input_speed=_speed(input, settings.input_speed) if input & Control.CBAUD else output,
    )


def _speed(flags: int, given: int) -> int:
    code = flags & Control.CBAUD
    return given if code == Control.BOTHER else _SPEEDS[code & 0xF | code >> 8]


@declare_ioctl(TCGETS)
def _get_settings(thread: Thread, file: File, argument: int) -> Result:
    def store(settings: Settings) -> int:
        thread.memory.write(argument, _TERMIOS.pack(Termios(*settings[:6])))
        return 0

    return control(file, requests.GetSettings(), store)


@declare_ioctl(TCGETS2)
def _get_settings_with_speeds(thread: Thread, file: File, argument: int) -> Result:
    def store(settings: Settings) -> int:
        thread.memory.write(argument, _TERMIOS2.pack(Termios2(*settings)))
        return 0

    return control(file, requests.GetSettings(), store)


@declare_ioctl(TCGETA)
def _get_old_settings(thread: Thread, file: File, argument: int) -> Result:
    def store(settings: Settings) -> int:
        input, output, control, local = (word & 0xFFFF for word in settings[:4])
        old = Termio(input, output, control, local, settings.line, settings.characters[:8])
        thread.memory.write(argument, _TERMIO.pack(old))
        return 0

    return control(file, requests.GetSettings(), store)


def _declare_old_settings(number: int, when: int) -> None:
    @declare_ioctl(number)
    def set_settings(thread: Thread, file: File, argument: int) -> Result:
        """What struct termio has no room for stays as it is."""
        wanted, now = _TERMIO.unpack(thread.memory.read(argument, _TERMIO.size)), Settings()

        def remember(settings: Settings) -> int:
            nonlocal now
            now = settings
            return 0

        control(file, requests.GetSettings(), remember)
        input, output, line_control, local = (
            word & ~0xFFFF | low for word, low in zip(now[:4], wanted[:4], strict=True)
        )
        characters, speeds = wanted.cc + now.characters[8:], (now.input_speed, now.output_speed)
        new = Settings(input, output, line_control, local, wanted.line, characters, *speeds)
        return control(file, requests.SetSettings(_with_speeds(new), when), _done)


_declare_old_settings(TCSETA, When.NOW)
_declare_old_settings(TCSETAW, When.DRAINED)
_declare_old_settings(TCSETAF, When.FLUSHED)


def _declare_settings(number: int, with_speeds: int, when: int) -> None:
    @declare_ioctl(number)
    def set_settings(thread: Thread, file: File, argument: int) -> Result:
        wanted = Settings(*_TERMIOS.unpack(thread.memory.read(argument, _TERMIOS.size)))
        return control(file, requests.SetSettings(_with_speeds(wanted), when), _done)

    @declare_ioctl(with_speeds)
    def set_settings_with_speeds(thread: Thread, file: File, argument: int) -> Result:
        wanted = Settings(*_TERMIOS2.unpack(thread.memory.read(argument, _TERMIOS2.size)))
        return control(file, requests.SetSettings(_with_speeds(wanted), when), _done)


_declare_settings(TCSETS, TCSETS2, When.NOW)
_declare_settings(TCSETSW, TCSETSW2, When.DRAINED)
_declare_settings(TCSETSF, TCSETSF2, When.FLUSHED)


@declare_ioctl(TIOCGWINSZ)
def _get_window_size(thread: Thread, file: File, argument: int) -> Result:
    def store(size: WindowSize) -> int:
        thread.memory.write(argument, _WINSIZE.pack(Winsize(*size)))
        return 0

    return control(file, requests.GetWindowSize(), store)


@declare_ioctl(TIOCSWINSZ)
def _set_window_size(thread: Thread, file: File, argument: int) -> Result:
    size = _WINSIZE.unpack(thread.memory.read(argument, _WINSIZE.size))
    return control(file, requests.SetWindowSize(WindowSize(*size)), _done)


# ---- sessions and groups


@declare_ioctl(TIOCGPGRP)
def _get_foreground(thread: Thread, file: File, argument: int) -> Result:
    return control(file, requests.GetForeground(), lambda group: write_int(thread, argument, group))


@declare_ioctl(TIOCSPGRP)
def _set_foreground(thread: Thread, file: File, argument: int) -> Result:
    return control(file, requests.SetForeground(read_int(thread, argument)), _done)


@declare_ioctl(TIOCGSID)
def _get_session(thread: Thread, file: File, argument: int) -> Result:
    return control(file, requests.GetSession(), lambda session: write_int(thread, argument, session))


@declare_ioctl(TIOCSCTTY)
def _acquire(thread: Thread, file: File, argument: int) -> Result:
    return control(file, requests.AcquireTerminal(steal=argument == 1), _done)


@declare_ioctl(TIOCNOTTY)
def _leave(thread: Thread, file: File, argument: int) -> Result:
    return control(file, requests.LeaveTerminal(), _done)


# ---- queues and flow


@declare_ioctl(TCSBRK, TCSBRKP)
def _drain(thread: Thread, file: File, argument: int) -> Result:
    """tcdrain, and tcsendbreak: there is no line that a break could be sent on."""
    return control(file, requests.DrainOutput(), _done)


@declare_ioctl(TCXONC)
def _control_flow(thread: Thread, file: File, argument: int) -> Result:
    if argument in (TCOOFF, TCOON):
        return control(file, requests.HoldOutput(hold=argument == TCOOFF), _done)
    if argument in (TCIOFF, TCION):
        return control(file, requests.SendFlowCharacter(stop=argument == TCIOFF), _done)
    return control(file, requests.GetSettings(), _invalid)


@declare_ioctl(TCFLSH)
def _flush(thread: Thread, file: File, argument: int) -> Result:
    queues = _QUEUES.get(argument)
    if queues is None:
        return control(file, requests.GetSettings(), _invalid)
    return control(file, requests.FlushQueue(queues), _done)


def _invalid(settings: Settings) -> int:
    """It is a terminal; the argument means nothing to one."""
    raise Failure(Status.INVALID_PARAMETER)


@declare_ioctl(TIOCOUTQ)
def _pending_output(thread: Thread, file: File, argument: int) -> Result:
    return control(file, requests.PendingOutput(), lambda count: write_int(thread, argument, count))


@declare_ioctl(TIOCSTI)
def _type_for_the_user(thread: Thread, file: File, argument: int) -> Result:
    """Nobody may put words into the user's mouth: a way from a sandboxed program to the shell around it."""

    def refuse(settings: Settings) -> int:
        raise Failure(Status.PRIVILEGE_NOT_HELD)

    return control(file, requests.GetSettings(), refuse)


# ---- the rest


@declare_ioctl(TIOCEXCL)
def _set_exclusive(thread: Thread, file: File, argument: int) -> Result:
    return control(file, requests.SetExclusive(True), _done)


@declare_ioctl(TIOCNXCL)
def _set_shared(thread: Thread, file: File, argument: int) -> Result:
    return control(file, requests.SetExclusive(False), _done)


@declare_ioctl(TIOCGEXCL)
def _get_exclusive(thread: Thread, file: File, argument: int) -> Result:
    return control(file, requests.GetExclusive(), lambda on: write_int(thread, argument, on))


@declare_ioctl(TIOCGETD)
def _get_discipline(thread: Thread, file: File, argument: int) -> Result:
    return control(file, requests.GetDiscipline(), lambda number: write_int(thread, argument, number))


@declare_ioctl(TIOCSETD)
def _set_discipline(thread: Thread, file: File, argument: int) -> Result:
    return control(file, requests.SetDiscipline(read_int(thread, argument)), _done)


@declare_ioctl(TIOCGPTN)
def _get_number(thread: Thread, file: File, argument: int) -> Result:
    return control(file, requests.PseudoNumber(), lambda number: write_int(thread, argument, number))


@declare_ioctl(TIOCGPTLCK)
def _get_lock(thread: Thread, file: File, argument: int) -> Result:
    return control(file, requests.GetLock(), lambda locked: write_int(thread, argument, locked))


@declare_ioctl(TIOCSPTLCK)
def _set_lock(thread: Thread, file: File, argument: int) -> Result:
    return control(file, requests.SetLock(bool(read_int(thread, argument))), _done)


@declare_ioctl(TIOCGPKT)
def _get_packet_mode(thread: Thread, file: File, argument: int) -> Result:
    return control(file, requests.GetPacketMode(), lambda on: write_int(thread, argument, on))


@declare_ioctl(TIOCPKT)
def _set_packet_mode(thread: Thread, file: File, argument: int) -> Result:
    return control(file, requests.SetPacketMode(bool(read_int(thread, argument))), _done)


@declare_ioctl(TIOCSIG)
def _signal_foreground(thread: Thread, file: File, argument: int) -> Result:
    return control(file, requests.SignalForeground(argument), _done)


@declare_ioctl(TIOCGPTPEER)
def _open_peer(thread: Thread, file: File, argument: int) -> Result:
    flags = argument & (OpenFlag.RDWR | OpenFlag.WRONLY | OpenFlag.NOCTTY | OpenFlag.NONBLOCK)
    request = open_request(flags)

    def insert(peer: File) -> int:
        return thread.process.handles.insert(peer, peer.access, not argument & OpenFlag.CLOEXEC)

    thread.process.handles.require_room()
    return control(file, requests.OpenPeer(request.access, request.options), insert)
