"""The programs of the host that tests use, and C programs compiled for them.

A test never fails because a machine lacks a program: it is skipped, and the reason names the package of
tools/test-packages.txt that would make it run.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

_TEMPORARY = tempfile.gettempdir()
"""Where programs are kept: the tests have another folder for what they do not keep."""
WARNINGS = ("-Wall", "-Wextra", "-Werror")


def host_program(name: str, package: str | None = None) -> str:
    """Return the path of a program of the host, or skip the test; `package` defaults to the same name."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"needs the package {package or name}")
    return path


@dataclass(frozen=True)
class Toolchain:
    """A C compiler that builds each source once: programs are kept in `folder` by what went into them."""

    compiler: str
    package: str
    suffix: str
    folder: Path

    def compile(self, source: Path, *flags: str) -> Path:
        """Return the program built from `source`, or skip the test when there is no compiler.

        `flags` follow the source on the command line, so libraries may be among them. Warnings are errors.
        """
        compiler = host_program(self.compiler, self.package)
        if compiler_lacks_library(compiler):
            pytest.skip(f"needs the C library's headers for {self.package} (libc6-dev)")
        program = self.folder / f"{source.stem}-{self._key(compiler, source, flags)}{self.suffix}"
        if not program.exists():
            build(compiler, source, flags, program)
        return program

    def _key(self, compiler: str, source: Path, flags: tuple[str, ...]) -> str:
        """Hash all that the program depends on; a header counts when it lies beside the source."""
        digest = hashlib.sha256(repr((compiler_version(compiler), WARNINGS, flags)).encode())
        for path in [source, *sorted(source.parent.glob("*.h"))]:
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
        return digest.hexdigest()[:16]


@cache
def compiler_version(compiler: str) -> str:
    """Return what tells one release of the compiler from another."""
    return subprocess.run([compiler, "--version"], check=True, capture_output=True, text=True).stdout


@cache
def compiler_lacks_library(compiler: str) -> bool:
    """Tell whether the C library's headers are missing: they are a package of their own."""
    probe = [compiler, "-E", "-include", "stdio.h", "-x", "c", os.devnull]
    return subprocess.run(probe, check=False, capture_output=True).returncode != 0


def build(compiler: str, source: Path, flags: tuple[str, ...], program: Path) -> None:
    """Compile, or fail with the compiler's words; the program gets its name only when it is whole."""
    with tempfile.TemporaryDirectory(dir=program.parent) as scratch:
        unfinished = Path(scratch) / program.name
        command = [compiler, "-O1", "-g", *WARNINGS, "-o", str(unfinished), str(source), *flags]
        run = subprocess.run(command, check=False, capture_output=True, text=True)
        if run.returncode != 0:
            pytest.fail(f"{' '.join(command)}\n{run.stderr}", pytrace=False)
        unfinished.replace(program)


def program_folder() -> Path:
    """Return this user's folder of compiled test programs, readable by guests of any identity."""
    folder = Path(_TEMPORARY) / f"lichen-tests-{os.getuid()}"
    folder.mkdir(mode=0o755, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        pytest.exit(f"{folder} belongs to somebody else", returncode=1)
    return folder
