"""Rights to objects: what each bit of an access mask means for a type of object, and what the generic ones stand for (NT: Ob).

The names are those of winnt.h. Masks are plain integers: `enum.IntFlag` takes 1 us for what these do in 0.04.

Source: winnt.h, and GENERIC_MAPPING of each object type in Windows 10.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DELETE, READ_CONTROL, WRITE_DAC, WRITE_OWNER, SYNCHRONIZE = 0x1_0000, 0x2_0000, 0x4_0000, 0x8_0000, 0x10_0000
MAXIMUM_ALLOWED: Final = 0x200_0000
GENERIC_READ, GENERIC_WRITE, GENERIC_EXECUTE, GENERIC_ALL = 0x8000_0000, 0x4000_0000, 0x2000_0000, 0x1000_0000
_GENERIC: Final = GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE | GENERIC_ALL
_STANDARD: Final = DELETE | READ_CONTROL | WRITE_DAC | WRITE_OWNER


@dataclass(frozen=True, slots=True)
class Rights:
    """The rights that a type of object has: what reading, writing and executing it is, and all of them."""

    read: int
    write: int
    execute: int
    all: int
    implied: tuple[tuple[int, int], ...] = ()
    """(right, lesser right that it includes)."""

    def spell(self, asked: int) -> int:
        """A mask with its generic rights spelled out; other bits stay."""
        if asked & _GENERIC:
            asked |= self.read if asked & GENERIC_READ else 0
            asked |= self.write if asked & GENERIC_WRITE else 0
            asked |= self.execute if asked & GENERIC_EXECUTE else 0
            asked |= self.all if asked & GENERIC_ALL else 0
            asked &= ~_GENERIC
        for right, lesser in self.implied:
            if asked & right:
                asked |= lesser
        return asked

    def of_maker(self, asked: int) -> int:
        """What is granted to who makes an object: whatever was asked for."""
        return self.all if asked & MAXIMUM_ALLOWED else self.spell(asked) & self.all


class StateAccess:
    """EVENT_*, SEMAPHORE_*, TIMER_*, IO_COMPLETION_* and MUTANT_*; whoever owns a mutant may release it by any handle."""

    QUERY_STATE: Final = 1
    MODIFY_STATE: Final = 2


class KeyedEventAccess:
    """KEYEDEVENT_*."""

    WAIT: Final = 1
    WAKE: Final = 2


class SectionAccess:
    """SECTION_*."""

    QUERY: Final = 0x1
    MAP_WRITE: Final = 0x2
    MAP_READ: Final = 0x4
    MAP_EXECUTE: Final = 0x8
    EXTEND_SIZE: Final = 0x10


class DirectoryAccess:
    """DIRECTORY_*."""

    QUERY: Final = 0x1
    TRAVERSE: Final = 0x2
    CREATE_OBJECT: Final = 0x4
    CREATE_SUBDIRECTORY: Final = 0x8


class LinkAccess:
    """SYMBOLIC_LINK_*."""

    QUERY: Final = 0x1


class JobAccess:
    """JOB_OBJECT_*."""

    ASSIGN_PROCESS: Final = 0x1
    SET_ATTRIBUTES: Final = 0x2
    QUERY: Final = 0x4
    TERMINATE: Final = 0x8


class KeyAccess:
    """KEY_*."""

    QUERY_VALUE: Final = 0x1
    SET_VALUE: Final = 0x2
    CREATE_SUB_KEY: Final = 0x4
    ENUMERATE_SUB_KEYS: Final = 0x8
    NOTIFY: Final = 0x10


class TokenAccess:
    """TOKEN_*."""

    DUPLICATE: Final = 0x2
    QUERY: Final = 0x8
    ADJUST_PRIVILEGES: Final = 0x20


class ProcessAccess:
    """PROCESS_*."""

    TERMINATE: Final = 0x1
    CREATE_THREAD: Final = 0x2
    VM_OPERATION: Final = 0x8
    VM_READ: Final = 0x10
    VM_WRITE: Final = 0x20
    DUP_HANDLE: Final = 0x40
    SET_QUOTA: Final = 0x100
    SET_INFORMATION: Final = 0x200
    QUERY_INFORMATION: Final = 0x400
    SUSPEND_RESUME: Final = 0x800
    QUERY_LIMITED: Final = 0x1000
    SET_LIMITED: Final = 0x2000


class ThreadAccess:
    """THREAD_*."""

    TERMINATE: Final = 0x1
    SUSPEND_RESUME: Final = 0x2
    ALERT: Final = 0x4
    GET_CONTEXT: Final = 0x8
    SET_CONTEXT: Final = 0x10
    SET_INFORMATION: Final = 0x20
    QUERY_INFORMATION: Final = 0x40
    SET_LIMITED: Final = 0x400
    QUERY_LIMITED: Final = 0x800
    RESUME: Final = 0x1000


def _of_state(all: int) -> Rights:
    """The rights of what has a state that is asked for and changed, and can be waited for."""
    return Rights(
        READ_CONTROL | 1, READ_CONTROL | 2, READ_CONTROL | SYNCHRONIZE, _STANDARD | SYNCHRONIZE | all
    )


STATE: Final = _of_state(3)
MUTANT: Final = Rights(
    READ_CONTROL | 1, READ_CONTROL, READ_CONTROL | SYNCHRONIZE, _STANDARD | SYNCHRONIZE | 1
)
KEYED_EVENT: Final = Rights(READ_CONTROL | 1, READ_CONTROL | 2, READ_CONTROL, _STANDARD | 3)
SECTION: Final = Rights(READ_CONTROL | 5, READ_CONTROL | 2, READ_CONTROL | 8, _STANDARD | 0x1F)
DIRECTORY: Final = Rights(READ_CONTROL | 3, READ_CONTROL | 0xC, READ_CONTROL | 3, _STANDARD | 0xF)
LINK: Final = Rights(READ_CONTROL | 1, READ_CONTROL, READ_CONTROL | 1, _STANDARD | 1)
JOB: Final = Rights(
    READ_CONTROL | 4, READ_CONTROL | 0xB, READ_CONTROL | SYNCHRONIZE, _STANDARD | SYNCHRONIZE | 0x3F
)
KEY: Final = Rights(READ_CONTROL | 0x19, READ_CONTROL | 6, READ_CONTROL | 0x19, _STANDARD | 0x3F)
TOKEN: Final = Rights(READ_CONTROL | 8, READ_CONTROL | 0xE0, READ_CONTROL | 4, _STANDARD | 0x1FF)
PROCESS: Final = Rights(
    READ_CONTROL | 0x410,
    READ_CONTROL | 0xBEA,
    READ_CONTROL | SYNCHRONIZE | 0x1001,
    _STANDARD | SYNCHRONIZE | 0xFFFF,
    (
        (ProcessAccess.QUERY_INFORMATION, ProcessAccess.QUERY_LIMITED),
        (ProcessAccess.SET_INFORMATION, ProcessAccess.SET_LIMITED),
    ),
)
THREAD: Final = Rights(
    READ_CONTROL | 0x48,
    READ_CONTROL | 0x437,
    READ_CONTROL | SYNCHRONIZE | 0x1800,
    _STANDARD | SYNCHRONIZE | 0xFFFF,
    (
        (ThreadAccess.QUERY_INFORMATION, ThreadAccess.QUERY_LIMITED),
        (ThreadAccess.SET_INFORMATION, ThreadAccess.SET_LIMITED),
        (ThreadAccess.SUSPEND_RESUME, ThreadAccess.RESUME),
    ),
)
FILE: Final = Rights(
    READ_CONTROL | SYNCHRONIZE | 0x89,
    READ_CONTROL | SYNCHRONIZE | 0x116,
    READ_CONTROL | SYNCHRONIZE | 0xA0,
    _STANDARD | SYNCHRONIZE | 0x1FF,
)
