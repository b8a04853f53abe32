"""The kernel's side of a machine's network namespace: who makes sockets in it is asked here, and made when it is first needed.

The namespace lasts as long as somebody has a descriptor of it, which is the kernel. So when the process in it is killed, the
sockets that it made stay good, and the next question makes another one in the same namespace.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import select
import signal
import socket
import time
import warnings
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

from lichen.platforms.network import server
from lichen.platforms.network.wayout import WayOut

log = logging.getLogger("lichen.network")

_PATIENCE: Final = 2.0
"""Seconds that the process in the namespace has for an answer, which takes it a tenth of a millisecond, and the way out."""
_CLOSED: Final = socket.MSG_CMSG_CLOEXEC


class Watcher(Protocol):
    """Who tells when a descriptor is ready: a platform."""

    def watch(self, descriptor: int, events: int, ready: Callable[[int], None]) -> None: ...

    def unwatch(self, descriptor: int) -> None: ...


class Namespace:
    """One network namespace. `changed` is called when something is told of it."""

    def __init__(self, watcher: Watcher, processors: Iterable[int], way_out: WayOut | None = None) -> None:
        self.watcher, self.processors, self.way_out = watcher, processors, way_out
        self.changed: Callable[[], None] = lambda: None
        self.failure = ""
        """Why there is no namespace."""
        self.out = False
        """Whether there is a way out now."""
        self.out_failure = ""
        """Why there is no way out, although there should be one."""
        self.process = 0
        """The process in the namespace, or the last one that was."""
        self._namespaces: tuple[int, int] | None = None
        self._process: int | None = None
        """A descriptor of that process while there is one."""
        self._requests: socket.socket
        self._events: socket.socket

    @property
    def is_settled(self) -> bool:
        """Whether all that is to come has come: the namespace, and the way out if there is to be one."""
        if self._process is None:
            return bool(self.failure)
        if self._namespaces is None:
            return False
        late = time.monotonic() > self._begun + _PATIENCE
        return self.way_out is None or self.out or bool(self.out_failure) or late

    def begin(self) -> None:
        """Have a process in the namespace; it is not waited for. Where it could not be, nobody tries again."""
        if self._process is not None or self.failure:
            return
        self.out_failure = ""
        self.out = False
        requests, its_requests = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        events, its_events = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        parent = os.getpid()
        with warnings.catch_warnings():  # the fork does not use what another thread may hold
            warnings.simplefilter("ignore", DeprecationWarning)
            process = os.fork()
        if process == 0:
            server.run(its_requests, its_events, self.way_out, self._namespaces, self.processors, parent)
        its_requests.close()
        its_events.close()
        self._begun = time.monotonic()
        self.process, self._process = process, os.pidfd_open(process)
        self._requests, self._events = requests, events
        requests.settimeout(_PATIENCE)
        events.setblocking(False)
        self.watcher.watch(events.fileno(), select.POLLIN, lambda _: self._hear())

    def close(self) -> None:
        """End the process, and with it the way out; the namespace goes with the last of its sockets."""
        self._leave()
        for descriptor in self._namespaces or ():
            os.close(descriptor)
        self._namespaces = None

    # ---- what the process tells

    def _hear(self) -> None:
        while self._process is not None and self._hear_one():
            pass

    def _hear_one(self) -> bool:
        """Take in one thing that is told; False when there is none now."""
        try:
            message, descriptors, _, _ = socket.recv_fds(self._events, server.MOST + 1, 2, _CLOSED)
        except BlockingIOError:
            return False
        except OSError:
            message, descriptors = b"", []
        text = message[1:].decode(errors="replace")
        if not message:
            self._ended()
        elif message[:1] == server.MADE and self._namespaces is None:
            user, net = descriptors
            self._namespaces = user, net
        elif message[:1] == server.MADE:
            for descriptor in descriptors:
                os.close(descriptor)
        elif message[:1] == server.OUT:
            self.out = True
        elif message[:1] == server.LOST:
            assert self.way_out is not None
            self.out, self.out_failure = False, f"{self.way_out.name}: {text}"
            log.warning("there is no way out of the machine's network: %s", self.out_failure)
        else:
            self.failure = text
            log.warning("the machine can have no network of its own: %s", text)
        self.changed()
        return bool(message)

    def _ended(self) -> None:
        """The process is gone, and the way out with it."""
        self._leave()
        if not self.failure:
            self.out_failure = "the process in the machine's network was ended"
            log.warning("the process in the machine's network was ended; the next socket makes another one")

    def _leave(self) -> None:
        if self._process is None:
            return
        self.watcher.unwatch(self._events.fileno())
        self._requests.close()
        self._events.close()
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._process, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):  # the platform may have been told of its end
            os.waitpid(self.process, 0)
        os.close(self._process)
        self._process, self.out = None, False

    # ---- what it is asked for

    def socket(self, family: int, type: int, protocol: int) -> socket.socket:
        """A socket in the namespace; OSError, with ENETDOWN when there is no namespace."""
        return socket.socket(fileno=self._ask(server.MAKE_SOCKET, family, type, protocol))

    def open(self, path: str, flags: int = os.O_RDONLY) -> int:
        """A descriptor of a file in which the host tells a process of its network."""
        return self._ask(server.OPEN, flags, 0, 0, os.fsencode(path))

    def settle(self) -> None:
        """Wait until all has come that is to come: whoever asks at once, as a file of /proc does, is to see it."""
        self.begin()
        deadline = time.monotonic() + _PATIENCE
        while not self.is_settled and self._process is not None:
            poll = select.poll()
            poll.register(self._events, select.POLLIN)
            if not poll.poll(max(deadline - time.monotonic(), 0) * 1000):
                break
            self._hear()

    def _ask(self, what: int, *words: Any) -> int:
        *numbers, path = (*words, b"") if len(words) == 3 else words
        message = server.REQUEST.pack(what, *numbers) + path
        for _ in range(2):  # it may have been killed since it was asked last
            self.begin()
            if self.failure:
                break
            try:
                self._requests.send(message)
                reply, descriptors, _, _ = socket.recv_fds(self._requests, server.REPLY.size, 1, _CLOSED)
            except OSError:
                reply, descriptors = b"", []
            if not reply:
                self._give_up()
                continue
            (number,) = server.REPLY.unpack(reply)
            if number:
                raise OSError(number, os.strerror(number))
            return descriptors[0]
        raise OSError(errno.ENETDOWN, os.strerror(errno.ENETDOWN))

    def _give_up(self) -> None:
        """The process does not answer: hear why if it said so, and have no more to do with it."""
        self._hear()
        if self._process is not None:
            self._ended()
            self.changed()
