"""Recipes for Linux calls, and the calls that never succeed."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from itertools import count
from typing import Any, Final

from lichen.executive.interfaces import PAGE
from lichen.executive.processes import ExitStatus
from tests.fuzz.guests import ARENA, SIZE
from tests.fuzz.recipes import Recipe, Steps, Unready

NEVER: Final[Mapping[str, str]] = {
    "clock_settime": "no clock is ever set",
    "futex": "the host answers all operations but those with priority inheritance, which are missing",
    "mount": "mounts are made at boot",
    "name_to_handle_at": "no file system gives out handles",
    "open_by_handle_at": "no file system gives out handles",
    "pause": "ends by a signal, with an error",
    "pivot_root": "mounts are made at boot",
    "rt_sigsuspend": "ends by a signal, with an error",
    "setns": "there are no other namespaces",
    "syslog": "there is no log of a kernel",
    "umount2": "mounts are made at boot",
}
"""Why a call can have no success."""

UNANSWERED: Final = frozenset(("execve", "execveat", "exit", "exit_group", "rt_sigreturn"))
"""Calls whose success is that there is no answer."""
CURRENT: Final = -100
PROGRAM: Final = "/program"
_SIGNAL: Final = 10
_CHILD_SIGNAL: Final = 17
_SET: Final = struct.pack("<Q", 1 << _SIGNAL - 1)
_OPEN: Final = 0o102
_FRAME: Final = 1024
_turns: Final = count()


def _file(s: Steps, content: bytes = b"content") -> int:
    """A new file with something in it, open at its start."""
    fd = s.call("open", s.text(s.name()), _OPEN, 0o644)
    s.call("pwrite64", fd, s.put(content), len(content), 0)
    return fd


def _named_file(s: Steps) -> int:
    """The path of a new file."""
    path = s.text(s.name())
    s.call("close", s.call("open", path, _OPEN, 0o644))
    return path


def _folder(s: Steps) -> int:
    path = s.text(s.name())
    s.call("mkdir", path, 0o755)
    return path


def _pair(s: Steps, call: str = "pipe", *before: int) -> tuple[int, int]:
    ends = s.put()
    s.call(call, *before, ends)
    return s.word(ends), s.word(ends + 4)


def _full_pipe(s: Steps) -> int:
    """The reading end of a pipe with something in it."""
    reading, writing = _pair(s)
    s.call("write", writing, s.put(b"12345678"), 8)
    return reading


def _datagrams(s: Steps) -> tuple[int, int]:
    """Two sockets, the first of which has something to read."""
    first, second = _pair(s, "socketpair", 1, 2, 0)
    s.call("write", second, s.put(b"12345678"), 8)
    return first, second


def _address(s: Steps) -> tuple[int, int]:
    """An abstract address for AF_UNIX, and how long it is."""
    data = struct.pack("<H", 1) + b"\0" + s.name().encode()
    return s.put(data), len(data)


def _listener(s: Steps) -> tuple[int, int, int]:
    """A socket that listens, and the address where."""
    address, length = _address(s)
    fd = s.call("socket", 1, 1, 0)
    s.call("bind", fd, address, length)
    s.call("listen", fd, 5)
    return fd, address, length


def _accept(s: Steps) -> tuple[int, ...]:
    fd, address, length = _listener(s)
    s.call("connect", s.call("socket", 1, 1, 0), address, length)
    return fd, s.put(bytes(128)), s.put(struct.pack("<i", 110)), 0


def _connect(s: Steps) -> tuple[int, ...]:
    _, address, length = _listener(s)
    return s.call("socket", 1, 1, 0), address, length


def _bound(s: Steps) -> int:
    fd = s.call("socket", 1, 1, 0)
    s.call("bind", fd, *_address(s))
    return fd


def _message(s: Steps) -> int:
    vector = s.put(struct.pack("<2Q", s.put(bytes(32)), 32))
    return s.put(struct.pack("<QI4xQQQQI4x", 0, 0, vector, 1, 0, 0, 0))


def _messages(s: Steps) -> int:
    """One struct mmsghdr."""
    message = s.thread.memory.read(_message(s), 56)
    return s.put(message + bytes(8))


def _as_root(s: Steps) -> int:
    """The path of the root, for whoever may change it."""
    if s.thread.process.files.token.euid:
        raise Unready("chroot")
    return s.text("/")


def _capabilities(s: Steps) -> tuple[int, ...]:
    header, data = s.put(struct.pack("<Ii", 0x20080522, 0)), s.put(bytes(24))
    s.call("capget", header, data)
    return header, data


def _watched(s: Steps) -> int:
    """An epoll with an event."""
    epoll = s.call("epoll_create1", 0)
    s.call("epoll_ctl", epoll, 1, s.call("eventfd2", 1, 0), s.put(struct.pack("<IQ", 1, 7)))
    return epoll


def _with_attribute(s: Steps) -> tuple[int, int]:
    """A file and the name of an extended attribute that it has."""
    path, name = _named_file(s), s.text("user.a")
    s.call("setxattr", path, name, s.put(b"value"), 5, 0)
    return path, name


def _open_with_attribute(s: Steps) -> tuple[int, int]:
    path, name = _with_attribute(s)
    return s.call("open", path, 2, 0), name


def _inotify(s: Steps) -> tuple[int, int]:
    fd = s.call("inotify_init1", 0)
    return fd, s.call("inotify_add_watch", fd, s.text("/tmp"), 2)


def _own_pidfd(s: Steps) -> int:
    return s.call("pidfd_open", s.thread.process.id, 0)


def _queued(s: Steps) -> tuple[int, int]:
    """A signal that does no harm, and what comes along."""
    return _CHILD_SIGNAL, s.put(struct.pack("<iii", _CHILD_SIGNAL, 0, -1).ljust(128, b"\0"))


def _frame(s: Steps) -> tuple[int, ...]:
    """The frame of a handler that returns."""
    registers = s.thread.guest.registers
    context = s.put(bytes(_FRAME))
    stack, address = ARENA + SIZE - 8192, ARENA
    s.thread.memory.write(context + 40 + 15 * 8, struct.pack("<2Q", stack, address))
    registers.rsp = context
    return ()


def _pending_signal(s: Steps) -> tuple[int, ...]:
    s.call("rt_sigprocmask", 0, s.put(_SET), 0, 8)
    s.call("tgkill", s.thread.process.id, s.thread.id, _SIGNAL)
    return s.put(_SET), 0, s.put(bytes(16)), 8


def _scheduling(s: Steps) -> int:
    attributes = s.put(bytes(56))
    s.call("sched_getattr", 0, attributes, 56, 0)
    return attributes


def _timer(s: Steps) -> int:
    id = s.put()
    s.call("timer_create", 1, 0, id)
    return s.word(id)


def _time(s: Steps) -> int:
    """A struct itimerspec with a short time."""
    return s.put(struct.pack("<4Q", 0, 0, 0, 1000))


def _ended_child(s: Steps) -> int:
    """The id of a child that waits to be waited for."""
    id = s.call("fork")
    child: Any = s.thread.process.machine.processes.get(id)
    if child is None:
        raise Unready("fork")
    child.terminate(ExitStatus(0))
    if not child.is_zombie:
        raise Unready("a child that ends without a trace")
    return id


def _strings(s: Steps) -> int:
    return s.put(struct.pack("<2Q", s.text("program"), 0))


def _asking(s: Steps) -> tuple[int, ...]:
    """A datagram to a peer, or a request to sock_diag for all local sockets."""
    if next(_turns) % 2:
        return _datagrams(s)[0], s.put(), 4, 0, 0, 0
    fd = s.call("socket", 16, 3, 4)
    request = struct.pack("<IHHIIBBHIII8x", 40, 20, 0x301, 1, 0, 1, 0, 0, 0xFFF, 0, 0x7F)
    return fd, s.put(request), len(request), 0, 0, 0


RECIPES: Final[Mapping[str, Recipe]] = {
    "accept": _accept,
    "accept4": _accept,
    "access": lambda s: (_named_file(s), 0),
    "adjtimex": lambda s: (s.put(bytes(208)),),
    "arch_prctl": lambda s: (0x1011, 0),
    "bind": lambda s: (s.call("socket", 1, 1, 0), *_address(s)),
    "capset": _capabilities,
    "chdir": lambda s: (s.text("/tmp"),),
    "chroot": lambda s: (_as_root(s),),
    "reboot": lambda s: (_as_root(s) and 0xFEE1DEAD, 672274793, 0, 0),
    "clock_adjtime": lambda s: (0, s.put(bytes(208))),
    "clone3": lambda s: (s.put(struct.pack("<8Q", 0, 0, 0, 0, _CHILD_SIGNAL, 0, 0, 0)), 64),
    "connect": _connect,
    "copy_file_range": lambda s: (_file(s), s.put(), _file(s), s.put(), 4, 0),
    "epoll_ctl": lambda s: (s.call("epoll_create1", 0), 1, s.call("eventfd2", 1, 0), s.put()),
    "epoll_pwait": lambda s: (_watched(s), s.put(bytes(32)), 2, 0, 0, 8),
    "epoll_pwait2": lambda s: (_watched(s), s.put(bytes(32)), 2, 0, 0, 8),
    "epoll_wait": lambda s: (_watched(s), s.put(bytes(32)), 2, 0),
    "execve": lambda s: (s.text(PROGRAM), _strings(s), _strings(s)),
    "execveat": lambda s: (CURRENT, s.text(PROGRAM), _strings(s), 0, 0),
    "faccessat": lambda s: (CURRENT, _named_file(s), 0),
    "faccessat2": lambda s: (CURRENT, _named_file(s), 0, 0),
    "fadvise64": lambda s: (_file(s), 0, 4, 0),
    "fallocate": lambda s: (_file(s), 0, 0, 4096),
    "fchdir": lambda s: (s.call("open", s.text("/tmp"), 0o200000, 0),),
    "fchmodat": lambda s: (CURRENT, _named_file(s), 0o600),
    "fchmodat2": lambda s: (CURRENT, _named_file(s), 0o600, 0),
    "fchownat": lambda s: (CURRENT, _named_file(s), -1, -1, 0),
    "fdatasync": lambda s: (_file(s),),
    "fgetxattr": lambda s: (*_open_with_attribute(s), s.put(), 16),
    "fremovexattr": _open_with_attribute,
    "fsetxattr": lambda s: (_file(s), s.text("user.a"), s.put(b"value"), 5, 0),
    "ftruncate": lambda s: (_file(s), 4),
    "futimesat": lambda s: (CURRENT, _named_file(s), 0),
    "getdents": lambda s: (s.call("open", s.text("/tmp"), 0, 0), s.put(bytes(512)), 512),
    "getdents64": lambda s: (s.call("open", s.text("/tmp"), 0, 0), s.put(bytes(512)), 512),
    "getpeername": lambda s: (_datagrams(s)[0], s.put(bytes(128)), s.put(struct.pack("<i", 110))),
    "getsockname": lambda s: (_bound(s), s.put(bytes(128)), s.put(struct.pack("<i", 110))),
    "getsockopt": lambda s: (s.call("socket", 1, 1, 0), 1, 3, s.put(), s.put(struct.pack("<i", 4))),
    "getxattr": lambda s: (*_with_attribute(s), s.put(), 16),
    "inotify_add_watch": lambda s: (s.call("inotify_init1", 0), s.text("/tmp"), 2),
    "inotify_rm_watch": _inotify,
    "ioctl": lambda s: (_full_pipe(s), 0x541B, s.put()),
    "lgetxattr": lambda s: (*_with_attribute(s), s.put(), 16),
    "link": lambda s: (_named_file(s), s.text(s.name())),
    "linkat": lambda s: (CURRENT, _named_file(s), CURRENT, s.text(s.name()), 0),
    "listen": lambda s: (_bound(s), 1),
    "lremovexattr": _with_attribute,
    "lseek": lambda s: (_file(s), 4, 1),
    "lsetxattr": lambda s: (_named_file(s), s.text("user.a"), s.put(b"value"), 5, 0),
    "membarrier": lambda s: (0, 0, 0),
    "mkdir": lambda s: (s.text(s.name()), 0o755),
    "mkdirat": lambda s: (CURRENT, s.text(s.name()), 0o755),
    "mknod": lambda s: (s.text(s.name()), 0o10644, 0),
    "mknodat": lambda s: (CURRENT, s.text(s.name()), 0o10644, 0),
    "mremap": lambda s: (s.call("mmap", 0, PAGE, 3, 0x22, -1, 0), PAGE, 2 * PAGE, 1),
    "munmap": lambda s: (ARENA - PAGE, PAGE),
    "newfstatat": lambda s: (CURRENT, _named_file(s), s.put(bytes(144)), 0),
    "openat2": lambda s: (CURRENT, _named_file(s), s.put(struct.pack("<3Q", 2, 0, 0)), 24),
    "personality": lambda s: (0xFFFFFFFF,),
    "pidfd_getfd": lambda s: (_own_pidfd(s), _own_pidfd(s), 0),
    "pidfd_send_signal": lambda s: (_own_pidfd(s), 0, 0, 0),
    "pread64": lambda s: (_file(s), s.put(), 4, 0),
    "preadv": lambda s: (_file(s), s.put(struct.pack("<2Q", s.put(), 4)), 1, 0, 0),
    "preadv2": lambda s: (_file(s), s.put(struct.pack("<2Q", s.put(), 4)), 1, 0, 0, 0),
    "pselect6": lambda s: (0, 0, 0, 0, s.put(), 0),
    "pwrite64": lambda s: (_file(s), s.put(), 4, 0),
    "pwritev": lambda s: (_file(s), s.put(struct.pack("<2Q", s.put(), 4)), 1, 0, 0),
    "pwritev2": lambda s: (_file(s), s.put(struct.pack("<2Q", s.put(), 4)), 1, 0, 0, 0),
    "readahead": lambda s: (_file(s), 0, 4),
    "readlink": lambda s: (s.text("/tmp/loop"), s.put(bytes(64)), 64),
    "readlinkat": lambda s: (CURRENT, s.text("/tmp/loop"), s.put(bytes(64)), 64),
    "recvfrom": lambda s: (_datagrams(s)[0], s.put(bytes(32)), 32, 0, 0, 0),
    "recvmmsg": lambda s: (_datagrams(s)[0], _messages(s), 1, 0, 0),
    "recvmsg": lambda s: (_datagrams(s)[0], _message(s), 0),
    "removexattr": _with_attribute,
    "rename": lambda s: (_named_file(s), s.text(s.name())),
    "renameat": lambda s: (CURRENT, _named_file(s), CURRENT, s.text(s.name())),
    "renameat2": lambda s: (CURRENT, _named_file(s), CURRENT, s.text(s.name()), 1),
    "rmdir": lambda s: (_folder(s),),
    "rt_sigqueueinfo": lambda s: (s.thread.process.id, *_queued(s)),
    "rt_sigreturn": _frame,
    "rt_sigtimedwait": _pending_signal,
    "rt_tgsigqueueinfo": lambda s: (s.thread.process.id, s.thread.id, *_queued(s)),
    "sched_getaffinity": lambda s: (0, 8, s.put()),
    "sched_getattr": lambda s: (0, s.put(bytes(56)), 56, 0),
    "sched_setattr": lambda s: (0, _scheduling(s), 0),
    "sched_setparam": lambda s: (0, s.put()),
    "sched_setscheduler": lambda s: (0, 0, s.put()),
    "sendfile": lambda s: (_pair(s)[1], _file(s), 0, 4),
    "sendmmsg": lambda s: (_datagrams(s)[0], _messages(s), 1, 0),
    "sendmsg": lambda s: (_datagrams(s)[0], _message(s), 0),
    "sendto": _asking,
    "set_robust_list": lambda s: (s.put(bytes(24)), 24),
    "setpgid": lambda s: (s.call("fork"), 0),
    "setsockopt": lambda s: (s.call("socket", 1, 1, 0), 1, 8, s.put(struct.pack("<i", 4096)), 4),
    "settimeofday": lambda s: (0, 0),
    "setxattr": lambda s: (_named_file(s), s.text("user.a"), s.put(b"value"), 5, 0),
    "sigaltstack": lambda s: (s.put(struct.pack("<QI4xQ", ARENA, 0, 8192)), 0),
    "signalfd": lambda s: (-1, s.put(_SET), 8),
    "signalfd4": lambda s: (-1, s.put(_SET), 8, 0),
    "splice": lambda s: (_full_pipe(s), 0, _file(s), 0, 4, 0),
    "statx": lambda s: (CURRENT, _named_file(s), 0, 0x7FF, s.put(bytes(256))),
    "symlink": lambda s: (s.text("target"), s.text(s.name())),
    "symlinkat": lambda s: (s.text("target"), CURRENT, s.text(s.name())),
    "sync_file_range": lambda s: (_file(s), 0, 4096, 0),
    "tee": lambda s: (_full_pipe(s), _pair(s)[1], 4, 0),
    "tgkill": lambda s: (s.thread.process.id, s.thread.id, _CHILD_SIGNAL),
    "timer_create": lambda s: (1, 0, s.put()),
    "timer_delete": lambda s: (_timer(s),),
    "timer_getoverrun": lambda s: (_timer(s),),
    "timer_gettime": lambda s: (_timer(s), s.put(bytes(32))),
    "timer_settime": lambda s: (_timer(s), 0, _time(s), 0),
    "timerfd_create": lambda s: (1, 0),
    "timerfd_gettime": lambda s: (s.call("timerfd_create", 1, 0), s.put(bytes(32))),
    "timerfd_settime": lambda s: (s.call("timerfd_create", 1, 0), 0, _time(s), 0),
    "unlink": lambda s: (_named_file(s),),
    "unlinkat": lambda s: (CURRENT, _named_file(s), 0),
    "utime": lambda s: (_named_file(s), 0),
    "utimensat": lambda s: (CURRENT, _named_file(s), 0, 0),
    "utimes": lambda s: (_named_file(s), 0),
    "vmsplice": lambda s: (_pair(s)[1], s.put(struct.pack("<2Q", s.put(), 4)), 1, 0),
    "wait4": lambda s: (_ended_child(s), 0, 0, 0),
    "waitid": lambda s: (1, _ended_child(s), s.put(bytes(128)), 4, 0),
}
