"""What a unit file says of the processes of a service: who they are, what they begin with, where they write.

Source: systemd.exec(5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from lichen.executive.limits import (
    RLIMIT_AS,
    RLIMIT_CORE,
    RLIMIT_CPU,
    RLIMIT_DATA,
    RLIMIT_FSIZE,
    RLIMIT_MEMLOCK,
    RLIMIT_MSGQUEUE,
    RLIMIT_NICE,
    RLIMIT_NOFILE,
    RLIMIT_NPROC,
    RLIMIT_RTPRIO,
    RLIMIT_SIGPENDING,
    RLIMIT_STACK,
    UNLIMITED,
)
from lichen.subsystems.linux.services import spans, words

if TYPE_CHECKING:
    from lichen.subsystems.linux.services.specifiers import Specifiers
    from lichen.subsystems.linux.services.unitfile import UnitFile

_SECTION: Final = "Service"
LIMITS: Final = {
    "LimitCPU": (RLIMIT_CPU, spans.seconds),
    "LimitFSIZE": (RLIMIT_FSIZE, spans.size),
    "LimitDATA": (RLIMIT_DATA, spans.size),
    "LimitSTACK": (RLIMIT_STACK, spans.size),
    "LimitCORE": (RLIMIT_CORE, spans.size),
    "LimitNPROC": (RLIMIT_NPROC, spans.size),
    "LimitNOFILE": (RLIMIT_NOFILE, spans.size),
    "LimitMEMLOCK": (RLIMIT_MEMLOCK, spans.size),
    "LimitAS": (RLIMIT_AS, spans.size),
    "LimitSIGPENDING": (RLIMIT_SIGPENDING, spans.size),
    "LimitMSGQUEUE": (RLIMIT_MSGQUEUE, spans.size),
    "LimitNICE": (RLIMIT_NICE, spans.size),
    "LimitRTPRIO": (RLIMIT_RTPRIO, spans.size),
}
FOLDERS: Final = {
    "RuntimeDirectory": "/run",
    "StateDirectory": "/var/lib",
    "CacheDirectory": "/var/cache",
    "LogsDirectory": "/var/log",
    "ConfigurationDirectory": "/etc",
}
DONE: Final = frozenset(
    {
        *LIMITS,
        *FOLDERS,
        *(f"{name}Mode" for name in FOLDERS),
        *("User", "Group", "SupplementaryGroups", "WorkingDirectory", "Environment", "EnvironmentFile"),
        *("PassEnvironment", "UnsetEnvironment", "UMask", "StandardInput", "StandardOutput", "StandardError"),
        *("RuntimeDirectoryPreserve", "NoNewPrivileges", "Nice", "SyslogLevelPrefix", "SyslogIdentifier"),
    }
)
"""The directives that are carried out."""
_OUTPUTS: Final = ("inherit", "null", "journal", "syslog", "kmsg", "tty", "socket")
_TO_LOG: Final = ("syslog", "kmsg", "journal+console", "kmsg+console", "syslog+console")
_INPUTS: Final = ("null", "socket")


@dataclass(frozen=True)
class Folder:
    """A folder that a service is given: its path, and the variable by which it is told of it."""

    path: str
    variable: str
    mode: int
    is_removed: bool
    base: str
    """Up to where only the administrator writes."""


@dataclass(frozen=True)
class ProcessSettings:
    """How the processes of a service begin. A path of an output is `journal`, `null`, or `append:`, `truncate:`, `file:`."""

    user: str = ""
    group: str = ""
    groups: tuple[str, ...] = ()
    folder: str = ""
    folder_may_miss: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    environment_files: tuple[tuple[str, bool], ...] = ()
    """Paths, and whether each may be missing."""
    passed: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()
    umask: int = 0o022
    limits: dict[int, tuple[int, int]] = field(default_factory=dict)
    folders: tuple[Folder, ...] = ()
    input: str = "null"
    output: str = "journal"
    error: str = "inherit"
    gains_nothing: bool = False
    nice: int = 0
    parses_level: bool = True
    identifier: str = ""
    keeps_folders: str = "no"


def read(file: UnitFile, specifiers: Specifiers, warn: Callable[[str], None]) -> ProcessSettings:
    """What a file says; what is wrong is told, and left out. ValueError where that could not be safe."""

    def last(name: str, default: str = "") -> str:
        return specifiers.replace(file.last(_SECTION, name, default))

    environment: dict[str, str] = {}
    for value in file.all(_SECTION, "Environment"):
        try:
            environment |= words.assignments(specifiers.replace(value))
        except ValueError as error:
            warn(f"Environment={value}: {error}")
    files = tuple(
        (specifiers.replace(value.lstrip("-")), value.startswith("-"))
        for value in file.all(_SECTION, "EnvironmentFile")
    )
    folder = last("WorkingDirectory")
    user = last("User")
    if file.flag(_SECTION, "DynamicUser") and not user:
        raise ValueError("DynamicUser= is not carried out, and without it the service would run as root")
    return ProcessSettings(
        user,
        last("Group"),
        tuple(_words(file, "SupplementaryGroups", specifiers)),
        folder.lstrip("-"),
        folder.startswith("-"),
        environment,
        files,
        tuple(_words(file, "PassEnvironment", specifiers)),
        tuple(_words(file, "UnsetEnvironment", specifiers)),
        int(last("UMask", "0022"), 8) & 0o777,
        dict(_limits(file, warn)),
        tuple(_folders(file, specifiers)),
        _input(last("StandardInput", "null")),
        _output(last("StandardOutput", "journal"), "journal"),
        _output(last("StandardError", "inherit"), "inherit"),
        file.flag(_SECTION, "NoNewPrivileges"),
        max(-20, min(19, int(last("Nice", "0")))),
        file.flag(_SECTION, "SyslogLevelPrefix", True),
        last("SyslogIdentifier"),
        last("RuntimeDirectoryPreserve", "no"),
    )


def _words(file: UnitFile, name: str, specifiers: Specifiers) -> Iterator[str]:
    for value in file.all(_SECTION, name):
        yield from (specifiers.replace(word) for word in words.split(value))


def _limits(file: UnitFile, warn: Callable[[str], None]) -> Iterator[tuple[int, tuple[int, int]]]:
    for name, (number, parse) in LIMITS.items():
        value = file.last(_SECTION, name)
        if not value:
            continue
        soft, _, hard = value.partition(":")
        try:
            pair = tuple(
                UNLIMITED if each == "infinity" else int(parse(each)) for each in (soft, hard or soft)
            )
        except ValueError as error:
            warn(f"{name}={value}: {error}")
            continue
        low, high = pair[0], pair[1]
        if low > high:
            warn(f"{name}={value}: the first is more than the second")
            continue
        yield number, (low, high)


def _folders(file: UnitFile, specifiers: Specifiers) -> Iterator[Folder]:
    for name, base in FOLDERS.items():
        mode = int(file.last(_SECTION, f"{name}Mode", "0755"), 8)
        for word in _words(file, name, specifiers):
            path = word.partition(":")[0]
            if not path or path.startswith("/") or ".." in path.split("/"):
                raise ValueError(f"{name}={word}: not a folder below {base}")
            variable = {"RuntimeDirectory": "RUNTIME", "ConfigurationDirectory": "CONFIGURATION"}.get(
                name, name.removesuffix("Directory").upper()
            )
            yield Folder(f"{base}/{path}", f"{variable}_DIRECTORY", mode, name == "RuntimeDirectory", base)


def _input(text: str) -> str:
    if text in _INPUTS or text.startswith("file:/"):
        return text
    raise ValueError(f"StandardInput={text} is not carried out")


def _output(text: str, default: str) -> str:
    if text in _TO_LOG or text.endswith("+console"):
        return "journal"
    if text in ("inherit", "null", "journal", "socket") or text.startswith(
        ("append:/", "truncate:/", "file:/")
    ):
        return default if text == "inherit" else text
    raise ValueError(f"StandardOutput={text} is not carried out")
