"""A machine's kernel as a daemon: it boots the machine, serves its clients, and ends when nobody needs it any more.

When the last session is gone, what it left running gets a hang-up, two seconds, and then the end; a throw-away machine goes
with it, any other waits a while for the next client. The folder's lock is held until the very end (see `places`).
"""

from __future__ import annotations

import gc
import logging
import os
import resource
import select
import signal
import socket
from typing import Final, NoReturn

import lichen
from lichen.boot.machine import Machine
from lichen.boot.refusals import FAILURE, LaunchError
from lichen.daemon import description, diagnosis, places, processor, protocol
from lichen.daemon.connection import Connection
from lichen.daemon.logs import BoundedHandler
from lichen.daemon.session import Session
from lichen.daemon.trace import Tracing
from lichen.executive.processes import ExitStatus
from lichen.executive.scheduler import Parking
from lichen.executive.wait import TIMED_OUT, Blocks, Wait
from lichen.filesystems.removal import remove_tree

log = logging.getLogger("lichen.daemon")

_GRACE: Final = 2.0
"""Seconds between asking what is left of a machine to end and ending it."""
_IDLE: Final = 60.0
"""Seconds that a machine waits for its next session; LICHEN_IDLE_SECONDS of the first client's environment changes it."""
_KILLED: Final = ExitStatus.of_signal(signal.SIGKILL)


def main(folder: str, lock: int, connection: int, options: list[str]) -> NoReturn:
    """Be the kernel of the machine in `folder`, whose lock is held by a descriptor, for a first client and others."""
    ticks = processor.busy_ticks()
    _become_daemon({lock, connection})
    client = socket.socket(fileno=connection)
    status = 1
    try:
        kernel = Kernel(folder, lock, "--fresh" in options, "--root-files" in options)
        kernel.boot(ticks)
    except Exception as error:  # a throw-away machine's folder stays for its log, until the next start
        log.exception("the machine could not be booted")
        _refuse(client, diagnosis.explain(error, folder))
    else:
        status = 0 if kernel.serve(client) else 1
    logging.shutdown()
    os._exit(status)  # guests are gone, and nothing is left that the host would not free faster


def _become_daemon(kept: set[int]) -> None:
    """Let go of everything that the client that started us had, and be ready for many descriptors."""
    os.chdir("/")
    os.umask(0)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in kept:
            _close(int(name))
    for descriptor in kept:
        os.set_inheritable(descriptor, False)
    for number in (signal.SIGPIPE, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    logging.basicConfig(handlers=[BoundedHandler()], level=logging.INFO)


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:  # the one that listed the folder
        return


def _refuse(client: socket.socket, text: str) -> None:
    message = protocol.encode(
        protocol.FAILED, protocol.WORD.pack(FAILURE), text.encode(errors="surrogateescape")
    )
    try:
        client.sendall(message)
    except OSError:
        return


class Kernel:
    """The daemon of one machine."""

    def __init__(self, folder: str, lock: int, fresh: bool, root_files: bool) -> None:
        self.folder, self.lock, self.fresh, self.root_files = folder, lock, fresh, root_files
        self.name = os.path.basename(folder)
        self.sessions: list[Session] = []
        self.machine: Machine
        self.tracing: Tracing
        self.processor = -1
        self.listener: socket.socket
        self._winding_down: Parking | None = None
        """What happens while there is no session."""
        self._ending = False

    def boot(self, ticks: processor.Ticks) -> None:
        """Build the machine on the core that is least busy (since `ticks` were taken)."""
        self.processor = processor.choose(ticks, processor.busy_ticks(), processor.allowed())
        places.write_facts(
            self.folder, {"pid": os.getpid(), "version": lichen.__version__, "processor": self.processor}
        )
        root = os.path.join(self.folder, "root")
        os.makedirs(root, 0o700, exist_ok=True)
        self.machine = Machine(
            root,
            self.processor,
            self.root_files,
            state=places.state_of(self.folder),
            disk_size=places.disk_size(self.folder),
        )
        self.tracing = Tracing(self.machine.subsystems, self.machine.scheduler)
        self.machine.subsystem_added = self.tracing.subsystem_added
        log.info("booted %s on core %d", self.name, self.processor)

    def serve(self, first: socket.socket) -> bool:
        """Serve clients until the machine is shut down; `first` is one. False when the kernel failed."""
        self._listen()
        self._catch_signals()
        Session(self, Connection(first, self.machine.platform))
        gc.freeze()
        # Looking at many files makes many objects that stay: by default most of that time would go into collections.
        gc.set_threshold(50_000, 20, 100)
        try:
            self.machine.scheduler.run()
        except Exception:
            log.exception("the kernel failed")
            return False
        finally:
            self._end()
        return True

    # ---- clients

    def _listen(self) -> None:
        """Open the socket for clients."""
        self.listener = places.listen(self.folder)
        self.machine.platform.watch(self.listener.fileno(), select.EPOLLIN, lambda events: self._accept())

    def _accept(self) -> None:
        try:
            connection, _ = self.listener.accept()
        except OSError as error:
            log.warning("a client could not connect: %s", error)
            return
        Session(self, Connection(connection, self.machine.platform))

    def check(self, request: protocol.Start) -> None:
        """LaunchError unless this machine is what the client wants."""
        version = request.version.decode(errors="replace")
        if version != protocol.version():
            raise LaunchError(
                f"the machine {self.name} is run by Lichen {protocol.version()}, and this is {version}: "
                f"end it first, with `lichen terminate {self.name}`",
            )
        if protocol.ROOT_FILES in request.flags and not self.root_files:
            raise LaunchError(
                f"the machine {self.name} runs without --root-files: "
                f"end it first, with `lichen terminate {self.name}`",
            )
        if self._ending:
            raise LaunchError(f"the machine {self.name} is being shut down")

    def set_disk(self, size: int) -> None:
        """Give the machine a disk of this size, now and whenever it runs; 0: as much as the host has."""
        places.set_disk_size(self.folder, size)
        self.machine.tree.disk.limit(size or None)
        log.info("the disk has %d bytes", size)

    def session_began(self, session: Session) -> None:
        self.sessions.append(session)
        if self._winding_down is not None:
            self.machine.scheduler.cancel(self._winding_down)
            self._winding_down = None

    def session_ended(self, session: Session) -> None:
        """A client is gone; without any, the machine winds down."""
        if session in self.sessions:
            self.sessions.remove(session)
        if not self.sessions and self._winding_down is None:
            self._winding_down = self.machine.scheduler.spawn(self._wind_down())

    # ---- the end

    def shut_down(self) -> None:
        """End the machine, with whatever runs on it."""
        log.info("asked to shut down")
        self._ending = True
        if self._winding_down is not None:
            self.machine.scheduler.cancel(self._winding_down)
        self._winding_down = self.machine.scheduler.spawn(self._wind_down())

    def _wind_down(self) -> Blocks[None]:
        """Ask what still runs to end, end it two seconds later, and then the machine unless it is to wait for clients."""
        clock = self.machine.scheduler.clock
        left = self.machine.living()
        for process in left:
            process.signal(signal.SIGHUP)
            process.signal(signal.SIGCONT)
        deadline = clock() + _GRACE
        while left := self.machine.living():
            if (yield Wait(tuple(process.ended for process in left), deadline, all=True)) == TIMED_OUT:
                for process in self.machine.living():
                    process.terminate(_KILLED)
        if not self.fresh and not self._ending:
            yield Wait((), clock() + _idle_seconds())
        self.machine.scheduler.at(clock(), self._stop)  # after everybody who was woken just now

    def _stop(self) -> None:
        self.machine.scheduler.stopping = True

    def _catch_signals(self) -> None:
        """TERM and INT from the host shut the machine down; the loop hears of them by a descriptor."""
        reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writing)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, frame: None)
        self.machine.platform.watch(reading, select.EPOLLIN, lambda events: self._signalled(reading))

    def _signalled(self, reading: int) -> None:
        os.read(reading, 64)
        self.shut_down()

    def _end(self) -> None:
        """Give everything back; the lock goes last, with this process."""
        places.stop_listening(self.folder)
        self.listener.close()
        for session in list(self.sessions):
            session.connection.close()
        self.machine.close()
        if (
            self.fresh and not self.machine.scheduler.errors
        ):  # else its log is still of use, until the next start
            remove_tree(self.folder)
        log.info("ended")

    # ---- what is told

    def describe(self, topic: str) -> object:
        """What `lichen status`, `list` and `ps` show of this machine, as plain values; ValueError for another topic."""
        if topic not in description.TOPICS:
            raise ValueError(topic)
        return description.TOPICS[topic](self)


def _idle_seconds() -> float:
    try:
        return float(os.environ["LICHEN_IDLE_SECONDS"])
    except (KeyError, ValueError):
        return _IDLE
