"""What the files of this folder have in common: no name, no place on a disk, and a caller who makes them by a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from lichen.executive.io.anonymous import NO_KIND
from lichen.executive.io.file import File
from lichen.executive.io.opening import Access, Open, Options

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_ACCESS: Final = Access.READ | Access.WRITE


class AnonymousFile(File):
    """A file that shows as `anon_inode:[label]`."""

    __slots__ = ()

    label: ClassVar[str]
    splices_out = False
    splices_in = False

    def __init__(self, thread: Thread, nonblocking: bool = False, access: int = _ACCESS) -> None:
        context = thread.process.files
        place = context.devices.anonymous.place(NO_KIND, f"[{self.label}]", context.token)
        super().__init__(place, Open(access, options=Options.NONBLOCKING if nonblocking else 0))

    def information(self) -> str:
        """What /proc/PID/fdinfo tells of the file besides what it tells of every one."""
        return ""
