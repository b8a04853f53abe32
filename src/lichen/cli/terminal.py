"""The user's terminal while a guest has it: raw, so that every key reaches the machine's own line discipline.

Whatever happens, it is put back: at the end, before an error is told, and when a signal ends the client (G30).
"""

from __future__ import annotations

import fcntl
import os
import struct
import termios
import tty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_GET_SETTINGS: Final = 0x802C542A
"""TCGETS2: struct termios2, which has the speeds as numbers."""
_SETTINGS_SIZE: Final = 44
_WINDOW: Final = struct.Struct("<4H")


class Terminal:
    """The terminal that a descriptor is open on."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.settings = fcntl.ioctl(descriptor, _GET_SETTINGS, bytes(_SETTINGS_SIZE))
        self._before: list[int | list[bytes | int]] | None = None

    @classmethod
    def in_front(cls, descriptor: int) -> Terminal | None:
        """The terminal that a descriptor is, if it is the user's and we are in its foreground.

        Standard output decides: with `lichen run ls | less` the terminal is less's, whose settings are not to be touched.
        """
        try:
            return cls(descriptor) if os.tcgetpgrp(descriptor) == os.getpgrp() else None
        except OSError:
            return None

    def is_ours(self) -> bool:
        """Whether we are in its foreground."""
        try:
            return os.tcgetpgrp(self.descriptor) == os.getpgrp()
        except OSError:
            return False

    def window(self) -> bytes:
        """struct winsize."""
        try:
            return fcntl.ioctl(self.descriptor, termios.TIOCGWINSZ, bytes(_WINDOW.size))
        except OSError:
            return bytes(_WINDOW.size)

    def make_raw(self) -> None:
        """Have every key arrive at once and as it is."""
        before = termios.tcgetattr(self.descriptor)
        tty.setraw(self.descriptor, termios.TCSADRAIN)
        self._before = self._before or before

    def restore(self) -> None:
        """Put it back as it was found."""
        if self._before is not None:
            try:
                termios.tcsetattr(self.descriptor, termios.TCSADRAIN, self._before)
            except (OSError, termios.error):  # it is gone
                pass
            self._before = None
