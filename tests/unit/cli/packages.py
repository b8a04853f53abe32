"""Packages like Debian's with a few words in them, and programs like apt's that serve them."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Final

from lichen.subsystems.nt import userland

FILES: Final = {
    "libwine": (
        "./usr/lib/x86_64-linux-gnu/wine/x86_64-windows/ntdll.dll",
        "./usr/lib/x86_64-linux-gnu/wine/i386-unix/not-wanted.so",
        "./usr/share/wine/nls/locale.nls",
        "./usr/share/wine/wine.inf",
        "./usr/share/wine/nls/../../../../escaped",
    ),
    "libz-mingw-w64": ("./usr/x86_64-w64-mingw32/lib/zlib1.dll",),
}
_SHOW: Final = """#!/bin/sh
for package; do :; done
[ -e "$ARCHIVES/offline" ] && exit 100
echo "Package: $package"
echo "Filename: pool/$package"
echo "Size: 10240"
echo "Installed-Size: 1"
case "$*" in *SourceParts*) echo "Version: 10.0-1";; *) cat "$ARCHIVES/version";; esac
"""
_GET: Final = """#!/bin/sh
for word; do
    case "$word" in Dir::Etc::SourceParts=*) cat "${word#*=}"/* > "$ARCHIVES/sources";; esac
    package=$word
done
if [ -e "$ARCHIVES/offline" ]; then echo "W: Failed to fetch http://archive  No route to host" >&2; exit 0; fi
[ "$package" = update ] && exit 0
if [ -e "$ARCHIVES/slow" ]; then
    head -c 100 "$ARCHIVES/$package" > ${package}_1.deb; echo $$ > "$ARCHIVES/pid"; exec sleep 60
fi
cp "$ARCHIVES/$package" ${package}_1_amd64.deb
"""
_TOOLS: Final = ("sh", "cat", "cp", "head", "sleep", "xz", "tar", "rm")


def package(names: tuple[str, ...]) -> bytes:
    """A package with files that have their names as content."""
    control, data = _tar(("./control",)), _tar(names)
    return (
        b"!<arch>\n"
        + _part("debian-binary", b"2.0\n")
        + _part("control.tar.xz", control)
        + _part("data.tar.xz", data)
    )


def _tar(names: tuple[str, ...]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:xz") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(name)
            archive.addfile(member, io.BytesIO(name.encode()))
    return out.getvalue()


def _part(name: str, content: bytes) -> bytes:
    head = f"{name:16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
    return head + content + b"\n" * (len(content) % 2)


class Apt:
    """The programs, the archives that they serve, and a home of Lichen's; dpkg-deb only where it is asked for."""

    def __init__(self, folder: Path, dpkg: bool = False) -> None:
        self.archives, self.home, programs = folder / "archives", folder / "home", folder / "bin"
        for path in (self.archives, programs):
            path.mkdir()
        for name, text in (("apt-cache", _SHOW), ("apt-get", _GET)):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        for tool in (*_TOOLS, *(("dpkg-deb",) if dpkg else ())):
            if found := shutil.which(tool):
                (programs / tool).symlink_to(found)
        for name, names in FILES.items():
            (self.archives / name).write_bytes(package(names))
        self.offers("Version: 10.0-1")
        self.environment = {
            **os.environ,
            "PATH": str(programs),
            "ARCHIVES": str(self.archives),
            "LICHEN_HOME": str(self.home),
        }
        self.environment.pop(userland.SETTING, None)

    def offers(self, version: str) -> None:
        """Set what the system's own lists say."""
        (self.archives / "version").write_text(version + "\n")

    def start(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "lichen", "windows", *(words or ("--fetch",))]
        return subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *words: str) -> tuple[int, str, str]:
        with self.start(*words) as process:
            output, errors = process.communicate(timeout=30)
            return process.returncode, output, errors

    def found(self) -> set[str]:
        """The files in Lichen's folder."""
        return {str(path.relative_to(self.home)) for path in self.home.rglob("*") if path.is_file()}
