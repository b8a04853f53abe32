"""Windows programs learn what Linux programs run, by every way that Windows has, and end them by that name."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.programs.conftest import Lichen, bash
from tests.toolchain import Toolchain

_WINDOWS: Final = Path(__file__).parent / "windows"


def test_the_image_of_a_linux_program(machine: Lichen, windows_c: Toolchain) -> None:
    images = windows_c.compile(_WINDOWS / "images.c", "-lpsapi")
    script = (
        f"cp /bin/sleep '/tmp/sleeps for very long'; '/tmp/sleeps for very long' 20 & {images} $!; kill $!"
    )
    path = "tmp\\sleeps for very long"
    volume = f"\\Device\\HarddiskVolume2\\{path}"
    done = bash(machine, script, images.parent)
    name = "sleeps for very long"
    assert done.stdout.decode().split("\r\n")[:-1] == [
        f"Z:\\{path}",
        *(volume, volume),
        f"Z:\\{path}",
        *(name, name),
        "1 0",
    ]


def test_a_linux_program_is_ended_by_its_name(machine: Lichen) -> None:
    name = "a-rather-long-name"
    script = f"cp /bin/sleep /tmp/{name}; /tmp/{name} 20 & taskkill.exe /f /im {name}; wait $!; echo $?"
    done = bash(machine, script)
    assert done.stdout.endswith(b"137\n"), done
