"""Limits, usage, priorities and scheduling: what is kept, what has effect, what is refused."""

from __future__ import annotations

import errno
import struct

import pytest

from lichen.executive.interfaces import ProcessorTime
from lichen.executive.limits import RLIMIT_NICE, RLIMIT_NOFILE, RLIMIT_NPROC
from lichen.executive.processes import ExitStatus
from lichen.executive.security.tokens import Token
from lichen.subsystems.linux.state import linux_of_process
from tests.unit.subsystems.linux.machine import ADDRESS, BAD, ROOT, USER, Machine

GONE = 400_000
CLONE_FILES, SIGCHLD = 0x400, 17


@pytest.fixture
def machine() -> Machine:
    return Machine()


def limit(soft: int, hard: int) -> bytes:
    return struct.pack("<QQ", soft, hard)


class TestLimits:
    def test_descriptors(self, machine: Machine) -> None:
        assert machine.call("setrlimit", RLIMIT_NOFILE, machine.put(limit(50, 100))) == 0
        assert machine.thread.process.handles.limit == 50
        assert machine.call("prlimit64", 0, RLIMIT_NOFILE, machine.put(limit(60, 100)), ADDRESS) == 0
        assert struct.unpack("<QQ", machine.get(16)) == (50, 100)
        assert machine.thread.process.handles.limit == 60
        assert machine.call("getrlimit", RLIMIT_NOFILE, ADDRESS) == 0
        assert struct.unpack("<QQ", machine.get(16)) == (60, 100)

    def test_a_maximum_is_raised_by_root_only(self, machine: Machine) -> None:
        machine.call("setrlimit", RLIMIT_NOFILE, machine.put(limit(1, 10)))
        assert machine.call("setrlimit", RLIMIT_NOFILE, machine.put(limit(1, 11))) == -errno.EPERM
        assert machine.call("setrlimit", RLIMIT_NOFILE, machine.put(limit(3, 2))) == -errno.EINVAL
        root = Machine(ROOT)
        assert root.call("setrlimit", RLIMIT_NOFILE, root.put(limit(1, 1 << 20))) == 0
        assert root.call("setrlimit", RLIMIT_NOFILE, root.put(limit(1, (1 << 20) + 1))) == -errno.EPERM

    def test_of_others(self, machine: Machine) -> None:
        friend, stranger = machine.process(), machine.process(Token.of_user(5, 5))
        assert machine.call("prlimit64", friend.id, RLIMIT_NOFILE, machine.put(limit(7, 7)), 0) == 0
        assert friend.handles.limit == 7
        assert machine.call("prlimit64", stranger.id, RLIMIT_NOFILE, 0, ADDRESS) == -errno.EPERM
        assert machine.call("prlimit64", GONE, RLIMIT_NOFILE, 0, ADDRESS) == -errno.ESRCH

    def test_unknown(self, machine: Machine) -> None:
        for number in (16, -1):
            assert machine.call("getrlimit", number, ADDRESS) == -errno.EINVAL
            assert machine.call("setrlimit", number, ADDRESS) == -errno.EINVAL
            assert machine.call("prlimit64", 0, number, 0, 0) == -errno.EINVAL

    def test_tasks_of_a_user(self, machine: Machine) -> None:
        machine.another_thread(machine.process())
        machine.thread.process.limits[RLIMIT_NPROC] = 3, 3
        assert machine.call("fork") == -errno.EAGAIN
        assert machine.call("clone", CLONE_FILES | SIGCHLD) == -errno.EAGAIN


class TestUsage:
    def usage(self, machine: Machine, who: int) -> tuple[float, float, int]:
        assert machine.call("getrusage", who, ADDRESS) == 0
        fields = struct.unpack("<5q", machine.get(40))
        return fields[0] + fields[1] / 1e6, fields[2] + fields[3] / 1e6, fields[4]

    def test_own(self, machine: Machine) -> None:
        other = machine.another_thread(machine.thread.process)
        machine.use(1.5, 0.5)
        assert self.usage(machine, 0) == (1.5, 0.5, 2048)
        assert self.usage(machine, 1) == (1.5, 0.5, 2048)
        machine.call("exit", 0)
        machine.thread = other
        assert self.usage(machine, 0) == (1.5, 0.5, 2048)
        assert self.usage(machine, 1) == (0.0, 0.0, 2048)
        assert machine.call("getrusage", 2, ADDRESS) == -errno.EINVAL
        assert machine.call("getrusage", 0, BAD) == -errno.EFAULT

    def test_children_count_when_they_are_waited_for(self, machine: Machine) -> None:
        child = machine.process(parent=machine.thread.process)
        linux_of_process(child).children_time = ProcessorTime(0.25, 0.125)
        child.first_thread.guest.used = ProcessorTime(2.0, 1.0)  # type: ignore[attr-defined]
        child.terminate(ExitStatus(3))
        assert self.usage(machine, -1) == (0, 0, 0)
        assert machine.call("wait4", -1, ADDRESS, 0, ADDRESS + 16) == child.id
        assert struct.unpack("<4q", machine.get(32, ADDRESS + 16)) == (2, 250_000, 1, 125_000)
        assert self.usage(machine, -1) == (2.25, 1.125, 2048)
        assert self.usage(machine, 0)[:2] == (0, 0)

    def test_times_in_ticks(self, machine: Machine) -> None:
        machine.use(1.234, 0.5)
        assert machine.call("times", ADDRESS) == 100_000
        assert struct.unpack("<4q", machine.get(32)) == (123, 50, 0, 0)
        assert machine.call("times", 0) == 100_000


class TestPriorities:
    def test_nice_only_goes_up(self, machine: Machine) -> None:
        assert machine.call("getpriority", 0, 0) == 20
        assert machine.call("setpriority", 0, 0, 5) == 0
        assert machine.call("getpriority", 0, 0) == 15
        assert machine.call("setpriority", 0, 0, 4) == -errno.EACCES
        machine.thread.process.limits[RLIMIT_NICE] = 17, 17
        assert machine.call("setpriority", 0, 0, 3) == 0
        assert machine.call("setpriority", 0, 0, 2) == -errno.EACCES
        assert machine.call("setpriority", 0, 0, 99) == 0
        assert machine.call("getpriority", 0, 0) == 1

    def test_of_groups_and_users(self, machine: Machine) -> None:
        friend = machine.process()
        friend.new_group()
        machine.process(Token.of_user(5, 5))
        assert machine.call("setpriority", 1, friend.id, 7) == 0
        assert friend.first_thread.scheduling.nice == 7
        assert machine.call("getpriority", 2, 1000) == 20
        assert machine.call("setpriority", 2, 5, 7) == -errno.EPERM
        for kind, id in ((0, GONE), (1, GONE), (2, 12345)):
            assert machine.call("getpriority", kind, id) == -errno.ESRCH
        assert machine.call("getpriority", 3, 0) == -errno.EINVAL

    def test_of_transfers(self, machine: Machine) -> None:
        assert machine.call("ioprio_get", 1, 0) == 0
        assert machine.call("ioprio_set", 1, 0, 2 << 13 | 6) == 0
        assert machine.call("ioprio_get", 1, 0) == 2 << 13 | 6
        assert machine.call("ioprio_set", 1, 0, 1 << 13) == -errno.EPERM
        for wrong in (2 << 13 | 8, 4 << 13, 1, -1):
            assert machine.call("ioprio_set", 1, 0, wrong) == -errno.EINVAL
        assert machine.call("ioprio_get", 4, 0) == -errno.EINVAL
        assert machine.call("ioprio_get", 1, GONE) == -errno.ESRCH


class TestScheduling:
    def test_affinity_is_within_the_machine(self, machine: Machine) -> None:
        assert machine.call("sched_getaffinity", 0, 128, ADDRESS) == 16
        assert machine.number(ADDRESS, 16) == 3 | 1 << 65
        assert machine.call("sched_setaffinity", 0, 8, machine.put(b"\xfe" + bytes(7))) == 0
        assert machine.call("sched_getaffinity", 0, 16, ADDRESS) == 16
        assert machine.number(ADDRESS, 16) == 2
        assert machine.call("sched_setaffinity", 0, 8, machine.put(b"\xfc" + bytes(7))) == -errno.EINVAL
        assert machine.call("sched_setaffinity", 0, 16, machine.put(b"\xff" * 16)) == 0
        assert machine.guest.bound == [frozenset({1}), None]
        assert machine.call("sched_getaffinity", 0, 8, ADDRESS) == -errno.EINVAL
        assert machine.call("sched_getaffinity", 0, 17, ADDRESS) == -errno.EINVAL
        assert machine.call("sched_getaffinity", GONE, 16, ADDRESS) == -errno.ESRCH
        assert machine.call("sched_setaffinity", 0, 1 << 31, BAD) == -errno.EFAULT

    def test_policies_that_the_host_gives(self, machine: Machine) -> None:
        assert machine.call("sched_getscheduler", 0) == 0
        machine.put(struct.pack("<i", 0))
        assert machine.call("sched_setscheduler", 0, 3, ADDRESS) == 0
        assert machine.call("sched_getscheduler", 0) == 3
        assert machine.call("sched_setscheduler", 0, 4, ADDRESS) == -errno.EINVAL
        assert machine.call("sched_setscheduler", 0, 1, ADDRESS) == -errno.EINVAL
        machine.put(struct.pack("<i", 1))
        assert machine.call("sched_setscheduler", 0, 1, ADDRESS) == -errno.EPERM
        assert machine.call("sched_setscheduler", 0, 0, ADDRESS) == -errno.EINVAL
        assert machine.call("sched_setparam", 0, ADDRESS) == -errno.EINVAL

    def test_attributes(self, machine: Machine) -> None:
        machine.put(struct.pack("<IIQiI", 48, 3, 0, 4, 0).ljust(48, b"\0"))
        assert machine.call("sched_setattr", 0, ADDRESS, 0) == 0
        assert machine.call("sched_getattr", 0, ADDRESS, 56, 0) == 0
        assert struct.unpack_from("<IIQiI", machine.get(56)) == (56, 3, 0, 4, 0)
        assert machine.call("sched_getattr", 0, ADDRESS, 40, 0) == -errno.EINVAL
        machine.put(struct.pack("<I", 64) + bytes(56) + b"\1")
        assert machine.call("sched_setattr", 0, ADDRESS, 0) == -errno.E2BIG

    def test_children_are_like_their_parents(self, machine: Machine) -> None:
        machine.call("sched_setaffinity", 0, 8, machine.put(b"\x01" + bytes(7)))
        child = machine.process(USER)
        how = machine.thread.scheduling.inherited()
        child.first_thread.scheduling = machine.state.processes.new_thread(
            child, machine.thread.guest, how=how
        ).scheduling
        assert child.first_thread.scheduling.affinity == frozenset((0,))
        child.first_thread.scheduling.affinity = frozenset((1,))
        assert machine.thread.scheduling.affinity == frozenset((0,))
