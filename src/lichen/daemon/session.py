"""One client and the program that it has the machine run.

A session ends for the machine when its program does or when its client is gone. Then its terminal hangs up, if it has one;
else nobody is told, and what runs goes on, as with ssh. Signals are passed on as a shell's user means them: INT, QUIT and
TSTP go to the program's whole group, as a terminal sends them, the others to the program alone. When the program stops, the
client is told, which then stops too; it is continued with the client.
"""

from __future__ import annotations

import logging
import os
import signal
from typing import TYPE_CHECKING, Final

from lichen.boot import accounts
from lichen.boot.drives import make_profile
from lichen.boot.launching import Launch, start
from lichen.boot.refusals import FAILURE, LaunchError
from lichen.boot.tree import Share
from lichen.daemon import ending, protocol
from lichen.daemon.trace import Output
from lichen.executive.security.tokens import Token
from lichen.executive.wait import Blocks, Wait
from lichen.filesystems.terminal.console import ClientTerminal, join

if TYPE_CHECKING:
    from lichen.daemon.connection import Connection
    from lichen.daemon.kernel import Kernel
    from lichen.executive.io.context import FileSystemContext
    from lichen.executive.io.file import File
    from lichen.executive.processes import ExitStatus, Process

log = logging.getLogger("lichen.daemon")

_TO_THE_GROUP: Final = (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP)
_HIGHEST_SIGNAL: Final = 64
_WAYS: Final = {protocol.STOP: ending.STOPPED, protocol.RESTART: ending.RESTARTED}
_LAST_WORDS: Final = 2.0
"""Seconds that a terminal or a trace's reader has to take the last of it when the program has ended."""


class Session:
    """A client's stay: first one message that says what it wants, then what concerns the program it started."""

    def __init__(self, kernel: Kernel, connection: Connection) -> None:
        self.kernel, self.connection = kernel, connection
        self.process: Process | None = None
        self.trace: Output | None = None
        self.console: ClientTerminal | None = None
        self.client, self.user = connection.peer()
        connection.message, connection.gone = self._message, self._gone
        if self.user not in (os.geteuid(), 0):
            log.warning("user %d tried to connect", self.user)
            connection.close()

    def _message(self, kind: int, fields: list[bytes], descriptors: list[int]) -> None:
        try:
            if kind == protocol.START and self.process is None:
                self._start(protocol.Start.decode(fields), descriptors)
            elif kind == protocol.SIGNAL and self.process is not None:
                self._signal(self.process, int(fields[0]))
            elif kind == protocol.RESIZE and self.console is not None:
                self.console.resize(fields[0])
            elif kind == protocol.CONTINUED and self.process is not None:
                self._continue(self.process, fields[0] == b"1")
            elif kind == protocol.SHUTDOWN:
                self._shut_down(fields[0] if fields else b"")
            elif kind == protocol.STAY:
                self._stay(fields)
            elif kind == protocol.QUERY:
                self._answer(self.kernel.describe(fields[0].decode()))
        except (ValueError, IndexError) as error:
            raise protocol.ProtocolError(f"message {kind} makes no sense") from error
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _answer(self, answer: object) -> None:
        import json

        self.connection.send(protocol.ANSWER, json.dumps(answer).encode())

    def _shut_down(self, how: bytes) -> None:
        way = _WAYS.get(how, ending.TERMINATED)
        if way.boots_again and self.kernel.fresh:
            self._fail(FAILURE, f"the throw-away machine {self.kernel.name} ends with its program")
            return
        self.kernel.go_down(way)
        if way.boots_again and not self.kernel.boots_again:
            self._answer({"boots_again": False})

    def _stay(self, fields: list[bytes]) -> None:
        version, flags = fields
        try:
            wishes = protocol.parted(flags)
            self.kernel.check(version, wishes)
            if self.kernel.fresh:
                raise LaunchError(f"the throw-away machine {self.kernel.name} ends with its program")
            self.kernel.grant(wishes)
            changed = self.kernel.life.start()
        except LaunchError as error:
            self._fail(error.status, str(error))
        except OSError as error:
            self._fail(
                FAILURE, f"the machine {self.kernel.name} cannot be kept: {error.filename}: {error.strerror}"
            )
        else:
            if changed:
                self.kernel.start_services()
            self._answer({"changed": changed, "note": self.kernel.take_note()})

    # ---- the program

    def _start(self, request: protocol.Start, descriptors: list[int]) -> None:
        """Start the program; takes the descriptors that it uses out of the list."""
        try:
            self.kernel.check(request.version, request.flags)
            self.kernel.grant(request.flags)
            launch = self._launch(request, descriptors)
            self.process = start(self.kernel.machine, launch)
        except LaunchError as error:
            self._fail(error.status, str(error))
        except OSError as error:
            log.exception("a program could not be started")
            self._fail(FAILURE, f"the host refused to start a program: {error.strerror}")
        except Exception:
            self.kernel.machine.scheduler.errors += 1
            log.exception("a program could not be started")
            self._fail(FAILURE, "an error in Lichen's kernel; see its log")
        else:
            self._started(self.process, request, descriptors)

    def _started(self, process: Process, request: protocol.Start, descriptors: list[int]) -> None:
        if protocol.TRACE in request.flags and descriptors:
            self.trace = Output(self.kernel.machine.passed_node(descriptors.pop()))
            self.kernel.tracing.begin(process, self.trace)
        log.info("process %d of client %d is %s", process.id, self.client, process.name)
        self.kernel.life.begin(self)
        if note := self.kernel.take_note():
            self.warn(note)
        self.connection.send(protocol.STARTED, protocol.WORD.pack(process.id))
        self.kernel.machine.scheduler.spawn(self._wait_for(process))
        if protocol.JOB_CONTROL in request.flags:
            process.session.continuable = True
            self.kernel.machine.scheduler.spawn(self._tell_stops(process))

    def _fail(self, status: int, text: str) -> None:
        self._leave_terminal()
        self.connection.send(
            protocol.FAILED, protocol.WORD.pack(status), text.encode(errors="surrogateescape")
        )
        self.connection.close()

    def _launch(self, request: protocol.Start, descriptors: list[int]) -> Launch:
        machine = self.kernel.machine
        for flag in request.flags:
            if flag.startswith(protocol.DISK):
                self.kernel.set_disk(int(flag.removeprefix(protocol.DISK)))
        caller = accounts.user_of_id(machine, os.geteuid(), os.getegid())
        user = accounts.user_named(machine, request.user) if request.user else caller
        if user.uid == caller.uid:
            groups = tuple(int(group) for group in request.groups)
            token = Token.of_user(user.uid, os.getegid(), groups)
        else:
            token = accounts.token_of(machine, user)
        words = request.shares
        for host, guest, mode in zip(words[::3], words[1::3], words[2::3], strict=True):
            machine.tree.share(Share(os.fsdecode(host), os.fsdecode(guest), mode == b"ro"), token)
        variables = {name: value for name, _, value in (item.partition(b"=") for item in request.environment)}
        environment = accounts.environment_of(variables, user, user.uid == caller.uid)
        program, arguments = request.program, tuple(request.arguments)
        if not program:
            program, arguments = user.shell, (b"-" + user.shell.rpartition(b"/")[2],)
        context = self._context(request, token)
        if machine.has_windows:
            make_profile(context, os.fsdecode(user.name))
        if request.terminal:
            passed = descriptors[: sum(request.standard)]
            self.console = join(
                machine.terminals, machine.platform, passed, token, request.terminal, request.window
            )
        standard = self._standard(request, descriptors, context)
        terminal = self.console.terminal if self.console else None
        return Launch(program, arguments, environment, context, request.folder, standard, terminal)

    def _standard(
        self, request: protocol.Start, descriptors: list[int], context: FileSystemContext
    ) -> list[File | None]:
        """The standard files that the client passed."""
        files: list[File | None] = []
        try:
            for passed in request.standard:
                wanted = bool(passed and descriptors)
                file = self._standard_file(descriptors.pop(0), context) if wanted else None
                files.append(file)
        except BaseException:
            for file in files:
                if file is not None:
                    file.release()
            raise
        return files

    def _standard_file(self, descriptor: int, context: FileSystemContext) -> File:
        return self.kernel.machine.standard_file(descriptor, context, self.console)

    def _context(self, request: protocol.Start, token: Token) -> FileSystemContext:
        """Where the program starts: what is named there must be there, but a login shell can go where it likes."""
        try:
            return self.kernel.machine.context(request.folder, token)
        except LaunchError as error:
            if request.program:
                raise
            self.warn(f"{error}; starting in /")
            return self.kernel.machine.context(b"/", token)

    def _signal(self, process: Process, number: int) -> None:
        if not 0 < number <= _HIGHEST_SIGNAL or process.exit_status is not None:
            return
        if number in _TO_THE_GROUP:
            for member in list(process.group.members.values()):
                member.signal(number)
        else:
            process.signal(number)

    def _tell_stops(self, process: Process) -> Blocks[None]:
        """Tell the client whenever the program stops; the terminal's keys are not the machine's then."""
        changed, told = self.kernel.machine.state.processes.init.children_changed, False
        while process.exit_status is None:
            if process.stopped and not told:
                if self.console is not None:
                    self.console.pause()
                self.connection.send(protocol.STOPPED)
            told = process.stopped
            yield Wait((changed, process.ended))

    def _continue(self, process: Process, in_front: bool) -> None:
        """The client goes on; unless it has the terminal, its keys remain others'."""
        if self.console is not None and in_front:
            self.console.resume()
        if process.stopped:
            for member in list(process.group.members.values()):
                member.signal(signal.SIGCONT)

    def _wait_for(self, process: Process) -> Blocks[None]:
        while process.exit_status is None:
            yield Wait((process.ended,))
        if self.console is not None:
            yield from self.console.drain(self.kernel.machine.scheduler.clock() + _LAST_WORDS)
            self._leave_terminal()
        if self.trace is not None:
            yield from self.trace.drain(self.kernel.machine.scheduler.clock() + _LAST_WORDS)
        self._ended(process.exit_status)

    def _ended(self, status: ExitStatus) -> None:
        if self.trace is not None:
            self.kernel.tracing.end(self.trace)
        errors = self.kernel.machine.scheduler.errors
        self.connection.send(protocol.EXITED, protocol.WORD.pack(status.shown), protocol.WORD.pack(errors))
        self.connection.close()

    # ---- the end

    def _leave_terminal(self) -> None:
        if self.console is not None:
            self.console.close()
            self.console = None

    def warn(self, text: str) -> None:
        """Tell the client's user something."""
        self.connection.send(protocol.WARNING, text.encode(errors="surrogateescape"))

    def machine_ended(self) -> None:
        """The machine has gone down before the client could be told of its program's end."""
        self._fail(FAILURE, f"the machine {self.kernel.name} has gone down")

    def _leave_job(self, process: Process) -> None:
        """No shell of the host continues the program any more: one that is stopped is orphaned."""
        process.session.continuable = False
        group = process.session.groups.get(process.session.id)
        if group is not None:
            group.may_be_orphaned()

    def _gone(self) -> None:
        """The client is gone: its terminal hangs up, if it has one."""
        self._leave_terminal()
        if self.process is not None:
            self._leave_job(self.process)
        if self.trace is not None:
            self.kernel.tracing.end(self.trace)
        self.kernel.session_ended(self)
