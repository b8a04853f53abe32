"""The namespaces of a process: a machine has one of each kind, with the numbers that the first ones have on Linux.

Source: namespaces(7); include/linux/proc_ns.h.
"""

from __future__ import annotations

from typing import Final

from lichen.executive.io.anonymous import AnonymousNode
from lichen.executive.io.attributes import Kind
from lichen.executive.io.generated import Folder, Link
from lichen.executive.io.location import Location
from lichen.executive.security.tokens import Token
from lichen.subsystems.linux.procfs.subjects import Task

_NUMBERS: Final = {
    "cgroup": 0xEFFFFFFB,
    "ipc": 0xEFFFFFFF,
    "mnt": 0xF0000000,
    "net": 0xF0000001,
    "pid": 0xEFFFFFFC,
    "pid_for_children": 0xEFFFFFFC,
    "time": 0xEFFFFFFA,
    "time_for_children": 0xEFFFFFFA,
    "user": 0xEFFFFFFD,
    "uts": 0xEFFFFFFE,
}
_FOR_CHILDREN: Final = "_for_children"


def _text(name: str) -> str:
    return f"{name.removesuffix(_FOR_CHILDREN)}:[{_NUMBERS[name]}]"


def _find(task: Task, name: str) -> Location:
    known = task.machine.namespaces
    text = _text(name)
    if text not in known:
        files = task.machine.state.processes.init.files.devices.anonymous
        node = AnonymousNode(files, Kind.REGULAR, _NUMBERS[name], 0o444, Token.of_user(0, 0))
        known[text] = Location(None, None, text, node)
    return known[text]


def _link(name: str) -> Link[Task]:
    return Link(lambda task: _text(name), lambda task: _find(task, name), private=True)


def tree() -> Folder[Task]:
    """The folder `ns` of a process."""
    return Folder({name: _link(name) for name in _NUMBERS}, mode=0o511)
