"""What a Windows program leaves on its error output that crashed or could not be loaded, and what the system's DLLs say.

The exception and where in which module it was; or which DLL or function is missing, in the words of the system's loader.
"""

from __future__ import annotations

import logging
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from lichen.abi.memory import BadAddress
from lichen.executive.io.file import File
from lichen.executive.status import Failure, Status
from lichen.executive.wait import then
from lichen.subsystems.nt.allocations import allocation_at
from lichen.subsystems.nt.parameters import read_block
from lichen.subsystems.nt.state import as_nt_process, nt_of_process
from lichen.subsystems.nt.status import NtStatus

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread
    from lichen.subsystems.nt.types import Result

log = logging.getLogger("lichen.wine")
_LONGEST_MESSAGE: Final = 4096
_NAMES: Final = {
    Status.ACCESS_VIOLATION: "access violation",
    NtStatus.INTEGER_DIVIDE_BY_ZERO: "integer division by zero",
    NtStatus.ILLEGAL_INSTRUCTION: "illegal instruction",
    NtStatus.BREAKPOINT: "breakpoint",
    Status.STACK_OVERFLOW: "stack overflow",
    NtStatus.STACK_BUFFER_OVERRUN: "fast fail",
}
_EXPLAINED: Final = frozenset(
    (
        NtStatus.DLL_NOT_FOUND,
        NtStatus.ORDINAL_NOT_FOUND,
        NtStatus.ENTRYPOINT_NOT_FOUND,
        Status.INVALID_IMAGE_FORMAT,
        NtStatus.DLL_INIT_FAILED,
        NtStatus.WINE_STUB,
    )
)
"""DLL, ordinal or entry point not found, bad image, failed initialisation, and a function that Wine does not have."""
_CHANNEL: Final = re.compile(r'^[0-9a-f]+:\w+:\w+:\w+ |\bL(?=")')
_COMPLAINT: Final = re.compile(r"[0-9a-f]+:\w+:\w+:|wine: ")


def report(process: Process, code: int, address: int) -> None:
    """Tell on the process's standard error; quietly nothing where there is none."""
    where = _where(process, address)
    tell(process, f"unhandled exception {code:#010x} ({_NAMES.get(code, 'exception')}) at {where}")


def explain(process: Process, code: int) -> None:
    """When the system's DLLs end their process with `code` because something is missing, tell what it is."""
    if code in _EXPLAINED:
        for complaint in nt_of_process(process).complaints:
            tell(process, _CHANNEL.sub("", complaint.splitlines()[0]).replace("\\\\", "\\"))


def say(thread: Thread, text: int, size: int) -> Result:
    """What a DLL of Wine has to say about itself: it goes into the machine's log, and explains the end of the program.

    What one of Wine's programs has to say to its user comes this way too: it goes to the standard error.
    """
    data = thread.memory.read(text, min(size, _LONGEST_MESSAGE))
    message = data.decode("utf-8", "replace").rstrip()
    if message and _is_complaint(message):
        log.info("%s: %s", thread.process, message)
        nt_of_process(thread.process).complaints.append(message)
    elif message and (output := _error_output(thread.process)) is not None:
        return then(output.write(data), lambda count: size)
    return size


def _is_complaint(message: str) -> bool:
    """Whether the system's DLLs tell of themselves: what else they write is what a program has to say to its user."""
    return _COMPLAINT.match(message) is not None


def _error_output(process: Process) -> File | None:
    """The process's standard error, where it has one."""
    try:
        output = process.handles.named(_error_handle(process)).object
    except (Failure, BadAddress):
        return None
    return output if isinstance(output, File) else None


def tell(process: Process, text: str) -> None:
    """Write a line about a process on its standard error, if there is one."""
    output = _error_output(process)
    program = nt_of_process(process).image_path.rpartition("\\")[2]
    if output is not None:
        with suppress(Failure):
            output.write(f"{program}: {text}\n".encode())


def _error_handle(process: Process) -> int:
    state = as_nt_process(process)
    if state is None or not process.threads:
        return 0
    memory = process.first_thread.memory
    parameters = read_block(memory, state.peb)  # ntdll moves them
    return parameters.standard_handles[2] & 0xFFFFFFFF


def _where(process: Process, address: int) -> str:
    """module+offset, or the bare address."""
    allocation = allocation_at(process.space, address)
    if allocation is not None and allocation.path:
        return allocation.path.rpartition("\\")[2] + f"+{address - allocation.base:#x}"
    return f"{address:#x}"
