"""Running programs are busy for the other world as for their own."""

from __future__ import annotations

from pathlib import Path

from tests.programs.conftest import Lichen, bash
from tests.toolchain import Toolchain

WAIT = """#include <stdio.h>
int main(void) { puts("runs"); fflush(stdout); return getchar() != EOF; }
"""


def test_each_world_refuses_to_write_to_the_other_s_programs(
    machine: Lichen, tmp_path: Path, linux_c: Toolchain, windows_c: Toolchain
) -> None:
    source = tmp_path / "wait.c"
    source.write_text(WAIT)
    programs = linux_c.compile(source), windows_c.compile(source)
    script = r"""
        mkdir /tmp/busy; cd /tmp/busy; cp "$1" linux; cp "$2" windows.exe; chmod +x windows.exe; mkfifo gate
        ./linux < gate > one & ./windows.exe < gate > two & exec 3> gate
        until test -s one -a -s two; do :; done
        for name in linux windows.exe; do
            echo x 2>&1 >> $name | grep -o 'Text file busy'; truncate -s 1 $name 2>&1 | grep -o 'Text file busy'
        done
        cmd.exe /c 'echo x >> linux' 2>&1; cmd.exe /c 'echo x >> windows.exe' 2>&1
        cmd.exe /c 'del windows.exe' > /dev/null 2>&1; test -e windows.exe && echo kept
        rm linux windows.exe; exec 3>&-; wait; ls"""
    script = f"set -- {programs[0]} {programs[1]}; {script}"
    done = bash(machine, script, programs[0].parent, programs[1].parent)
    lines = done.stdout.decode().split()
    words = " ".join(lines)
    assert words.count("Text file busy") == 4, (words, done.stderr)
    assert words.lower().count("sharing violation") == 2
    assert words.endswith("kept gate one two")


LOADS = """#include <windows.h>
#include <stdio.h>
int main(void)
{
    HMODULE library = LoadLibraryA("library.dll");
    puts(library ? "loaded" : "not loaded"); fflush(stdout); getchar();
    FreeLibrary(library);
    puts("freed"); fflush(stdout); return getchar() != EOF;
}
"""


def test_a_library_that_a_windows_program_has_loaded_is_not_written_to_from_linux(
    machine: Lichen, tmp_path: Path, windows_c: Toolchain
) -> None:
    source = tmp_path / "loads.c"
    source.write_text(LOADS)
    program = windows_c.compile(source)
    script = r"""mkdir /tmp/libraries; cd /tmp/libraries; cp "$0" loads.exe; mkfifo gate
        cp /mnt/c/windows/system32/version.dll library.dll; chmod u+w library.dll
        ./loads.exe < gate > said & exec 3> gate; until grep -q loaded said; do :; done
        sum=$(sha256sum < library.dll)
        busy() { "$@" 2>&1 | grep -o 'Text file busy'; }
        busy cp said library.dll; busy truncate -s 1 library.dll; busy dd if=said of=library.dll conv=notrunc,nocreat
        busy tee -a library.dll < said
        test "$sum" = "$(sha256sum < library.dll)" && echo unchanged
        cp library.dll fresh; mv fresh library.dll && echo x >> library.dll && echo replaced
        mv library.dll other; rm other; cp /mnt/c/windows/system32/version.dll library.dll
        echo >&3; until grep -q freed said; do :; done; echo x >> library.dll && echo appended
        exec 3>&-; wait; cat said"""
    done = machine.run(
        "run", "--share", f"{program.parent}:{program.parent}:ro", "--", "bash", "-c", script, str(program)
    )
    lines = done.stdout.decode().splitlines()
    assert lines.count("Text file busy") == 4, (lines, done.stderr)
    others = [line.strip() for line in lines if line != "Text file busy"]
    assert others == ["unchanged", "replaced", "appended", "loaded", "freed"]


def test_a_program_that_was_killed_is_not_busy(machine: Lichen, linux_c: Toolchain, tmp_path: Path) -> None:
    source = tmp_path / "wait.c"
    source.write_text(WAIT)
    program = linux_c.compile(source)
    script = f"""cd /tmp; cp {program} killed; sleep 100 | ./killed > runs & until test -s runs; do :; done
        pkill -9 killed; pkill sleep; wait
        cp {program} killed && echo written"""
    assert b"written" in bash(machine, script, program.parent).stdout
