"""`lichen run`: start one program on a machine, with the caller's standard files, and end as it ends."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass, field
from typing import Final

USAGE: Final = """\
usage: lichen run [--fresh | --machine NAME] [--user NAME] [--cwd DIR] [--env NAME=VALUE]...
                  [--share HOSTDIR[:GUESTDIR][:ro]]... [--trace[=FILE]] [--] PROGRAM [ARG...]"""


class UsageError(Exception):
    """The command line makes no sense."""


@dataclass
class Options:
    """What the command line asks for."""

    program: list[str] = field(default_factory=list)
    machine: str = "default"
    fresh: bool = False
    user: str = ""
    folder: str = ""
    environment: list[str] = field(default_factory=list)
    shares: list[str] = field(default_factory=list)
    trace: str | None = None
    """A file, or nothing for stderr; None when nothing is to be traced."""


_SINGLE: Final = {"--machine": "machine", "--user": "user", "--cwd": "folder"}
_REPEATED: Final = {"--env": "environment", "--share": "shares"}


def parse(arguments: list[str]) -> Options:
    """Take the arguments of `run` apart; options end at the first word that is none, or at `--`."""
    options = Options()
    rest = arguments
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word, rest = rest[0], rest[1:]
        if word == "--":
            break
        name, equals, value = word.partition("=")
        if name == "--fresh" and not equals:
            options.fresh = True
        elif name == "--trace":
            options.trace = value
        elif name in _SINGLE or name in _REPEATED:
            if not equals:
                if not rest:
                    raise UsageError(f"{name} needs a value")
                value, rest = rest[0], rest[1:]
            if name in _SINGLE:
                setattr(options, _SINGLE[name], value)
            else:
                getattr(options, _REPEATED[name]).append(value)
        else:
            raise UsageError(f"unknown option {word}")
    if not rest:
        raise UsageError("which program?")
    options.program = rest
    return options


def share_of(text: str) -> tuple[str, str, bool]:
    """HOSTDIR[:GUESTDIR][:ro] as (host folder, guest folder, read-only), both absolute."""
    parts = text.split(":")
    read_only = len(parts) > 1 and parts[-1] == "ro"
    if read_only:
        parts.pop()
    if len(parts) > 2 or not parts[0]:
        raise UsageError(f"--share {text}: HOSTDIR[:GUESTDIR][:ro] is needed")
    host = os.path.realpath(parts[0])
    guest = parts[1] if len(parts) == 2 else os.path.abspath(parts[0])
    if not guest.startswith("/"):
        raise UsageError(f"--share {text}: the guest's folder must begin with /")
    return host, guest, read_only


def run(arguments: list[str]) -> int:
    """Carry out `lichen run`."""
    try:
        options = parse(arguments)
        shares = [share_of(text) for text in options.shares]
    except UsageError as error:
        print(f"lichen: {error}\n{USAGE}", file=sys.stderr)
        return 2
    child = os.fork()
    if child == 0:
        os._exit(_serve(options, shares))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: os.kill(child, number))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _serve(options: Options, shares: list[tuple[str, str, bool]]) -> int:
    import shutil
    import tempfile
    from pathlib import Path

    from lichen.executive.security import Token
    from lichen.machine import Launch, LaunchError, Machine, Share

    folder = Path(tempfile.mkdtemp(prefix="lichen-"))
    machine = Machine(folder, processor=min(os.sched_getaffinity(0)))
    try:
        token = Token.of_user(os.geteuid(), os.getegid(), tuple(os.getgroups()))
        for share in shares:
            machine.share(Share(*share), token)
        environment = dict(os.environb)
        environment.update(
            (name, value)
            for name, _, value in (os.fsencode(text).partition(b"=") for text in options.environment)
        )
        process = machine.start(
            Launch(
                os.fsencode(options.program[0]),
                tuple(map(os.fsencode, options.program)),
                environment,
                os.fsencode(options.folder or os.getcwd()),
                token,
                [os.dup(number) for number in range(3)],
            )
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, frame: process.signal(number))
        while process.exit_status is None:
            machine.scheduler.step()
        status = process.exit_status
        if machine.scheduler.errors:
            return 125
        return 128 + status.signal if status.signal else status.code & 0xFF
    except LaunchError as error:
        print(f"lichen: {error}", file=sys.stderr)
        return error.status
    finally:
        machine.close()
        shutil.rmtree(folder, ignore_errors=True)
