"""The records that Linux programs and the kernel exchange: fields as in C, without their prefixes.

All of them are right for x86-64: tests/layouts compares each with the C compiler. Addresses and ports of
sockets are bytes, being in network order. Fields that Linux leaves zero, or that few callers set, have
defaults.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from lichen.abi.layout import (
    Array,
    Bytes,
    i16,
    i32,
    i64,
    long,
    packed,
    padded_to,
    ptr,
    u8,
    u16,
    u32,
    u64,
    ulong,
)

# Time


class Timespec(NamedTuple):
    """struct timespec."""

    sec: long
    nsec: long


class Timeval(NamedTuple):
    """struct timeval."""

    sec: long
    usec: long


class Timezone(NamedTuple):
    """struct timezone."""

    minuteswest: i32
    dsttime: i32


class Itimerspec(NamedTuple):
    """struct itimerspec: timer_settime, timerfd_settime."""

    interval: Timespec
    value: Timespec


class Itimerval(NamedTuple):
    """struct itimerval: setitimer."""

    interval: Timeval
    value: Timeval


class Tms(NamedTuple):
    """struct tms, in clock ticks: times."""

    utime: long
    stime: long
    cutime: long
    cstime: long


class Utimbuf(NamedTuple):
    """struct utimbuf, in seconds: utime."""

    actime: long
    modtime: long


# Files


@padded_to(144)
class Stat(NamedTuple):
    """struct stat of x86-64."""

    dev: u64
    ino: u64
    nlink: u64
    mode: u32
    uid: u32
    gid: u32
    rdev: u64
    size: i64
    blksize: i64
    blocks: i64
    atime: Timespec
    mtime: Timespec
    ctime: Timespec


class StatxTimestamp(NamedTuple):
    """struct statx_timestamp."""

    sec: i64
    nsec: u32


@padded_to(256)
class Statx(NamedTuple):
    """struct statx."""

    mask: u32
    blksize: u32
    attributes: u64
    nlink: u32
    uid: u32
    gid: u32
    mode: u16
    ino: u64
    size: u64
    blocks: u64
    attributes_mask: u64
    atime: StatxTimestamp
    btime: StatxTimestamp
    ctime: StatxTimestamp
    mtime: StatxTimestamp
    rdev_major: u32
    rdev_minor: u32
    dev_major: u32
    dev_minor: u32
    mnt_id: u64 = 0
    dio_mem_align: u32 = 0
    dio_offset_align: u32 = 0


@padded_to(120)
class StatFs(NamedTuple):
    """struct statfs of x86-64."""

    type: long
    bsize: long
    blocks: long
    bfree: long
    bavail: long
    files: long
    ffree: long
    fsid: Annotated[tuple[int, ...], Array(i32, 2)]
    namelen: long
    frsize: long
    flags: long


@packed
class Dirent64(NamedTuple):
    """What precedes the name in a struct linux_dirent64; `reclen` counts all, padded to 8 bytes."""

    ino: u64
    off: i64
    reclen: u16
    type: u8


class Flock64(NamedTuple):
    """struct flock of x86-64."""

    type: i16
    whence: i16
    start: i64
    len: i64
    pid: i32


class OpenHow(NamedTuple):
    """struct open_how: openat2."""

    flags: u64
    mode: u64
    resolve: u64


class InotifyEvent(NamedTuple):
    """What precedes the name in a struct inotify_event; `len` counts the name and its zero bytes."""

    wd: i32
    mask: u32
    cookie: u32
    len: u32


class Iovec(NamedTuple):
    """struct iovec."""

    base: ptr
    len: ulong


class Pollfd(NamedTuple):
    """struct pollfd."""

    fd: i32
    events: i16
    revents: i16


@packed
class EpollEvent(NamedTuple):
    """struct epoll_event, which x86-64 packs so that it is as long as on i386."""

    events: u32
    data: u64


# Processes


class Rusage(NamedTuple):
    """struct rusage; `maxrss` is in KiB."""

    utime: Timeval
    stime: Timeval
    maxrss: long = 0
    ixrss: long = 0
    idrss: long = 0
    isrss: long = 0
    minflt: long = 0
    majflt: long = 0
    nswap: long = 0
    inblock: long = 0
    oublock: long = 0
    msgsnd: long = 0
    msgrcv: long = 0
    nsignals: long = 0
    nvcsw: long = 0
    nivcsw: long = 0


class Rlimit64(NamedTuple):
    """struct rlimit64: prlimit64, and getrlimit of x86-64."""

    cur: u64
    max: u64


class Sysinfo(NamedTuple):
    """struct sysinfo; the sizes are in units of `mem_unit` bytes, `loads` in 1/65536."""

    uptime: long
    loads: Annotated[tuple[int, ...], Array(ulong, 3)]
    totalram: ulong
    freeram: ulong
    sharedram: ulong
    bufferram: ulong
    totalswap: ulong
    freeswap: ulong
    procs: u16
    totalhigh: ulong = 0
    freehigh: ulong = 0
    mem_unit: u32 = 1


class Utsname(NamedTuple):
    """struct new_utsname; each field ends with a zero byte."""

    sysname: Annotated[bytes, Bytes(65)]
    nodename: Annotated[bytes, Bytes(65)]
    release: Annotated[bytes, Bytes(65)]
    version: Annotated[bytes, Bytes(65)]
    machine: Annotated[bytes, Bytes(65)]
    domainname: Annotated[bytes, Bytes(65)]


class CloneArgs(NamedTuple):
    """struct clone_args, version 2; callers may pass the first 64 or 80 bytes only."""

    flags: u64
    pidfd: u64
    child_tid: u64
    parent_tid: u64
    exit_signal: u64
    stack: u64
    stack_size: u64
    tls: u64
    set_tid: u64 = 0
    set_tid_size: u64 = 0
    cgroup: u64 = 0


class SchedParam(NamedTuple):
    """struct sched_param."""

    priority: i32


class SchedAttr(NamedTuple):
    """struct sched_attr, with the utilization hints of its second version."""

    size: u32
    policy: u32
    flags: u64
    nice: i32
    priority: u32
    runtime: u64 = 0
    deadline: u64 = 0
    period: u64 = 0
    util_min: u32 = 0
    util_max: u32 = 0


class CapUserHeader(NamedTuple):
    """struct __user_cap_header_struct."""

    version: u32
    pid: i32


class CapUserData(NamedTuple):
    """struct __user_cap_data_struct; versions 2 and 3 pass two of them, low bits first."""

    effective: u32
    permitted: u32
    inheritable: u32


class RobustListHead(NamedTuple):
    """struct robust_list_head."""

    list: ptr
    futex_offset: long
    list_op_pending: ptr


# Signals


class Sigaction(NamedTuple):
    """struct sigaction as the kernel of x86-64 knows it: rt_sigaction."""

    handler: ptr
    flags: ulong
    restorer: ptr
    mask: u64


class StackT(NamedTuple):
    """stack_t: sigaltstack."""

    sp: ptr
    flags: i32
    size: ulong


@padded_to(64)
class Sigevent(NamedTuple):
    """struct sigevent; `tid` is for SIGEV_THREAD_ID."""

    value: ptr
    signo: i32
    notify: i32
    tid: i32


# Terminals


class Termios(NamedTuple):
    """struct termios as the kernel knows it: TCGETS, TCSETS."""

    iflag: u32
    oflag: u32
    cflag: u32
    lflag: u32
    line: u8
    cc: Annotated[bytes, Bytes(19)]


class Termio(NamedTuple):
    """struct termio of System V: TCGETA, TCSETA."""

    iflag: u16
    oflag: u16
    cflag: u16
    lflag: u16
    line: u8
    cc: Annotated[bytes, Bytes(8)]


class Termios2(NamedTuple):
    """struct termios2: with the speeds in bits per second."""

    iflag: u32
    oflag: u32
    cflag: u32
    lflag: u32
    line: u8
    cc: Annotated[bytes, Bytes(19)]
    ispeed: u32
    ospeed: u32


class Winsize(NamedTuple):
    """struct winsize, in characters and pixels."""

    row: u16
    col: u16
    xpixel: u16 = 0
    ypixel: u16 = 0


# Sockets


class SockaddrIn(NamedTuple):
    """struct sockaddr_in."""

    family: u16
    port: Annotated[bytes, Bytes(2, align=2)]
    addr: Annotated[bytes, Bytes(4, align=4)]
    zero: Annotated[bytes, Bytes(8)] = b""


class SockaddrIn6(NamedTuple):
    """struct sockaddr_in6."""

    family: u16
    port: Annotated[bytes, Bytes(2, align=2)]
    flowinfo: Annotated[bytes, Bytes(4, align=4)]
    addr: Annotated[bytes, Bytes(16, align=4)]
    scope_id: u32


class Msghdr(NamedTuple):
    """struct user_msghdr: sendmsg, recvmsg."""

    name: ptr
    namelen: i32
    iov: ptr
    iovlen: ulong
    control: ptr
    controllen: ulong
    flags: u32


class Mmsghdr(NamedTuple):
    """struct mmsghdr: sendmmsg, recvmmsg."""

    hdr: Msghdr
    len: u32


class Cmsghdr(NamedTuple):
    """struct cmsghdr; `len` counts this header too, and the next one is aligned as a long."""

    len: ulong
    level: i32
    type: i32


class Ucred(NamedTuple):
    """struct ucred: SCM_CREDENTIALS, SO_PEERCRED."""

    pid: i32
    uid: u32
    gid: u32
