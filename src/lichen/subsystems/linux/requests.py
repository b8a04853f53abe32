"""Which request of `File.control` an ioctl number stands for, and how its argument is decoded.

A driver knows requests of the executive and no ioctl; the modules that know Linux's numbers for a kind of device declare
them here, with `@declare_ioctl(NUMBER)` on a function of the thread, the open file and the raw argument:

    @declare_ioctl(TIOCGWINSZ)
    def _window_size(thread: Thread, file: File, argument: int) -> Result:
        return control(file, GetWindowSize(), lambda size: store(thread, argument, size))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from lichen.abi.layout import LP64, i32, layout_of
from lichen.executive.status import Failure, Status
from lichen.executive.wait import then
from lichen.subsystems.linux.types import Result

if TYPE_CHECKING:
    from lichen.executive.io.file import File
    from lichen.executive.processes import Thread

Handler = Callable[["Thread", "File", int], Result]

HANDLERS: Final[dict[int, Handler]] = {}
_INT: Final = layout_of(i32, LP64)


def declare_ioctl(*numbers: int) -> Callable[[Handler], Handler]:
    """Declare what an ioctl (or each of several that differ in nothing) does."""

    def declare(handler: Handler) -> Handler:
        for number in numbers:
            if number in HANDLERS:
                raise ValueError(f"ioctl {number:#x} is declared twice")
            HANDLERS[number] = handler
        return handler

    return declare


def control(file: File, request: object, continuation: Callable[[Any], int]) -> Result:
    """Hand a request to the driver behind `file`; NOT_A_TERMINAL (ENOTTY) when it does not know it."""
    try:
        answer = file.control(request)
    except Failure as failure:
        if failure.status == Status.INVALID_DEVICE_REQUEST:
            raise Failure(Status.NOT_A_TERMINAL) from None
        raise
    return then(cast(Any, answer), continuation)


def read_int(thread: Thread, address: int) -> int:
    """The int that an ioctl's argument points to."""
    value: int = _INT.unpack(thread.memory.read(address, _INT.size))
    return value


def write_int(thread: Thread, address: int, value: int) -> int:
    """Store the int that an ioctl answers, cut to its width; returns the call's result."""
    thread.memory.write(address, (value & 0xFFFFFFFF).to_bytes(4, "little"))
    return 0
