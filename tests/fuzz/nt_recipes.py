"""Recipes for NT calls, and the calls that never succeed."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

from lichen.abi.layout import LLP64, layout
from lichen.executive.interfaces import PAGE
from lichen.subsystems.nt import context, types
from lichen.subsystems.nt.parameters import Parameters
from lichen.subsystems.nt.records.common import ObjectAttributes, UnicodeString
from tests.fuzz.guests import ARENA, SIZE
from tests.fuzz.recipes import Recipe, Steps, Unready

NEVER: Final[Mapping[str, str]] = {
    "NtCancelSynchronousIoFile": "the thread that waits would have to be another one",
    "NtDisplayString": "there is no boot screen",
    "NtOpenThreadToken": "threads do not impersonate",
    "NtOpenThreadTokenEx": "threads do not impersonate",
    "NtQueryLicenseValue": "the registry that these calls have is empty",
    "NtQueryMultipleValueKey": "values are asked for one at a time",
    "NtSetSystemTime": "no clock is ever set",
    "NtShutdownSystem": "nobody returns from it",
}
"""Why a call can have no success."""

UNANSWERED: Final = frozenset(
    (
        "NtContinue",
        "NtContinueEx",
        "NtRaiseException",
        "NtSetContextThread",
        "NtTerminateProcess",
        "NtTerminateThread",
    )
)
"""Calls whose success may be that there is no answer."""
PROGRAM: Final = "Z:\\hostname.exe"
PROCESS, THREAD = types.CURRENT_PROCESS, types.CURRENT_THREAD
_ALL: Final = 0x1F01FF
_EVERYTHING: Final = 0x1F0003
_STRING: Final = layout(UnicodeString, LLP64)
_ATTRIBUTES: Final = layout(ObjectAttributes, LLP64)
_ROOM: Final = 2048
_STACK: Final = ARENA + SIZE - 8192
_FSCTL_PIPE_PEEK: Final = 0x11400C


def _text(s: Steps, text: str) -> int:
    """A UNICODE_STRING."""
    data = types.encode(text)
    return s.put(_STRING.pack(UnicodeString(len(data), len(data), s.put(data + b"\0\0"))))


def _named(s: Steps, path: str = "", flags: int = 0x40) -> int:
    """OBJECT_ATTRIBUTES; without a path, of something without a name."""
    name = _text(s, path) if path else 0
    return s.put(_ATTRIBUTES.pack(ObjectAttributes(_ATTRIBUTES.size, 0, name, flags, 0, 0)))


def _made(s: Steps, call: str, *arguments: int) -> int:
    """The handle that a call writes to its first argument."""
    handle = s.put()
    s.call(call, handle, *arguments)
    return s.word(handle)


def _number(s: Steps, number: int) -> int:
    return s.put(struct.pack("<q", number))


def _object(s: Steps, call: str, access: int, *arguments: int) -> int:
    """The name of an object of which there is a handle."""
    path = s.name("\\BaseNamedObjects\\r")
    _made(s, call, access, _named(s, path), *arguments)
    return _named(s, path)


def _openable(call: str, access: int, *arguments: int) -> Recipe:
    """Open what `call` has made."""
    return lambda s: (s.put(), access, _object(s, call, access, *arguments))


def _file(s: Steps, content: bytes = b"content") -> int:
    path = s.name("\\??\\C:\\r")
    fd = _made(s, "NtCreateFile", _ALL, _named(s, path), s.put(), 0, 0x80, 7, 2, 0x20, 0, 0)
    s.call("NtWriteFile", fd, 0, 0, 0, s.put(), s.put(content), len(content), _number(s, 0), 0)
    return fd


def _transfer(s: Steps) -> tuple[int, ...]:
    return _file(s), 0, 0, 0, s.put(), s.put(), 4, _number(s, 0), 0


def _apart(s: Steps) -> tuple[int, ...]:
    """A page of an unbuffered file to or from somewhere."""
    path = s.name("\\??\\C:\\r")
    fd = _made(s, "NtCreateFile", _ALL, _named(s, path), s.put(), 0, 0x80, 7, 2, 8, 0, 0)
    return fd, 0, 0, 0, s.put(), _number(s, ARENA), 4096, _number(s, 0), 0


def _folder(s: Steps) -> int:
    return _made(s, "NtOpenFile", 0x100001, _named(s, "\\??\\C:\\"), s.put(), 7, 0x21)


def _watching(s: Steps) -> int:
    """A folder whose changes are told later."""
    return _made(s, "NtOpenFile", 1, _named(s, "\\??\\C:\\"), s.put(), 7, 1)


def _pipe(s: Steps) -> tuple[int, int]:
    """Both ends of a named pipe, the first of which has something to read."""
    name = s.name("\\Device\\NamedPipe\\r")
    server = _made(s, "NtCreateNamedPipeFile", *_pipe_arguments(s, name))
    client = _made(s, "NtCreateFile", 0xC0100000, _named(s, name), s.put(), 0, 0x80, 3, 1, 0x20, 0, 0)
    s.call("NtWriteFile", client, 0, 0, 0, s.put(), s.put(b"message"), 7, 0, 0)
    return server, client


def _pipe_arguments(s: Steps, name: str, options: int = 0x20) -> tuple[int, ...]:
    return (
        0xC0100000, _named(s, name), s.put(), 3, 2, options, 0, 0, 0, 255, 4096, 4096, _number(s, -500000)
    )  # fmt: skip


def _waiting_read(s: Steps) -> tuple[int, ...]:
    """A pipe from which an asynchronous read goes on."""
    name = s.name("\\Device\\NamedPipe\\r")
    server = _made(s, "NtCreateNamedPipeFile", *_pipe_arguments(s, name, options=0))
    _made(s, "NtCreateFile", 0xC0100000, _named(s, name), s.put(), 0, 0x80, 3, 1, 0, 0, 0)
    s.call("NtReadFile", server, 0, 0, 0, s.put(), s.put(), 4, 0, 0)
    return server, 0, s.put()


def _locked(s: Steps) -> tuple[int, ...]:
    file, start, size = _file(s), _number(s, 0), _number(s, 8)
    s.call("NtLockFile", file, 0, 0, 0, s.put(), start, size, 0, 1, 1)
    return file, s.put(), start, size, 0


def _key(s: Steps) -> int:
    """A key with a subkey and a value."""
    path = s.name("\\Registry\\Machine\\Software\\r")
    key = _made(s, "NtCreateKey", 0xF003F, _named(s, path), 0, 0, 0, 0)
    _made(s, "NtCreateKey", 0xF003F, _named(s, path + "\\sub"), 0, 0, 0, 0)
    s.call("NtSetValueKey", key, _text(s, "value"), 0, 1, s.put(types.encode("data")), 8)
    return key


def _section(s: Steps) -> int:
    return _made(s, "NtCreateSection", 0xF001F, 0, _number(s, 4 * PAGE), 4, 0x8000000, 0)


def _mapped(s: Steps) -> int:
    """The address of a view."""
    base = s.put()
    s.call("NtMapViewOfSection", _section(s), PROCESS, base, 0, 0, 0, s.put(), 2, 0, 4)
    return s.word(base, 8)


def _allocated(s: Steps) -> tuple[int, int]:
    """Where the base and size of an allocation are."""
    base, size = s.put(), _number(s, 2 * PAGE)
    s.call("NtAllocateVirtualMemory", PROCESS, base, 0, size, 0x3000, 4)
    return base, size


def _context(s: Steps) -> int:
    return s.put(context.initial(ARENA, 0, ARENA, _STACK))


def _atom(s: Steps) -> int:
    """The number of an atom."""
    number = s.put()
    s.call("NtAddAtom", s.put(types.encode("atom")), 8, number)
    return s.word(number, 2)


def _atom_name(s: Steps) -> int:
    """The name of an atom."""
    _atom(s)
    return s.put(types.encode("atom"))


def _set_event(s: Steps) -> int:
    return _made(s, "NtCreateEvent", _EVERYTHING, 0, 0, 1)


def _token(s: Steps) -> int:
    handle = s.put()
    s.call("NtOpenProcessToken", PROCESS, 8, handle)
    return s.word(handle)


def _other_thread(s: Steps) -> int:
    """A handle of another thread of the process."""
    return _made(s, "NtCreateThreadEx", 0x1FFFFF, 0, PROCESS, ARENA, 0, 0, 0, 0, 0x10000, 0)


def _client(s: Steps) -> int:
    return s.put(struct.pack("<2Q", s.thread.process.id, s.thread.id))


def _link(s: Steps) -> int:
    name = s.name("\\BaseNamedObjects\\r")
    return _made(s, "NtCreateSymbolicLinkObject", 0xF0001, _named(s, name), _text(s, "\\Device"))


def _new_process(s: Steps) -> tuple[int, ...]:
    if s.thread.process.files.current.deleted:
        raise Unready("a current folder")
    image = types.encode(f"\\??\\{PROGRAM}")
    attributes = struct.pack("<5Q", 40, 0x20005, len(image), s.put(image), 0)
    given = Parameters(PROGRAM, PROGRAM, "C:\\", {"NAME": "value"})
    block = s.put(given.pack(0))
    s.thread.memory.write(block, given.pack(block))
    return s.put(), s.put(), 0x1FFFFF, 0x1FFFFF, 0, 0, 0, 0, block, s.put(bytes(88)), s.put(attributes)


def _query(size: int, call: str, access: int, *arguments: int) -> Recipe:
    """Ask for the basic class, of `size` bytes, of what `call` has made."""
    return lambda s: (_made(s, call, access, 0, *arguments), 0, s.put(bytes(size)), size, 0)


def _of_key(s: Steps, *before: int) -> tuple[int, ...]:
    return _key(s), *before, s.put(bytes(_ROOM)), _ROOM, s.put()


def _asking(s: Steps) -> tuple[int, ...]:
    """How many interfaces there are, of NSI."""
    nsi = _made(s, "NtOpenFile", 0x100000, _named(s, "\\??\\Nsi"), s.put(), 7, 0x20)
    module = struct.pack("<HxxI16s", 24, 1, bytes.fromhex("114a00eb1a9bd41191230050047759bc"))
    request = module + struct.pack("<8I", 1, 1, 0, 0, 0, 0, 0, 0)
    return nsi, 0, 0, 0, s.put(), 0x121000, s.put(request), len(request), s.put(), 4


_EVENT: Final = ("NtCreateEvent", _EVERYTHING, 0, 0)
_NO_LIST: Final = struct.pack("<BxH16x", 1, 0x8004)
"""A security descriptor with a null DACL: everybody may do everything."""
_JOB: Final = ("NtCreateJobObject", 0x1F001F)
_MUTANT: Final = ("NtCreateMutant", 0x1F0001, 0)
_SEMAPHORE: Final = ("NtCreateSemaphore", _EVERYTHING, 1, 5)
_TIMER: Final = ("NtCreateTimer", _EVERYTHING, 0)
_PORT: Final = ("NtCreateIoCompletion", _EVERYTHING, 0)
_KEYED: Final = ("NtCreateKeyedEvent", 0xF0003, 0)
_DIRECTORY: Final = ("NtCreateDirectoryObject", 0xF000F)

RECIPES: Final[Mapping[str, Recipe]] = {
    "NtAlertThreadByThreadId": lambda s: (s.thread.id,),
    "NtAllocateVirtualMemory": lambda s: (PROCESS, s.put(), 0, _number(s, PAGE), 0x3000, 4),
    "NtAllocateVirtualMemoryEx": lambda s: (PROCESS, s.put(), _number(s, PAGE), 0x3000, 4, 0, 0),
    "NtAreMappedFilesTheSame": lambda s: (at := _mapped(s), at),
    "NtCancelIoFileEx": _waiting_read,
    "NtCompareObjects": lambda s: (PROCESS, PROCESS),
    "NtContinue": lambda s: (_context(s), 0),
    "NtContinueEx": lambda s: (_context(s), 0),
    "NtCreateEvent": lambda s: (s.put(), _EVERYTHING, _named(s, s.name("\\BaseNamedObjects\\r")), 0, 1),
    "NtCreateFile": lambda s: (
        s.put(),
        _ALL,
        _named(s, s.name("\\??\\C:\\r")),
        s.put(),
        0,
        0x80,
        7,
        2,
        0x20,
        0,
        0,
    ),
    "NtCreateNamedPipeFile": lambda s: (s.put(), *_pipe_arguments(s, s.name("\\Device\\NamedPipe\\r"))),
    "NtCreateSection": lambda s: (s.put(), 0xF001F, 0, _number(s, PAGE), 4, 0x8000000, 0),
    "NtCreateSymbolicLinkObject": lambda s: (
        s.put(),
        0xF0001,
        _named(s, s.name("\\BaseNamedObjects\\r")),
        _text(s, "\\Device"),
    ),
    "NtCreateThreadEx": lambda s: (s.put(), 0x1FFFFF, 0, PROCESS, ARENA, 0, 1, 0, 0, 0x10000, 0),
    "NtCreateTimer": lambda s: (s.put(), _EVERYTHING, 0, 0),
    "NtCreateUserProcess": _new_process,
    "NtDeleteValueKey": lambda s: (_key(s), _text(s, "value")),
    "NtDeviceIoControlFile": _asking,
    "NtDuplicateObject": lambda s: (PROCESS, _folder(s), PROCESS, s.put(), 0, 0, 2),
    "NtEnumerateKey": lambda s: _of_key(s, 0, 0),
    "NtEnumerateValueKey": lambda s: _of_key(s, 0, 1),
    "NtFindAtom": lambda s: (_atom_name(s), 8, s.put()),
    "NtFreeVirtualMemory": lambda s: (PROCESS, *_allocated(s), 0x4000),
    "NtFsControlFile": lambda s: (
        _pipe(s)[0],
        0,
        0,
        0,
        s.put(),
        _FSCTL_PIPE_PEEK,
        0,
        0,
        s.put(bytes(64)),
        64,
    ),
    "NtGetNlsSectionPtr": lambda s: (10, 0, 0, s.put(), 0),
    "NtLockFile": lambda s: (_file(s), 0, 0, 0, s.put(), _number(s, 0), _number(s, 8), 0, 1, 1),
    "NtMapViewOfSection": lambda s: (_section(s), PROCESS, s.put(), 0, 0, 0, s.put(), 2, 0, 4),
    "NtNotifyChangeDirectoryFile": lambda s: (_watching(s), 0, 0, 0, s.put(), s.put(bytes(64)), 64, 1, 0),
    "NtNotifyChangeKey": lambda s: (_key(s), 0, 0, 0, s.put(), 4, 0, 0, 0, 1),
    "NtNotifyChangeMultipleKeys": lambda s: (_key(s), 0, 0, 0, 0, 0, s.put(), 4, 0, 0, 0, 1),
    "NtOpenDirectoryObject": _openable(*_DIRECTORY),
    "NtOpenEvent": _openable(*_EVENT),
    "NtOpenFile": lambda s: (s.put(), 0x100001, _named(s, "\\??\\C:\\"), s.put(), 7, 0x21),
    "NtOpenIoCompletion": _openable(*_PORT),
    "NtOpenKeyedEvent": _openable(*_KEYED),
    "NtOpenJobObject": _openable(*_JOB),
    "NtOpenMutant": _openable(*_MUTANT),
    "NtOpenSection": lambda s: (
        s.put(),
        0xF001F,
        _object(s, "NtCreateSection", 0xF001F, _number(s, PAGE), 4, 0x8000000, 0),
    ),
    "NtOpenSemaphore": _openable(*_SEMAPHORE),
    "NtOpenSymbolicLinkObject": lambda s: (s.put(), 1, _named(s, "\\??\\C:")),
    "NtOpenThread": lambda s: (s.put(), 0x1FFFFF, _named(s), _client(s)),
    "NtOpenTimer": _openable(*_TIMER),
    "NtPrivilegeCheck": lambda s: (_token(s), s.put(bytes(32)), s.put()),
    "NtQueryAttributesFile": lambda s: (_named(s, "\\??\\C:\\"), s.put(bytes(64))),
    "NtQueryDirectoryFile": lambda s: (_folder(s), 0, 0, 0, s.put(), s.put(bytes(_ROOM)), _ROOM, 1, 0, 0, 1),
    "NtQueryDirectoryObject": lambda s: (
        _made(s, "NtOpenDirectoryObject", 1, _named(s, "\\")),
        s.put(bytes(_ROOM)),
        _ROOM,
        1,
        1,
        s.put(),
        0,
    ),
    "NtQueryEvent": _query(8, *_EVENT),
    "NtQueryFullAttributesFile": lambda s: (_named(s, "\\??\\C:\\"), s.put(bytes(64))),
    "NtQueryInformationAtom": lambda s: (_atom(s), 0, s.put(bytes(_ROOM)), _ROOM, 0),
    "NtQueryInformationFile": lambda s: (_file(s), s.put(), s.put(bytes(64)), 24, 5),
    "NtQueryInformationJobObject": lambda s: (_made(s, *_JOB, 0), 1, s.put(bytes(64)), 48, 0),
    "NtQueryInformationProcess": lambda s: (PROCESS, 0, s.put(bytes(64)), 48, 0),
    "NtQueryInformationThread": lambda s: (THREAD, 0, s.put(bytes(64)), 48, 0),
    "NtQueryInformationToken": lambda s: (_token(s), 20, s.put(), 4, s.put()),
    "NtQueryIoCompletion": _query(4, *_PORT),
    "NtQueryKey": lambda s: _of_key(s, 0),
    "NtQueryMutant": _query(8, *_MUTANT),
    "NtQueryObject": lambda s: (_folder(s), 2, s.put(bytes(_ROOM)), _ROOM, 0),
    "NtQuerySection": lambda s: (_section(s), 0, s.put(bytes(64)), 24, 0),
    "NtQuerySemaphore": _query(8, *_SEMAPHORE),
    "NtQuerySymbolicLinkObject": lambda s: (
        _link(s),
        s.put(_STRING.pack(UnicodeString(0, 64, s.put(bytes(64))))),
        0,
    ),
    "NtQuerySystemInformation": lambda s: (0, s.put(bytes(64)), 64, 0),
    "NtQuerySystemInformationEx": lambda s: (107, _number(s, 0xFFFF), 4, s.put(bytes(_ROOM)), _ROOM, 0),
    "NtQueryTimer": _query(16, *_TIMER),
    "NtQueryValueKey": lambda s: _of_key(s, _text(s, "value"), 1),
    "NtQueryVirtualMemory": lambda s: (PROCESS, ARENA, 0, s.put(bytes(64)), 48, 0),
    "NtQueryVolumeInformationFile": lambda s: (_folder(s), s.put(), s.put(bytes(64)), 24, 3),
    "NtRaiseException": lambda s: (s.put(struct.pack("<II", 0x1234, 0).ljust(152, b"\0")), _context(s), 1),
    "NtReadFile": _transfer,
    "NtReadFileScatter": _apart,
    "NtReleaseKeyedEvent": lambda s: (_made(s, *_KEYED[:2], 0, 0), 0, 0, _number(s, -1000)),
    "NtReleaseMutant": lambda s: (_made(s, "NtCreateMutant", 0x1F0001, 0, 1), 0),
    "NtRenameKey": lambda s: (_key(s), _text(s, s.name("r"))),
    "NtSetContextThread": lambda s: (THREAD, _context(s)),
    "NtSetInformationFile": lambda s: (_file(s), s.put(), _number(s, 2), 8, 14),
    "NtSetInformationJobObject": lambda s: (_made(s, *_JOB, 0), 4, s.put(bytes(4)), 4),
    "NtSetInformationObject": lambda s: (_folder(s), 4, s.put(b"\1\0"), 2),
    "NtSetInformationProcess": lambda s: (PROCESS, 12, s.put(), 4),
    "NtSetSecurityObject": lambda s: (_made(s, "NtCreateEvent", _EVERYTHING, 0, 0, 0), 4, s.put(_NO_LIST)),
    "NtSignalAndWaitForSingleObject": lambda s: (_set_event(s), _set_event(s), 0, _number(s, -1000)),
    "NtSuspendProcess": lambda s: (_made(s, "NtCreateUserProcess", *_new_process(s)[1:]),),
    "NtSuspendThread": lambda s: (_other_thread(s), 0),
    "NtUnlockFile": _locked,
    "NtUnmapViewOfSection": lambda s: (PROCESS, _mapped(s)),
    "NtUnmapViewOfSectionEx": lambda s: (PROCESS, _mapped(s), 0),
    "NtWriteFile": _transfer,
    "NtWriteFileGather": _apart,
}
