"""Robust futexes: what a thread that ends still holds is marked and one waiter woken (get_robust_list(2)).

The list is the guest's own memory and may be anything: it is followed for a limited length, and a bad address ends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.layout import LP64, layout
from lichen.abi.memory import BadAddress
from lichen.subsystems.linux.records import RobustListHead

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_HEAD: Final = layout(RobustListHead, LP64)
_LONGEST: Final = 2048
_OWNER_DIED, _WAITERS, _OWNER = 0x40000000, 0x80000000, 0x3FFFFFFF


def release_robust_futexes(thread: Thread, address: int) -> None:
    """Mark every futex on the list at `address` that `thread` owns as left behind, and wake one waiter each."""
    try:
        head = _HEAD.unpack(thread.memory.read(address, _HEAD.size))
        entries = [head.list_op_pending & ~1] if head.list_op_pending else []
        entry = head.list & ~1
        while entry != address and len(entries) < _LONGEST:
            entries.append(entry)
            entry = int.from_bytes(thread.memory.read(entry, 8), "little") & ~1
        for entry in entries:
            _release(thread, (entry + head.futex_offset) & 0xFFFFFFFFFFFFFFFF)
    except BadAddress:
        return


def _release(thread: Thread, address: int) -> None:
    word = int.from_bytes(thread.memory.read(address, 4), "little")
    if word & _OWNER != thread.id:
        return
    thread.memory.write(address, ((word & _WAITERS) | _OWNER_DIED).to_bytes(4, "little"))
    if word & _WAITERS:
        thread.guest.wake_futex(address)
