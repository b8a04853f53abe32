"""A machine with a size: no program takes more of the host's disk, and both worlds are told why."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.programs.conftest import Lichen

FILL = (
    "import errno, mmap, os\n"
    "def full(act):\n"
    "    try:\n"
    "        act()\n"
    "    except OSError as error:\n"
    "        return error.errno == errno.ENOSPC\n"
    "def write():\n"
    "    with open('/var/tmp/written', 'wb', 0) as file:\n"
    "        while True: file.write(bytes(1 << 20))\n"
    "def reserve():\n"
    "    with open('/var/tmp/reserved', 'wb') as file: os.posix_fallocate(file.fileno(), 0, 1 << 30)\n"
    "def map():\n"
    "    with open('/var/tmp/mapped', 'w+b') as file:\n"
    "        file.truncate(1 << 30)\n"
    "        mmap.mmap(file.fileno(), 1 << 30)\n"
    "print(full(reserve), full(map), full(write), os.statvfs('/').f_bavail < 20)\n"
)


def disk_usage(folder: Path) -> int:
    text = subprocess.run(["du", "-sB1", folder], check=True, capture_output=True, text=True).stdout
    return int(text.split()[0])


def test_a_machine_has_a_size_and_keeps_it(lichen: Lichen) -> None:
    done = lichen.run("run", "--disk", "30M", "df", "-B1M", "--output=size", "/")
    assert done.stdout.split()[-1] == b"30"
    assert lichen.run("terminate", "default").returncode == 0
    done = lichen.run("run", "python3", "-c", FILL)
    assert done.stdout == b"True True True True\n", done.stderr
    assert disk_usage(lichen.home / "machines" / "default" / "root") < 31 << 20
    done = lichen.run("run", "--disk", "none", "sh", "-c", "echo more > /var/tmp/more; cat /var/tmp/more")
    assert done.stdout == b"more\n"
    assert lichen.run("run", "--disk", "much", "true").returncode == 2


def test_windows_programs_are_told_too(machine: Lichen) -> None:
    script = r"""fallocate -l $(($(stat -f -c '%a*%S' /) - 100000)) /var/tmp/large
        cmd.exe /c 'copy C:\windows\system32\ntdll.dll C:\users\copy.dll & if errorlevel 1 echo failed'
        cmd.exe /c 'dir C:\users' | grep free; rm /var/tmp/large"""
    done = machine.run("run", "--disk", "60M", "bash", "-c", script)
    assert b"failed" in done.stdout, done.stderr
    assert b"bytes free" in done.stdout
    assert machine.run("run", "--disk", "none", "true").returncode == 0
