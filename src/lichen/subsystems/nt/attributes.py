"""The attributes of a process or thread that is about to be made (PS_ATTRIBUTE_LIST, phnt)."""

from __future__ import annotations

from typing import Final

from lichen.abi.layout import layout
from lichen.abi.memory import Memory
from lichen.subsystems.nt.records import MODEL
from lichen.subsystems.nt.records.processes import PsAttribute, PsAttributeList

CLIENT_ID, TEB, IMAGE_NAME, IMAGE_INFORMATION, HANDLE_LIST = 3, 4, 5, 6, 11
"""Numbers of attributes, without the flags above them."""
_NUMBER: Final = 0xFFFF
_LIST, _ATTRIBUTE = layout(PsAttributeList, MODEL), layout(PsAttribute, MODEL)
_MOST: Final = 63


def read_attributes(memory: Memory, address: int) -> list[tuple[int, PsAttribute]]:
    """The list at an address by numbers, 0 for none; nobody gives more of them than there are kinds."""
    if not address:
        return []
    room = _LIST.read(memory, address).total_length - _LIST.size
    count = max(0, min(room // _ATTRIBUTE.size, _MOST))
    given = _ATTRIBUTE.unpack_array(memory.read(address + _LIST.size, count * _ATTRIBUTE.size))
    return [(each.attribute & _NUMBER, each) for each in given]
