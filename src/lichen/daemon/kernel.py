"""A machine's kernel as a daemon: it boots the machine, serves its clients, and ends when nothing needs it any more.

What keeps it running is in `life`, how it goes down in `ending`. The folder's lock is held until the very end (see `places`);
a kernel that boots again is executed anew by itself, with the lock, so that nothing of its former life is left.
"""

from __future__ import annotations

import gc
import logging
import os
import resource
import select
import signal
import socket
from collections.abc import Callable
from typing import Final, NoReturn

import lichen
from lichen.boot.machine import Machine
from lichen.boot.refusals import FAILURE, LaunchError
from lichen.boot.services import Services
from lichen.daemon import description, diagnosis, ending, history, places, processor, protocol, starting
from lichen.daemon.connection import Connection
from lichen.daemon.life import Life
from lichen.daemon.logs import BoundedHandler
from lichen.daemon.ports import Ports
from lichen.daemon.session import Session
from lichen.daemon.trace import Tracing
from lichen.executive.scheduler import Parking
from lichen.executive.wait import Blocks, Changes, Condition, Wait
from lichen.filesystems.removal import remove_tree

log = logging.getLogger("lichen.daemon")

_LAST_WORDS: Final = 2.0
"""Seconds that clients have to hear of the end of their programs."""
_NETWORK, _PUBLISH = "--network=", "--publish="
"""What options begin with that say which network the machine is to be on, and which of the host's ports lead into it."""


def main(folder: str, lock: int, connection: int, options: list[str]) -> NoReturn:
    """Be the kernel of the machine in `folder`, whose lock is held by a descriptor, for a first client and others.

    `connection` is that client's, or negative: after a restart there is none.
    """
    ticks = processor.busy_ticks()
    _become_daemon({lock, connection} - {-1})
    client = socket.socket(fileno=connection) if connection >= 0 else None
    status = 1
    try:
        kernel = Kernel(folder, lock, options)
        kernel.boot(ticks, comes_back=client is None)
    except Exception as error:  # a throw-away machine's folder stays for its log, until the next start
        log.exception("the machine could not be booted")
        if client is None:
            history.failed(folder)
        else:
            history.ended(folder, "it could not be booted")
            _refuse(client, diagnosis.explain(error, folder))
    else:
        status = 0 if kernel.serve(client) else 1
        if kernel.boots_again:
            kernel.boot_again()
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

    def __init__(self, folder: str, lock: int, options: list[str]) -> None:
        self.folder, self.lock, self._options = folder, lock, options
        self.fresh, self.root_files = "--fresh" in options, "--root-files" in options
        self.name = os.path.basename(folder)
        self.life = Life(self)
        self.machine: Machine
        self.ports: Ports
        self.tracing: Tracing
        self.processor = -1
        self.listener: socket.socket
        self.units: Services | None = None
        self.services: list[Callable[[], Blocks[None]]] = []
        """Called when the machine goes down cleanly, before any process is asked: each ends services of its own."""
        self._note = ""
        self._way: ending.Way | None = None
        self._going_down: Parking | None = None
        self._session_ended = Changes()
        self._allowed = processor.allowed()

    def boot(self, ticks: processor.Ticks, comes_back: bool = False) -> None:
        """Build the machine on the core that is least busy (since `ticks` were taken); it may come back from a restart."""
        self.processor = processor.choose(ticks, processor.busy_ticks(), self._allowed)
        crash = None if comes_back else history.crash(self.folder)
        if crash is not None and self.life.is_started:
            self._note = f"the machine {self.name} had {crash}; it has been booted again"
            log.warning("%s", self._note)
        facts = {"pid": os.getpid(), "version": lichen.__version__, "processor": self.processor}
        history.booted(self.folder, facts)
        network = self._option(_NETWORK)
        root = os.path.join(self.folder, "root")
        os.makedirs(root, 0o700, exist_ok=True)
        self.machine = Machine(
            root,
            self.processor,
            self.root_files,
            state=places.state_of(self.folder),
            disk_size=places.disk_size(self.folder),
            network=next(iter(network), places.network(self.folder)),
        )
        for kind in network:
            places.set_network(self.folder, kind)
        self.ports = Ports(self.machine)
        self.ports.publish_again(self._option(_PUBLISH))
        self.units = Services(self.machine, places.service_log_of(self.folder))
        self.services.append(self.units.stop)
        self.tracing = Tracing(self.machine.subsystems, self.machine.scheduler)
        self.machine.subsystem_added = self.tracing.subsystem_added
        log.info("booted %s on core %d", self.name, self.processor)

    def _option(self, name: str) -> list[str]:
        """The values of an option."""
        return [option.removeprefix(name) for option in self._options if option.startswith(name)]

    def serve(self, first: socket.socket | None) -> bool:
        """Serve clients until the machine is shut down; `first` is one. False when the kernel failed."""
        self._listen()
        self._catch_signals()
        self.machine.scheduler.spawn(self._obey_power())
        if first is not None:
            Session(self, Connection(first, self.machine.platform))
        else:
            self.life.look()
        if self.life.is_started:
            self.machine.scheduler.at(self.machine.scheduler.clock(), self.start_services)
        gc.freeze()
        # Looking at many files makes many objects that stay: by default most of that time would go into collections.
        gc.set_threshold(50_000, 20, 100)
        try:
            self.machine.scheduler.run()
        except Exception:
            log.exception("the kernel failed")
            self._way = None
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

    def check(self, version: bytes, flags: list[bytes]) -> None:
        """LaunchError unless this machine is what the client wants."""
        if version.decode(errors="replace") != protocol.version():
            raise LaunchError(
                f"the machine {self.name} is run by Lichen {protocol.version()}, and this is "
                f"{version.decode(errors='replace')}: end it first, with `lichen terminate {self.name}`",
            )
        if protocol.ROOT_FILES in flags and not self.root_files:
            raise LaunchError(
                f"the machine {self.name} runs without --root-files: "
                f"end it first, with `lichen terminate {self.name}`",
            )
        if self.is_ending:
            raise LaunchError(f"the machine {self.name} is going down")
        kind = self.machine.network.plan.kind
        for wanted in protocol.values(flags, protocol.NETWORK):
            if wanted != kind:
                raise LaunchError(
                    f"the machine {self.name} runs with --network {kind}, not {wanted}: "
                    f"end it first, with `lichen terminate {self.name}`",
                )

    def grant(self, flags: list[bytes]) -> None:
        """Have what a client, who was checked, wants of the network: ports (LaunchError), and the same the next time."""
        for kind in protocol.values(flags, protocol.NETWORK):
            places.set_network(self.folder, kind)
        self.ports.publish(protocol.values(flags, protocol.PUBLISH))

    def take_note(self) -> str:
        """What the first client is to be told of the machine's former end; nothing after that."""
        note, self._note = self._note, ""
        return note

    def set_disk(self, size: int) -> None:
        """Give the machine a disk of this size, now and whenever it runs; 0: as much as the host has."""
        places.set_disk_size(self.folder, size)
        self.machine.tree.disk.limit(size or None)
        log.info("the disk has %d bytes", size)

    def start_services(self) -> None:
        """Start what is enabled on the machine, as it is to stay."""
        if self.units is not None and not self.is_ending:
            self.units.boot()

    def session_ended(self, session: Session) -> None:
        """A client is gone."""
        self.life.end(session)
        self._session_ended.notify()

    # ---- the end

    @property
    def is_ending(self) -> bool:
        """Whether the machine goes down, so that nothing more can be started on it."""
        return self._way is not None

    @property
    def boots_again(self) -> bool:
        """Whether the machine went down to be booted again."""
        return self._way is not None and self._way.boots_again and not self.fresh

    def go_down(self, way: ending.Way) -> None:
        """End the machine, with whatever runs on it; what is more urgent takes the place of what has begun.

        That its owner has it stay down counts however urgent it is, and whatever programs ask for after that.
        """
        begun = self._way
        if begun is not None and way.grace >= begun.grace:
            if way.is_final and begun.boots_again:
                log.info("going down: %s, and not booting again", way.mark)
                self._way = begun.for_good(way.mark)
            return
        if begun is not None and begun.is_final and not way.is_final:
            way = way.for_good(begun.mark)
        log.info("going down: %s", way.mark)
        self._way = way
        self.life.over()
        if self._going_down is not None:
            self.machine.scheduler.cancel(self._going_down)
        for session in self.life.sessions if way.told else ():
            session.warn(f"the machine {self.name} {way.told}")
        self._going_down = self.machine.scheduler.spawn(self._go_down(way))

    def _go_down(self, way: ending.Way) -> Blocks[None]:
        clock = self.machine.scheduler.clock
        if way.cleanly:
            for end in self.services:
                yield from end()
        if self.units is not None:
            self.units.going_down()
        yield from ending.end_processes(self.machine, way)
        deadline = clock() + _LAST_WORDS
        while self.life.sessions and clock() < deadline:
            yield Wait((self._session_ended,), deadline)
        self.machine.scheduler.at(clock(), self._stop)  # after everybody who was woken just now

    def _obey_power(self) -> Blocks[None]:
        """Go down when a program of the machine has it so, and at once when that is said later on."""
        power = self.machine.state.power
        outdone = Condition(lambda: power.at_once)
        outdone.waiters = power.changed.waiters
        for request in (power.changed, outdone):
            yield Wait((request,))
            assert power.requested is not None
            log.info("%s is requested by %s", power.requested.value, power.requested_by)
            way = ending.OF_POWER[power.requested]
            self.go_down(way.at_once() if power.at_once else way)
            if power.at_once:
                return

    def boot_again(self) -> NoReturn:
        """Be executed anew, as the kernel of the same machine; only the lock stays."""
        log.info("booting again")
        logging.shutdown()
        os.set_inheritable(self.lock, True)
        os.sched_setaffinity(0, self._allowed)
        options = [option for option in self._options if not option.startswith(_PUBLISH)]
        options += [_PUBLISH + text for text in self.ports.texts()]
        words = starting.kernel_command(self.folder, self.lock, -1, options)
        os.execv(words[0], words)

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
        self.go_down(ending.STOPPED)

    def _end(self) -> None:
        """Give everything back, also when the machine's folder cannot be written; the lock goes last, with this process."""
        for step in (self._hang_up, self.machine.close, self._note_end, self._forget):
            try:
                step()
            except OSError:
                log.exception("something is left")
        log.info("ended")

    def _hang_up(self) -> None:
        self.ports.close()
        self.listener.close()
        for session in list(self.life.sessions):
            session.machine_ended()
        if self.units is not None:
            self.units.close()
        places.stop_listening(self.folder)

    def _note_end(self) -> None:
        """Note how the machine ended; a restart has not ended it, so who is killed before it is over has crashed."""
        if self._way is None:
            history.failed(self.folder)
        elif not self.boots_again:
            history.ended(self.folder, self._way.mark)

    def _forget(self) -> None:
        """Remove what says that the machine is started; of a throw-away one all but what an error is explained by."""
        if self._way is not None and not self.boots_again:
            places.set_started(self.folder, False)
        if self.fresh and not self.machine.scheduler.errors:
            remove_tree(self.folder)

    # ---- what is told

    def describe(self, topic: str) -> object:
        """What `lichen status`, `list` and `ps` show of this machine, as plain values; ValueError for another topic."""
        if topic not in description.TOPICS:
            raise ValueError(topic)
        return description.TOPICS[topic](self)
