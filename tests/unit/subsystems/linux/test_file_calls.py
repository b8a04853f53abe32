"""File-system calls with a test in place of the guest: transfers, flags, limits, locks, and arguments that lie."""

from __future__ import annotations

import errno
import os
import random
import struct
from functools import partial
from typing import Any

import pytest

from lichen.abi.memory import BadAddress
from lichen.executive.io.opening import Access, Disposition, Options
from lichen.executive.limits import RLIMIT_FSIZE
from lichen.executive.status import Failure, Interrupted
from lichen.subsystems.linux import signals, transfers
from lichen.subsystems.linux.openflags import OpenFlag, open_request, status_flags
from lichen.subsystems.linux.subsystem import linux
from tests.turns import until
from tests.unit.subsystems.linux.filecalls import AT_FDCWD, BASE, Guest, Memory, guest

__all__ = ["guest"]


class TestTransfers:
    """Bytes between files and memory that ends, in pieces."""

    def test_a_read_stops_where_memory_stops(self, guest: Guest) -> None:
        fd = guest.file("f", b"0123456789")
        assert guest.call("read", fd, guest.memory.end - 4, 10) == 4
        assert guest.memory.data.endswith(b"0123")
        assert guest.call("lseek", fd, 0, os.SEEK_CUR) == 4
        assert guest.call("read", fd, guest.memory.end, 10) == -errno.EFAULT
        assert guest.call("lseek", fd, 0, os.SEEK_CUR) == 4

    def test_a_write_stops_where_memory_stops(self, guest: Guest) -> None:
        guest.memory.data[-3:] = b"end"
        fd = guest.open("f")
        assert guest.call("write", fd, guest.memory.end - 3, 10) == 3
        assert guest.call("write", fd, guest.memory.end, 10) == -errno.EFAULT
        assert guest.call("pread64", fd, BASE, 10, 0) == 3
        assert guest.memory.read(BASE, 3) == b"end"

    def test_vectors_are_one_transfer(self, guest: Guest) -> None:
        fd = guest.file("f", b"0123456789")
        vectors = struct.pack("<6Q", BASE, 2, BASE + 8, 0, guest.memory.end - 3, 100)
        assert guest.call("readv", fd, vectors, 3) == 5
        assert guest.memory.read(BASE, 2) + bytes(guest.memory.data[-3:]) == b"01234"
        assert guest.call("writev", fd, vectors, 3) == 5
        assert guest.call("pread64", fd, BASE, 16, 0) == 10
        assert guest.memory.read(BASE, 10) == b"0123401234"

    def test_a_claimed_length_costs_nothing(self, guest: Guest) -> None:
        fd = guest.file("f", b"0123456789")
        guest.file_at(fd).position = 0
        assert guest.call("read", fd, BASE, 1 << 62) == -errno.EFAULT
        assert guest.call("read", fd, BASE, 1 << 40) == 10
        assert guest.call("readv", fd, struct.pack("<2Q", BASE, 1 << 46), 1) == 0
        assert guest.call("write", fd, BASE, 1 << 40) == len(guest.memory.data)

    def test_a_long_transfer_lets_others_run(self, guest: Guest) -> None:
        size = 9 * transfers.PIECE + 5
        fd = guest.open("f")
        guest.memory.data[:] = before = random.Random(1).randbytes(size)
        turns: list[float] = []
        for operation in ("write", "read"):
            guest.file_at(fd).position = 0
            call = guest.start(operation, fd, BASE, size)
            for _ in until(partial(getattr, call, "ended"), "the transfer is done"):
                guest.kernel.scheduler.step()
                turns.append(guest.kernel.now)
            assert call.result == size
        assert len(turns) >= 4
        assert guest.memory.data == before

    def test_a_file_stays_open_while_a_call_waits_for_it(self, guest: Guest) -> None:
        assert guest.call("pipe2", BASE, 0) == 0
        reader, writer = struct.unpack("<2i", guest.memory.read(BASE, 8))
        call = guest.start("read", reader, BASE, 8)
        assert guest.call("close", reader) == 0
        assert guest.call("write", writer, b"late", 4) == 4
        guest.kernel.settle()
        assert (call.result, guest.memory.read(BASE, 4)) == (4, b"late")
        assert guest.call("write", writer, b"x", 1) == -errno.EPIPE
        assert guest.signals == [signals.SIGPIPE]

    def test_what_was_moved_before_an_error_is_success(
        self, guest: Guest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(transfers, "PIECE", 4)
        monkeypatch.setattr(transfers, "_PIECES_IN_A_ROW", 1)
        assert guest.call("pipe2", BASE, os.O_NONBLOCK) == 0
        reader, writer = struct.unpack("<2i", guest.memory.read(BASE, 8))
        assert guest.call("writev", writer, struct.pack("<2Q", BASE, 0x8000), 1) == 0x8000
        assert guest.call("readv", reader, struct.pack("<2Q", BASE, 0x9000), 1) == 0x8000
        assert guest.call("readv", reader, struct.pack("<2Q", BASE, 0x9000), 1) == -errno.EAGAIN

    def test_the_largest_file_is_a_limit(self, guest: Guest) -> None:
        guest.process.limits[RLIMIT_FSIZE] = (6, 6)
        fd = guest.open("f")
        assert guest.call("write", fd, b"0123456789", 10) == 6
        assert guest.signals == []
        assert guest.call("write", fd, b"x", 1) == -errno.EFBIG
        assert guest.call("ftruncate", fd, 7) == -errno.EFBIG
        assert guest.call("truncate", "f", 7) == -errno.EFBIG
        assert guest.call("fallocate", fd, 0, 0, 7) == -errno.EFBIG
        assert guest.signals == [signals.SIGXFSZ] * 4
        assert guest.call("ftruncate", fd, 2) == 0
        assert guest.call("pwrite64", fd, b"0123456789", 10, 3) == 3

    def test_much_room_is_reserved_in_parts_or_not_at_all(self, guest: Guest) -> None:
        fd = guest.file("f", b"kept")
        files = guest.file_at(fd).node.file_system
        files.capacity = 80 << 20
        first = guest.enter("fallocate", fd, 0, 0, 64 << 20)
        next(first)
        assert guest.file_at(fd).node.size() == 32 << 20, "others run between the parts"
        assert guest.kernel.finish(first) == 0
        assert guest.call("fallocate", fd, 0, 0, 96 << 20) == -errno.ENOSPC
        assert guest.file_at(fd).node.size() == 64 << 20
        assert guest.call("pread64", fd, BASE, 5, 0) == 5
        assert guest.memory.read(BASE, 5) == b"kept\0"

    def test_copies_move_both_positions(self, guest: Guest) -> None:
        source, target = guest.file("f", b"0123456789"), guest.open("g")
        guest.file_at(source).position = 2
        assert guest.call("copy_file_range", source, 0, target, 0, 3, 0) == 3
        offset = struct.pack("<q", 7)
        assert guest.call("sendfile", target, source, offset, 100) == 3
        assert (guest.file_at(source).position, guest.file_at(target).position) == (5, 6)
        assert guest.call("pread64", target, BASE, 10, 0) == 6
        assert guest.memory.read(BASE, 6) == b"234789"
        assert guest.call("copy_file_range", source, 0, source, struct.pack("<q", 6), 4, 0) == -errno.EINVAL


class TestOpenFlags:
    """Linux's flags as the executive sees them, and back."""

    def test_what_they_ask_for(self) -> None:
        request = open_request(OpenFlag.WRONLY | OpenFlag.CREAT | OpenFlag.TRUNC | OpenFlag.APPEND, 0o600)
        assert (request.access, request.disposition) == (Access.WRITE, Disposition.OVERWRITE_IF)
        assert request.options == Options.POSIX | Options.APPEND
        assert request.mode == 0o600
        assert open_request(OpenFlag.RDWR | OpenFlag.CREAT | OpenFlag.EXCL).disposition == Disposition.CREATE

    @pytest.mark.parametrize(
        "flags",
        [
            OpenFlag.CREAT | OpenFlag.DIRECTORY,
            OpenFlag.TMPFILE,
            OpenFlag.TMPFILE & ~OpenFlag.DIRECTORY | OpenFlag.RDWR,
            OpenFlag.TMPFILE | OpenFlag.CREAT | OpenFlag.RDWR,
        ],
    )
    def test_what_contradicts(self, flags: int) -> None:
        with pytest.raises(Failure):
            open_request(flags)

    @pytest.mark.parametrize(
        ("asked", "shown"),
        [
            (os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOCTTY, os.O_RDWR),
            (
                os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK,
                os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK,
            ),
            (os.O_RDONLY | os.O_CREAT | os.O_SYNC | os.O_CLOEXEC, os.O_SYNC),
            (os.O_RDWR | os.O_TMPFILE, os.O_RDWR | os.O_TMPFILE),
        ],
    )
    def test_what_is_shown(self, guest: Guest, asked: int, shown: int) -> None:
        fd = guest.open("." if asked & os.O_TMPFILE == os.O_TMPFILE else "f", asked)
        assert status_flags(guest.file_at(fd)) == shown | OpenFlag.LARGEFILE
        assert guest.process.handles.handle(fd).inherit == (not asked & os.O_CLOEXEC)

    def test_access_mode_three_gives_neither_right(self, guest: Guest) -> None:
        guest.file("f", b"x")
        fd = guest.open("f", 3)
        assert status_flags(guest.file_at(fd)) & 3 == 3
        assert guest.call("read", fd, BASE, 1) == guest.call("write", fd, BASE, 1) == -errno.EBADF

    def test_nothing_is_emptied_without_a_free_descriptor(self, guest: Guest) -> None:
        guest.file("f", b"kept")
        guest.process.handles.limit = 1
        assert guest.open("f", os.O_RDWR | os.O_TRUNC) == -errno.EMFILE
        assert guest.open("new") == -errno.EMFILE
        assert guest.call("stat", "f", BASE) == 0
        assert struct.unpack_from("<q", guest.memory.data, 48) == (4,)
        assert guest.call("stat", "new", BASE) == -errno.ENOENT


class TestDirectories:
    """Entries in the form of the calls."""

    def test_entries_come_in_buffers(self, guest: Guest) -> None:
        for index in range(40):
            guest.call("close", guest.open(f"file-{index}"))
        fd = guest.open(".", os.O_RDONLY | os.O_DIRECTORY)
        names: list[bytes] = []
        while (size := guest.call("getdents64", fd, BASE, 200)) > 0:
            names += list(parsed(guest.memory.read(BASE, size)))
        assert size == 0
        assert sorted(names) == sorted([b".", b"..", *(f"file-{index}".encode() for index in range(40))])
        guest.call("lseek", fd, 0, os.SEEK_SET)
        assert guest.call("getdents64", fd, BASE, 20) == -errno.EINVAL
        assert guest.call("getdents64", fd, guest.memory.end - 8, 200) == -errno.EFAULT
        assert guest.file_at(fd).position == 0
        assert guest.call("getdents", fd, BASE, 24) == 24
        assert guest.memory.read(BASE + 16, 8) == b"\x18\0.\0\0\0\0\x04"


def parsed(data: bytes) -> list[bytes]:
    """The names in a buffer of getdents64."""
    names, at = [], 0
    while at < len(data):
        (size,) = struct.unpack_from("<H", data, at + 16)
        names.append(data[at + 19 : at + size].partition(b"\0")[0])
        at += size
    return names


def lock(kind: int, start: int, size: int, process: int = 0, whence: int = os.SEEK_SET) -> bytes:
    """struct flock."""
    return struct.pack("<hh4xqqi4x", kind, whence, start, size, process)


class TestLocks:
    """fcntl's ranges."""

    def test_a_lock_is_waited_for(self, guest: Guest) -> None:
        one, other = guest.file("f", b"0123456789"), guest.open("f")
        assert guest.call("fcntl", one, 37, lock(1, 0, 5)) == 0
        assert guest.call("fcntl", other, 37, lock(1, 4, 5)) == -errno.EAGAIN
        call = guest.start("fcntl", other, 38, lock(1, 4, 5))
        assert not call.ended
        assert guest.call("fcntl", one, 37, lock(2, -6, 1, whence=os.SEEK_END)) == 0
        guest.kernel.settle()
        assert call.result == 0

    def test_ranges_that_make_no_sense(self, guest: Guest) -> None:
        fd = guest.file("f", b"0123456789")
        most = (1 << 63) - 1
        assert guest.call("fcntl", fd, 6, lock(1, 5, -6)) == -errno.EINVAL
        assert guest.call("fcntl", fd, 6, lock(1, most, 2)) == -errno.EOVERFLOW
        assert guest.call("fcntl", fd, 6, lock(1, most, 1)) == 0
        assert guest.call("fcntl", fd, 6, lock(1, 0, 0, whence=3)) == -errno.EINVAL
        assert guest.call("fcntl", fd, 37, lock(1, 0, 0, process=8)) == -errno.EINVAL


def test_a_record_may_be_longer_than_we_know(guest: Guest) -> None:
    """openat2 of programs that are newer than we are."""
    how = struct.pack("<3Q", os.O_RDWR | os.O_CREAT, 0o600, 0)
    assert guest.call("openat2", AT_FDCWD, "f", how + bytes(8), 32) >= 0
    assert guest.call("openat2", AT_FDCWD, "f", how + b"\1" + bytes(7), 32) == -errno.E2BIG
    assert guest.call("openat2", AT_FDCWD, "f", how, 16) == -errno.EINVAL
    assert guest.call("openat2", AT_FDCWD, "f", how, 1 << 40) == -errno.E2BIG


def test_o_tmpfile_gets_a_name_and_a_removed_file_does_not(guest: Guest) -> None:
    unnamed = guest.open(".", os.O_RDWR | os.O_TMPFILE)
    assert guest.call("linkat", unnamed, "", AT_FDCWD, "named", 0x1000) == 0
    removed = guest.open("removed")
    assert guest.call("unlink", "removed") == 0
    assert guest.call("linkat", removed, "", AT_FDCWD, "again", 0x1000) == -errno.ENOENT


MODULES = (
    *("open", "readwrite", "stat", "names", "directory", "attributes"),
    *("xattr", "descriptors", "fcntl", "space", "transfer", "splice", "mounts"),
)
CALLS = sorted(
    name
    for name, call in linux.by_name.items()
    if call.body.__module__.startswith("lichen.subsystems.linux.calls.")
    and call.body.__module__.rpartition(".")[2] in MODULES
)


def lie(random: random.Random, memory: Memory) -> int:
    """An argument that a hostile guest might pass."""
    return random.choice(
        [
            random.randrange(12),
            -100,
            -1,
            BASE,
            BASE + random.randrange(0x100),
            memory.end - random.randrange(1, 40),
            memory.end,
            1 << random.randrange(64),
            (1 << random.randrange(64)) - 1,
            random.getrandbits(64),
            random.getrandbits(12),
        ]
    )


def test_arguments_that_lie(guest: Guest) -> None:
    """Whatever is passed, a call ends in a result or in an error of the guest's."""
    dice = random.Random(4)
    words: list[Any] = ["f", "d", "d/x", ".", "..", "/", "", "link", "a" * 300, "d/", "f/"]
    guest.call("mkdir", "d", 0o755)
    guest.call("symlink", "d", "link")
    for round in range(30_000):
        if round % 500 == 0:
            guest.open(dice.choice(["f", "d/x", "g"]), mode=0o755)
            guest.call("pipe2", BASE, os.O_NONBLOCK)
        if round % 100 == 0:
            guest.memory.data[:0x100] = dice.randbytes(0x100)
        name = dice.choice(CALLS)
        arguments = [dice.choice(words) if dice.random() < 0.3 else lie(dice, guest.memory) for _ in range(6)]
        try:
            result = guest.enter(name, *arguments)
            if hasattr(result, "throw"):
                finish_or_leave(result)
        except (Failure, BadAddress, Interrupted):
            continue


def finish_or_leave(call: Any) -> None:
    """Run a call as long as it only lets others go first; then it is killed."""
    try:
        wait = next(call)
        for _ in range(100):
            if wait.objects:
                break
            wait = call.send(-1)
    except StopIteration:
        return
    call.close()


def test_select_sleeps_while_a_file_has_only_what_nobody_asked_for(guest: Guest) -> None:
    """The end of a pipe that nobody writes to is hung up, which the set of exceptional conditions leaves out."""
    assert guest.call("pipe", BASE) == 0
    reading, writing = struct.unpack("<ii", guest.memory.read(BASE, 8))
    assert guest.call("close", writing) == 0
    wanted, timeout = struct.pack("<Q", 1 << reading), struct.pack("<QQ", 1, 0)
    waiting = guest.start("select", reading + 1, 0, 0, wanted, timeout)
    assert not waiting.ended
    assert guest.kernel.wait(waiting) == 0
