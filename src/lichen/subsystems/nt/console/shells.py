"""Programs that Windows' users know as shells, but that Wine 8 has without what makes them so (docs/decisions/006-console.md).

cmd.exe on Windows handles ^C, and waits for console programs whatever their format. Wine 8's has no handler, and waits only
for programs with a PE header. The registry names such programs, where Windows keeps settings of single programs too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lichen.executive.io.location import fold
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, Wait
from lichen.subsystems.nt.registry_seeds import CONSOLE_SHELL, IMAGE_OPTIONS
from lichen.subsystems.nt.state import as_nt_process

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread
    from lichen.executive.registry import Registry


def is_shell(process: Process) -> bool:
    """Whether a process's program is a shell."""
    state = as_nt_process(process)
    return state is not None and is_shells_image(process.machine.registry, state.image_path)


def is_shells_image(registry: Registry, image: str) -> bool:
    """Whether the registry names a program, by its path, as a shell."""
    program = image.rpartition("\\")[2]
    try:
        key = registry.find(registry.root, (*IMAGE_OPTIONS.split("/"), program))
    except Failure:
        return False
    value = key.values.get(fold(CONSOLE_SHELL))
    return value is not None and any(value.data)


def started(caller: Thread, thread: Thread) -> int | Blocks[int]:
    """`caller` has let `thread` run: when that is a shell's Linux program, the call ends with the program."""
    process = thread.process
    of_other_world = as_nt_process(process) is None and process.parent is caller.process
    if not of_other_world or process.exit_status is not None or not is_shell(caller.process):
        return Status.SUCCESS
    return _until_ended(process)


def _until_ended(process: Process) -> Blocks[int]:
    yield Wait((process.ended,), interruptible=False)
    return Status.SUCCESS
