"""Ids and capabilities: who may become whom."""

from __future__ import annotations

import errno
import struct
from dataclasses import replace

import pytest

from lichen.executive.security.tokens import ALL_CAPABILITIES, Capability, Token
from lichen.subsystems.linux.state import linux_of_process
from tests.unit.subsystems.linux.machine import ADDRESS, BAD, ROOT, USER, Machine

KEEP = 0xFFFFFFFF
VERSION_3 = 0x20080522


def token(machine: Machine) -> Token:
    return machine.thread.process.files.token


def users(machine: Machine) -> tuple[int, int, int]:
    assert machine.call("getresuid", ADDRESS, ADDRESS + 4, ADDRESS + 8) == 0
    return struct.unpack("<III", machine.get(12))


def groups(machine: Machine) -> tuple[int, int, int]:
    assert machine.call("getresgid", ADDRESS, ADDRESS + 4, ADDRESS + 8) == 0
    return struct.unpack("<III", machine.get(12))


def test_the_ids_are_the_tokens() -> None:
    machine = Machine(Token(1, 2, 3, 4, 5, 6, 7, 8))
    assert [machine.call(name) for name in ("getuid", "geteuid", "getgid", "getegid")] == [1, 2, 5, 6]
    assert users(machine) == (1, 2, 3)
    assert groups(machine) == (5, 6, 7)
    assert machine.call("getresuid", ADDRESS, BAD, ADDRESS) == -errno.EFAULT


def test_root_becomes_somebody_for_good() -> None:
    machine = Machine(ROOT)
    assert machine.call("setgid", 9) == 0
    assert machine.call("setuid", 5) == 0
    assert (users(machine), groups(machine)) == ((5, 5, 5), (9, 9, 9))
    assert machine.call("setuid", 0) == -errno.EPERM
    assert token(machine).permitted == 0


def test_a_user_changes_among_own_ids() -> None:
    machine = Machine(Token(1, 2, 3, 2, 1, 2, 3, 2))
    assert machine.call("setuid", 2) == -errno.EPERM
    assert machine.call("setuid", 3) == 0
    assert users(machine) == (1, 3, 3)
    assert machine.call("setresuid", 3, KEEP, 1) == 0
    assert users(machine) == (3, 3, 1)
    assert machine.call("setresuid", 3, 3, 4) == -errno.EPERM
    assert machine.call("setresgid", KEEP, 3, KEEP) == 0
    assert groups(machine) == (1, 3, 3)


@pytest.mark.parametrize(
    ("real", "effective", "expected"),
    [
        (KEEP, 2, (1, 2, 2)),
        (2, KEEP, (2, 2, 2)),
        (2, 1, (2, 1, 1)),
        (KEEP, 1, (1, 1, 3)),
        (KEEP, 3, (1, 3, 3)),
    ],
)
def test_setreuid_sets_the_saved_id_too(real: int, effective: int, expected: tuple[int, int, int]) -> None:
    machine = Machine(Token(1, 2, 3, 2, 1, 2, 3, 2))
    assert machine.call("setreuid", real, effective) == 0
    assert users(machine) == expected
    assert machine.call("setregid", real, effective) == 0
    assert groups(machine) == expected


def test_setreuid_does_not_know_the_saved_id_as_real() -> None:
    machine = Machine(Token(1, 2, 3, 2, 1, 2, 3, 2))
    assert machine.call("setreuid", 3, KEEP) == -errno.EPERM
    assert machine.call("setregid", 3, KEEP) == -errno.EPERM


def test_no_id_is_minus_one() -> None:
    machine = Machine(ROOT)
    assert machine.call("setuid", -1) == -errno.EINVAL
    assert machine.call("setgid", -1) == -errno.EINVAL
    assert machine.call("setgroups", 1, machine.put(b"\xff" * 4)) == -errno.EINVAL


def test_file_ids_tell_the_old_one_always() -> None:
    machine = Machine(ROOT)
    assert machine.call("setfsuid", 5) == 0
    assert machine.call("setfsuid", -1) == 5
    assert not token(machine).overrides
    assert machine.call("setfsgid", 6) == 0
    assert machine.call("setfsgid", 0) == 6
    other = Machine(USER)
    assert other.call("setfsuid", 5) == 1000
    assert other.call("setfsuid", 5) == 1000


def test_supplementary_groups() -> None:
    machine = Machine(ROOT)
    assert machine.call("setgroups", 3, machine.put(struct.pack("<III", 30, 10, 20))) == 0
    assert machine.call("getgroups", 0, 0) == 3
    assert machine.call("getgroups", 2, ADDRESS) == -errno.EINVAL
    assert machine.call("getgroups", -1, ADDRESS) == -errno.EINVAL
    assert machine.call("getgroups", 3, BAD) == -errno.EFAULT
    assert machine.call("getgroups", 5, ADDRESS) == 3
    assert struct.unpack("<III", machine.get(12)) == (10, 20, 30)
    assert machine.call("setgroups", 65537, ADDRESS) == -errno.EINVAL
    assert machine.call("setgroups", 0, 0) == 0
    assert token(machine).groups == ()
    assert Machine(USER).call("setgroups", 0, 0) == -errno.EPERM


def header(machine: Machine, version: int = VERSION_3, pid: int = 0) -> int:
    return machine.put(struct.pack("<Ii", version, pid))


def test_capget_tells_both_halves() -> None:
    machine = Machine(ROOT)
    assert machine.call("capget", header(machine), ADDRESS + 16) == 0
    low = ALL_CAPABILITIES & 0xFFFFFFFF
    assert struct.unpack("<6I", machine.get(24, ADDRESS + 16)) == (low, low, 0, 0x1FF, 0x1FF, 0)
    assert machine.call("capget", header(machine, pid=-1), ADDRESS + 16) == -errno.EINVAL
    assert machine.call("capget", header(machine, pid=2), ADDRESS + 16) == -errno.ESRCH


def test_capget_names_its_version() -> None:
    machine = Machine(ROOT)
    assert machine.call("capget", header(machine, 1), 0) == 0
    assert machine.number() == VERSION_3
    assert machine.call("capget", header(machine, 1), ADDRESS + 16) == -errno.EINVAL
    assert machine.call("capget", 0, 0) == -errno.EFAULT


def capset(machine: Machine, effective: int, permitted: int, inheritable: int, pid: int = 0) -> int | None:
    words = [
        part for shift in (0, 32) for part in (effective >> shift, permitted >> shift, inheritable >> shift)
    ]
    data = struct.pack("<6I", *(word & 0xFFFFFFFF for word in words))
    return machine.call("capset", header(machine, pid=pid), machine.put(data, ADDRESS + 16))


def test_capset_only_takes_away() -> None:
    machine = Machine(ROOT)
    kill, setuid = 1 << Capability.KILL, 1 << Capability.SETUID
    assert capset(machine, kill, kill | setuid, setuid) == 0
    assert (token(machine).effective, token(machine).permitted) == (kill, kill | setuid)
    assert capset(machine, kill | setuid, kill | setuid, 0) == 0
    assert capset(machine, 1 << Capability.CHOWN, kill, 0) == -errno.EPERM
    assert capset(machine, 0, 1 << Capability.CHOWN, 0) == -errno.EPERM
    assert capset(machine, 0, 0, 1 << Capability.CHOWN) == -errno.EPERM
    assert capset(machine, 0, 0, 0, pid=1) == -errno.EPERM


def test_who_becomes_another_is_not_looked_into() -> None:
    machine = Machine(ROOT)
    process = machine.thread.process
    state = linux_of_process(process)
    state.parent_death_signal = 9
    assert machine.call("setuid", 0) == 0
    assert (process.dumpable, state.parent_death_signal) == (1, 9)
    assert machine.call("setuid", 5) == 0
    assert (process.dumpable, state.parent_death_signal) == (0, 0)


def test_kept_capabilities_come_back() -> None:
    machine = Machine(ROOT)
    assert machine.call("prctl", 8, 1) == 0
    assert machine.call("setuid", 5) == 0
    assert (token(machine).effective, token(machine).permitted) == (0, ALL_CAPABILITIES)
    assert capset(machine, 1 << Capability.KILL, ALL_CAPABILITIES, 0) == 0


def test_without_fix_up_ids_are_only_ids() -> None:
    fixed = replace(ROOT, secure_bits=0x4)
    machine = Machine(fixed)
    assert machine.call("setuid", 5) == 0
    assert token(machine).effective == ALL_CAPABILITIES
