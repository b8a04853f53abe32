"""How the first guest process comes to be: empty namespaces, no identity, no privilege, one stub page, one filter.

The kernel itself enters no namespace. A short-lived helper unshares what the host allows and clones an idle init (whose
death, with the kernel's, ends every guest) and the zygote as the kernel's own children. The zygote executes a nine-byte
program; from there on the kernel builds it by ptrace: stub page, scratch page, filter. Blank processes are its clones.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import signal
import struct
from dataclasses import dataclass
from typing import Final, NoReturn

from lichen.executive.interfaces import FixedMapping
from lichen.executive.registers import Registers
from lichen.platforms.native import host, stub
from lichen.platforms.native.task import BELOW_THE_KERNEL

_BOOT_ADDRESS: Final = 0x10000
_BOOT_CODE: Final = bytes.fromhex("b8220000000f05ebf7")  # pause() for ever
_BOOT_CALL: Final = _BOOT_ADDRESS + 120 + 5
_VDSO_ADDRESS: Final = 0x7FFFFFFE0000
_NEW_USER: Final = 0x10000000
_NEW_NAMESPACES: Final = (
    0x00020000 | 0x08000000 | 0x04000000 | 0x20000000 | 0x40000000
)  # mount ipc uts pid net
_CLONE_PARENT: Final = 0x8000
_HANDLER_FLAGS: Final = 0x4 | 0x40000000 | 0x04000000  # SA_SIGINFO SA_NODEFER SA_RESTORER
_PRIVATE_MOUNTS: Final = 0x4000 | 0x40000
_LAST_CAPABILITY: Final = 40
_SET_DUMPABLE: Final = 4
_FAILED: Final = "failed: "
_GUEST_ID: Final = 0x6C690000
"""The host identity of guests when the kernel runs as root: a high uid that owns nothing."""
PAGE_CACHE_DESCRIPTOR: Final = 100

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Zygote:
    """The stopped first process and what was learnt on the way."""

    pid: int
    init: int
    listener: int
    vdso: tuple[FixedMapping, ...]
    isolation: str


def start(page_cache: int, signals: int, program: bytes) -> Zygote:
    """Make the zygote with the seccomp `program`; `page_cache` is a read-only descriptor that it keeps."""
    reading, writing = os.pipe()
    helper = os.fork()
    if helper == 0:
        os.close(reading)
        _helper(page_cache, writing)
    os.close(writing)
    report = b""
    while chunk := os.read(reading, 4096):  # ends when init and zygote have executed the boot program
        report += chunk
    os.close(reading)
    os.waitpid(helper, 0)
    init, pid, isolation = _parse(report)
    try:
        return _Builder(pid, signals).build(init, program, isolation)
    except OSError:
        _abandon(pid, init)
        raise


def _abandon(*pids: int) -> None:
    """End processes that are not to be guests after all."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, host.ANY_CHILD)


def _parse(report: bytes) -> tuple[int, int, str]:
    fields = report.decode(errors="replace").split("\n")
    if errors := [field.removeprefix(_FAILED) for field in fields if field.startswith(_FAILED)]:
        raise OSError(f"the host refused to make the first guest process: {errors[0]}")
    return int(fields[0]), int(fields[1]), fields[2]


def _helper(page_cache: int, report: int) -> NoReturn:
    """Runs in the helper process: unshare, then clone init and zygote as the kernel's children."""
    try:
        os.setsid()
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
        program = _boot_program()
        identity = _mapped("uid"), _mapped("gid")
        isolation = _unshare(identity)
        for number in range(2):
            pid = host.system_call(56, _CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)
            if pid == 0:
                _become_guest(program, page_cache if number else None, identity, report)
            os.write(report, b"%d\n" % pid)
        os.write(report, isolation.encode())
        os._exit(0)
    except BaseException as error:
        os.write(report, f"\n{_FAILED}{error}\n".encode())
        os._exit(1)


def _unshare(identity: tuple[int, int]) -> str:
    """Leave as many namespaces of the host as it allows; returns their names."""
    name = "pid,mount,net,ipc,uts"
    if _libc.unshare(_NEW_NAMESPACES):
        # A user namespace, in which anybody may do that, is made for one identity: not for root's.
        _leave_identity(*identity)
        uid, gid = os.getuid(), os.getgid()
        if _libc.unshare(_NEW_USER | _NEW_NAMESPACES):
            return "none"
        name = f"user,{name}"
        for file, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{uid} {uid} 1"),
            ("gid_map", f"{gid} {gid} 1"),
        ):
            with open(f"/proc/self/{file}", "w") as map_file:
                map_file.write(text)
    with contextlib.suppress(OSError):
        _leave_root()
    return name


def _leave_identity(uid: int, gid: int) -> None:
    """Root becomes nobody that anything belongs to; in a user namespace that has but one identity, it stays what it is."""
    if os.geteuid() != 0 or os.getuid() != 0:
        return
    with contextlib.suppress(OSError):
        os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    _libc.prctl(_SET_DUMPABLE, 1, 0, 0, 0)


def _mapped(kind: str) -> int:
    """The guests' identity, or the highest that this user namespace has when it lacks that."""
    with open(f"/proc/self/{kind}_map") as file:
        ranges = [tuple(map(int, line.split())) for line in file]
    if any(start <= _GUEST_ID < start + count for start, _, count in ranges):
        return _GUEST_ID
    return max(start + count - 1 for start, _, count in ranges)


def _leave_root() -> None:
    """An empty folder becomes the root."""
    for source, target, kind, flags in (
        (b"none", b"/", None, _PRIVATE_MOUNTS),
        (b"none", b"/tmp", b"tmpfs", 1),
    ):
        if _libc.mount(source, target, kind, flags, None):
            raise OSError(ctypes.get_errno(), "mount")
    os.chroot("/tmp")
    os.chdir("/")


def _boot_program() -> int:
    """A descriptor of the boot program, an ELF file of one page."""
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, _BOOT_ADDRESS + 120, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BOOT_ADDRESS, _BOOT_ADDRESS, 4096, 4096, 4096)
    descriptor = os.memfd_create("lichen-boot", os.MFD_CLOEXEC)
    os.write(descriptor, (header + segment + _BOOT_CODE).ljust(4096, b"\0"))
    readable = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
    os.close(descriptor)  # what somebody can write cannot be executed
    return readable


def _become_guest(program: int, page_cache: int | None, identity: tuple[int, int], report: int) -> NoReturn:
    """Runs in the clone: give everything away, then execute the boot program."""
    os.nice(BELOW_THE_KERNEL)
    null = os.memfd_create("null")
    for number in range(3):
        os.dup2(null, number)
    if page_cache is not None:
        os.dup2(page_cache, PAGE_CACHE_DESCRIPTOR)
    for limit, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 128),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        resource.setrlimit(limit, (value, value))
    for capability in range(_LAST_CAPABILITY + 1):
        _libc.prctl(24, capability, 0, 0, 0)
    _leave_identity(*identity)
    _libc.prctl(1, signal.SIGKILL, 0, 0, 0)
    end = select.poll()
    end.register(report, 0)
    if end.poll(0):  # nobody reads it any more: the kernel was gone before it could take us along
        os._exit(1)
    _libc.prctl(38, 1, 0, 0, 0)
    os.execve(program, ["lichen-guest"], {})


class _Builder:
    """Makes the zygote out of the boot process, one injected call at a time."""

    def __init__(self, pid: int, signals: int) -> None:
        self.pid, self.signals = pid, signals
        self.registers = Registers()
        self.address = host.address_of(self.registers.raw)

    def build(self, init: int, program: bytes, isolation: str) -> Zygote:
        host.ptrace(host.SEIZE, self.pid, 0, host.OPTIONS)
        host.ptrace(host.INTERRUPT, self.pid)
        while (
            self._wait() >> 16 != host.EVENT_STOP
        ):  # it was in its execve: any other stop takes the place of this one
            host.ptrace(host.INTERRUPT, self.pid)
            host.ptrace(host.CONT, self.pid)
        self._load()
        self._pages()
        vdso = self._vdso()
        listener = self._install(program)
        self._enter_stub()
        self._clean(vdso)
        return Zygote(self.pid, init, listener, vdso, isolation)

    def _wait(self) -> int:
        status = host.core.wait_for(self.pid, self.signals, 5000)
        if status is None or status & 0xFF != 0x7F:
            raise OSError("the first guest process did not start")
        return status

    def _load(self) -> None:
        host.ptrace(host.GETREGS, self.pid, 0, self.address)

    def _call(self, number: int, *arguments: int) -> int:
        """Run one system call in the boot process, before there is a filter."""
        registers = self.registers
        registers.rip, registers.rax, registers.orig_rax = _BOOT_CALL, number, -1
        padded = (*arguments, 0, 0, 0, 0, 0, 0)
        registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8, registers.r9 = padded[:6]
        host.ptrace(host.SETREGS, self.pid, 0, self.address)
        for _ in range(2):
            host.ptrace(host.SYSCALL, self.pid)
            if (self._wait() >> 8) & 0xFF != host.SYSCALL_STOP:
                raise OSError("the first guest process left its boot program")
        self._load()
        return self._checked(registers.rax, number)

    @staticmethod
    def _checked(result: int, number: int) -> int:
        if result > 0xFFFFFFFFFFFFF000:
            code = (1 << 64) - result
            raise OSError(code, f"{os.strerror(code)} (call {number} of the first guest process)")
        return result

    def _pages(self) -> None:
        for address, size in ((stub.BASE, 0x1000), (stub.SCRATCH, stub.SCRATCH_SIZE + stub.FRAME_SIZE)):
            self._call(9, address, size, 3, 0x32, -1, 0)
        host.core.write_memory(self.pid, stub.BASE, stub.CODE)
        self._call(10, stub.BASE, 0x1000, 5)
        action = struct.pack("<4Q", stub.IDLE, _HANDLER_FLAGS, stub.IDLE, 0)
        host.core.write_memory(self.pid, stub.SCRATCH, action)
        for number in (signal.SIGSEGV, signal.SIGBUS):
            self._call(13, number, stub.SCRATCH, 0, 8)

    def _maps(self) -> list[FixedMapping]:
        mappings = []
        with open(f"/proc/{self.pid}/maps") as file:
            for line in file:
                fields = line.split()
                start, end = (int(part, 16) for part in fields[0].split("-"))
                mappings.append(FixedMapping(start, end - start, fields[5] if len(fields) > 5 else ""))
        return mappings

    def _vdso(self) -> tuple[FixedMapping, ...]:
        """Move the vDSO and its data to a fixed place just below the stub page."""
        found = [mapping for mapping in self._maps() if mapping.name.startswith(("[vdso", "[vvar"))]
        if not found:
            return ()
        offset = _VDSO_ADDRESS - found[0].address
        for mapping in found:
            self._call(25, mapping.address, mapping.size, mapping.size, 3, mapping.address + offset)
        return tuple(FixedMapping(mapping.address + offset, mapping.size, mapping.name) for mapping in found)

    def _install(self, program: bytes) -> int:
        """Install the filter; returns the kernel's copy of its listener."""
        host.core.write_memory(
            self.pid, stub.SCRATCH, struct.pack("<H6xQ", len(program) // 8, stub.SCRATCH + 16) + program
        )
        number = self._call(317, 1, 8, stub.SCRATCH)
        process = host.process_descriptor(self.pid)
        listener = host.copy_descriptor(process, number)
        os.close(process)
        return listener

    def _enter_stub(self) -> None:
        """Leave the boot program for the stub's idle loop."""
        self.registers.rip, self.registers.orig_rax = stub.IDLE, -1
        host.ptrace(host.SETREGS, self.pid, 0, self.address)
        host.ptrace(host.CONT, self.pid)
        self._expect_idle()

    def _expect_idle(self) -> None:
        if self._wait() >> 16 != host.EVENT_SECCOMP:
            raise OSError("the first guest process did not reach its stub")
        self._load()

    def _idle_call(self, number: int, *arguments: int) -> int:
        """Run one call in place of the idle call at which the process stopped."""
        registers = self.registers
        padded = (*arguments, 0, 0, 0, 0, 0, 0)
        registers.orig_rax = number
        registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8, registers.r9 = padded[:6]
        host.ptrace(host.SETREGS, self.pid, 0, self.address)
        host.ptrace(host.CONT, self.pid)
        self._expect_idle()
        return self._checked(registers.rdi, number)

    def _clean(self, vdso: tuple[FixedMapping, ...]) -> None:
        """Close what the boot program had open and unmap what it had mapped."""
        for descriptor in os.listdir(f"/proc/{self.pid}/fd"):
            if int(descriptor) != PAGE_CACHE_DESCRIPTOR:
                self._idle_call(3, int(descriptor))
        kept = {mapping.address for mapping in vdso} | {stub.BASE, stub.SCRATCH}
        for mapping in self._maps():
            if mapping.address not in kept and mapping.name != "[vsyscall]":
                self._idle_call(11, mapping.address, mapping.size)
