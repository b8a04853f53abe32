"""Starting the processes of services: who they are, what they begin with, and where what they write goes.

Source: systemd.exec(5) "Environment Variables in Spawned Processes", "Process Exit Codes".
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from lichen.boot import accounts
from lichen.boot.launching import DEFAULT_PATH, Launch, start
from lichen.boot.refusals import LaunchError
from lichen.executive.io.anonymous import create_pipe
from lichen.executive.io.attributes import AttributeChange
from lichen.executive.io.file import File
from lichen.executive.io.manager import create_file
from lichen.executive.io.opening import Access, Disposition, Open, Options
from lichen.executive.security.tokens import Token
from lichen.executive.services.listener import Listener
from lichen.executive.services.service import Service
from lichen.executive.services.values import CannotLaunch, Step
from lichen.executive.status import Failure, Interrupted
from lichen.executive.wait import outcome
from lichen.subsystems.linux.services import conditions, sockets, tree, words
from lichen.subsystems.linux.services.definitions import Origin
from lichen.subsystems.linux.services.processsettings import ProcessSettings

if TYPE_CHECKING:
    from lichen.boot.machine import Machine
    from lichen.boot.servicelog import ServiceLog
    from lichen.executive.io.context import FileSystemContext
    from lichen.executive.network.sockets import Socket
    from lichen.executive.processes import Process
    from lichen.executive.services.unit import Unit
    from lichen.executive.services.values import Command
    from lichen.executive.wait import Blocks

_PIECE: Final = 8192
_LONGEST_LINE: Final = 8192
_MOST_LINES: Final = 10_000
"""Of one process in `_INTERVAL` seconds; what is more is not kept, and told to be missing."""
_INTERVAL: Final = 30.0
_MOST_FILE: Final = 1 << 20
_CHDIR, _EXEC, _STDOUT, _GROUP, _USER, _DIRECTORIES = 200, 203, 209, 216, 217, 233
_FIRST_PASSED: Final = 3
_NOTIFY_SOCKET: Final = b"/run/systemd/notify"
_FROM_SYSTEM: Final = "/etc/default/locale"


class ProcessLauncher:
    """Starts the processes of one machine's services."""

    def __init__(self, machine: Machine, files: tree.Tree, log: ServiceLog) -> None:
        self._machine, self._files, self._log = machine, files, log
        self._invocations: dict[Unit, str] = {}

    # ---- before and after

    def check(self, unit: Unit) -> None:
        """Unmet unless the conditions of the unit's file hold."""
        origin = unit.definition.origin
        if isinstance(origin, Origin):
            conditions.check(self._files, unit.definition, origin.file.assignments)

    def prepare(self, unit: Unit) -> None:
        """Make the folders that a service is given."""
        self._invocations[unit] = self._machine.host.random(16).hex()
        settings = _settings(unit)
        if not settings.folders:
            return
        token = self._token(settings)
        for folder in settings.folders:
            try:
                node = self._files.make_folder(folder.path, folder.mode, folder.base).node
                owner = (None, None) if folder.path.startswith("/etc/") else (token.uid, token.gid)
                node.change(AttributeChange(mode=folder.mode, uid=owner[0], gid=owner[1]))
            except Failure as failure:
                raise CannotLaunch(f"{folder.path} cannot be made: {failure}", _DIRECTORIES) from failure

    def finish(self, unit: Unit, restarts: bool) -> None:
        """Take the folders away that only last as long as the service."""
        self._invocations.pop(unit, None)
        settings = _settings(unit)
        keeps = settings.keeps_folders == "yes" or (settings.keeps_folders == "restart" and restarts)
        for folder in settings.folders:
            if folder.is_removed and not keeps:
                try:
                    self._files.remove_all(folder.path, folder.base)
                except Failure as failure:
                    self._log.tell(unit.name, f"{folder.path} cannot be removed: {failure}", 4)

    def listen(self, unit: Unit) -> list[Socket]:
        """Open the sockets of a listener."""
        places = _places(unit)
        token = self._token(ProcessSettings(user=places.user, group=places.group))
        try:
            return sockets.open_all(self._files, places, (token.uid, token.gid))
        except (Failure, OSError) as failure:
            raise CannotLaunch(f"a socket cannot be opened: {failure}", 1) from failure

    def stop_listening(self, unit: Unit) -> None:
        """Take away the names of a listener's sockets, if it does not leave them."""
        sockets.remove_names(self._files, _places(unit))

    def read_process_id(self, unit: Unit, path: str) -> int:
        """The number in a file; 0 for none."""
        text = (self._files.read(path, 64) or b"").strip()
        return int(text) if text.isdigit() and len(text) < 10 else 0

    # ---- a process

    def launch(self, unit: Unit, command: Command, step: Step, main: Process | None) -> Process:
        """Start a process of a service; CannotLaunch."""
        settings = _settings(unit)
        token = Token.of_user(0, 0) if command.privileged else self._token(settings)
        if settings.gains_nothing:
            token = replace(token, no_new_privileges=True)
        context = self._context(settings, token)
        environment = self._environment(unit, settings, step, main, token)
        arguments = command.arguments
        if command.expands:
            arguments = tuple(words.expand(arguments, environment))
        standard = self._standard(unit, settings, context, command)
        variables = {os.fsencode(name): os.fsencode(value) for name, value in environment.items()}

        def prepare(process: Process) -> None:
            _join(process, unit, settings)
            if step is Step.START:
                _pass_sockets(process, unit, variables)

        words_of_command = tuple(map(os.fsencode, arguments))
        program = os.fsencode(command.program)
        launch = Launch(program, words_of_command, variables, context, b"/", standard, prepare=prepare)
        try:
            process = start(self._machine, launch)
        except LaunchError as error:
            raise CannotLaunch(f"{command.program}: {error}", _EXEC) from error
        except Failure as failure:
            raise CannotLaunch(f"{command.program}: {failure}", _EXEC) from failure
        if settings.nice and process.threads:
            process.subsystem.set_nice(process.first_thread, settings.nice)
        return process

    def _token(self, settings: ProcessSettings) -> Token:
        user = self.user(settings.user or "root")
        if user is None:
            raise CannotLaunch(f"there is no user {settings.user}", _USER)
        token = accounts.token_of(self._machine, user)
        gid = user.gid
        if settings.group:
            found = accounts.group_id(self._machine, settings.group)
            if found is None:
                raise CannotLaunch(f"there is no group {settings.group}", _GROUP)
            gid = found
        groups = list(token.groups) if settings.user else []
        for name in settings.groups:
            found = accounts.group_id(self._machine, name)
            if found is None:
                raise CannotLaunch(f"there is no group {name}", _GROUP)
            groups.append(found)
        return Token.of_user(user.uid, gid, tuple(groups))

    def user(self, name: str) -> accounts.User | None:
        """Somebody by name or number."""
        if name.isdecimal():
            return accounts.user_of_id(self._machine, int(name), int(name))
        try:
            return accounts.user_named(self._machine, os.fsencode(name))
        except LaunchError:
            return None

    def _context(self, settings: ProcessSettings, token: Token) -> FileSystemContext:
        folder = settings.folder or "/"
        if folder == "~":
            folder = os.fsdecode((self.user(settings.user or "root") or accounts.User(b"", 0, 0)).home)
        try:
            context = self._machine.context(os.fsencode(folder), token)
        except LaunchError as error:
            if not settings.folder_may_miss:
                raise CannotLaunch(f"WorkingDirectory={folder}: {error}", _CHDIR) from error
            context = self._machine.context(b"/", token)
        context.umask = settings.umask
        return context

    def _environment(
        self, unit: Unit, settings: ProcessSettings, step: Step, main: Process | None, token: Token
    ) -> dict[str, str]:
        found = {"PATH": DEFAULT_PATH.decode(), "INVOCATION_ID": self._invocations.get(unit, "")}
        locale = self._files.read(_FROM_SYSTEM, _MOST_FILE) or b""
        found |= words.environment_file(locale.decode("utf-8", "replace"))
        found.setdefault("LANG", "C.UTF-8")
        if settings.user and (user := self.user(settings.user)) is not None:
            name = os.fsdecode(user.name)
            found |= {"USER": name, "LOGNAME": name, "HOME": os.fsdecode(user.home)}
            found["SHELL"] = os.fsdecode(user.shell)
        for folder in settings.folders:
            known = found.get(folder.variable)
            found[folder.variable] = f"{known}:{folder.path}" if known else folder.path
        if isinstance(unit, Service) and unit.settings.speakers.value != "nobody":
            found["NOTIFY_SOCKET"] = _NOTIFY_SOCKET.decode()
        if main is not None:
            found["MAINPID"] = str(main.id)
        if step in (Step.STOP, Step.AFTER_STOP) and isinstance(unit, Service):
            found["SERVICE_RESULT"] = unit.result.value.replace(" ", "-")
        found |= settings.environment
        for path, may_miss in settings.environment_files:
            found |= self._environment_file(path, may_miss)
        return {name: value for name, value in found.items() if name not in settings.unset}

    def _environment_file(self, path: str, may_miss: bool) -> dict[str, str]:
        text = self._files.read(path, _MOST_FILE)
        if text is None:
            if may_miss:
                return {}
            raise CannotLaunch(f"EnvironmentFile={path} cannot be read", 1)
        return words.environment_file(text.decode("utf-8", "surrogateescape"))

    # ---- where it writes

    def _standard(
        self, unit: Unit, settings: ProcessSettings, context: FileSystemContext, command: Command
    ) -> list[File]:
        files: list[File] = []
        try:
            path = settings.input.removeprefix("file:") if settings.input.startswith("file:") else "/dev/null"
            files.append(self._open(context, path, Open(Access.READ, options=Options.POSIX)))
            files.append(self._output(unit, settings, settings.output, command))
            if settings.error == "inherit":
                files.append(files[1].reference())
            else:
                files.append(self._output(unit, settings, settings.error, command))
        except BaseException:
            for file in files:
                file.release()
            raise
        return files

    def _output(self, unit: Unit, settings: ProcessSettings, where: str, command: Command) -> File:
        administrator = self._machine.tree.administrator
        if where == "journal":
            reader, writer = create_pipe(administrator)
            identifier = settings.identifier or command.program.rpartition("/")[2]
            self._machine.scheduler.spawn(self._keep(unit, identifier, reader, settings.parses_level))
            return writer
        kind, _, path = where.partition(":")
        if not path:
            return self._open(
                administrator, "/dev/null", Open(Access.READ | Access.WRITE, options=Options.POSIX)
            )
        disposition = Disposition.OVERWRITE_IF if kind == "truncate" else Disposition.OPEN_IF
        options = Options.POSIX | (Options.APPEND if kind == "append" else 0)
        return self._open(administrator, path, Open(Access.WRITE, disposition, options=options, mode=0o644))

    def _open(self, context: FileSystemContext, path: str, request: Open) -> File:
        try:
            file = create_file(context, context.root, tree.components(path), request)
        except Failure as failure:
            raise CannotLaunch(f"{path}: {failure}", _STDOUT) from failure
        if not isinstance(file, File):
            raise CannotLaunch(f"{path} cannot be opened at once", _STDOUT)
        return file

    def _keep(self, unit: Unit, identifier: str, reader: File, parses_level: bool) -> Blocks[None]:
        """Keep what comes out of a pipe, line by line, until its last writer has gone."""
        keep = _Lines(self._machine.scheduler.clock, self._write_of(unit, identifier, parses_level))
        try:
            while True:
                data = yield from outcome(reader.read(_PIECE))
                if not data:
                    break
                keep.add(data)
        except (Failure, Interrupted):
            pass
        keep.end()
        reader.release()

    def _write_of(self, unit: Unit, identifier: str, parses_level: bool) -> Callable[[str], None]:
        process = 0

        def write(text: str) -> None:
            nonlocal process
            if not process and isinstance(unit, Service):
                run = unit.main_run or unit.control
                process = run.id if run is not None else 0
            level = 6
            if parses_level and text[:1] == "<" and text[2:3] == ">" and text[1:2] in "01234567":
                level, text = int(text[1]), text[3:]
            self._log.write(unit.name, identifier, process, text, level)

        return write


class _Lines:
    """Cuts what comes into lines, and lets no more than a number of them through in a time."""

    def __init__(self, clock: Callable[[], float], write: Callable[[str], None]) -> None:
        self._clock, self._write = clock, write
        self._rest = b""
        self._begin, self._count = clock(), 0

    def add(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._line(line)
        if len(self._rest) > _LONGEST_LINE:
            self.end()

    def end(self) -> None:
        """There is no more of the last line."""
        if self._rest:
            self._line(self._rest)
            self._rest = b""

    def _line(self, line: bytes) -> None:
        now = self._clock()
        if now - self._begin >= _INTERVAL:
            if self._count > _MOST_LINES:
                self._write(f"{self._count - _MOST_LINES} lines were not kept")
            self._begin, self._count = now, 0
        self._count += 1
        if self._count <= _MOST_LINES:
            self._write(line.decode("utf-8", "replace"))


def _settings(unit: Unit) -> ProcessSettings:
    process = unit.settings.process if isinstance(unit, Service) else None
    return process if isinstance(process, ProcessSettings) else ProcessSettings()


def _places(unit: Unit) -> sockets.Places:
    opened = unit.settings.sockets if isinstance(unit, Listener) else None
    return opened if isinstance(opened, sockets.Places) else sockets.Places(())


def _pass_sockets(process: Process, unit: Unit, variables: dict[bytes, bytes]) -> None:
    """Give a service the sockets that are held for it, as descriptors from 3 on (sd_listen_fds(3))."""
    held = unit.manager.sockets_for(unit)
    for number, (socket, _) in enumerate(held, _FIRST_PASSED):
        process.handles.place(number, socket.reference(), socket.access, inherit=True)
    if held:
        variables[b"LISTEN_FDS"] = str(len(held)).encode()
        variables[b"LISTEN_PID"] = str(process.id).encode()
        variables[b"LISTEN_FDNAMES"] = ":".join(name for _, name in held).encode()


def _join(process: Process, unit: Unit, settings: ProcessSettings) -> None:
    """Make a new process one of a service's."""
    assert isinstance(unit, Service)
    process.service = unit
    process.limits = {**process.limits, **settings.limits}
