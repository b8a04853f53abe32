"""The parts of the build that pyproject.toml cannot say: the C extension and Lichen's own Windows programs are optional.

Lichen runs without them (a pure-Python fallback has the extension's shape, and `lichen status` tells of the programs), so a
missing compiler or a missing Python.h must not fail the installation.
"""

import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_py import build_py

NATIVE = "src/lichen/platforms/_native.c"
PROGRAMS = "userland/windows/build.py"

extensions = [Extension("lichen.platforms._native", [NATIVE], optional=True)] if Path(NATIVE).exists() else []


class BuildWithPrograms(build_py):
    """Builds the Windows programs before the package's files are gathered, which they are among."""

    def run(self) -> None:
        if Path(PROGRAMS).exists():
            subprocess.run([sys.executable, PROGRAMS], check=False)  # a compiler that fails is none
        super().run()


setup(ext_modules=extensions, cmdclass={"build_py": BuildWithPrograms})
