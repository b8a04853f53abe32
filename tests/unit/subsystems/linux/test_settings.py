"""/proc/sys: limits of the executive that root sets, and settings of the host that stay as they are."""

from __future__ import annotations

import errno

import pytest

from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.device import Devices
from lichen.executive.io.opening import Access, Disposition, Open, Options
from lichen.executive.security.tokens import Token
from lichen.executive.status import Failure, Status
from lichen.filesystems.generated import ProcFileSystem
from lichen.filesystems.pipe import Pipes
from lichen.subsystems.linux.descriptors.inotify import Inotify
from lichen.subsystems.linux.procfs import tree
from lichen.subsystems.linux.procfs.subjects import Whole
from tests.unit.subsystems.linux.machine import ADDRESS, Machine
from tests.unit.trees import context_of, opened, read, status_of

WRITE = Open(Access.WRITE, Disposition.OVERWRITE, options=Options.POSIX)
ROOT = Token.of_user(0, 0)
F_SETPIPE_SZ, IN_CREATE = 1031, 0x100


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def proc(machine: Machine) -> FileSystemContext:
    devices = Devices()
    return context_of(ProcFileSystem(tree.tree(machine.state.system), Whole(machine.state), 0x105, devices))


def value(proc: FileSystemContext, name: str) -> str:
    return read(proc, f"sys/{name}").decode().strip()


def store(proc: FileSystemContext, name: str, text: str) -> int:
    try:
        opened(proc, f"sys/{name}", WRITE).write(text.encode())
    except Failure as failure:
        return failure.status
    return 0


def test_limits_of_the_executive(machine: Machine, proc: FileSystemContext) -> None:
    assert store(proc, "kernel/threads-max", "20\n") == 0
    assert value(proc, "kernel/threads-max") == "20"
    assert store(proc, "kernel/threads-max", "100000") == Status.INVALID_PARAMETER
    assert store(proc, "kernel/threads-max", "many") == Status.INVALID_PARAMETER
    assert store(proc, "kernel/threads-max", "1 2") == Status.INVALID_PARAMETER
    while len(machine.state.processes.threads) < 20:
        machine.another_thread(machine.thread.process)
    assert machine.call("fork") == -errno.EAGAIN


def test_ids_begin_again(machine: Machine, proc: FileSystemContext) -> None:
    assert store(proc, "kernel/pid_max", "301") == 0
    assert store(proc, "kernel/pid_max", "300") == Status.INVALID_PARAMETER
    assert all(machine.state.processes.new_id() < 301 for _ in range(100))


def test_descriptors(machine: Machine, proc: FileSystemContext) -> None:
    machine.thread.process.files.token = ROOT
    machine.put((512).to_bytes(8, "little") * 2)
    assert machine.call("setrlimit", 7, ADDRESS) == 0
    assert store(proc, "fs/nr_open", "256") == 0
    assert machine.call("setrlimit", 7, ADDRESS) == -errno.EPERM


def test_watches(machine: Machine, proc: FileSystemContext) -> None:
    assert store(proc, "fs/inotify/max_user_instances", "1") == 0
    assert store(proc, "fs/inotify/max_user_watches", "0") == 0
    assert value(proc, "user/max_inotify_watches") == "0"
    assert machine.call("inotify_init1", 0) == 0
    assert machine.call("inotify_init1", 0) == -errno.EMFILE
    watcher = machine.thread.process.handles.get(0)
    assert isinstance(watcher, Inotify)
    assert status_of(watcher.watch, proc.root.node, IN_CREATE) == Status.DISK_FULL
    assert machine.call("close", 0) == 0
    assert machine.call("inotify_init1", 0) == 0


def test_pipes(machine: Machine, proc: FileSystemContext) -> None:
    Pipes().register(machine.thread.process.files.devices)
    assert machine.call("pipe2", ADDRESS, 0) == 0
    assert store(proc, "fs/pipe-max-size", "65536") == 0
    assert machine.call("fcntl", 0, F_SETPIPE_SZ, 131072) == -errno.EPERM
    machine.thread.process.files.token = ROOT
    assert machine.call("fcntl", 0, F_SETPIPE_SZ, 131072) == 131072


def test_what_is_the_hosts_stays(proc: FileSystemContext) -> None:
    for name in ("vm/swappiness", "net/ipv4/ip_forward", "kernel/randomize_va_space"):
        before = value(proc, name)
        assert store(proc, name, f" {before}\n") == 0
        assert store(proc, name, f"{int(before) + 1}") == Status.PRIVILEGE_NOT_HELD
        assert value(proc, name) == before


def test_the_name_of_core_files_is_kept(proc: FileSystemContext) -> None:
    assert value(proc, "kernel/core_pattern") == "core"
    assert store(proc, "kernel/core_pattern", "/tmp/core.%p\n") == 0
    assert value(proc, "kernel/core_pattern") == "/tmp/core.%p"


def test_ordinary_users_set_nothing(proc: FileSystemContext) -> None:
    ordinary = proc.copy(Token.of_user(1000, 1000))
    assert status_of(opened, ordinary, "sys/kernel/pid_max", WRITE) == Status.ACCESS_DENIED
