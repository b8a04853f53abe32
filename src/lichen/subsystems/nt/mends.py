"""What is mended in Wine's own DLLs when they are loaded, as they lack what NT below them can do (docs/decisions/012, 025).

kernelbase: CreateSymbolicLinkW says that it made a link and makes no call at all; CreateFileW drops the flag that asks for a
link itself; FindNextFileW tells no reparse tag; CreateNamedPipeW never insists on a pipe's first instance. shell32: the
deletion of a directory, which `rd /s` is, walks through links and deletes what is behind them. cmd.exe: so do `del /s` and
`dir /s`, for ever where links lead around. ws2_32: its sockets are not only those of the internet (`socket_mends`, 020).
iphlpapi: what would change the network is missing (`network.mends`, 032).

A mend looks for the fault that it cures, and leaves a DLL alone that does not have it: Wine's may be of any age.
"""

from __future__ import annotations

import re
import struct
from contextlib import suppress
from typing import Final

from lichen.executive.status import Failure
from lichen.subsystems.nt import stub_mends
from lichen.subsystems.nt.image_code import CALL, ImageCode, Part
from lichen.subsystems.nt.pe import EXPORT_DIRECTORY, PeFile
from lichen.subsystems.nt.records import LONG, ULONG, ULONG64
from lichen.subsystems.nt.unixcalls import KERNEL, MAKE_SYMBOLIC_LINK

_BUILTIN: Final = b"Wine builtin DLL"
"""What Wine's own PE files say in front of their headers."""
_SIGNATURE: Final = 0x40
_HOOK: Final = bytes.fromhex("48 8d a4 24 00 00 00 00")  # lea rsp, [rsp+0]
"""What a function begins with into which others are expected to put a jump."""
_SAVING: Final = bytes.fromhex("55 57 56 53 48 83 ec 48")  # push rbp, rdi, rsi, rbx; sub rsp, 48h

_OPENS_PIPE: Final = bytes.fromhex("c7 44 24 28 03 00 00 00")  # mov dword [rsp+28h], FILE_OPEN_IF
_OWNS_PIPE: Final = bytes.fromhex(
    "0d 00 00 08 00 f7 c3 00 00 08 00 0f 45 d0"  # or eax, 80000h; test ebx, 80000h; cmovnz edx, eax
)
_IN_A_LOOP: Final = re.compile(rb"\xf6\x84\x24(....)\x10\x74[\x80-\xff]", re.DOTALL)
"""`test byte [rsp+....], FILE_ATTRIBUTE_DIRECTORY; je` back."""
_IN_A_TRACED_LOOP: Final = re.compile(
    rb"\xf6\x84\x24(....)\x10\x75[\0-\x7f].{0,96}?(\xf6\x84\x24\1\x10\x74[\x80-\xff])", re.DOTALL
)
"""The same where a message is written in between: one such test with `jne` onwards, and soon another."""


_NETWORK: Final = ("ws2_32.dll", "iphlpapi.dll")


def mend(file: PeFile, image: bytearray, dispatcher: int) -> None:
    """Mend an image that is about to be shared; `dispatcher` is where Wine's DLLs call their Unix halves."""
    if file.data[_SIGNATURE : _SIGNATURE + len(_BUILTIN)] != _BUILTIN:
        return
    with suppress(KeyError, struct.error, Failure):  # a file that only says that it is Wine's
        mending = _Mending(file, image)
        if mending.name == "kernelbase.dll":
            mending.symbolic_links(dispatcher)
            mending.flag_for_links()
            mending.tags_in_listings()
            mending.first_pipes()
        elif mending.name == "shell32.dll":
            mending.deletion()
        elif mending.name in _NETWORK:
            _mend_network(mending.name, mending, dispatcher)
        elif not file.is_dll:
            mending.walks()
        stub_mends.mend(mending, mending.name, dispatcher)


def _mend_network(name: str, mending: ImageCode, dispatcher: int) -> None:
    """What these need is much to import, and few programs load them."""
    if name == "ws2_32.dll":
        from lichen.subsystems.nt import socket_mends

        socket_mends.mend(mending, dispatcher)
    else:
        from lichen.subsystems.nt.network import mends

        mends.mend(mending, dispatcher)


class _Mending(ImageCode):
    """The mends of one image."""

    def __init__(self, file: PeFile, image: bytearray) -> None:
        super().__init__(file, image)
        self.name = ""
        if start := file.directory(EXPORT_DIRECTORY)[0]:
            name = ULONG.unpack(file.image, start + 12)
            self.name = file.image[name : file.image.find(b"\0", name)].decode("ascii", "replace").lower()

    # ---- kernelbase

    def symbolic_links(self, dispatcher: int) -> None:
        """Give CreateSymbolicLinkW a body, if it has none: a stub calls no other DLL."""
        start, end = self.function("CreateSymbolicLinkW")
        if not self.image.startswith(_SAVING, start) or self.image.find(CALL, start, end) >= 0:
            return
        begin = start + len(_SAVING)  # the same frame, so that the tables for unwinding stay true
        code = self.assembled(begin, _symbolic_link_body(dispatcher))
        if begin + len(code) <= end:
            self.image[begin:end] = code.ljust(end - begin, b"\xcc")

    def flag_for_links(self) -> None:
        """Have CreateFileW say FILE_FLAG_OPEN_REPARSE_POINT by an attribute, as it passes those on."""
        start, _ = self.function("CreateFileW")
        if not self.image.startswith(_HOOK, start):
            return
        at = self.placed(
            bytes.fromhex("f7 44 24 30 00 00 20 00"),  # test dword [rsp+30h], FILE_FLAG_OPEN_REPARSE_POINT
            bytes.fromhex("74 08"),  # jz on
            bytes.fromhex("81 4c 24 30 00 04 00 00"),  # or dword [rsp+30h], FILE_ATTRIBUTE_REPARSE_POINT
            bytes.fromhex("e9 00 00 00 00"),  # on: jmp CreateFileW+8
        )
        if at is not None:
            self.branch(b"\xe9", at + 18, start + len(_HOOK))
            self.branch(b"\xe9", start, at)

    def tags_in_listings(self) -> None:
        """Have FindNextFileW copy the reparse tag, where it writes zeros to both reserved fields."""
        start, end = self.function("FindNextFileW")
        start += len(_HOOK)
        at = self.image.find(b"\x24\0\0\0\0", start, end) - 3  # mov qword [data+24h], 0
        prefix, operation, operand = self.image[at : at + 3]
        entry = self._register_of_entry(start, at)
        if at < start or entry is None or (prefix & 0xFE, operation, operand & 0xF8) != (0x48, 0xC7, 0x40):
            return
        data = (prefix & 1) << 3 | operand & 7
        code = self.placed(
            bytes.fromhex("50"),  # push rax
            _with_displacement(0x40, 0x8B, entry, 0x40),  # mov eax, [entry+40h]: EaSize, or the tag
            _with_displacement(0x48, 0x89, data, 0x24),  # mov [data+24h], rax
            bytes.fromhex("58 c3"),  # pop rax; ret
        )
        if code is not None:
            self.branch(b"\xe8", at, code)
            self.image[at + 5 : at + 8] = bytes.fromhex("0f 1f 00")  # nop

    def first_pipes(self) -> None:
        """Have CreateNamedPipeW mean FILE_FLAG_FIRST_PIPE_INSTANCE by a bit, and not WRITE_OWNER, which is the same one."""
        start, end = self.function("CreateNamedPipeW")
        found = self.image.find(_OWNS_PIPE, start, end)
        if found < 0 or self.image.find(_OPENS_PIPE, start, found) < 0:
            return
        at = self.placed(
            bytes.fromhex("f7 c3 00 00 08 00"),  # test ebx, FILE_FLAG_FIRST_PIPE_INSTANCE
            bytes.fromhex("74 08"),  # jz done
            bytes.fromhex(
                "c7 44 24 30 02 00 00 00"
            ),  # mov dword [rsp+30h], FILE_CREATE: what is there is an error
            b"\xc3",  # done: ret
        )
        if at is not None:
            self.branch(b"\xe8", found, at)
            self.image[found + 5 : found + len(_OWNS_PIPE)] = b"\x90" * (len(_OWNS_PIPE) - 5)

    def _register_of_entry(self, start: int, end: int) -> int | None:
        """The register with the directory's entry, from which eax is loaded with the attributes: mov eax, [entry+38h]."""
        at = self.image.rfind(b"\x38", start, end)
        while at > start + 2:
            if self.image[at - 2] == 0x8B and self.image[at - 1] & 0xF8 == 0x40:
                return (self.image[at - 3] == 0x41) << 3 | self.image[at - 1] & 7
            at = self.image.rfind(b"\x38", start, at)
        return None

    # ---- shell32

    def deletion(self) -> None:
        """Let functions that call themselves with what FindFirstFileW finds see nothing behind a link.

        In shell32 that is the one which deletes directories.
        """
        slot = self.file.imports["FindFirstFileW"]
        calls = [
            call
            for start, end in self.file.functions.items()
            for call in self.calls(start, end, slot)
            if self.calls_itself(start, end)
        ]
        at = self.placed(*_FIND_NOT_BEHIND_LINKS) if calls else None
        for call in calls if at is not None else ():
            self.branch(b"\xe8", call, at or 0)
            self.image[call + 5] = 0x90  # nop

    # ---- cmd.exe

    def walks(self) -> None:
        """Let functions that go into the directories that they find not take links for directories.

        Of their tests for FILE_ATTRIBUTE_DIRECTORY it is the one in the loop that looks for these: it goes back when there is
        none. The others are of what is shown.
        """
        if "FindFirstFileW" not in self.file.imports:
            return
        for start, end in self.file.functions.items():
            if self.calls_itself(start, end):  # dir /s, del /s
                for found in _IN_A_LOOP.finditer(self.image, start, end):
                    self._test_for_plain_directory(found[1], found.start())
            for found in _IN_A_TRACED_LOOP.finditer(self.image, start, end):  # for /r
                self._test_for_plain_directory(found[1], found.start(), found.start(2))

    def _test_for_plain_directory(self, displacement: bytes, *places: int) -> None:
        """Exchange tests of a byte on the stack for one bit by tests for a directory that is no link."""
        at = self.placed(
            bytes.fromhex("50"),  # push rax
            b"\x8b\x84\x24" + LONG.pack(LONG.unpack(displacement) + 16),  # mov eax, [rsp+...]
            bytes.fromhex("25 10 04 00 00"),  # and eax, DIRECTORY | REPARSE_POINT
            bytes.fromhex("83 f8 10"),  # cmp eax, DIRECTORY
            bytes.fromhex("0f 94 c0 84 c0"),  # sete al; test al, al
            bytes.fromhex("58 c3"),  # pop rax; ret
        )
        for place in places if at is not None else ():
            self.branch(b"\xe8", place, at or 0)
            self.image[place + 5 : place + 8] = bytes.fromhex("0f 1f 00")  # nop


def _with_displacement(prefix: int, operation: int, register: int, displacement: int) -> bytes:
    """A move between rax and what is so far from where a register points to; rsp and r12 need one more byte."""
    sib = b"\x24" if register & 7 == 4 else b""
    return bytes((prefix | register >> 3, operation, 0x40 | register & 7)) + sib + bytes((displacement,))


def _symbolic_link_body(dispatcher: int) -> tuple[Part, ...]:
    return (
        bytes.fromhex("48 89 d3"),  # mov rbx, rdx: the target
        bytes.fromhex("44 89 c7"),  # mov edi, r8d: the flags
        bytes.fromhex("48 8d 54 24 20"),  # lea rdx, [rsp+20h]: a UNICODE_STRING
        bytes.fromhex("45 31 c0 45 31 c9"),  # xor r8d, r8d; xor r9d, r9d
        "RtlDosPathNameToNtPathName_U",
        bytes.fromhex("be 3a 00 00 c0"),  # mov esi, STATUS_OBJECT_PATH_NOT_FOUND
        bytes.fromhex("84 c0 74 3b"),  # test al, al; jz failed
        bytes.fromhex("48 8d 44 24 20"),  # lea rax, [rsp+20h]
        bytes.fromhex("48 89 44 24 30"),  # mov [rsp+30h], rax: the name
        bytes.fromhex("48 89 5c 24 38"),  # mov [rsp+38h], rbx: the target
        bytes.fromhex("89 7c 24 40"),  # mov [rsp+40h], edi: the flags
        b"\xb9" + ULONG.pack(KERNEL),  # mov ecx, KERNEL
        b"\xba" + ULONG.pack(MAKE_SYMBOLIC_LINK),  # mov edx, MAKE_SYMBOLIC_LINK
        bytes.fromhex("4c 8d 44 24 30"),  # lea r8, [rsp+30h]
        b"\x48\xb8" + ULONG64.pack(dispatcher),  # mov rax, dispatcher
        bytes.fromhex("ff d0"),  # call rax
        bytes.fromhex("89 c6"),  # mov esi, eax
        bytes.fromhex("48 8d 4c 24 20"),  # lea rcx, [rsp+20h]
        "RtlFreeUnicodeString",
        bytes.fromhex("31 c0"),  # failed: xor eax, eax
        bytes.fromhex("85 f6 74 12"),  # test esi, esi; jz done
        bytes.fromhex("89 f1"),  # mov ecx, esi
        "RtlNtStatusToDosError",
        bytes.fromhex("65 89 04 25 68 00 00 00"),  # mov gs:[68h], eax: the last error
        bytes.fromhex("31 c0"),  # xor eax, eax
        bytes.fromhex("85 f6 0f 94 c0"),  # done: test esi, esi; sete al
        bytes.fromhex("48 83 c4 48 5b 5e 5f 5d c3"),  # add rsp, 48h; pop rbx, rsi, rdi, rbp; ret
    )


_FIND_NOT_BEHIND_LINKS: Final[tuple[Part, ...]] = (
    bytes.fromhex("56 57 53 48 83 ec 20"),  # push rsi, rdi, rbx; sub rsp, 20h
    bytes.fromhex("48 89 cb 48 89 d6 48 89 cf"),  # mov rbx, rcx; mov rsi, rdx; mov rdi, rcx
    bytes.fromhex("66 83 3f 00 74 06"),  # next: cmp word [rdi], 0; je ended
    bytes.fromhex("48 83 c7 02 eb f4"),  # add rdi, 2; jmp next
    bytes.fromhex("66 83 7f fe 2a 75 2e"),  # ended: cmp word [rdi-2], '*'; jne plain
    bytes.fromhex("66 83 7f fc 5c 75 27"),  # cmp word [rdi-4], '\\'; jne plain
    bytes.fromhex("66 c7 47 fc 00 00"),  # mov word [rdi-4], 0: the directory alone
    bytes.fromhex("48 89 d9"),  # mov rcx, rbx
    "GetFileAttributesW",
    bytes.fromhex("66 c7 47 fc 5c 00"),  # mov word [rdi-4], '\\'
    bytes.fromhex("83 f8 ff 74 0d"),  # cmp eax, INVALID_FILE_ATTRIBUTES; je plain
    bytes.fromhex("a9 00 04 00 00 74 06"),  # test eax, FILE_ATTRIBUTE_REPARSE_POINT; jz plain
    bytes.fromhex("48 83 c8 ff eb 0c"),  # or rax, INVALID_HANDLE_VALUE; jmp done
    bytes.fromhex("48 89 d9 48 89 f2"),  # plain: mov rcx, rbx; mov rdx, rsi
    "FindFirstFileW",
    bytes.fromhex("48 83 c4 20 5b 5f 5e c3"),  # done: add rsp, 20h; pop rbx, rdi, rsi; ret
)
