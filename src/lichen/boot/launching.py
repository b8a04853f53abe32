"""Starting a session's first program on a machine, and saying in words what is wrong when that cannot be done."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from lichen.boot import drives
from lichen.boot.refusals import LaunchError, hint_at
from lichen.executive import programs
from lichen.executive.io.attributes import Kind
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.file import File
from lichen.executive.io.lookup import find
from lichen.executive.io.manager import open_location
from lichen.executive.io.opening import Access, Open, Options, Share
from lichen.executive.processes import Process
from lichen.executive.status import Failure, Status
from lichen.filesystems.terminal.terminal import Terminal
from lichen.subsystems.linux import elf
from lichen.subsystems.linux.errors import errno_of
from lichen.subsystems.linux.execution import first_line
from lichen.subsystems.linux.files import opened_for_execution
from lichen.subsystems.linux.types import path_of

if TYPE_CHECKING:
    from lichen.boot.machine import Machine

DEFAULT_PATH: Final = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NOT_EXECUTABLE: Final = 126
_NOT_FOUND: Final = 127
_NO_WINDOWS: Final = (
    "this machine has no Windows userland: `lichen windows` fetches one for machines that start afterwards"
)


_READABLE: Final = Open(
    Access.READ, share=Share.READ | Share.DELETE, options=Options.IMAGE | Options.NON_DIRECTORY
)


@dataclass(frozen=True)
class Launch:
    """What to start and as what; `program` is a path or a name to be found on the PATH of `environment`.

    `folder` is the caller's name for the current folder of `context`, for hints in messages. `standard` become descriptors
    0, 1, 2; their references are the process's from then on.
    """

    program: bytes
    arguments: tuple[bytes, ...]
    environment: dict[bytes, bytes]
    context: FileSystemContext
    folder: bytes
    standard: Sequence[File | None] = ()
    terminal: Terminal | None = None
    """The controlling terminal of the program's session."""
    prepare: Callable[[Process], None] | None = None
    """Called with the process before it is given its program."""


def start(machine: Machine, launch: Launch) -> Process:
    """Start a program as a child of init, in a session of its own; LaunchError when it cannot be."""
    table = machine.state.processes
    with table.making(table.init, machine.linux) as process:
        process.files = launch.context
        process.new_session()
        for number, file in enumerate(launch.standard):
            if file is not None:
                process.handles.place(number, file, file.access, inherit=True)
        if launch.terminal is not None:
            launch.terminal.control(process)
        if launch.prepare is not None:
            launch.prepare(process)
        _load(machine, process, launch)
    return process


def _load(machine: Machine, process: Process, launch: Launch) -> None:
    path, file = _found(machine, process, launch)
    environment = tuple(name + b"=" + value for name, value in launch.environment.items())
    program = programs.Program(file, path, launch.arguments, environment)
    try:
        programs.start(process, programs.load(process, program))
    except Failure as failure:
        raise _refusal(machine, path, file, failure) from failure
    finally:
        file.release()


def _found(machine: Machine, process: Process, launch: Launch) -> tuple[bytes, File]:
    """The path that the program is found at, and the open file."""
    name, failure = launch.program, Failure(Status.OBJECT_NAME_NOT_FOUND)
    for path in _candidates(name, launch.environment.get(b"PATH", b"")):
        try:
            return path, _opened(process, path, machine.has_windows)
        except Failure as error:
            if not is_missing(error):
                failure = error
    shown = os.fsdecode(name)
    if is_missing(failure):
        hint = _where_it_is(machine, launch)
        if not machine.has_windows and drives.paths_of(name):
            hint = f"; {_NO_WINDOWS}"
        raise LaunchError(f"{shown}: no such program{hint}", _NOT_FOUND)
    raise LaunchError(f"{shown}: {_why_not(process, name, failure)}", _NOT_EXECUTABLE)


def _opened(process: Process, path: bytes, has_windows: bool) -> File:
    """The file of a program; of a Windows program that one may read, too: archives and packages give it no x bit."""
    try:
        return opened_for_execution(process, path_of(path))
    except Failure as failure:
        if failure.status != Status.ACCESS_DENIED or not has_windows:
            raise
        context = process.files
        start = context.root if path[:1] == b"/" else context.current
        location = find(context, start, path_of(path).components)
        if location.node.kind != Kind.REGULAR or location.node.read_at(0, 2) != b"MZ":
            raise
        return cast(File, open_location(context, location, _READABLE))


def _candidates(name: bytes, search: bytes) -> Iterable[bytes]:
    """The paths that a program's name may mean: itself when it has a slash, else one in each folder of the PATH."""
    if b"/" in name:
        return (name,)
    folders = (search or DEFAULT_PATH).split(b":")
    return (*(os.path.join(folder or b".", name) for folder in folders), *drives.paths_of(name))


def _why_not(process: Process, name: bytes, failure: Failure) -> str:
    """Why a program that is there may not be executed."""
    context = process.files
    start = context.root if name[:1] == b"/" else context.current
    try:
        attributes = find(context, start, path_of(name).components).node.attributes()
    except Failure:
        return os.strerror(errno_of(failure.status))
    if attributes.kind == Kind.DIRECTORY:
        return "is a folder"
    if attributes.kind == Kind.REGULAR and not attributes.mode & 0o111:
        return "is not executable; chmod +x makes it so"
    return f"cannot be executed: {os.strerror(errno_of(failure.status))}"


def _refusal(machine: Machine, path: bytes, file: File, failure: Failure) -> LaunchError:
    """Why a file that was found could not be loaded."""
    shown, head = os.fsdecode(path), file.node.read_at(0, programs.HEAD_SIZE)
    if failure.status == Status.INVALID_IMAGE_FORMAT:
        return LaunchError(f"{shown}: {_what_else(machine, head)}", _NOT_EXECUTABLE)
    if is_missing(failure) and (interpreter := _interpreter(file, head)):
        named = interpreter if interpreter.isprintable() else repr(interpreter)
        hint = "; the script has the line ends of Windows" if interpreter.endswith("\r") else ""
        return LaunchError(f"{shown}: its interpreter {named} is missing{hint}", _NOT_FOUND)
    return LaunchError(
        f"{shown}: cannot be executed: {os.strerror(errno_of(failure.status))}", _NOT_EXECUTABLE
    )


def _what_else(machine: Machine, head: bytes) -> str:
    """What a file is that is no program which this machine can run."""
    if head[:2] == b"MZ" and not machine.has_windows:
        return f"a Windows program, but {_NO_WINDOWS}"
    if head[:2] == b"MZ":
        return "not a Windows program for x86-64, or a damaged one"
    if head[:4] == elf.MAGIC:
        return "not a Linux program for x86-64, or a damaged one"
    return "not a program of Linux (ELF) or Windows (PE), nor a script with a #! line"


def _interpreter(file: File, head: bytes) -> str:
    """The name of the program that is needed to run a file: a script's, or the dynamic linker of an ELF file."""
    if head[:2] == b"#!":
        return os.fsdecode(first_line(head)[0])
    return os.fsdecode(elf.parse(file.node.read_at).interpreter or b"") if head[:4] == elf.MAGIC else ""


def is_missing(failure: Failure) -> bool:
    """Whether a failure says that there is nothing of that name."""
    return errno_of(failure.status) in (errno.ENOENT, errno.ENOTDIR)


def _where_it_is(machine: Machine, launch: Launch) -> str:
    """What to do about a program that the machine does not have, when the host has it at the same place."""
    for path in _candidates(launch.program, launch.environment.get(b"PATH", b"")):
        place = os.path.join(launch.folder, path)
        if os.path.isfile(place) and (b"/" in launch.program or os.access(place, os.X_OK)):
            return hint_at(place, machine.tree.hides_private)
    return ""
