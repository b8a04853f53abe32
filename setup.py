"""The one part of the build that pyproject.toml cannot say: the C extension is optional.

Lichen runs without it (a pure-Python fallback has the same shape), so a missing compiler or a missing
Python.h must not fail the installation.
"""

from pathlib import Path

from setuptools import Extension, setup

NATIVE = "src/lichen/platforms/_native.c"

extensions = [Extension("lichen.platforms._native", [NATIVE], optional=True)] if Path(NATIVE).exists() else []

setup(ext_modules=extensions)
