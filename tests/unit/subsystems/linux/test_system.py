"""What the machine says of itself, prctl, and what processes may do to each other."""

from __future__ import annotations

import errno
import struct

import pytest

from lichen.executive.interfaces import ProcessorTime
from lichen.executive.io.opening import Poll
from lichen.executive.processes import ExitStatus
from lichen.executive.security.tokens import ALL_CAPABILITIES, Capability, Token
from lichen.executive.system import Load
from lichen.subsystems.linux.descriptors.process import ProcessFile
from tests.unit.subsystems.linux.machine import ADDRESS, BAD, ROOT, USER, Machine

GONE = 400_000


@pytest.fixture
def machine() -> Machine:
    return Machine()


class TestDescription:
    def names(self, machine: Machine) -> list[bytes]:
        assert machine.call("uname", ADDRESS) == 0
        data = machine.get(6 * 65)
        return [data[at : at + 65].partition(b"\0")[0] for at in range(0, len(data), 65)]

    def test_names(self, machine: Machine) -> None:
        system, node, release, version, processor, domain = self.names(machine)
        assert (system, node, processor, domain) == (b"Linux", b"host", b"x86_64", b"(none)")
        assert release[0:1].isdigit()
        assert version.startswith(b"#")
        assert machine.call("sethostname", machine.put(b"other"), 5) == -errno.EPERM

    def test_root_names_the_machine(self) -> None:
        machine = Machine(ROOT)
        assert machine.call("sethostname", machine.put(b"other-name"), 5) == 0
        assert machine.call("setdomainname", machine.put(b"x" * 64), 64) == 0
        assert self.names(machine)[1::4] == [b"other", b"x" * 64]
        assert machine.call("sethostname", ADDRESS, 65) == -errno.EINVAL
        assert machine.call("sethostname", ADDRESS, -1) == -errno.EINVAL
        assert machine.call("sethostname", BAD, 4) == -errno.EFAULT

    def test_state(self, machine: Machine) -> None:
        machine.now += 59.5
        assert machine.call("sysinfo", ADDRESS) == 0
        uptime, *_, total, free = struct.unpack("<q3Q2Q", machine.get(48))
        assert uptime == 1060
        assert 0 < free <= total
        assert machine.call("sysinfo", BAD) == -errno.EFAULT

    def test_load_follows_the_time_used(self) -> None:
        load = Load(0.0)
        assert load.averages(0.0, 0.0) == (0.0, 0.0, 0.0)
        one, five, fifteen = load.averages(60.0, 120.0)
        assert 2 > one > five > fifteen > 0
        assert load.averages(60.0, 120.0) == (one, five, fifteen)
        assert load.averages(100_000.0, 120.0) == pytest.approx((0, 0, 0), abs=1e-2)

    def test_time_of_the_ended_counts_for_the_load(self, machine: Machine) -> None:
        other = machine.process()
        other.first_thread.guest.used = ProcessorTime(60.0)  # type: ignore[attr-defined]
        other.terminate(ExitStatus(0))
        machine.now += 60
        assert machine.state.load_averages()[0] > 0.5

    def test_random(self, machine: Machine) -> None:
        assert machine.call("getrandom", ADDRESS, 64, 0) == 64
        assert any(machine.get(64))
        assert machine.call("getrandom", BAD, 0, 0) == 0
        assert machine.call("getrandom", BAD, 8, 0) == -errno.EFAULT
        assert machine.call("getrandom", ADDRESS, 8, 6) == -errno.EINVAL
        assert machine.call("getrandom", ADDRESS, 8, 8) == -errno.EINVAL

    def test_what_is_not_for_guests(self) -> None:
        machine = Machine(ROOT)
        assert machine.call("syslog", 3, ADDRESS, 100) == -errno.EPERM
        assert machine.call("ptrace", 0) == -errno.ENOSYS
        assert machine.call("personality", 0xFFFFFFFF) == 0
        assert machine.call("personality", 8) == 0
        assert machine.call("personality", 0) == 8
        assert machine.call("arch_prctl", 0x1011, 0) == 1
        assert machine.call("arch_prctl", 0x1012, 0) == -errno.ENODEV
        assert machine.call("arch_prctl", 0x3001, 0) == -errno.EINVAL
        assert machine.call("futex", ADDRESS, 6, 0) == -errno.ENOSYS

    def test_barriers_are_the_hosts(self, machine: Machine) -> None:
        assert machine.call("membarrier", 8, 0, 0) is None
        assert machine.guest.proceeded == 1
        known = machine.call("membarrier", 0, 0, 0)
        assert known is not None
        assert not known & ~0x7F
        for wrong in (0x80, 0x18, 1 << 20):
            assert machine.call("membarrier", wrong, 0, 0) == -errno.EINVAL
        assert machine.call("membarrier", 8, 1, 0) == -errno.EINVAL


SET_NAME, GET_NAME = 15, 16


class TestPrctl:
    def test_name(self, machine: Machine) -> None:
        assert machine.call("prctl", SET_NAME, machine.put(b"a name of the thread\0")) == 0
        assert (machine.thread.name, machine.thread.process.name) == ("a name of the t",) * 2
        other = machine.another_thread(machine.thread.process)
        other.guest.memory.write(ADDRESS, b"\xff\0")
        assert machine.call("prctl", SET_NAME, ADDRESS, thread=other) == 0
        assert machine.call("prctl", GET_NAME, ADDRESS, thread=other) == 0
        assert other.memory.read(ADDRESS, 16) == b"\xff" + bytes(15)
        assert machine.thread.process.name == "a name of the t"
        assert machine.call("prctl", SET_NAME, BAD) == -errno.EFAULT

    @pytest.mark.parametrize(
        ("setting", "getting", "good", "bad"),
        [
            (1, 2, 15, 65),
            (36, 37, 1, None),
            (4, 3, 0, 2),
            (8, 7, 1, 2),
            (29, 30, 12345, None),
            (26, 25, 1, 2),
        ],
    )
    def test_what_is_set_is_shown(
        self, machine: Machine, setting: int, getting: int, good: int, bad: int | None
    ) -> None:
        assert machine.call("prctl", setting, good) == 0
        shown = machine.call("prctl", getting, ADDRESS)
        assert good == (machine.number() if getting in (2, 37, 25) else shown)
        if bad is not None:
            assert machine.call("prctl", setting, bad) == -errno.EINVAL

    def test_no_new_privileges_are_for_good(self, machine: Machine) -> None:
        assert machine.call("prctl", 39) == 0
        assert machine.call("prctl", 38, 0) == -errno.EINVAL
        assert machine.call("prctl", 38, 1, 1) == -errno.EINVAL
        assert machine.call("prctl", 38, 1) == 0
        assert machine.call("prctl", 39) == 1

    def test_bounding_set(self, machine: Machine) -> None:
        assert machine.call("prctl", 23, Capability.CHOWN) == 1
        assert machine.call("prctl", 23, 41) == -errno.EINVAL
        assert machine.call("prctl", 24, Capability.CHOWN) == -errno.EPERM
        root = Machine(ROOT)
        assert root.call("prctl", 24, Capability.CHOWN) == 0
        assert root.call("prctl", 23, Capability.CHOWN) == 0

    def test_secure_bits_and_their_locks(self) -> None:
        machine = Machine(ROOT)
        assert machine.call("prctl", 28, 0x30) == 0
        assert machine.call("prctl", 28, 0x20) == -errno.EPERM
        assert machine.call("prctl", 28, 0x10) == -errno.EPERM
        assert machine.call("prctl", 8, 0) == -errno.EPERM
        assert machine.call("prctl", 28, 0x130) == -errno.EPERM
        assert machine.call("prctl", 28, 0x31) == 0
        assert machine.call("prctl", 27) == 0x31
        assert Machine(USER).call("prctl", 28, 1) == -errno.EPERM

    def test_ambient_set(self) -> None:
        machine = Machine(ROOT)
        kill = Capability.KILL
        assert machine.call("prctl", 47, 2, kill) == -errno.EPERM
        process = machine.thread.process
        process.files.token = process.files.token.with_capabilities(
            ALL_CAPABILITIES, ALL_CAPABILITIES, 1 << kill
        )
        assert machine.call("prctl", 47, 2, kill) == 0
        assert machine.call("prctl", 47, 1, kill) == 1
        assert machine.call("prctl", 47, 3, kill) == 0
        assert machine.call("prctl", 47, 1, kill) == 0
        assert machine.call("prctl", 47, 4, 0) == 0
        assert machine.call("prctl", 47, 4, 1) == -errno.EINVAL
        assert machine.call("prctl", 47, 9, kill) == -errno.EINVAL

    def test_unknown(self, machine: Machine) -> None:
        for operation in (0, 9999, -1, 0x53564D41, 22):
            assert machine.call("prctl", operation, 1, 2, 3, 4) == -errno.EINVAL


class TestOtherProcesses:
    def iovec(self, machine: Machine, *parts: tuple[int, int]) -> int:
        return machine.put(
            b"".join(struct.pack("<QQ", *part) for part in parts), ADDRESS + 512 + 64 * len(parts)
        )

    def test_their_memory(self, machine: Machine) -> None:
        other = machine.process()
        other.first_thread.memory.write(ADDRESS, b"0123456789")
        local = self.iovec(machine, (ADDRESS, 3), (ADDRESS + 8, 20))
        remote = self.iovec(machine, (ADDRESS + 1, 5))
        assert machine.call("process_vm_readv", other.id, local, 2, remote, 1, 0) == 5
        assert machine.get(10) == b"123" + bytes(5) + b"45"
        assert machine.call("process_vm_writev", other.id, local, 2, remote, 1, 0) == 5
        bad = self.iovec(machine, (BAD, 4), (BAD, 1), (BAD, 1))
        assert machine.call("process_vm_readv", other.id, local, 2, bad, 1, 0) == -errno.EFAULT
        assert machine.call("process_vm_readv", GONE, local, 2, remote, 1, 0) == -errno.ESRCH
        assert machine.call("process_vm_readv", 1, local, 2, remote, 1, 0) == -errno.ESRCH
        assert machine.call("process_vm_readv", other.id, local, 2, remote, 1, 1) == -errno.EINVAL
        assert machine.call("process_vm_readv", other.id, local, 1025, remote, 1, 0) == -errno.EINVAL

    @pytest.mark.parametrize(
        "token", [Token.of_user(5, 100), Token.of_user(1000, 5), Token(1000, 0, 0, 0, 100, 100, 100, 100)]
    )
    def test_not_that_of_strangers(self, machine: Machine, token: Token) -> None:
        other = machine.process(token)
        local = self.iovec(machine, (ADDRESS, 3))
        assert machine.call("process_vm_readv", other.id, local, 1, local, 1, 0) == -errno.EPERM
        assert machine.call("get_robust_list", other.id, ADDRESS, ADDRESS + 8) == -errno.EPERM

    def test_not_that_of_one_who_does_not_want_it(self, machine: Machine) -> None:
        other = machine.process()
        machine.call("prctl", 4, 0, thread=other.first_thread)
        local = self.iovec(machine, (ADDRESS, 3))
        assert machine.call("process_vm_readv", other.id, local, 1, local, 1, 0) == -errno.EPERM

    def test_robust_list(self, machine: Machine) -> None:
        assert machine.call("set_robust_list", 0x1234, 24) == 0
        assert machine.call("get_robust_list", 0, ADDRESS, ADDRESS + 8) == 0
        assert struct.unpack("<QQ", machine.get(16)) == (0x1234, 24)

    def test_what_is_shared(self, machine: Machine) -> None:
        me, other = machine.thread.process, machine.process()
        assert machine.call("kcmp", me.id, me.id, 1) == 0
        assert {machine.call("kcmp", me.id, other.id, 2), machine.call("kcmp", other.id, me.id, 2)} == {1, 2}
        other.files = me.files
        assert machine.call("kcmp", me.id, other.id, 3) == 0
        assert machine.call("kcmp", me.id, other.id, 0, 7, 7) == -errno.EBADF
        assert machine.call("kcmp", me.id, other.id, 99) == -errno.EINVAL

    def test_unshare(self, machine: Machine) -> None:
        process = machine.thread.process
        handles, files = process.handles.reference(), process.files
        assert machine.call("unshare", 0x400 | 0x200) == 0
        assert process.handles is not handles
        assert process.files is not files
        assert handles.users == 1
        assert machine.call("unshare", 0x20000) == -errno.EPERM
        assert machine.call("unshare", 0x1) == -errno.EINVAL
        machine.another_thread(process)
        assert machine.call("unshare", 0x400) == -errno.EINVAL


class TestProcessDescriptors:
    def open(self, machine: Machine, pid: int) -> int:
        fd = machine.call("pidfd_open", pid, 0)
        assert fd is not None
        return fd

    def test_readable_at_the_end(self, machine: Machine) -> None:
        child = machine.process(parent=machine.thread.process)
        fd = self.open(machine, child.id)
        assert not machine.thread.process.handles.handle(fd).inherit
        file = machine.thread.process.handles.get(fd)
        assert isinstance(file, ProcessFile)
        woken: list[bool] = []
        file.readiness.waiters[Waker(woken)] = None
        assert file.poll() == 0
        assert machine.call("pidfd_send_signal", fd, 0, 0, 0) == 0
        assert machine.call("pidfd_send_signal", fd, 9, 0, 0) == 0
        assert (file.poll(), woken) == (Poll.READABLE, [True])
        assert machine.call("waitid", 3, fd, ADDRESS, 4) == 0
        assert machine.number(ADDRESS + 16) == child.id
        assert machine.call("pidfd_send_signal", fd, 0, 0, 0) == -errno.ESRCH
        assert machine.call("waitid", 3, fd, ADDRESS, 4) == -errno.ECHILD

    def test_what_is_refused(self, machine: Machine) -> None:
        other = machine.another_thread(machine.thread.process)
        for wrong in (0, -1, other.id):
            assert machine.call("pidfd_open", wrong, 0) == -errno.EINVAL
        assert machine.call("pidfd_open", machine.thread.id, 1) == -errno.EINVAL
        assert machine.call("pidfd_open", GONE, 0) == -errno.ESRCH
        stranger = self.open(machine, machine.process(ROOT).id)
        assert machine.call("pidfd_send_signal", stranger, 9, 0, 0) == -errno.EPERM
        assert machine.call("pidfd_send_signal", stranger, 65, 0, 0) == -errno.EINVAL
        assert machine.call("pidfd_send_signal", stranger, 9, 0, 1) == -errno.EINVAL
        assert machine.call("pidfd_send_signal", 99, 9, 0, 0) == -errno.EBADF
        assert machine.call("pidfd_getfd", stranger, 0, 0) == -errno.EPERM

    def test_descriptors_of_others(self, machine: Machine) -> None:
        other = machine.process()
        there = self.open(machine, other.id)
        theirs = machine.call("eventfd2", 7, 0, thread=other.first_thread)
        assert theirs == 0
        mine = machine.call("pidfd_getfd", there, theirs, 0)
        assert mine == there + 1
        assert machine.thread.process.handles.get(mine) is other.handles.get(theirs)
        assert machine.call("pidfd_getfd", there, 5, 0) == -errno.EBADF
        assert machine.call("pidfd_getfd", there, 0, 1) == -errno.EINVAL


class Waker:
    """Notes that it was woken."""

    def __init__(self, woken: list[bool]) -> None:
        self.woken = woken

    def wake(self) -> None:
        self.woken.append(True)
