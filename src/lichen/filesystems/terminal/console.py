"""The console of a client: its real terminal as the far side of a terminal of the machine.

The client has put the real terminal into raw mode, so every key arrives here and all editing is the machine's own. The
kernel may never wait for it: a terminal that is stopped or slow fills a bounded buffer, and then those who write wait. The
descriptors are the client's, whose flags stay as they are (G30): the terminal is opened again for the kernel
alone, and where the host does not allow that, it is asked first and given a byte at a time, which is what it certainly takes.
"""

from __future__ import annotations

import os
import select
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from lichen.executive.io.opening import Access, Open, Options
from lichen.executive.io.terminal import Control, Settings, WindowSize
from lichen.executive.wait import TIMED_OUT, Blocks, Wait
from lichen.filesystems.terminal.files import TerminalFile
from lichen.filesystems.terminal.terminal import Terminal

if TYPE_CHECKING:
    from lichen.executive.interfaces import Platform
    from lichen.executive.security.tokens import Token
    from lichen.filesystems.terminal.pty import Terminals

_TERMIOS2: Final = struct.Struct("=4IB19s2I")
"""What the host's TCGETS2 gives."""
_WINSIZE: Final = struct.Struct("=4H")
_MOST: Final = 16384
_READABLE: Final = select.POLLIN | select.POLLHUP | select.POLLERR
_ENDED: Final = select.POLLHUP | select.POLLERR
_STANDARD_ACCESS: Final = Access.READ | Access.WRITE


class Channel:
    """One direction of a host terminal."""

    def __init__(self, descriptor: int, access: int) -> None:
        flags = access | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        try:
            self.descriptor = os.open(f"/proc/self/fd/{descriptor}", flags)
            self._waits = False
        except OSError:  # another user's
            self.descriptor = os.dup(descriptor)
            self._waits = True
        self._poll = select.poll()
        self._poll.register(self.descriptor, select.POLLIN if access == os.O_RDONLY else select.POLLOUT)

    def _ready(self) -> int:
        found = self._poll.poll(0)
        return found[0][1] if found else 0

    def read(self, size: int) -> bytes | None:
        """What was typed, at most `size` bytes, None for nothing yet; OSError at the end."""
        if self._waits and not self._ready():
            return None
        try:
            data = os.read(self.descriptor, size)
        except BlockingIOError:
            return None
        if not data and self._ready() & _ENDED:
            raise BrokenPipeError
        return data or None

    def write(self, data: bytes) -> int:
        """Show as much as there is room for now, and return how much that was."""
        if self._waits:
            ready = self._ready()
            return os.write(self.descriptor, data[:1]) if ready else 0
        try:
            return os.write(self.descriptor, data)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        os.close(self.descriptor)


class ClientTerminal:
    """A client's terminal. It lasts until `close`, whoever still has it open then."""

    terminal: Terminal

    def __init__(self, terminals: Terminals, platform: Platform, input: int, output: int) -> None:
        self._terminals, self._platform = terminals, platform
        self._input = Channel(input, os.O_RDONLY)
        self._output = Channel(output, os.O_WRONLY)
        self._listening = self._sending = self._choked = self._closed = self._paused = False

    # ---- what the client says

    def resize(self, window: bytes) -> None:
        """The window has another size: struct winsize."""
        if len(window) == _WINSIZE.size:
            self.terminal.resize(WindowSize(*_WINSIZE.unpack(window)))

    def pause(self) -> None:
        """The keys are somebody else's on the host until `resume`."""
        self._paused = True
        if self._listening:
            self._listening = False
            self._platform.unwatch(self._input.descriptor)

    def resume(self) -> None:
        """The client has its terminal again."""
        if not self._closed:
            self._paused = False
            self.input_wanted()

    def hang_up(self) -> None:
        """The client or its terminal is gone."""
        self._silence()
        self.terminal.hang_up()

    def drain(self, deadline: float) -> Blocks[None]:
        """Wait until all output has left, but no longer than until `deadline`."""
        drained = self.terminal.drained()
        while not drained.signalled(None):
            if (yield Wait((drained,), deadline)) == TIMED_OUT:
                return

    def close(self) -> None:
        """Give the host's terminal back; whoever still uses the machine's finds it hung up."""
        if self._closed:
            return
        self._closed = True
        self._silence()
        self._terminals.remove(self.terminal)
        self._input.close()
        self._output.close()

    def open(self) -> TerminalFile:
        """The terminal as a standard file, with one reference for the caller."""
        request = Open(_STANDARD_ACCESS, options=Options.POSIX | Options.NO_TERMINAL)
        return TerminalFile(self._terminals.location(self.terminal), request, self.terminal)

    def _silence(self) -> None:
        for channel, watched in ((self._input, self._listening), (self._output, self._choked)):
            if watched:
                self._platform.unwatch(channel.descriptor)
        self._listening = self._choked = False

    # ---- the far side of the terminal

    def output_changed(self) -> None:
        if self._sending or self._choked:
            return
        self._sending = True
        try:
            self._send()
        except OSError:
            self.hang_up()
        finally:
            self._sending = False

    def _send(self) -> None:
        terminal = self.terminal
        while terminal.output and not terminal.discipline.blocked:
            sent = self._output.write(bytes(terminal.output[:_MOST]))
            if not sent:
                self._choked = True
                self._platform.watch(self._output.descriptor, select.POLLOUT, self._unchoked)
                return
            terminal.sent(sent)

    def _unchoked(self, events: int) -> None:
        self._platform.unwatch(self._output.descriptor)
        self._choked = False
        self.output_changed()

    def output_flushed(self) -> None:
        self.terminal.output.clear()

    def input_wanted(self) -> None:
        if self._listening or self._paused:
            return
        if not self.terminal.hung_up and self.terminal.typing_room:
            self._listening = True
            self._platform.watch(self._input.descriptor, _READABLE, self._typed)

    def _typed(self, events: int) -> None:
        try:
            data = self._input.read(self.terminal.typing_room)
        except OSError:
            self.hang_up()
            return
        if data is not None:
            self.terminal.type(data)
        if self._listening and not self.terminal.typing_room:
            self._listening = False
            self._platform.unwatch(self._input.descriptor)

    def files_changed(self) -> None:
        """Programs come and go; the console stays."""

    def in_transit(self) -> int:
        return len(self.terminal.output)


def join(
    terminals: Terminals,
    platform: Platform,
    standard: Sequence[int | None],
    token: Token,
    settings: bytes,
    window: bytes,
) -> ClientTerminal | None:
    """A console for those of a client's standard descriptors that are terminals; None when none is.

    `settings` (struct termios2) and `window` (struct winsize) are what the client found; the descriptors stay the caller's.
    """
    found = [descriptor for descriptor in standard if descriptor is not None and os.isatty(descriptor)]
    if not found:
        return None
    console = ClientTerminal(terminals, platform, found[0], found[-1])
    console.terminal = terminals.create(console, token, _settings_of(settings))
    console.resize(window)
    terminals.consoles.append(console.terminal)
    console.input_wanted()
    return console


def _settings_of(termios: bytes) -> Settings:
    if len(termios) != _TERMIOS2.size:
        return Settings()
    settings = Settings(*_TERMIOS2.unpack(termios))
    flags = settings.control & ~(Control.CSIZE | Control.PARENB) | Control.CS8 | Control.CREAD
    return settings._replace(control=flags, line=0)
