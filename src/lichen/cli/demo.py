"""The verb that shows what Lichen is, on real programs: each step says what it does, runs it, and shows what came of it."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Final, NamedTuple

import click
from rich.console import Console
from rich.text import Text

from lichen.cli.asking import CommandError
from lichen.cli.windows import windows

MACHINE: Final = "demo"


class Step(NamedTuple):
    """One thing to show: what is said first, and the command line for bash."""

    says: str
    command: str


STEPS: Final = (
    Step("Debian's own bash, on a machine of its own:", "uname -a; id; ls /mnt/c/windows"),
    Step(
        "An unmodified Windows program is a process like any other:",
        'cmd.exe /c "echo Hello from Windows & ver"',
    ),
    Step(
        "Its output goes through a pipe into a Linux program:",
        'cmd.exe /c "echo one pipe, two worlds" | tr a-z A-Z',
    ),
    Step(
        "A Windows program starts a Linux program and reads what it says:",
        'cmd.exe /c "ls -d /etc/debian_version"',
    ),
    Step("Worlds nest: bash, cmd.exe, bash, hostname.exe:", "cmd.exe /c bash -c hostname.exe"),
    Step(
        "One process table, one parent/child relation, one kill:",
        "sleep 60 | cmd.exe >/dev/null & sleep 0.5; ps -eo pid,ppid,stat,args 2>/dev/null || for p in /proc/[1-9]*; "
        'do read -r pid name state parent rest <$p/stat && echo "$pid $parent $state $name"; done; kill %1; wait',
    ),
    Step(
        "The registry is there, and stays:",
        r"reg.exe add 'HKCU\Software\Demo' /v Answer /t REG_DWORD /d 42 /f; reg.exe query 'HKCU\Software\Demo'",
    ),
    Step(
        "A file written by one world is read by the other:",
        r'''echo "written by Linux" > /mnt/c/users/note.txt; cmd.exe /c "type C:\users\note.txt"''',
    ),
)


@click.command()
@click.option("--picture", metavar="FILE", help="Save the session as an SVG picture.")
def demo(picture: str | None) -> None:
    """Show what Lichen is, on real programs."""
    context = click.get_current_context()
    context.invoke(windows)
    console = Console(record=picture is not None, width=100 if picture else None, highlight=False)
    failed = sum(not show(console, step) for step in STEPS)
    if picture:
        console.save_svg(picture, title="Lichen")
    subprocess.run([*_lichen(), "terminate", MACHINE], check=False, capture_output=True)
    if failed:
        raise CommandError(f"{failed} of the steps failed; `lichen log {MACHINE}` may tell why")


def show(console: Console, step: Step) -> bool:
    """Say, run and show one step; whether it went well."""
    console.print(Text(f"\n{step.says}", style="bold"))
    console.print(Text(f"$ {step.command}", style="green"), soft_wrap=not console.record)
    began = time.monotonic()
    command = [*_lichen(), "run", "--machine", MACHINE, "--cwd", "/", "--", "bash", "-c", step.command]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    for stream in (result.stdout, result.stderr):
        text = stream.decode("utf-8", "replace").replace("\r\n", "\n").rstrip("\n")
        if text:
            console.print(Text(text), soft_wrap=not console.record)
    console.print(Text(f"({time.monotonic() - began:.2f} s)", style="dim"))
    return result.returncode == 0


def _lichen() -> list[str]:
    return [sys.executable, "-m", "lichen"]
