"""/proc/config.gz: what a kernel that was built like this one would have been configured with, in Kconfig's names.

Programs and test suites look here before they use something. What is a system call of its own is looked up among the declared
ones, so that the answer cannot differ from what the call says; the rest is written down by hand. What is not listed is, as in
every such file, not there.

Source: init/Kconfig, fs/Kconfig, net/Kconfig, arch/x86/Kconfig of Linux 6.1 for the names.
"""

from __future__ import annotations

import gzip
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from lichen.subsystems.linux import kernel
from lichen.subsystems.linux.procfs.subjects import Whole
from lichen.subsystems.linux.subsystem import linux

if TYPE_CHECKING:
    from lichen.executive.host import Host

_BY_CALL: Final = {
    "ADVISE_SYSCALLS": "madvise",
    "AIO": "io_setup",
    "BPF_SYSCALL": "bpf",
    "BSD_PROCESS_ACCT": "acct",
    "CROSS_MEMORY_ATTACH": "process_vm_readv",
    "EPOLL": "epoll_create1",
    "EVENTFD": "eventfd2",
    "FANOTIFY": "fanotify_init",
    "FHANDLE": "name_to_handle_at",
    "FILE_LOCKING": "flock",
    "FUTEX": "futex",
    "INOTIFY_USER": "inotify_init1",
    "IO_URING": "io_uring_setup",
    "KCMP": "kcmp",
    "KEXEC": "kexec_load",
    "KEYS": "add_key",
    "MEMBARRIER": "membarrier",
    "MEMFD_CREATE": "memfd_create",
    "MODIFY_LDT_SYSCALL": "modify_ldt",
    "MODULES": "init_module",
    "NUMA": "mbind",
    "PERF_EVENTS": "perf_event_open",
    "POSIX_MQUEUE": "mq_open",
    "POSIX_TIMERS": "timer_create",
    "QUOTA": "quotactl",
    "RSEQ": "rseq",
    "SECCOMP": "seccomp",
    "SECCOMP_FILTER": "seccomp",
    "SECRETMEM": "memfd_secret",
    "SECURITY_LANDLOCK": "landlock_create_ruleset",
    "SIGNALFD": "signalfd4",
    "SWAP": "swapon",
    "SYSVIPC": "shmget",
    "TIMERFD": "timerfd_create",
    "USERFAULTFD": "userfaultfd",
    "X86_IOPL_IOPERM": "iopl",
}
_YES: Final = (
    *("64BIT", "X86", "X86_64", "SMP", "MMU", "MULTIUSER", "PRINTK", "SHMEM", "HIGH_RES_TIMERS"),
    *("BINFMT_ELF", "BINFMT_SCRIPT", "DNOTIFY", "TTY", "UNIX98_PTYS", "PREEMPT_DYNAMIC"),
    *("PROC_FS", "PROC_SYSCTL", "PROC_PAGE_MONITOR", "PROC_CHILDREN", "SYSFS", "IKCONFIG", "IKCONFIG_PROC"),
    *("TMPFS", "TMPFS_XATTR", "OVERLAY_FS", "NET", "UNIX", "INET"),
)
_NO: Final = (
    *("IA32_EMULATION", "X86_X32", "COMPAT", "RANDOMIZE_BASE", "HUGETLBFS", "BINFMT_MISC", "COREDUMP"),
    *("MODULE_SIG", "CGROUPS", "NAMESPACES", "UTS_NS", "IPC_NS", "USER_NS", "PID_NS", "NET_NS", "TIME_NS"),
    *("AUDIT", "SECURITY", "SECURITY_SELINUX", "SECURITY_APPARMOR", "SECURITY_YAMA", "SECURITYFS"),
    *("BLOCK", "BLK_DEV_LOOP", "EXT4_FS", "XFS_FS", "BTRFS_FS", "FAT_FS", "NTFS3_FS", "FUSE_FS", "NFS_FS"),
    *("NETFILTER", "PACKET", "TUN", "VETH", "BRIDGE", "VLAN_8021Q", "VSOCKETS", "IP_SCTP", "CRYPTO_USER_API"),
    *(
        "DEBUG_FS",
        "FTRACE",
        "KPROBES",
        "UPROBES",
        "KALLSYMS",
        "MAGIC_SYSRQ",
        "TASKSTATS",
        "PSI",
        "ZRAM",
        "KVM",
    ),
    *("CHECKPOINT_RESTORE", "LEGACY_PTYS", "VT", "DEVTMPFS", "SCHED_AUTOGROUP", "KSM", "MEMCG", "CPUSETS"),
)
_OF_HOST: Final = {
    "IPV6": "/proc/net/if_inet6",
    "TRANSPARENT_HUGEPAGE": "/sys/kernel/mm/transparent_hugepage/enabled",
}
_VALUES: Final = {"LOCALVERSION": f'"-{kernel.RELEASE.partition("-")[2]}"', "DEFAULT_HOSTNAME": '"(none)"'}


def options(host: Host) -> dict[str, bool]:
    """What is there and what is not, by its name without `CONFIG_`."""
    return {
        **dict.fromkeys(_YES, True),
        **dict.fromkeys(_NO, False),
        **{name: call in linux.by_name for name, call in _BY_CALL.items()},
        **{name: host.has(path) for name, path in _OF_HOST.items()},
    }


@lru_cache(1)
def _content(known: tuple[tuple[str, bool], ...]) -> bytes:
    release = kernel.RELEASE.partition("-")[0]
    lines = ["#", f"# Linux/x86 {release} Kernel Configuration", "#"]
    lines += [f"CONFIG_{name}={value}" for name, value in _VALUES.items()]
    for name, there in known:
        lines.append(f"CONFIG_{name}=y" if there else f"# CONFIG_{name} is not set")
    return gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)


def compressed(machine: Whole) -> bytes:
    """The file as it is read."""
    return _content(tuple(sorted(options(machine.host).items())))
