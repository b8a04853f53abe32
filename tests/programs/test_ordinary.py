"""What an ordinary user of the host can do as administrator of a machine of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import lichen
from tests.programs.conftest import Lichen, eventually
from tests.toolchain import host_program

NOBODY = 65534
CODE = "import sys; sys.path.insert(0, {!r}); from lichen.__main__ import main; sys.exit(main())"
CONTROL = """\
Package: lichen-test
Version: 1.0
Architecture: all
Maintainer: Nobody <nobody@example.com>
Description: a package of the tests
"""
AFTER = """\
#!/bin/sh
useradd --system --no-create-home lichen-test
"""


class OrdinaryLichen(Lichen):
    """The command as root of the host gives it to somebody who is nobody in particular."""

    def __init__(self, home: Path, python: str, source: Path) -> None:
        super().__init__(home)
        self.python, self.source = python, source
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LICHEN_HOME": str(home / "state")}

    def command(self, *words: str) -> list[str]:
        return [*become_nobody(), self.python, "-I", "-c", CODE.format(str(self.source)), *words]


def become_nobody() -> list[str]:
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def python_for_others() -> str:
    """An interpreter that is not in a folder of root's alone."""
    works = "import os, sys; sys.exit(sys.version_info < (3, 11) or not os.access(sys.executable, os.X_OK))"
    check = ("-I", "-c", works)
    for python in (os.path.realpath(sys.executable), "/usr/bin/python3"):
        done = subprocess.run([*become_nobody(), python, *check], check=False, cwd="/", capture_output=True)
        if done.returncode == 0:
            return python
    pytest.skip("needs a Python 3.11 that others than root may run")


@pytest.fixture(scope="module")
def ordinary() -> Iterator[Lichen]:
    """Lichen for an ordinary user, with all that it needs in a folder of that user's."""
    with tempfile.TemporaryDirectory(prefix="lichen-home-") as folder:
        home = Path(folder)
        if os.geteuid() == 0:
            host_program("setpriv", "util-linux")
            home.chmod(0o755)
            (home / "home").mkdir()
            os.chown(home / "home", NOBODY, NOBODY)
            (home / "home").chmod(0o700)
            shutil.copytree(
                Path(lichen.__file__).parent, home / "lichen", ignore=shutil.ignore_patterns("__pycache__")
            )
            command: Lichen = OrdinaryLichen(home / "home", python_for_others(), home)
        else:
            command = Lichen(home)
        yield command
        machines = Path(command.environment["LICHEN_HOME"]) / "machines"
        eventually(lambda: not any(machines.iterdir()))  # throw-away machines remove themselves


def test_the_administrator_has_a_home_and_the_systems_files(ordinary: Lichen) -> None:
    script = "id -u; echo $HOME; cd && echo own > file && cat file; useradd somebody && id -un somebody"
    done = ordinary.run("run", "--fresh", "--user", "root", "--cwd", "/", "sh", "-c", script)
    assert (done.stdout, done.stderr) == (b"0\n/root\nown\nsomebody\n", b"")


def test_packages_are_installed(ordinary: Lichen, tmp_path: Path) -> None:
    """Locks and caches that are root's alone on the host are the machine's own: what is tried here needs no network."""
    host_program("apt-get")
    package = tmp_path / "package"
    for name, text, mode in (
        ("DEBIAN/control", CONTROL, 0o644),
        ("DEBIAN/postinst", AFTER, 0o755),
        ("usr/bin/lichen-test", "#!/bin/sh\necho installed\n", 0o755),
    ):
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
    subprocess.run(
        [host_program("dpkg-deb", "dpkg"), "--root-owner-group", "-b", package, tmp_path / "test.deb"],
        check=True,
        capture_output=True,
    )
    with open(tmp_path / "test.deb", "rb") as archive:
        script = """cat > /tmp/test.deb; chmod 644 /tmp/test.deb
            DEBIAN_FRONTEND=noninteractive apt-get -qq -y install /tmp/test.deb > /tmp/told 2>&1 || cat /tmp/told
            lichen-test; id -un lichen-test; dpkg-query -W -f '${Status}\\n' lichen-test
            apt-get -qq -y remove lichen-test > /tmp/told 2>&1 || cat /tmp/told; [ -e /usr/bin/lichen-test ] || echo gone"""
        done = ordinary.run(
            *("run", "--fresh", "--user", "root", "--cwd", "/"),
            "bash",
            "-c",
            script,
            input=None,
            stdin=archive,
        )
    told = b"installed\nlichen-test\ninstall ok installed\ngone\n"
    assert (done.stdout, done.stderr, done.returncode) == (told, b"", 0)
    assert not Path("/usr/bin/lichen-test").exists()
