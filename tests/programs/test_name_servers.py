"""Names that a name server knows, for Windows programs: the machine's resolv.conf says whom to ask, as for Linux programs.

The server answers on port 53 of the loopback in a network namespace, and nowhere else.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lichen.boot.drives import find_userland
from tests import userlands
from tests.programs.conftest import Lichen
from tests.toolchain import Toolchain, host_program

HERE = Path(__file__).parent
_SCRIPT = """\
printf 'nameserver 127.0.0.1\\nsearch other.test domain.test\\noptions timeout:1 attempts:1\\n' > /etc/resolv.conf
echo '192.0.2.99 own.test listed' >> /etc/hosts
/programs/lookup.exe
python3 -c 'import socket
print(sorted({each[4][0] for each in socket.getaddrinfo("host.test", 80)}))
print(socket.gethostbyaddr("192.0.2.7")[0])'
"""


def test_both_worlds_ask_the_same_server(lichen: Lichen, windows_c: Toolchain, tmp_path: Path) -> None:
    if find_userland() is None:
        pytest.skip(userlands.MISSING)
    alone = [host_program("unshare", "util-linux"), "-rn"]
    if subprocess.run([*alone, "true"], check=False, capture_output=True).returncode:
        pytest.skip("the host makes no network namespaces")
    program = windows_c.compile(HERE / "windows" / "lookup.c", "-lws2_32", "-ldnsapi")
    shutil.copy(program, tmp_path / "lookup.exe")
    inside = lichen.command(
        "run", "--fresh", "--share", f"{tmp_path}:/programs:ro", "--", "sh", "-c", _SCRIPT
    )
    done = subprocess.run(
        [*alone, sys.executable, str(HERE / "scripts" / "named.py"), *inside],
        check=False,
        capture_output=True,
        timeout=50,
        cwd="/",
        env=lichen.environment,
    )
    many = " ".join(f"192.0.2.{number}" for number in range(1, 101))
    assert done.stdout.decode().replace("\r", "").splitlines() == [
        "host.test: is host.test 192.0.2.7 2001:db8::9",
        "alias.test: is host.test 192.0.2.7",
        "inner: is inner.domain.test 192.0.2.7",
        f"many.test: is many.test {many}",
        "nobody.test: error 11001",
        "inner.domain.test: error 11004",
        "listed: is own.test 192.0.2.99",
        "gethostbyname: host.test 7",
        "gethostbyname: 11001",
        "192.0.2.7: 0 host.test host.test",
        "192.0.2.8: 11001  -",
        "query host.test 1: 0, 1 records",
        "query many.test 1: 0, 100 records",
        "query host.test 28: 0, 1 records",
        "query host.test 15: 0, 1 records",
        "query nobody.test 28: 9003, 0 records",
        "['192.0.2.7', '2001:db8::9']",
        "host.test",
    ], done.stderr
