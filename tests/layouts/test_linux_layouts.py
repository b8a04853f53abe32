"""The records of x86-64 Linux are laid out as its C headers say."""

from __future__ import annotations

import platform
import re
import subprocess

import pytest

from lichen.abi.layout import LP64, is_record
from lichen.subsystems.linux import netrecords, records, siginfo
from lichen.subsystems.linux.numbers import AMD64_NUMBERS
from lichen.subsystems.linux.sockdiag import records as sockdiag
from tests.layouts.compiler import InC, differences
from tests.toolchain import host_program

pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64", reason="the compiler of x86-64 Linux is the measure"
)

SIGINFO = ("signal.h",)
TIME = ("time.h", "sys/time.h")
# The C library's struct msghdr has the same layout, but other signs.
USER_MSGHDR = """
struct user_msghdr {
    void *msg_name; int msg_namelen; void *msg_iov; size_t msg_iovlen;
    void *msg_control; size_t msg_controllen; unsigned msg_flags;
};
"""
INET_DIAG = ("linux/inet_diag.h",)
REQUEST_MEMBERS = {"family": "sdiag_family", "protocol": "sdiag_protocol", "pad": "pad", "id": "id"}
CLONE = ("linux/types.h", "linux/sched.h")

IN_C = {
    records.Timespec: InC("struct timespec", TIME, "tv_"),
    records.Timeval: InC("struct timeval", TIME, "tv_"),
    records.Timezone: InC("struct timezone", TIME, "tz_"),
    records.Itimerspec: InC("struct itimerspec", TIME, "it_"),
    records.Itimerval: InC("struct itimerval", TIME, "it_"),
    records.Tms: InC("struct tms", ("sys/times.h",), "tms_"),
    records.Utimbuf: InC("struct utimbuf", ("utime.h",)),
    records.Stat: InC(
        "struct stat", ("sys/stat.h",), "st_", {"atime": "st_atim", "mtime": "st_mtim", "ctime": "st_ctim"}
    ),
    records.StatxTimestamp: InC("struct statx_timestamp", ("linux/stat.h",), "tv_"),
    records.Statx: InC("struct statx", ("linux/stat.h",), "stx_"),
    records.StatFs: InC("struct statfs", ("asm/statfs.h",), "f_"),
    records.Dirent64: InC("struct dirent64", ("dirent.h",), "d_", end="d_name"),
    records.Flock64: InC("struct flock64", ("fcntl.h",), "l_"),
    records.OpenHow: InC("struct open_how", ("linux/openat2.h",)),
    records.InotifyEvent: InC("struct inotify_event", ("sys/inotify.h",), end="name"),
    records.Iovec: InC("struct iovec", ("sys/uio.h",), "iov_"),
    records.Pollfd: InC("struct pollfd", ("poll.h",)),
    records.EpollEvent: InC("struct epoll_event", ("sys/epoll.h",)),
    records.Rusage: InC("struct rusage", ("sys/resource.h",), "ru_"),
    records.Rlimit64: InC("struct rlimit64", ("sys/resource.h",), "rlim_"),
    records.Sysinfo: InC("struct sysinfo", ("linux/sysinfo.h",)),
    records.Utsname: InC("struct new_utsname", ("linux/utsname.h",)),
    records.CloneArgs: InC("struct clone_args", CLONE),
    records.SchedParam: InC("struct sched_param", ("sched.h",), "sched_"),
    records.SchedAttr: InC("struct sched_attr", ("linux/sched/types.h",), "sched_", {"size": "size"}),
    records.CapUserHeader: InC("struct __user_cap_header_struct", ("linux/capability.h",)),
    records.CapUserData: InC("struct __user_cap_data_struct", ("linux/capability.h",)),
    records.RobustListHead: InC("struct robust_list_head", ("linux/futex.h",)),
    records.Sigaction: InC("struct sigaction", ("asm/signal.h",), "sa_"),
    records.StackT: InC("stack_t", ("signal.h",), "ss_"),
    records.Sigevent: InC("struct sigevent", ("signal.h",), "sigev_", {"tid": "_sigev_un._tid"}),
    siginfo.SiginfoKill: InC("siginfo_t", SIGINFO, "si_"),
    siginfo.SiginfoTimer: InC("siginfo_t", SIGINFO, "si_", {"tid": "si_timerid"}),
    siginfo.SiginfoChild: InC("siginfo_t", SIGINFO, "si_"),
    siginfo.SiginfoFault: InC("siginfo_t", SIGINFO, "si_"),
    siginfo.SiginfoPoll: InC("siginfo_t", SIGINFO, "si_"),
    siginfo.SignalfdSiginfo: InC("struct signalfd_siginfo", ("linux/signalfd.h",), "ssi_"),
    records.Termios: InC("struct termios", ("asm/termbits.h",), "c_"),
    records.Termio: InC("struct termio", ("asm/termios.h",), "c_"),
    records.Termios2: InC("struct termios2", ("asm/termbits.h",), "c_"),
    records.Winsize: InC("struct winsize", ("sys/ioctl.h",), "ws_"),
    records.SockaddrIn: InC("struct sockaddr_in", ("netinet/in.h",), "sin_"),
    records.SockaddrIn6: InC("struct sockaddr_in6", ("netinet/in.h",), "sin6_"),
    netrecords.Ifreq: InC("struct ifreq", ("net/if.h",), members={"name": "ifr_name", "data": "ifr_ifru"}),
    netrecords.Ifconf: InC("struct ifconf", ("net/if.h",), "ifc_", {"buf": "ifc_ifcu"}),
    netrecords.Arpreq: InC("struct arpreq", ("net/if_arp.h",), "arp_", {}),
    netrecords.Rtentry: InC("struct rtentry", ("net/route.h",), "rt_", {"class_": "rt_class"}),
    records.Msghdr: InC("struct user_msghdr", prefix="msg_", text=USER_MSGHDR),
    records.Mmsghdr: InC("struct mmsghdr", ("sys/socket.h",), "msg_"),
    records.Cmsghdr: InC("struct cmsghdr", ("sys/socket.h",), "cmsg_"),
    records.Ucred: InC("struct ucred", ("sys/socket.h",)),
    sockdiag.NetlinkHeader: InC("struct nlmsghdr", ("linux/netlink.h",), "nlmsg_"),
    sockdiag.NetlinkAttribute: InC("struct nlattr", ("linux/netlink.h",), "nla_"),
    sockdiag.SockDiagRequest: InC("struct sock_diag_req", ("linux/sock_diag.h",), "sdiag_"),
    sockdiag.InetSocketId: InC("struct inet_diag_sockid", INET_DIAG, "idiag_", {"interface": "idiag_if"}),
    sockdiag.InetRequest: InC("struct inet_diag_req_v2", INET_DIAG, "idiag_", REQUEST_MEMBERS),
    sockdiag.OldInetRequest: InC("struct inet_diag_req", INET_DIAG, "idiag_", {"id": "id"}),
    sockdiag.InetAnswer: InC("struct inet_diag_msg", INET_DIAG, "idiag_", {"id": "id"}),
    sockdiag.InetOperation: InC("struct inet_diag_bc_op", INET_DIAG),
    sockdiag.InetHostCondition: InC("struct inet_diag_hostcond", INET_DIAG, end="addr"),
    sockdiag.UnixRequest: InC("struct unix_diag_req", ("linux/unix_diag.h",), "udiag_", REQUEST_MEMBERS),
    sockdiag.UnixAnswer: InC("struct unix_diag_msg", ("linux/unix_diag.h",), "udiag_", {"pad": "pad"}),
    sockdiag.NetlinkRequest: InC(
        "struct netlink_diag_req", ("linux/netlink_diag.h",), "ndiag_", REQUEST_MEMBERS
    ),
    sockdiag.NetlinkAnswer: InC("struct netlink_diag_msg", ("linux/netlink_diag.h",), "ndiag_"),
}


@pytest.mark.parametrize(
    ("record", "declared"), IN_C.items(), ids=lambda value: getattr(value, "__name__", "")
)
def test_record_is_laid_out_as_in_c(record: type, declared: InC) -> None:
    assert differences(record, declared, LP64) == []


def test_every_record_is_compared() -> None:
    ours = {
        value
        for module in (netrecords, records, siginfo, sockdiag)
        for value in vars(module).values()
        if is_record(value)
    }
    assert ours - set(IN_C) == set()


def test_a_difference_is_seen() -> None:
    declared = InC("struct timezone", TIME, "tz_", {"sec": "tz_minuteswest", "usec": "tz_dsttime"})
    found = differences(records.Timeval, declared, LP64)
    assert "size of Timeval is 16 here" in found
    assert "offset of Timeval.usec is 8 here" in found


def test_numbers_are_those_of_the_headers() -> None:
    preprocess = [host_program("gcc"), "-E", "-dM", "-include", "asm/unistd_64.h", "-x", "c", "/dev/null"]
    macros = subprocess.run(preprocess, check=True, capture_output=True, text=True).stdout
    found = {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)", macros)}
    shared = found.keys() & AMD64_NUMBERS.keys()
    assert {name: found[name] for name in shared} == {name: AMD64_NUMBERS[name] for name in shared}
    # Newer headers may know more, and older ones less.
    assert len(shared) > 300
    assert len(set(AMD64_NUMBERS.values())) == len(AMD64_NUMBERS)
