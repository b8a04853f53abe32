"""RTL_USER_PROCESS_PARAMETERS and PEB: what a process is told at its start.

Source: winternl.h, facts/nt-userland ("Boot contract of a process").
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lichen.abi.memory import Memory
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.images import Image
from lichen.subsystems.nt.types import decode, encode, read_string, to_bytes

_FIXED_SIZE: Final = 0x410
_CURRENT_DIRECTORY_ROOM: Final = 520
_NORMALISED: Final = 1
PEB_SIZE: Final = 0x8000
LONGEST_ENVIRONMENT: Final = 4 << 20
"""Bytes of an environment block."""
_LONGEST_TEXT: Final = 32766
"""Units of a text without its NUL: a UNICODE_STRING counts bytes in 16 bits."""
_SYSTEM_FOLDERS: Final = "C:\\windows\\system32;C:\\windows\\system;C:\\windows;."
_PEB_PARAMETERS, _ENVIRONMENT, _ENVIRONMENT_SIZE = 0x20, 0x80, 0x3F0
"""Where the PEB leads to the parameters, and these to the environment."""
_RUNTIME, _WINDOW = 0xE0, 0x88
_DEBUG_CHANNELS: Final = 0x2000
"""Behind the PEB: what Wine's DLLs tell of themselves, a flag byte and a name for each channel; no name is for all."""
_ERRORS: Final = 2
_BUILD: Final = 19044


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
        fixed, blob = bytearray(_FIXED_SIZE), bytearray()
        texts = {
            0x38: self.current_directory,
            0x50: self.dll_path,
            0x60: self.image,
            0x70: self.command_line,
            0xB0: self.window_title or self.image,
            0xC0: self.desktop,
            0xD0: self.shell_information,
        }
        strings = {offset: encode(text) for offset, text in texts.items()}
        if self.runtime:
            strings[_RUNTIME] = self.runtime
        for offset, data in strings.items():
            room = len(data) + (2 if offset != _RUNTIME else 0)
            room = max(_CURRENT_DIRECTORY_ROOM, room) if offset == 0x38 else room
            struct.pack_into(
                "<HHIQ", fixed, offset, len(data), min(room, 0xFFFE), 0, base + _FIXED_SIZE + len(blob)
            )
            blob += data.ljust(room + 2 if offset == 0x38 else room, b"\0")
            blob += bytes(-len(blob) % 8)
        environment = encode_environment(self.environment)
        struct.pack_into("<Q", fixed, _ENVIRONMENT, base + _FIXED_SIZE + len(blob))
        struct.pack_into("<Q", fixed, _ENVIRONMENT_SIZE, len(environment))
        blob += environment
        total = _FIXED_SIZE + len(blob)
        struct.pack_into("<4I", fixed, 0, total, total, _NORMALISED, 0)
        struct.pack_into("<QI4x3Q", fixed, 0x10, self.console, self.console_flags, *self.standard)
        struct.pack_into("<Q", fixed, 0x48, self.current_directory_handle)
        struct.pack_into("<9I", fixed, _WINDOW, *self.window)
        return bytes(fixed + blob)


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(encode(text)) // 2


def read_parameters(memory: Memory, address: int) -> Parameters:
    """RTL_USER_PROCESS_PARAMETERS as a creator gives them; INVALID_PARAMETER when the environment is too large."""
    console, console_flags, *standard = struct.unpack("<QI4x3Q", memory.read(address + 0x10, 40))
    (block,) = struct.unpack("<Q", memory.read(address + _ENVIRONMENT, 8))
    (size,) = struct.unpack("<Q", memory.read(address + _ENVIRONMENT_SIZE, 8))
    if size > LONGEST_ENVIRONMENT:
        raise Failure(Status.INVALID_PARAMETER)
    data = memory.read(block, size) if block else b""
    length, runtime = struct.unpack("<H6xQ", memory.read(address + _RUNTIME, 16))
    texts = {offset: read_string(memory, address + offset) for offset in (0x38, 0x60, 0x70, 0xB0, 0xC0, 0xD0)}
    return Parameters(
        image=texts[0x60],
        command_line=texts[0x70],
        current_directory=texts[0x38],
        environment=decode_environment(data),
        window_title=texts[0xB0],
        desktop=texts[0xC0],
        shell_information=texts[0xD0],
        console=console,
        console_flags=console_flags,
        standard=(standard[0], standard[1], standard[2]),
        window=struct.unpack("<9I", memory.read(address + _WINDOW, 36)),
        runtime=memory.read(runtime, length) if runtime else b"",
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


def read_environment(memory: Memory, peb: int) -> bytes:
    """The environment of a process in its memory, as Linux has one: `NAME=value` in UTF-8 and a zero byte each."""
    (parameters,) = struct.unpack("<Q", memory.read(peb + _PEB_PARAMETERS, 8))
    (block,) = struct.unpack("<Q", memory.read(parameters + _ENVIRONMENT, 8))
    (size,) = struct.unpack("<Q", memory.read(parameters + _ENVIRONMENT_SIZE, 8))
    text = decode(memory.read(block, min(size, LONGEST_ENVIRONMENT) & ~1))
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
    peb = bytearray(PEB_SIZE)
    file = image.file
    struct.pack_into("<2Q", peb, 0x10, base, 0)
    struct.pack_into("<Q", peb, _PEB_PARAMETERS, parameters)
    struct.pack_into("<Q", peb, 0x68, api_set)
    struct.pack_into("<I", peb, 0xB8, processors)
    struct.pack_into("<q", peb, 0xC0, -150 * 10_000_000)
    struct.pack_into("<4Q", peb, 0xC8, 0x100000, 0x2000, 0x10000, 0x1000)
    struct.pack_into("<Q", peb, 0xF8, shared_handles)
    struct.pack_into("<4I", peb, 0x118, 10, 0, _BUILD, 2)
    struct.pack_into("<3I", peb, 0x128, file.subsystem, *file.subsystem_version)
    struct.pack_into("<Q", peb, 0x138, (1 << processors) - 1)
    struct.pack_into("<I", peb, 0x2C0, session)
    peb[_DEBUG_CHANNELS] = _ERRORS
    return bytes(peb)
