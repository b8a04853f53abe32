"""Starting machines at login: units of systemd for the user, and what to do by hand where systemd is not there.

Source: systemd.service(5), systemd.syntax(7), systemd.exec(5) for quoting and specifiers; crontab(5).
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from typing import Final

import click

from lichen.cli.asking import CommandError
from lichen.daemon import places

_VARIABLES: Final = ("LICHEN_HOME", "XDG_DATA_HOME", "LICHEN_WINDOWS", "LICHEN_IDLE_SECONDS")
"""What says where machines lie and how they are, which a login does not say again."""
_FOLDERS: Final = ("LICHEN_HOME", "XDG_DATA_HOME", "LICHEN_WINDOWS")
_SECONDS: Final = 30


@click.command()
@click.argument("name", default=places.DEFAULT)
def enable(name: str) -> None:
    """Have a machine started at every login.

    By systemd where that runs for you; else what is to be done is told. It is not started now.
    `loginctl enable-linger` makes it the host's boot instead of the login.
    """
    places.check_name(name)
    if name.startswith(places.FRESH_PREFIX):
        raise CommandError(f"{name} is the name of a throw-away machine, which ends with its program")
    path = _unit_path(name)
    _write(path, unit(name, _command()))
    click.echo(f"{path} is written")
    if _answers():
        _systemctl("enable", os.path.basename(path))
        click.echo(f"the machine {name} starts at your next login")
    else:
        click.echo(
            "systemd does not answer for you here, so nothing starts the machine by that yet. Where it does:\n"
            f"systemctl --user enable {os.path.basename(path)}\n"
            "Without it, add this line by `crontab -e`, which starts it with the host:\n"
            f"{crontab_line(name, _command())}"
        )


@click.command()
@click.argument("name", default=places.DEFAULT)
def disable(name: str) -> None:
    """Undo `enable`; a machine that runs goes on."""
    places.check_name(name)
    path = _unit_path(name)
    if not os.path.lexists(path):
        click.echo(f"the machine {name} is not enabled")
        return
    answers = _answers()
    if answers:
        _systemctl("disable", os.path.basename(path))
    for there in (path, _wanted_path(path)):
        if os.path.lexists(there):
            os.unlink(there)
    click.echo(f"{path} is removed")
    if answers:
        _systemctl("daemon-reload")
    else:
        click.echo(
            "systemd does not answer for you here. If you have added this line to your crontab, remove it by `crontab -e`:\n"
            f"{crontab_line(name, _command())}"
        )


# ---- what is written


def unit(name: str, command: list[str]) -> str:
    """The unit that starts a machine: its process stays while the machine runs, and ends as that does.

    A machine that ended by itself cannot be stopped any more, which is no failure.
    """
    variables = "".join(f"Environment={_word(f'{key}={value}')}\n" for key, value in _variables())
    shown = " ".join(map(_word, command))
    return (
        "[Unit]\n"
        f"Description=Lichen's machine {name}\n"
        "\n"
        "[Service]\n"
        "Type=exec\n"
        f"{variables}"
        f"ExecStart={shown} start --wait {name}\n"
        f"ExecStop=-{shown} stop {name}\n"
        "TimeoutStopSec=90\n"
        "\n"
        "[Install]\n"
        "WantedBy=default.target\n"
    )


def _write(path: str, text: str) -> None:
    """Write a unit, of which nothing is there when it cannot be written whole."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    unfinished = f"{path}.new"
    try:
        with open(unfinished, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(unfinished, path)
    finally:
        if os.path.exists(unfinished):
            os.unlink(unfinished)


def _word(text: str) -> str:
    """A word of a unit, quoted, in which nothing is replaced but what says so."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def crontab_line(name: str, command: list[str]) -> str:
    """What starts a machine with the host."""
    variables = (f"{key}={shlex.quote(value)}" for key, value in _variables())
    words = " ".join((*variables, *map(shlex.quote, command), "start", name))
    return "@reboot " + words.replace("%", "\\%")


def _variables() -> list[tuple[str, str]]:
    """What is to be the same at login, where the current folder is another; CommandError when no file of theirs can say it."""
    found = []
    for name in _VARIABLES:
        value = os.environ.get(name)
        if value and name in _FOLDERS:
            value = os.path.abspath(value)
        if value and not value.isprintable():
            raise CommandError(f"{name}={value!r}: neither systemd nor cron can be told of such a name")
        found += [(name, value)] if value else []
    return found


def _command() -> list[str]:
    """How `lichen` is started from anywhere."""
    beside = os.path.join(os.path.dirname(os.path.abspath(sys.executable)), "lichen")
    found = beside if os.access(beside, os.X_OK) else shutil.which("lichen")
    return [os.path.abspath(found)] if found else [os.path.abspath(sys.executable), "-m", "lichen"]


def _unit_path(name: str) -> str:
    settings = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return os.path.join(os.path.abspath(settings), "systemd", "user", f"lichen-{name}.service")


def _wanted_path(path: str) -> str:
    """The link by which `systemctl enable` has the unit started at login."""
    return os.path.join(os.path.dirname(path), "default.target.wants", os.path.basename(path))


# ---- systemd


def _answers() -> bool:
    """Whether the user's systemd is there; it looks at its units anew."""
    return shutil.which("systemctl") is not None and _run("daemon-reload").returncode == 0


def _systemctl(*words: str) -> None:
    done = _run(*words)
    if done.returncode:
        raise CommandError(f"systemctl --user {' '.join(words)}: {done.stderr.strip()}")


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    command = ["systemctl", "--user", *words]
    try:
        return subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no answer for {_SECONDS} seconds")
