"""NT's page protections and what they are to the host."""

from __future__ import annotations

from typing import Final

from lichen.executive.interfaces import Protection
from lichen.executive.status import Failure
from lichen.subsystems.nt.status import NtStatus

PAGE_NOACCESS, PAGE_READONLY, PAGE_READWRITE, PAGE_WRITECOPY = 0x01, 0x02, 0x04, 0x08
PAGE_EXECUTE, PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE, PAGE_EXECUTE_WRITECOPY = 0x10, 0x20, 0x40, 0x80
PAGE_GUARD, PAGE_NOCACHE, PAGE_WRITECOMBINE = 0x100, 0x200, 0x400
PAGE_TARGETS_INVALID: Final = 0x40000000
"""With an executable protection: what it means for Control Flow Guard, which nobody asks here."""

_R, _W, _X = Protection.READ, Protection.WRITE, Protection.EXECUTE
_HOST: Final = {
    PAGE_NOACCESS: 0,
    PAGE_READONLY: _R,
    PAGE_READWRITE: _R | _W,
    PAGE_WRITECOPY: _R | _W,
    PAGE_EXECUTE: _R | _X,
    PAGE_EXECUTE_READ: _R | _X,
    PAGE_EXECUTE_READWRITE: _R | _W | _X,
    PAGE_EXECUTE_WRITECOPY: _R | _W | _X,
}
_EXECUTABLE: Final = PAGE_EXECUTE | PAGE_EXECUTE_READ | PAGE_EXECUTE_READWRITE | PAGE_EXECUTE_WRITECOPY
WRITABLE: Final = PAGE_READWRITE | PAGE_EXECUTE_READWRITE
"""Writing reaches whoever shares the pages."""
_MODIFIERS: Final = PAGE_GUARD | PAGE_NOCACHE | PAGE_WRITECOMBINE


def host_protection(protect: int) -> int:
    """The host's protection bits for NT's; guard pages are inaccessible. INVALID_PAGE_PROTECTION for no protection."""
    host = _HOST.get(protect & ~_MODIFIERS)
    if host is None or protect & ~0x7FF or (protect & PAGE_GUARD and protect & PAGE_NOACCESS):
        raise Failure(NtStatus.INVALID_PAGE_PROTECTION)
    return 0 if protect & PAGE_GUARD else host


def without_targets(protect: int) -> int:
    """A protection as the books have it, without PAGE_TARGETS_INVALID where that is allowed."""
    return protect & ~PAGE_TARGETS_INVALID if protect & _EXECUTABLE else protect


def image_protection(characteristics: int) -> int:
    """The protection of a section of an image; writable ones are copied on write."""
    execute, write = characteristics & 0x20000000, characteristics & 0x80000000
    if execute:
        return PAGE_EXECUTE_WRITECOPY if write else PAGE_EXECUTE_READ
    return PAGE_WRITECOPY if write else PAGE_READONLY
