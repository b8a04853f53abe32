"""`lichen windows` with an apt that is a few lines of shell: what it brings, what it says, and what it leaves behind."""

from __future__ import annotations

import os
import resource
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from lichen.boot import drives
from lichen.cli import debian
from lichen.subsystems.nt import userland
from tests.programs.conftest import eventually
from tests.unit.cli.packages import FILES, Apt

WANTED = {
    f"windows/{name[2:]}"
    for names in FILES.values()
    for name in names
    if "not-wanted" not in name and "escaped" not in name
} | {"windows/registry-1.sqlite"}
SYSTEM = "windows/usr/lib/x86_64-linux-gnu/wine/x86_64-windows"


@pytest.fixture(params=[False, True], ids=["no-dpkg", "dpkg"])
def apt(request: pytest.FixtureRequest, tmp_path: Path) -> Apt:
    if request.param and not shutil.which("dpkg-deb"):
        pytest.skip("needs dpkg-deb")
    return Apt(tmp_path, request.param)


@pytest.fixture
def plain_apt(tmp_path: Path) -> Apt:
    return Apt(tmp_path)


def test_what_is_wanted_is_there_and_nothing_else(apt: Apt) -> None:
    status, output, errors = apt.run()
    assert (status, output) == (0, f"Windows userland: {apt.home / SYSTEM}\n"), errors
    assert apt.found() == WANTED | {"windows.lock"}
    assert not (apt.home / "windows/escaped").exists()
    assert not (apt.archives / "sources").exists()


@pytest.mark.parametrize("version", ["Version: 8.0~repack-4", "", "Version: 9.0"])
def test_lists_of_the_system_that_are_too_old_are_not_taken(plain_apt: Apt, version: str) -> None:
    """apt gets lists of its own, and a key to verify them by."""
    if not any(map(os.path.exists, debian.KEYRINGS)):
        pytest.skip("needs the package debian-archive-keyring")
    plain_apt.offers(version)
    assert plain_apt.run()[0] == 0
    assert plain_apt.found() == WANTED | {"windows.lock"}
    sources = (plain_apt.archives / "sources").read_text().splitlines()
    assert "Suites: trixie" in sources
    assert any(line.startswith("Signed-By: /usr/share/keyrings/debian-archive-keyring") for line in sources)


def test_without_a_network_it_says_so(plain_apt: Apt) -> None:
    plain_apt.offers("")
    (plain_apt.archives / "offline").touch()
    status, _, errors = plain_apt.run()
    assert status == 1
    assert "No route to host" in errors or "cannot be downloaded" in errors
    assert "lichen windows --from" in errors
    assert os.listdir(plain_apt.home) == ["windows.lock"]


@pytest.mark.parametrize("package", FILES)
def test_a_damaged_package_replaces_nothing(apt: Apt, package: str) -> None:
    assert apt.run()[0] == 0
    before = sorted(apt.home.rglob("*"))
    whole = (apt.archives / package).read_bytes()
    for kept in (len(whole) // 20, len(whole) - 40):
        (apt.archives / package).write_bytes(whole[:kept])
        assert apt.run()[0] == 1
        assert sorted(apt.home.rglob("*")) == before


def test_packages_without_windows_replace_nothing(plain_apt: Apt) -> None:
    assert plain_apt.run()[0] == 0
    before = sorted(plain_apt.home.rglob("*"))
    (plain_apt.archives / "libwine").write_bytes((plain_apt.archives / "libz-mingw-w64").read_bytes())
    status, _, errors = plain_apt.run()
    assert (status, "no Windows userland" in errors) == (1, True)
    assert sorted(plain_apt.home.rglob("*")) == before


def test_a_disk_that_takes_no_more(plain_apt: Apt) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, limits[1]))
    try:
        process = plain_apt.start("--from", str(plain_apt.archives / "libwine"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, "cannot read or write" in errors) == (1, True)
    assert os.listdir(plain_apt.home) == ["windows.lock"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_download(plain_apt: Apt, number: int) -> None:
    """Nothing runs on, nothing is left that counts, and the next one works."""
    apt = plain_apt
    (apt.archives / "slow").touch()
    with apt.start() as process:
        eventually((apt.archives / "pid").exists)
        eventually(lambda: (apt.archives / "pid").read_text().endswith("\n"))
        downloading = int((apt.archives / "pid").read_text())
        process.send_signal(number)
        process.communicate(timeout=10)
        assert process.returncode != 0
    if number == signal.SIGKILL:
        os.kill(downloading, signal.SIGKILL)
    else:
        eventually(_gone(downloading))
        assert os.listdir(apt.home) == ["windows.lock"]
    (apt.archives / "slow").unlink()
    assert apt.run()[0] == 0
    assert sorted(os.listdir(apt.home)) == ["windows", "windows.lock"]


def _gone(pid: int) -> Callable[[], bool]:
    return lambda: not Path(f"/proc/{pid}").exists()


# ---- what the user has


def test_from_packages(plain_apt: Apt) -> None:
    words = [word for name in FILES for word in ("--from", str(plain_apt.archives / name))]
    assert plain_apt.run(*words)[0] == 0
    assert plain_apt.found() == WANTED | {"windows.lock"}


def test_from_a_folder_of_packages(plain_apt: Apt, tmp_path: Path) -> None:
    folder = tmp_path / "packages"
    folder.mkdir()
    for name in FILES:
        shutil.copy(plain_apt.archives / name, folder / f"{name}_1.deb")
    assert plain_apt.run("--from", str(folder))[0] == 0
    assert plain_apt.found() == WANTED | {"windows.lock"}


@pytest.mark.parametrize("layout", ["usr/lib/x86_64-linux-gnu/wine", "usr/lib/wine"])
def test_from_an_installed_wine(plain_apt: Apt, tmp_path: Path, layout: str) -> None:
    root = tmp_path / "root"
    other = root / "usr/x86_64-w64-mingw32/lib/libkernel32.a"
    names = [name.removeprefix("windows/") for name in WANTED if "sqlite" not in name]
    for path in [root / name.replace("usr/lib/x86_64-linux-gnu/wine", layout) for name in names] + [other]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    assert plain_apt.run("--from", str(root))[0] == 0
    assert plain_apt.found() == WANTED | {"windows.lock"}


def test_from_nothing(plain_apt: Apt, tmp_path: Path) -> None:
    for source in (tmp_path / "none", plain_apt.archives):
        status, _, errors = plain_apt.run("--from", str(source))
        assert (status, f"{source} holds no Windows userland" in errors) == (1, True)


def test_a_setting_that_names_nothing(plain_apt: Apt, tmp_path: Path) -> None:
    plain_apt.environment[userland.SETTING] = str(tmp_path)
    status, _, errors = plain_apt.run("--fetch")
    assert (status, f"names {tmp_path}" in errors) == (1, True)
    assert not plain_apt.home.exists()


def test_which_userland_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The setting's; else what was fetched; else the host's if it is new enough."""
    monkeypatch.delenv(userland.SETTING, raising=False)
    roots = {}
    for name in ("host", "home/windows", "chosen"):
        roots[name] = tmp_path / name
        for file in ("usr/lib/wine/x86_64-windows/ntdll.dll", "usr/share/wine/nls/locale.nls"):
            (tmp_path / name / file).parent.mkdir(parents=True)
            (tmp_path / name / file).write_text("old")
    find = userland.find
    monkeypatch.setattr(
        userland, "find", lambda given: find([roots["host"] if str(root) == "/" else root for root in given])
    )

    def used(home: str) -> str | None:
        found = drives.find_userland(tmp_path / home)
        return str(found.system.relative_to(tmp_path)).partition("/usr")[0] if found else None

    assert used("home") == "home/windows"
    assert used("empty") is None
    monkeypatch.setenv(userland.SETTING, "/")
    assert used("home") == "host"
    monkeypatch.setenv(userland.SETTING, str(roots["chosen"]))
    assert used("home") == "chosen"
    monkeypatch.delenv(userland.SETTING)
    (roots["host"] / "usr/lib/wine/x86_64-windows/ntdll.dll").write_text(userland.OWN_HANDLE)
    assert used("empty") == "host"
