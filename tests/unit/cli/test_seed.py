"""The registry of new machines: scripts and set-up files are understood, and what cannot be is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from lichen.boot.drives import find_userland
from lichen.cli import registration, seed, setupfile
from lichen.cli.registration import RegistryEntry, ScriptError, text_data
from lichen.executive.registry import Registry
from tests import userlands

CLASSES = ("Registry", "Machine", "Software", "Classes")
SCRIPT = """HKCR
{
    NoRemove CLSID
    {
        ForceRemove '{00000000-0000-0000-0000-000000000001}' = s 'It''s'
        {
            InprocServer32 = s '%MODULE%' { val ThreadingModel = s 'Both' }
            NoRemove {00000000-0000-0000-0000-000000000002}
            { val 'n' = d 0x10 val b = b 0aFF val 'e' = e '%SystemRoot%\\x%%1' }
        }
    }
}
HKCU { 'a\\b' = s 6 }
"""
SETUP = """
[DefaultInstall.ntamd64]
AddReg=One,\\
    Two ; nothing
[DefaultInstall.ntamd64.Services]
AddService=Server,0x800,ServerService
AddService=Driver,0,DriverService
[Strings]
Current="Software\\Current"
[One]
HKLM,%Current%,"Folder",,"%16422%\\x"
HKLM,%Current%\\Key,,16
HKCR,exe,,2,\"""%1"" %*"
HKLM,%Current%,"Number",0x10001,0x10
HKLM,%Current%,"Bytes",1,00,ff,\\
7f
HKLM,%Current%,"List",0x10000,a,b
HKLM,%Current%,"Stays",0x20000,"%SystemRoot%\\system32"
HKLM,%Current%,"Link",0x60000,"\\Registry\\Machine\\x"
HKLM,System\\Session Manager\\Environment,"PATH",0x20000,"x"
[ServerService]
AddReg=ServerKeys
DisplayName="A server"
ServiceBinary="%11%\\server.exe -k"
ServiceType=32
StartType=3
ErrorControl=1
[ServerKeys]
HKR,Parameters,"ServiceDll",,"%11%\\server.dll"
[DriverService]
ServiceBinary="%12%\\driver.sys"
ServiceType=1
"""


def test_a_script() -> None:
    key = (*CLASSES, "CLSID", "{00000000-0000-0000-0000-000000000001}")
    other = (*key, "{00000000-0000-0000-0000-000000000002}")
    assert list(registration.entries(SCRIPT, {"MODULE": "C:\\m.dll", "SYSTEMROOT": "C:\\windows"})) == [
        RegistryEntry((*CLASSES, "CLSID")),
        RegistryEntry(key, "", 1, text_data("It's")),
        RegistryEntry((*key, "InprocServer32"), "", 1, text_data("C:\\m.dll")),
        RegistryEntry((*key, "InprocServer32"), "ThreadingModel", 1, text_data("Both")),
        RegistryEntry(other),
        RegistryEntry(other, "n", 4, b"\x10\0\0\0"),
        RegistryEntry(other, "b", 3, b"\x0a\xff"),
        RegistryEntry(other, "e", 2, text_data("C:\\windows\\x%1")),
        RegistryEntry(("Registry", "User", ".User", "a", "b"), "", 1, text_data("6")),
    ]


@pytest.mark.parametrize(
    "script",
    ["{", "HKCR", "HKXX {}", "HKCR { a = q 'x' }", "HKCR { a = d x }", "HKCR { a", "HKCR { " + "a { " * 99],
)
def test_what_is_no_script(script: str) -> None:
    with pytest.raises((ScriptError, ValueError)):
        list(registration.entries(script, {}))


def test_a_setup_file() -> None:
    current = ("Registry", "Machine", "Software", "Current")
    service = ("Registry", "Machine", "System", "CurrentControlSet", "Services", "Server")
    assert list(setupfile.entries(SETUP)) == [
        RegistryEntry(current, "Folder", 1, text_data("C:\\Program Files\\x")),
        RegistryEntry((*current, "Key")),
        RegistryEntry((*CLASSES, "exe"), "", 1, text_data('"%1" %*')),
        RegistryEntry(current, "Number", 4, b"\x10\0\0\0"),
        RegistryEntry(current, "Bytes", 3, b"\0\xff\x7f"),
        RegistryEntry(current, "List", 7, text_data("a\0b\0")),
        RegistryEntry(current, "Stays", 2, text_data("%SystemRoot%\\system32")),
        RegistryEntry(service, "Type", 4, b"\x20\0\0\0"),
        RegistryEntry(service, "Start", 4, b"\x03\0\0\0"),
        RegistryEntry(service, "ErrorControl", 4, b"\x01\0\0\0"),
        RegistryEntry(service, "ImagePath", 2, text_data("C:\\windows\\system32\\server.exe -k")),
        RegistryEntry(service, "ObjectName", 1, text_data("LocalSystem")),
        RegistryEntry(service, "DisplayName", 1, text_data("A server")),
        RegistryEntry(
            (*service, "Parameters"), "ServiceDll", 1, text_data("C:\\windows\\system32\\server.dll")
        ),
    ]


@pytest.mark.parametrize(
    "text", ["", "[DefaultInstall.ntamd64]\nAddReg=A\n[A]\nHKXX,a\n", "\0\xff[", "[a]\nb"]
)
def test_what_is_no_setup_file(text: str) -> None:
    assert setupfile.try_entries(text) == []


def test_the_registry_of_a_userland(tmp_path: Path) -> None:
    """It is made once, is what a machine's registry is, and has what programs look for."""
    found = find_userland()
    if found is None:
        pytest.skip(userlands.MISSING)
    told: list[str] = []
    seed.make(found, tmp_path / "registry", told.append)
    assert [path.name for path in tmp_path.iterdir()] == ["registry"]
    assert len(told) > 100
    registry = Registry(tmp_path / "registry", lambda: 0, lambda seconds, action: None)

    def default(*path: str) -> str:
        return registry.value(registry.find(registry.root, path), "").data.decode("utf-16-le").rstrip("\0")

    picture = (*CLASSES, "CLSID", "{00000315-0000-0000-C000-000000000046}", "InprocServer32")
    assert default(*picture) == "C:\\windows\\system32\\ole32.dll"
    interface = (*CLASSES, "Interface", "{EAE1BA61-A4ED-11CF-8F20-00805F2CD064}", "ProxyStubClsid32")
    assert default(*interface)
    version = ("Registry", "Machine", "Software", "Microsoft", "Windows NT", "CurrentVersion")
    zone = registry.find(registry.root, (*version, "Time Zones", "W. Europe Standard Time"))
    assert len(registry.value(zone, "TZI").data) == 44
    registry.close()
