"""Fixtures that tests of more than one folder share."""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from lichen.boot.drives import OWN_PROGRAMS
from tests import administration, userlands
from tests.leftovers import nothing_left
from tests.toolchain import Toolchain, program_folder

userlands.choose()
for _number, _handler in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGQUIT, signal.SIG_DFL),
    (signal.SIGHUP, lambda number, frame: None),
):  # a shell has those that it starts behind it ignore the first two, nohup the third, and so do their children
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, _handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that stands for a row of docs/administration.md and is skipped has failed: the row is not shown."""
    report = yield
    if report.skipped and item.get_closest_marker(administration.MARK):
        report.outcome, report.longrepr = "failed", f"docs/administration.md rests on it: {report.longrepr}"
    return report


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """The last thing that a run of the tests does is to look at what it left behind."""
    with nothing_left():
        yield


@pytest.fixture(scope="session")
def programs() -> Path:
    """The folder of compiled test programs, kept from one run of the tests to the next."""
    return program_folder()


@pytest.fixture(scope="session")
def own_programs() -> Path:
    """The folder of Lichen's own Windows programs, built; machines that boot from now on have them."""
    if not userlands.own_programs():
        pytest.skip("needs the package gcc-mingw-w64-x86-64")
    return OWN_PROGRAMS


@pytest.fixture(scope="session")
def linux_c(programs: Path) -> Toolchain:
    """The compiler of Linux test programs: `linux_c.compile(source, "-static")`."""
    return Toolchain("gcc", "gcc", "", programs)


@pytest.fixture(scope="session")
def windows_c(programs: Path) -> Toolchain:
    """The compiler of Windows test programs: `windows_c.compile(source, "-lntdll")`."""
    return Toolchain("x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64", ".exe", programs)
