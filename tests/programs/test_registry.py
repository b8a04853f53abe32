"""A new machine's registry is as after a first start of Wine."""

from __future__ import annotations

import pytest

from tests.programs.conftest import Lichen, bash

MACHINE = r"HKLM\Software\Microsoft"


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        (r"HKCR\CLSID\{00000315-0000-0000-C000-000000000046}\InprocServer32", "ThreadingModel", "Both"),
        (
            MACHINE + r"\Windows NT\CurrentVersion\Time Zones\W. Europe Standard Time",
            "Std",
            "W. Europe Standard Time",
        ),
        (MACHINE + r"\Cryptography\Defaults\Provider Types\Type 012", "Name", "Microsoft RSA SChannel"),
        (MACHINE + r"\Windows NT\CurrentVersion\ProfileList", "ProfilesDirectory", r"C:\users"),
        (r"HKLM\System\CurrentControlSet\Control\Nls\CodePage", "ACP", "65001"),
        (r"HKLM\System\CurrentControlSet\Services\MSIServer", "ImagePath", "msiexec.exe"),
    ],
)
def test_it_has(machine: Lichen, key: str, value: str, expected: str) -> None:
    done = bash(machine, f"reg.exe query '{key}' /v '{value}'")
    assert expected in done.stdout.decode(), done.stderr


def test_it_is_the_users(machine: Lichen) -> None:
    assert b"AppEvents" in bash(machine, "reg.exe query HKCU").stdout
