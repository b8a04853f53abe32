"""NLS tables: files of the userland, mapped read-only and shared (code pages, case, locales, sorting).

The locale that machines have is shown with UTF-8 as its code pages, from which ntdll takes the system's (docs/decisions/011).

Source: [MS-UCODEREF] knows no more than the values; the layout of locale.nls is as Wine's ntdll reads it.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lichen.abi.layout import layout
from lichen.executive.address_space import Region, page_up
from lichen.executive.interfaces import Backing, Map
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.allocations import GRANULARITY, MEM_MAPPED, Allocation
from lichen.subsystems.nt.protection import PAGE_READONLY
from lichen.subsystems.nt.records import MODEL
from lichen.subsystems.nt.records.locales import Locale, LocaleFile, LocaleSection
from lichen.subsystems.nt.state import nt_of_process

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_LOWEST: int = 0x200000000
US_ENGLISH: Final = 0x0409
"""The locale of every machine."""
UTF_8: Final = 65001
_LOCALES: Final = "locale.nls"
_FILE, _SECTION, _LOCALE = layout(LocaleFile, MODEL), layout(LocaleSection, MODEL), layout(Locale, MODEL)


def map_table(thread: Thread, name: str) -> tuple[int, int]:
    """Map a table into the calling process: (address, size); OBJECT_NAME_NOT_FOUND when the userland lacks it."""
    subsystem = nt_of_process(thread.process).subsystem
    path = subsystem.nls / name
    try:
        size = path.stat().st_size
    except OSError as error:
        raise Failure(Status.OBJECT_NAME_NOT_FOUND) from error
    offset = subsystem.platform.page_cache.insert(("nls", name), lambda: _opened(path), size)
    space = thread.process.space
    length = page_up(size)
    at = space.lowest_free(length, _LOWEST, GRANULARITY)
    allocation = Allocation(at, length, PAGE_READONLY, MEM_MAPPED, f"C:\\windows\\system32\\{name}")
    space.insert(Region(at, at + length, 1, allocation=allocation, state=PAGE_READONLY))
    thread.guest.change_memory_on_return((Map(at, length, 1, Backing(None, offset)),))
    return at, size


def _opened(path: Path) -> int:
    """A host descriptor of a table as it is mapped."""
    if path.name != _LOCALES:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    descriptor = os.memfd_create("lichen-locales", os.MFD_CLOEXEC)
    os.write(descriptor, with_utf_8(path.read_bytes()))
    return descriptor


def with_utf_8(table: bytes) -> bytes:
    """locale.nls, with UTF-8 as ANSI and OEM code page of the machines' locale; one of another layout is left alone."""
    changed = bytearray(table)
    try:
        section = _FILE.unpack(table).section
        _, count, size, first = _SECTION.unpack(table, section)
        for at in range(section + first, section + first + count * size, size):
            locale = _LOCALE.unpack(table, at)
            if locale.language == US_ENGLISH:
                locale = locale._replace(ansi_code_page=UTF_8, oem_code_page=UTF_8)
                changed[at : at + _LOCALE.size] = _LOCALE.pack(locale)
    except (struct.error, ValueError):
        return table
    return bytes(changed)
