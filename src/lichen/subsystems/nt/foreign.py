"""What a Linux program looks like to Windows programs that ask for its image, or read of its modules in its memory.

Windows' own libraries (PSAPI) find the modules of a process by reading its PEB and the list that leads from there. A Linux
program has neither, so the kernel shows them above all memory that a guest may have: a PEB with the one module that the
program's file is. It is made up when it is read, and nobody can write there.

Source: PEB, PEB_LDR_DATA, LDR_DATA_TABLE_ENTRY (winternl.h, phnt).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.layout import layout
from lichen.executive.interfaces import USER_END
from lichen.subsystems.nt.names import dos_path
from lichen.subsystems.nt.records import MODEL
from lichen.subsystems.nt.records.common import UnicodeString
from lichen.subsystems.nt.records.startup import ListEntry, LoadedModule, LoaderData, ModuleLinks, Peb
from lichen.subsystems.nt.state import as_nt_process
from lichen.subsystems.nt.types import encode

if TYPE_CHECKING:
    from lichen.executive.processes import Process

PEB: Final = USER_END
_LIST, _ENTRY, _TEXT, _SIZE = 0x400, 0x500, 0x800, 0x11000
_DATA, _MODULE = layout(LoaderData, MODEL), layout(LoadedModule, MODEL)
_LINKS: Final = layout(ModuleLinks, MODEL)
_LONGEST: Final = 0x7FFF


def image_path(process: Process) -> str:
    """The path of a process's image as Windows programs see it; its name for one that runs no file."""
    state = as_nt_process(process)
    if state is not None:
        return state.image_path
    return dos_path(process, process.image) if process.image is not None else process.name


def image_name(process: Process) -> str:
    """The name of a process's image."""
    return image_path(process).rpartition("\\")[2]


def shows(process: Process, address: int, size: int) -> bool:
    """Whether a range of a process's memory is the one that is made up."""
    linux = as_nt_process(process) is None and bool(process.threads)
    return linux and address >= PEB and address + size <= PEB + _SIZE


def read(process: Process, address: int, size: int) -> bytes:
    """What is shown there."""
    base, length = _image(process)
    path, name = encode(image_path(process))[: 2 * _LONGEST], encode(image_name(process))
    module, data = PEB + _ENTRY, PEB + _LIST
    in_module = _links(module + _MODULE.offsets["links"])
    in_data = _links(data + _DATA.offsets["links"])
    full = UnicodeString(len(path), len(path) + 2, PEB + _TEXT)
    last = UnicodeString(len(name), len(name) + 2, PEB + _TEXT + len(path) - len(name))
    content = bytearray(_SIZE)
    for offset, part in (
        (0, layout(Peb, MODEL).pack(Peb(image_base_address=base, ldr=data))),
        (_LIST, _DATA.pack(LoaderData(_DATA.size, 1, 0, in_module))),
        (_ENTRY, _MODULE.pack(LoadedModule(in_data, base, base, length, full, last))),
        (_TEXT, path),
    ):
        content[offset : offset + len(part)] = part
    return bytes(content[address - PEB : address - PEB + size])


def _links(at: int) -> ModuleLinks:
    """Links to what lies at an address: the only module to the heads of the lists, and these to it."""
    return ModuleLinks(*(ListEntry(at + offset, at + offset) for offset in _LINKS.offsets.values()))


def _image(process: Process) -> tuple[int, int]:
    """Where the program's file is mapped, and how much memory that takes."""
    parts = [
        region
        for region in process.space.regions
        if region.file is not None and region.file.location is process.image
    ]
    if not parts:
        return 0, 0
    start = min(part.start for part in parts)
    return start, max(part.end for part in parts) - start
