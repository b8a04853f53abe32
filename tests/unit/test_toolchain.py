"""The compiler fixtures: one build per content, and a reason a person can act on when a tool is missing."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.toolchain import Toolchain, host_program

HELLO = '#include <stdio.h>\n#include "word.h"\nint main(void) { puts(WORD); return 0; }\n'


def write_hello(folder: Path, word: str) -> Path:
    (folder / "word.h").write_text(f'#define WORD "{word}"\n')
    source = folder / "hello.c"
    source.write_text(HELLO)
    return source


def test_compiled_program_runs_and_is_built_once(linux_c: Toolchain, tmp_path: Path) -> None:
    toolchain = replace(linux_c, folder=tmp_path)
    source = write_hello(tmp_path, "hello")
    program = toolchain.compile(source)
    built = program.stat().st_mtime_ns
    assert subprocess.run([program], capture_output=True, check=True).stdout == b"hello\n"
    assert toolchain.compile(source) == program
    assert program.stat().st_mtime_ns == built


def test_header_and_flags_are_part_of_the_key(linux_c: Toolchain, tmp_path: Path) -> None:
    toolchain = replace(linux_c, folder=tmp_path)
    first = toolchain.compile(write_hello(tmp_path, "first"))
    second = toolchain.compile(write_hello(tmp_path, "second"))
    assert subprocess.run([second], capture_output=True, check=True).stdout == b"second\n"
    assert len({first, second, toolchain.compile(tmp_path / "hello.c", "-O2")}) == 3


def test_compile_error_shows_the_compilers_words(linux_c: Toolchain, tmp_path: Path) -> None:
    source = tmp_path / "broken.c"
    source.write_text("int main(void) { return undeclared; }\n")
    with pytest.raises(pytest.fail.Exception, match="undeclared"):
        replace(linux_c, folder=tmp_path).compile(source)
    assert [path.name for path in tmp_path.iterdir()] == ["broken.c"]


def test_missing_program_is_a_skip_that_names_the_package() -> None:
    with pytest.raises(pytest.skip.Exception, match="needs the package some-package"):
        host_program("no-such-program-anywhere", "some-package")
