"""Seals: what may no longer be done to a file in memory, whoever has it open.

The file system that keeps the content enforces them; here is what only Linux knows of them: who may set them, and that a
write seal has to wait until nobody can write through a mapping.

Source: memfd_create(2), fcntl(2) F_ADD_SEALS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from lichen.executive.io.opening import Access
from lichen.executive.status import Failure, Status

if TYPE_CHECKING:
    from lichen.executive.io.file import File
    from lichen.executive.io.node import Node
    from lichen.executive.machine import MachineState
    from lichen.executive.processes import Thread

F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE, F_SEAL_FUTURE_WRITE = 0x1, 0x2, 0x4, 0x8, 0x10
F_SEAL_EXEC: Final = 0x20
_ALL: Final = 0x3F


@runtime_checkable
class Sealable(Protocol):
    """A node whose file system knows seals."""

    seals: int


def _sealable(file: File) -> Sealable:
    node = file.node
    if not isinstance(node, Sealable):
        raise Failure(Status.INVALID_PARAMETER)
    return node


def seals_of(file: File) -> int:
    """The seals of a file; INVALID_PARAMETER when it cannot have any."""
    return _sealable(file).seals


def seal(file: File, seals: int) -> None:
    """The seals that a new file is born with."""
    _sealable(file).seals |= seals


def add_seals(thread: Thread, file: File, seals: int) -> None:
    """Add seals; PRIVILEGE_NOT_HELD when that is sealed itself, SHARING_VIOLATION while writable mappings exist."""
    if not file.access & Access.CONTENT:
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    if seals & ~_ALL:
        raise Failure(Status.INVALID_PARAMETER)
    node = _sealable(file)
    if node.seals & F_SEAL_SEAL:
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    if seals & F_SEAL_EXEC and file.attributes().mode & 0o111:
        seals |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE
    if seals & F_SEAL_WRITE & ~node.seals and _is_mapped_writable(thread.process.machine, file.node):
        raise Failure(Status.SHARING_VIOLATION)
    node.seals |= seals


def may_be_written(file: File) -> bool:
    """Whether a shared mapping of the file may be writable, now or later."""
    node = file.node
    sealed = isinstance(node, Sealable) and node.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)
    return bool(file.access & Access.CONTENT) and not sealed


def _is_mapped_writable(machine: MachineState, node: Node) -> bool:
    spaces = {id(process.space): process.space for process in machine.processes.values()}
    return any(
        region.shared
        and region.file is not None
        and region.file.node is node
        and region.file.access & Access.CONTENT
        for space in spaces.values()
        for region in space.regions
    )
