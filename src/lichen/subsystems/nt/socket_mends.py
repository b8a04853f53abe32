"""What is mended in Wine's ws2_32, as it keeps from the kernel what sockets can do here (docs/decisions/020).

bind refuses every family that it does not know, among them local sockets. WSAIoctl knows no SIO_AF_UNIX_GETPEERPID. WSASendMsg
forgets the control data that it is given. DisconnectEx does not tell that the socket is to be used again. And a socket that a
process has inherited is none to most functions, as they keep a list of those that it has made.
"""

from __future__ import annotations

import re
import uuid
from typing import Final

from lichen.subsystems.nt.image_code import ImageCode
from lichen.subsystems.nt.records import LONG, ULONG, ULONG64
from lichen.subsystems.nt.sockets.connections import REUSE
from lichen.subsystems.nt.sockets.requests import PEER_PROCESS
from lichen.subsystems.nt.sockets.transfers import WITH_CONTROL
from lichen.subsystems.nt.unixcalls import IS_SOCKET, KERNEL

_GET_PEER: Final = 0x58000100  # SIO_AF_UNIX_GETPEERPID
_DISCONNECT_EX: Final = uuid.UUID("7fda2e11-8630-436f-a031-f536a6eec157").bytes_le
_IPX: Final = bytes.fromhex("66 83 f8 06 0f 85")  # cmp ax, AF_IPX; jne
_SHORTEST_IPX: Final = bytes.fromhex("83 fb 0d 77")  # cmp ebx, 13; ja
_COMPLETE: Final = bytes.fromhex("ba 48 03 12 00")  # mov edx, IOCTL_AFD_WINE_COMPLETE_ASYNC
_SAVING: Final = bytes.fromhex("41 57 41 56 41 55")  # push r15, r14, r13
_OF_MESSAGE: Final = bytes.fromhex(
    "44 8b 42 18 48 89 c2"
)  # mov r8d, [message.dwBufferCount]; mov rdx, rax: its buffers
_HOW: Final = bytes.fromhex("c7 44 24 5c 01 00 00 00")  # mov dword [rsp+5ch], SD_SEND
_REUSES: Final = bytes.fromhex("83 e7 02 74")  # and edi, TF_REUSE_SOCKET; je
_REUSES_SIZE: Final = 18
"""With the message that this is not supported."""
_NOP: Final = b"\x90"
_ASKING: Final = re.compile(rb"\x48\x89\xf9\xe8(....)\x85\xc0\x0f\x84", re.DOTALL)
"""mov rcx, rdi; call the function that looks into the list; test eax, eax; jz"""
_ADDING: Final = re.compile(rb"\x48\x89\xd9\xe8(....)\x85\xc0", re.DOTALL)
"""mov rcx, rbx; call the function that adds to the list; test eax, eax"""
_CLOSING: Final = re.compile(rb"\x48\x8d\x35(....)\x48\x89\xf1\xff\x15", re.DOTALL)
"""lea rsi, [the list's lock]; mov rcx, rsi; call [EnterCriticalSection]"""
_MISSING: Final = re.compile(rb"\xff\x15(....)\xeb[\x80-\xff]", re.DOTALL)
"""call [LeaveCriticalSection]; jmp back, to where the answer is no"""


def mend(code: ImageCode, dispatcher: int) -> None:
    """Mend what of this a ws2_32 has in the known form; `dispatcher` is where it calls the kernel."""
    _inherited(code, dispatcher)
    _local_names(code)
    _peer_of_local(code)
    _control_data(code)
    _reuse(code)


def _local_names(code: ImageCode) -> None:
    """Have bind take local sockets' names in place of those of IPX, which nobody speaks any more."""
    start, end = code.function("bind")
    family = code.image.find(_IPX, start, end)
    size = code.image.find(_SHORTEST_IPX, start, end)
    if start < family < size:
        code.image[family + 3] = 1  # AF_UNIX
        code.image[size + 2] = 1  # more than that: a family is there


def _peer_of_local(code: ImageCode) -> None:
    """Have WSAIoctl pass on the question who the peer is, by the function that it passes on others by."""
    start, end = code.function("WSAIoctl")
    passing = code.image.find(_COMPLETE, start, end)
    call = code.image.find(b"\xe8", passing + len(_COMPLETE), end)
    if passing < 0 or call < 0 or not code.image.startswith(_SAVING, start):
        return
    target = call + 5 + LONG.unpack(code.image, call + 1)
    copied = bytes.fromhex("4c 8d 54 24 70") + b"".join(  # lea r10, [rsp+70h]
        bytes((0x49, 0x8B, 0x42, at, 0x48, 0x89, 0x44, 0x24, 0x20 + at)) for at in range(0, 40, 8)
    )
    asks = (
        bytes.fromhex("48 83 7c 24 38 00 74 00")  # cmp qword [rsp+38h], 0: where the size is told; je on
        + bytes.fromhex("48 83 ec 48")  # sub rsp, 48h
        + copied  # mov rax, [r10...]; mov [rsp+20h...], rax: the arguments on the stack
        + b"\xba"
        + ULONG.pack(PEER_PROCESS)  # mov edx, PEER_PROCESS
        + bytes.fromhex("e8 00 00 00 00")  # call the function
        + bytes.fromhex("65 89 04 25 68 00 00 00")  # mov gs:[68h], eax: the last error
        + bytes.fromhex("f7 d8 19 c0")  # neg eax; sbb eax, eax
        + bytes.fromhex("48 83 c4 48 c3")  # add rsp, 48h; ret
    )
    at = code.placed(
        b"\x81\xfa" + ULONG.pack(_GET_PEER),  # cmp edx, SIO_AF_UNIX_GETPEERPID
        bytes((0x75, len(asks))),  # jne on
        asks,
        _SAVING,  # on: what the jump to here has taken the place of
        bytes.fromhex("e9 00 00 00 00"),  # jmp WSAIoctl+6
    )
    if at is None:
        return
    begin = at + 8
    code.image[begin + 7] = len(asks) - 8
    code.branch(b"\xe8", begin + asks.index(b"\xe8\0\0\0\0"), target)
    code.branch(b"\xe9", begin + len(asks) + len(_SAVING), start + len(_SAVING))
    code.branch(b"\xe9", start, at)
    code.image[start + 5] = _NOP[0]


def _control_data(code: ImageCode) -> None:
    """Have WSASendMsg give the message itself in place of its buffers, and say so, when there is control data."""
    start, end = code.function("WSASendMsg")
    found = code.image.find(_OF_MESSAGE + b"\xe8", start, end)
    if found < 0:
        return
    at = code.placed(
        bytes.fromhex("44 8b 42 18"),  # mov r8d, [rdx+18h]
        bytes.fromhex("83 7a 20 00 74 09"),  # cmp dword [rdx+20h], 0: Control.len; je plain
        b"\x81\x4c\x24\x28" + ULONG.pack(WITH_CONTROL),  # or dword [rsp+28h], WITH_CONTROL: the flags
        b"\xc3",  # ret
        bytes.fromhex("48 89 c2 c3"),  # plain: mov rdx, rax; ret
    )
    if at is not None:
        code.branch(b"\xe8", found, at)
        code.image[found + 5 : found + 7] = _NOP * 2


def _inherited(code: ImageCode, dispatcher: int) -> None:
    """Have a socket that is not in the list put there, if the kernel knows it: before it is used, and before it is closed."""
    asks = _ASKING.search(code.image, *code.function("getpeername"))
    makes = _ADDING.search(code.image, *code.function("WSASocketW"))
    start, end = code.function("closesocket")
    closes = _CLOSING.search(code.image, start, end)
    if asks is None or makes is None or closes is None:
        return
    find, add = (found.end(1) + LONG.unpack(found[1]) for found in (asks, makes))
    missing = _MISSING.search(code.image, find, code.file.functions.get(find, find))
    if missing is None:
        return
    leave = missing.end(1) + LONG.unpack(missing[1])
    at = code.placed(
        bytes.fromhex("ff 15 00 00 00 00"),  # call [LeaveCriticalSection]
        bytes.fromhex("48 89 5c 24 20 4c 8d 44 24 20"),  # mov [rsp+20h], rbx: the socket; lea r8, [rsp+20h]
        b"\xb9" + ULONG.pack(KERNEL),  # mov ecx, KERNEL
        b"\xba" + ULONG.pack(IS_SOCKET),  # mov edx, IS_SOCKET
        b"\x48\xb8" + ULONG64.pack(dispatcher) + b"\xff\xd0",  # mov rax, dispatcher; call rax
        bytes.fromhex("85 c0 74 08"),  # test eax, eax; jz no
        bytes.fromhex("48 89 d9 e8 00 00 00 00"),  # mov rcx, rbx; call the function that adds
        bytes.fromhex("48 83 c4 28 5b 5e c3"),  # no: add rsp, 28h; pop rbx, rsi; ret
    )
    close = code.placed(
        bytes.fromhex(
            "48 83 ec 28 48 89 d9 e8 00 00 00 00 48 83 c4 28"
        ),  # mov rcx, rbx; call the function that looks
        bytes.fromhex("48 8d 35 00 00 00 00 c3"),  # lea rsi, [the list's lock]; ret
    )
    if at is None or close is None:
        return
    code.image[at + 2 : at + 6] = LONG.pack(leave - (at + 6))
    code.branch(b"\xe8", at + 45, add)
    lock = closes.end(1) + LONG.unpack(closes[1])
    code.branch(b"\xe8", close + 7, find)
    code.image[close + 19 : close + 23] = LONG.pack(lock - (close + 23))
    code.branch(b"\xe9", missing.start(), at)
    code.branch(b"\xe8", closes.start(), close)
    code.image[closes.start() + 5 : closes.start() + 7] = _NOP * 2


def _reuse(code: ImageCode) -> None:
    """Have DisconnectEx, which a table of WSAIoctl's names, tell of TF_REUSE_SOCKET with the way that ends."""
    entry = code.image.find(_DISCONNECT_EX)
    if entry < 0:
        return
    for start, end in code.file.functions.items():
        place = ULONG64.unpack(code.image, entry + len(_DISCONNECT_EX)) - start
        if place < 0 or place & 0xFFFF:
            continue
        how, found = code.image.find(_HOW, start, end), code.image.find(_REUSES, start, end)
        if start < how < found:
            change = (
                bytes.fromhex("83 e7 02")  # and edi, TF_REUSE_SOCKET
                + bytes((0xC1, 0xE7, (REUSE // 2).bit_length() - 1))  # shl edi, ...
                + bytes.fromhex("09 7c 24 5c")  # or [rsp+5ch], edi
            )
            code.image[found : found + _REUSES_SIZE] = change.ljust(_REUSES_SIZE, _NOP)
