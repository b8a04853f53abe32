"""RTL_USER_PROCESS_PARAMETERS and PEB: what a process is told at its start.

Source: winternl.h.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lichen.abi.layout import layout
from lichen.abi.memory import Memory
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.images import Image
from lichen.subsystems.nt.records import MODEL
from lichen.subsystems.nt.records.common import UnicodeString
from lichen.subsystems.nt.records.startup import Peb, ProcessParameters
from lichen.subsystems.nt.types import decode, encode, text_of, to_bytes

_CURRENT_DIRECTORY_ROOM: Final = 520
_NORMALISED: Final = 1
PEB_SIZE: Final = 0x8000
LONGEST_ENVIRONMENT: Final = 4 << 20
"""Bytes of an environment block."""
_LONGEST_TEXT: Final = 32766
"""Units of a text without its NUL: a UNICODE_STRING counts bytes in 16 bits."""
_SYSTEM_FOLDERS: Final = "C:\\windows\\system32;C:\\windows\\system;C:\\windows;."
_PEB, _PARAMETERS = layout(Peb, MODEL), layout(ProcessParameters, MODEL)
_DEBUG_CHANNELS: Final = 0x2000
"""Behind the PEB: what Wine's DLLs tell of themselves, a flag byte and a name for each channel; no name is for all."""
_ERRORS: Final = 2
_BUILD, _PLATFORM_NT = 19044, 2
_CRITICAL_SECTION_TIMEOUT: Final = -150 * 10_000_000


@dataclass
class Parameters:
    """What a process is started with, as text; handles are the new process's own."""

    image: str
    command_line: str
    current_directory: str
    environment: Mapping[str, str]
    window_title: str = ""
    desktop: str = ""
    shell_information: str = ""
    console: int = 0
    console_flags: int = 0
    standard: tuple[int, int, int] = (0, 0, 0)
    window: tuple[int, ...] = (0,) * 9
    """What STARTUPINFO says of the window, from its place to how it is to show."""
    current_directory_handle: int = 0
    runtime: bytes = b""
    """What the creator's C runtime tells the program's, of descriptors for instance."""

    @property
    def dll_path(self) -> str:
        """Where DLLs are looked for at start, by either world's programs: as Windows' documentation of DLL search has it."""
        folder = self.image.rpartition("\\")[0]
        folder += "\\" if folder.endswith(":") else ""
        search = next((value for name, value in self.environment.items() if name.upper() == "PATH"), "")
        path = f"{folder};{_SYSTEM_FOLDERS};{search}"
        return path if _units(path) <= _LONGEST_TEXT else path[: path.rfind(";", 0, _LONGEST_TEXT // 2)]

    def check(self) -> None:
        """Refuse what Windows has no room for: NAME_TOO_LONG, or INVALID_BUFFER_SIZE (E2BIG)."""
        names = self.image, self.window_title, self.desktop, self.shell_information
        if any(_units(text) > _LONGEST_TEXT for text in names):
            raise Failure(Status.NAME_TOO_LONG)
        variables = [_units(name) + 1 + _units(value) for name, value in self.environment.items()]
        if max(_units(self.command_line), *variables, 0) > _LONGEST_TEXT:
            raise Failure(Status.INVALID_BUFFER_SIZE)
        if 2 * (sum(variables) + len(variables) + 1) > LONGEST_ENVIRONMENT:
            raise Failure(Status.INVALID_BUFFER_SIZE)

    def pack(self, base: int) -> bytes:
        """The whole block as it lies at `base`."""
        blob = bytearray()

        def string(data: bytes, room: int) -> UnicodeString:
            placed = UnicodeString(len(data), min(room, 0xFFFE), base + _PARAMETERS.size + len(blob))
            blob.extend(data.ljust(room, b"\0"))
            blob.extend(bytes(-len(blob) % 8))
            return placed

        def text(text: str, least: int = 0) -> UnicodeString:
            data = encode(text)
            return string(data, max(least, len(data) + 2))

        runtime = string(self.runtime, len(self.runtime)) if self.runtime else UnicodeString(0, 0, 0)
        texts = ProcessParameters(
            flags=_NORMALISED,
            console_handle=self.console,
            console_flags=self.console_flags,
            standard_handles=self.standard,
            current_directory=text(self.current_directory, _CURRENT_DIRECTORY_ROOM),
            current_directory_handle=self.current_directory_handle,
            dll_path=text(self.dll_path),
            image_path_name=text(self.image),
            command_line=text(self.command_line),
            window=self.window,
            window_title=text(self.window_title or self.image),
            desktop_info=text(self.desktop),
            shell_info=text(self.shell_information),
            runtime_data=runtime,
        )
        environment, at = encode_environment(self.environment), _PARAMETERS.size + len(blob)
        total = at + len(environment)
        fixed = texts._replace(
            maximum_length=total, length=total, environment=base + at, environment_size=len(environment)
        )
        return _PARAMETERS.pack(fixed) + blob + environment


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(encode(text)) // 2


def read_parameters(memory: Memory, address: int) -> Parameters:
    """RTL_USER_PROCESS_PARAMETERS as a creator gives them; INVALID_PARAMETER when the environment is too large."""
    given = _PARAMETERS.read(memory, address)
    if given.environment_size > LONGEST_ENVIRONMENT:
        raise Failure(Status.INVALID_PARAMETER)
    data = memory.read(given.environment, given.environment_size) if given.environment else b""
    runtime = given.runtime_data
    return Parameters(
        image=text_of(memory, given.image_path_name),
        command_line=text_of(memory, given.command_line),
        current_directory=text_of(memory, given.current_directory),
        environment=decode_environment(data),
        window_title=text_of(memory, given.window_title),
        desktop=text_of(memory, given.desktop_info),
        shell_information=text_of(memory, given.shell_info),
        console=given.console_handle,
        console_flags=given.console_flags,
        standard=given.standard_handles,
        window=given.window,
        runtime=memory.read(runtime.buffer, runtime.length) if runtime.buffer else b"",
    )


def encode_environment(environment: Mapping[str, str]) -> bytes:
    """An environment block: sorted without regard to case, as Windows keeps it."""
    lines = sorted(environment.items(), key=lambda item: item[0].upper())
    return encode("".join(f"{name}={value}\0" for name, value in lines) + "\0")


def decode_environment(data: bytes) -> dict[str, str]:
    """An environment block taken apart; names may begin with `=` (per-drive folders)."""
    found = {}
    for line in decode(data).split("\0"):
        position = line.find("=", 1)
        if position > 0:
            found[line[:position]] = line[position + 1 :]
    return found


def read_block(memory: Memory, peb: int) -> ProcessParameters:
    """The parameters of a process in its memory, which may say anything."""
    return _PARAMETERS.read(memory, _PEB.read(memory, peb).process_parameters)


def read_environment(memory: Memory, peb: int) -> bytes:
    """The environment of a process in its memory, as Linux has one: `NAME=value` in UTF-8 and a zero byte each."""
    parameters = read_block(memory, peb)
    size = min(parameters.environment_size, LONGEST_ENVIRONMENT) & ~1
    text = decode(memory.read(parameters.environment, size))
    return b"".join(line.encode("utf-8", "surrogatepass") + b"\0" for line in text.split("\0") if line)


def command_line_of(arguments: tuple[bytes, ...], for_shell: bool = False) -> str:
    """A command line that the MSVC runtime takes apart into exactly these arguments.

    A shell of Windows (`for_shell`) takes what follows /c as it is, but for quotes around all of it.
    """
    texts = [argument.decode("utf-8", "surrogateescape") for argument in arguments]
    if for_shell and texts[-2:-1] and texts[-2].lower() in ("/c", "/k") and '"' in texts[-1]:
        return " ".join(map(_quote, texts[:-1])) + f' "{texts[-1]}"'
    return " ".join(map(_quote, texts))


def _quote(argument: str) -> str:
    if argument and not any(character in ' \t\n\v"' for character in argument):
        return argument
    out, backslashes = ['"'], 0
    for character in argument:
        if character == "\\":
            backslashes += 1
            continue
        if character == '"':
            out.append("\\" * (2 * backslashes + 1))
        else:
            out.append("\\" * backslashes)
        backslashes = 0
        out.append(character)
    out.append("\\" * (2 * backslashes) + '"')
    return "".join(out)


def arguments_of(command_line: str) -> tuple[bytes, ...]:
    """The arguments that the MSVC runtime makes of a command line."""
    arguments: list[str] = []
    text, index = command_line, 0
    while True:
        while index < len(text) and text[index] in " \t":
            index += 1
        if index >= len(text):
            return tuple(map(to_bytes, arguments))
        argument, index = _next_argument(text, index, first=not arguments)
        arguments.append(argument)


def _next_argument(text: str, index: int, first: bool) -> tuple[str, int]:
    out: list[str] = []
    quoted = False
    while index < len(text) and (quoted or text[index] not in " \t"):
        if text[index] == "\\" and not first:
            run = len(text[index:]) - len(text[index:].lstrip("\\"))
            index += run
            if index < len(text) and text[index] == '"':
                out.append("\\" * (run // 2))
                if run % 2:
                    out.append('"')
                    index += 1
            else:
                out.append("\\" * run)
        elif text[index] == '"':
            if quoted and not first and text[index + 1 : index + 2] == '"':
                out.append('"')
                index += 1
            else:
                quoted = not quoted
            index += 1
        else:
            out.append(text[index])
            index += 1
    return "".join(out), index


def process_environment_block(
    image: Image,
    base: int,
    api_set: int,
    parameters: int,
    processors: int,
    session: int,
    shared_handles: int,
) -> bytes:
    """The PEB."""
    subsystem_major, subsystem_minor = image.file.subsystem_version
    block = Peb(
        image_base_address=base,
        process_parameters=parameters,
        api_set_map=api_set,
        number_of_processors=processors,
        critical_section_timeout=_CRITICAL_SECTION_TIMEOUT,
        heap_segment_reserve=0x100000,
        heap_segment_commit=0x2000,
        heap_decommit_total_free_threshold=0x10000,
        heap_decommit_free_block_threshold=0x1000,
        gdi_shared_handle_table=shared_handles,
        os_major_version=10,
        os_build_number=_BUILD,
        os_platform_id=_PLATFORM_NT,
        image_subsystem=image.file.subsystem,
        image_subsystem_major_version=subsystem_major,
        image_subsystem_minor_version=subsystem_minor,
        active_process_affinity_mask=(1 << processors) - 1,
        session_id=session,
    )
    peb = bytearray(_PEB.pack(block).ljust(PEB_SIZE, b"\0"))
    peb[_DEBUG_CHANNELS] = _ERRORS
    return bytes(peb)
