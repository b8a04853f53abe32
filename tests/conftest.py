"""Fixtures that tests of more than one folder share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.toolchain import Toolchain, program_folder


@pytest.fixture(scope="session")
def programs() -> Path:
    """The folder of compiled test programs, kept from one run of the tests to the next."""
    return program_folder()


@pytest.fixture(scope="session")
def linux_c(programs: Path) -> Toolchain:
    """The compiler of Linux test programs: `linux_c.compile(source, "-static")`."""
    return Toolchain("gcc", "gcc", "", programs)


@pytest.fixture(scope="session")
def windows_c(programs: Path) -> Toolchain:
    """The compiler of Windows test programs: `windows_c.compile(source, "-lntdll")`."""
    return Toolchain("x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64", ".exe", programs)
