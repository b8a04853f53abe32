"""Mends of Wine's DLLs: what only says that it is one is left alone, whatever is in it."""

from __future__ import annotations

import struct

import pytest

from lichen.boot.drives import find_userland
from lichen.subsystems.nt import mends, pe, shell_patches
from lichen.subsystems.nt.forwarder import build
from lichen.subsystems.nt.network import setters

DISPATCHER = 0x7FFFFFFF00D0
EXPORTS = dict.fromkeys(("CreateFileW", "CreateSymbolicLinkW", "FindNextFileW"), "other.Function")


def library(name: str, **directories: tuple[int, int]) -> pe.PeFile:
    """A DLL that says that it is Wine's, with some data directories of one's own."""
    data = bytearray(build(name, EXPORTS))
    data[0x80:0x1C0] = data[0x40:0x180]  # headers, which make room for the signature
    struct.pack_into("<I", data, 0x3C, 0x80)
    data[0x40:0x50] = b"Wine builtin DLL"
    file = pe.parse(bytes(data))
    known = list(file.directories)
    for number, value in directories.items():
        known[int(number[1:])] = value
    return pe.PeFile(**{**file.__dict__, "directories": tuple(known)})


@pytest.mark.parametrize(
    "name", ["kernelbase.dll", "shell32.dll", "ws2_32.dll", "advapi32.dll", "user32.dll", "other.dll"]
)
@pytest.mark.parametrize(
    "directories",
    [
        {},
        {"_1": (0x1000, 40)},
        {"_1": (0xFFFFFFF0, 40)},
        {"_3": (0x1000, 0xFFFFFFFF)},
        {"_0": (0, 0)},
        {"_0": (0x1FFC, 40)},
        {"_1": (0x1028, 40), "_3": (0x1000, 4096)},
    ],
)
def test_nothing_is_changed_and_nothing_fails(name: str, directories: dict[str, tuple[int, int]]) -> None:
    file = library(name, **directories)
    image = bytearray(file.image)
    mends.mend(file, image, DISPATCHER)
    assert image == file.image


MENDED = (
    "kernelbase.dll",
    "shell32.dll",
    "cmd.exe",
    "advapi32.dll",
    "user32.dll",
    "kernel32.dll",
    "powrprof.dll",
    "ws2_32.dll",
)


@pytest.mark.parametrize("name", MENDED)
def test_wines_own_are_mended_in_their_code_alone(name: str) -> None:
    found = find_userland()
    if found is None:
        pytest.skip("needs the package libwine")
    file = pe.parse((found.system / name).read_bytes())
    image = bytearray(file.image)
    mends.mend(file, image, DISPATCHER)
    code = next(section for section in file.sections if section.characteristics & pe.SECTION_EXECUTE)
    end = code.address + (code.size + 0xFFF & -0x1000)
    assert image[: code.address] == file.image[: code.address]
    assert image[end:] == file.image[end:]
    assert image[code.address : end] != file.image[code.address : end]


def test_a_shell_is_changed_as_a_whole_or_not_at_all() -> None:
    """What is not as expected is told to the log, and stays as it is."""
    found = find_userland()
    if found is None or not found.is_current:
        pytest.skip("needs Wine 10")
    file = pe.parse((found.system / "cmd.exe").read_bytes())
    image = bytearray(file.image)
    shell_patches.patch_shell(file, image)
    changed = sum(new != old for new, old in zip(image, file.image, strict=True))
    mends.mend(file, image, DISPATCHER)
    assert sum(new != old for new, old in zip(image, file.image, strict=True)) > changed > 300
    other = pe.parse(file.data.replace(struct.pack("<i", -999999), bytes(4)))
    image = bytearray(other.image)
    shell_patches.patch_shell(other, image)
    assert sum(new != old for new, old in zip(image, other.image, strict=True)) < 20
    stranger = library("cmd.exe", _1=(0xFFFFFFF0, 40))
    image = bytearray(stranger.image)
    shell_patches.patch_shell(stranger, image)
    assert image == stranger.image


def test_functions_do_not_overlap() -> None:
    file = library("other.dll", _3=(0x1000, 60))
    image = bytearray(file.image)
    table = [(0x10, 0x20, 0), (0x18, 0x30, 0), (0x20, 0x28, 0), (0x40, 0x30, 0), (0x50, 0xFFFFFFFF, 0)]
    struct.pack_into("<15I", image, 0x1000, *(value for entry in table for value in entry))
    file.__dict__["image"] = bytes(image)
    assert file.functions == {0x10: 0x20, 0x20: 0x28}


def test_iphlpapi_asks_the_kernel_by_more_functions_than_it_had() -> None:
    found = find_userland()
    if found is None or not found.is_current:
        pytest.skip("needs Wine 10")
    file = pe.parse((found.system / "iphlpapi.dll").read_bytes())
    image = bytearray(file.image)
    mends.mend(file, image, DISPATCHER)
    mended = pe.parse(file.data)
    vars(mended)["image"] = bytes(image)
    assert mended.exports.items() >= file.exports.items()
    assert set(mended.exports) == {*file.exports, *setters.FUNCTIONS}
    assert list(mended.exports) == sorted(mended.exports)
    for name, number in setters.CODES.items():
        assert image[mended.exports[name] :][:5] == b"\xb8" + struct.pack("<I", number)
    assert image[file.exports["GetIfTable2Ex"] :][:16] == file.image[file.exports["GetIfTable2Ex"] :][:16]


def test_exports_are_not_added_where_there_is_no_room() -> None:
    file = library("iphlpapi.dll")
    image = bytearray(file.image)
    mends.mend(file, image, DISPATCHER)
    assert image == file.image
