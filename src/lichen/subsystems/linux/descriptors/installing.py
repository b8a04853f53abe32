"""Giving a caller new descriptors; when it cannot be told their numbers, they are taken back (G33)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from lichen.abi.argument import Out
from lichen.abi.layout import i32
from lichen.abi.memory import BadAddress
from lichen.executive.io.file import File

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

O_NONBLOCK: Final = 0o4000
O_DIRECT: Final = 0o40000
O_CLOEXEC: Final = 0o2000000
"""Also the values of the like-named flags of sockets, epoll, eventfd, timerfd, signalfd and inotify."""


class DescriptorPair(NamedTuple):
    """int[2]: pipe, socketpair."""

    first: i32
    second: i32


def install(thread: Thread, file: File, close_on_exec: bool = False) -> int:
    """The new descriptor of a file, whose reference it takes."""
    return thread.process.handles.insert(file, file.access, not close_on_exec)


def install_pair(
    thread: Thread, first: File, second: File, target: Out[DescriptorPair], close_on_exec: bool
) -> int:
    """Tell the caller the descriptors of two new files, or leave it with neither."""
    handles = thread.process.handles
    try:
        one = install(thread, first, close_on_exec)
    except BaseException:
        second.release()
        raise
    try:
        two = install(thread, second, close_on_exec)
    except BaseException:
        handles.close(one)
        raise
    try:
        target.write(DescriptorPair(one, two))
    except BadAddress:
        handles.close(one)
        handles.close(two)
        raise
    return 0
