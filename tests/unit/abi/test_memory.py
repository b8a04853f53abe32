"""Reading page by page: the same bytes and the same faults as the memory itself."""

from __future__ import annotations

import pytest

from lichen.abi.memory import BadAddress, PageReader

PAGE = 4096
START, SIZE = 16 * PAGE, 3 * PAGE


class Pages:
    """Three pages of memory, and how often they were read."""

    def __init__(self, content: bytes) -> None:
        self.content, self.reads = content.ljust(SIZE, b"\0"), 0

    def read(self, address: int, size: int) -> bytes:
        self.reads += 1
        if not address >= START or address + size > START + SIZE:
            raise BadAddress(address)
        return self.content[address - START :][:size]

    def write(self, address: int, data: bytes | bytearray | memoryview) -> None:
        raise BadAddress(address)

    def cstring(self, address: int, limit: int) -> bytes:
        raise BadAddress(address)


def test_what_is_close_together_is_read_once() -> None:
    memory = Pages(b"one\0two\0three")
    reader = PageReader(memory)
    assert [reader.cstring(START + at, 99) for at in (0, 4, 8)] == [b"one", b"two", b"three"]
    assert reader.read(START + 4, 3) == b"two"
    assert memory.reads == 1


def test_things_across_pages_are_whole() -> None:
    reader = PageReader(Pages(bytes(PAGE - 2) + b"abcd\0" + b"x" * (2 * PAGE - 3)))
    assert reader.cstring(START + PAGE - 2, 99) == b"abcd"
    assert reader.read(START + PAGE - 3, 6) == b"\0abcd\0"
    assert reader.cstring(START + PAGE + 3, 5000) == b"x" * 5000


@pytest.mark.parametrize("address", [START - 1, START + SIZE - 3, START + SIZE, -8])
def test_what_lies_outside_faults(address: int) -> None:
    reader = PageReader(Pages(b"x" * SIZE))
    with pytest.raises(BadAddress):
        reader.read(address, 8)
    with pytest.raises(BadAddress):
        reader.cstring(address, 2 * SIZE)
