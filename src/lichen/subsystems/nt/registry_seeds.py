"""What a fresh registry holds: the few keys without which Windows programs do not start, in the places Windows has them."""

from __future__ import annotations

from typing import Final

from lichen.executive.io.location import fold
from lichen.executive.registry import LINK_VALUE, REG_LINK, Key, Registry
from lichen.executive.status import Failure
from lichen.executive.system import System
from lichen.subsystems.nt import time_zone
from lichen.subsystems.nt.names import LINUX_EXTENSION, computer_name
from lichen.subsystems.nt.records import ULONG

REG_SZ, REG_EXPAND_SZ, REG_BINARY, REG_DWORD, REG_MULTI_SZ = 1, 2, 3, 4, 7

_SYSTEM: Final = "Registry/Machine/System/CurrentControlSet/"
_VERSION: Final = "Registry/Machine/Software/Microsoft/Windows NT/CurrentVersion"
IMAGE_OPTIONS: Final = _VERSION + "/Image File Execution Options"
"""Where Windows keeps settings of single programs, by the name of their file."""
CONSOLE_SHELL: Final = "LichenConsoleShell"
"""Set for programs that outlive ^C (subsystems/nt/console/shells.py)."""
_ENVIRONMENT: Final = _SYSTEM + "Control/Session Manager/Environment"
_PROCESSORS: Final = "Registry/Machine/Hardware/Description/System/CentralProcessor"
ANY_USER: Final = ".User"
"""The key of the user in a registry that is nobody's yet."""
_EXTENSIONS: Final = ".COM;.EXE;.BAT;.CMD;.VBS;.VBE;.JS;.JSE;.WSF;.WSH;.MSC;"
_EARLIER_EXTENSIONS: Final = _EXTENSIONS + "."
_OTHER_VIEW: Final = "Registry/Machine/Software/Wow6432Node"
_OTHER_CLASSES: Final = "Registry/Machine/Software/Classes/Wow6432Node"
_CRYPTOGRAPHY: Final = "Registry/Machine/Software/Microsoft/Cryptography/Defaults"
_PROVIDERS: Final = {
    "Microsoft Enhanced Cryptographic Provider v1.0": 1,
    "Microsoft Strong Cryptographic Provider": 1,
    "Microsoft RSA SChannel Cryptographic Provider": 12,
    "Microsoft Enhanced RSA and AES Cryptographic Provider": 24,
}
"""Names and kinds; the last of a kind is what programs get that ask for none by name."""


def tell_name(registry: Registry, host_name: str) -> None:
    """Enter the machine's name, where GetComputerName and the network's functions find it."""
    computer = computer_name(host_name)
    for path, name, text in (
        ("Control/ComputerName/ComputerName", "ComputerName", computer),
        ("Control/ComputerName/ActiveComputerName", "ComputerName", computer),
        ("Services/Tcpip/Parameters", "Hostname", host_name),
        ("Services/Tcpip/Parameters", "NV Hostname", host_name),
    ):
        key = registry.make(*(_SYSTEM + path).split("/"))
        found = key.values.get(fold(name))
        if found is None or found.data != _text(text):
            _set_text(registry, key, name, text)


def seed(registry: Registry, user_sid: str, user: str) -> None:
    """Fill an empty registry."""
    strings: dict[str, dict[str, str]] = {
        _SYSTEM + "Services/Tcpip/Parameters": {
            "Domain": "",
            "DataBasePath": "C:\\windows\\System32\\drivers\\etc",
        },
        _SYSTEM + "Control/Nls/CodePage": {"ACP": "65001", "OEMCP": "65001", "MACCP": "10000"},
        _SYSTEM + "Control/Nls/Language": {"Default": "0409", "InstallLanguage": "0409"},
        _VERSION: {
            "ProductName": "Windows 10 Pro",
            "CurrentVersion": "10.0",  # Windows says 6.3 here, but ntdll's idea of the version is this value
            "CurrentBuild": "19044",
            "CurrentBuildNumber": "19044",
            "SystemRoot": "C:\\windows",
            "CSDVersion": "",
        },
        _SYSTEM + "Control/ProductOptions": {"ProductType": "WinNT"},
        # No debugger starts by itself: a crash ends its process at once, and Lichen tells where it was.
        _VERSION + "/AeDebug": {"Debugger": "", "Auto": "1"},
        _ENVIRONMENT: {
            "ComSpec": "C:\\windows\\system32\\cmd.exe",
            "OS": "Windows_NT",
            "PATHEXT": _EXTENSIONS + LINUX_EXTENSION,
            "PROCESSOR_ARCHITECTURE": "AMD64",
            "windir": "C:\\windows",
        },
        f"Registry/User/{user_sid}/Environment": {},
        f"Registry/User/{user_sid}/Software": {},
        f"Registry/User/{user_sid}/Volatile Environment": {
            "USERNAME": user,
            "USERPROFILE": f"C:\\users\\{user}",
        },
        _VERSION + "/ProfileList": {
            "ProfilesDirectory": "C:\\users",
            "ProgramData": "C:\\ProgramData",
            "Public": "C:\\users\\Public",
        },
        f"{_VERSION}/ProfileList/{user_sid}": {"ProfileImagePath": f"C:\\users\\{user}"},
        "Registry/User/.Default": {},
        "Registry/Machine/Software/Classes": {},
        "Registry/Machine/Hardware": {},
    }
    for path, values in strings.items():
        key = registry.make(*path.split("/"))
        for name, text in values.items():
            _set_text(registry, key, name, text)
    shell = registry.make(*IMAGE_OPTIONS.split("/"), "cmd.exe")
    registry.set_value(shell, CONSOLE_SHELL, REG_DWORD, ULONG.pack(1))
    _seed_cryptography(registry)
    version = registry.make(*_VERSION.split("/"))
    registry.set_value(version, "CurrentMajorVersionNumber", REG_DWORD, ULONG.pack(10))
    registry.set_value(version, "CurrentMinorVersionNumber", REG_DWORD, ULONG.pack(0))


def _seed_other_view(registry: Registry) -> None:
    """Where programs find what 32-bit ones have by the same name (KEY_WOW64_32KEY); of classes there is but one such place."""
    registry.make(*_OTHER_CLASSES.split("/"))
    above = registry.make(*_OTHER_VIEW.split("/"))
    if fold("Classes") not in above.subkeys:
        link = registry.add(above, "Classes", is_link=True)
        target = "\\" + _OTHER_CLASSES.replace("/", "\\")
        registry.set_value(link, LINK_VALUE, REG_LINK, target.encode("utf-16-le"))


def give_user(registry: Registry, user_sid: str) -> None:
    """What the registry begins with for its user, whoever that is, becomes that user's."""
    try:
        key = registry.find(registry.root, ("Registry", "User", ANY_USER))
        registry.rename(key, user_sid)
    except Failure:
        return


def renew(registry: Registry) -> None:
    """Change what an earlier Lichen seeded and this one would not, unless somebody else has changed it."""
    _seed_other_view(registry)
    key = registry.make(*_ENVIRONMENT.split("/"))
    found = key.values.get(fold("PATHEXT"))
    if found is not None and found.data == _text(_EARLIER_EXTENSIONS):
        _set_text(registry, key, found.name, _EXTENSIONS + LINUX_EXTENSION)


def tell_time_zone(registry: Registry, zone: time_zone.Zone, now: int) -> None:
    """Enter a zone that programs are in `now` (seconds since 1970), where the system's DLLs look its names up."""
    name, texts, rule = zone.registered(now)
    if "\\" in name:
        return
    key, _ = registry.create(registry.make(*_VERSION.split("/"), "Time Zones"), (name,), volatile=True)
    found = key.values.get(fold("TZI"))
    if found is not None and found.data == rule:
        return
    for value, text in texts.items():
        _set_text(registry, key, value, text)
    registry.set_value(key, "TZI", REG_BINARY, rule)


def tell_processors(registry: Registry, system: System) -> None:
    """Enter the processors of the machine as it is now, where programs count them and the environment has the first."""
    above = registry.make(*_PROCESSORS.split("/"))
    for number, processor in enumerate(system.described_processors):
        key, _ = registry.create(above, (str(number),), volatile=True)
        kind = "AMD64" if processor.vendor == "AuthenticAMD" else "Intel64"
        known_as = f"{kind} Family {processor.family} Model {processor.model} Stepping {processor.stepping}"
        _set_text(registry, key, "ProcessorNameString", processor.name)
        _set_text(registry, key, "VendorIdentifier", processor.vendor)
        _set_text(registry, key, "Identifier", known_as)
        registry.set_value(key, "~MHz", REG_DWORD, ULONG.pack(processor.megahertz))
        if number == 0:
            variables = registry.make(*_ENVIRONMENT.split("/"))
            _set_text(registry, variables, "PROCESSOR_IDENTIFIER", f"{known_as}, {processor.vendor}")
            _set_text(registry, variables, "PROCESSOR_LEVEL", str(processor.family))
            revision = processor.model << 8 | processor.stepping
            _set_text(registry, variables, "PROCESSOR_REVISION", f"{revision:04x}")


def _seed_cryptography(registry: Registry) -> None:
    """The providers that CryptAcquireContext chooses from; programs get their random numbers through it."""
    for name, kind in _PROVIDERS.items():
        key = registry.make(*f"{_CRYPTOGRAPHY}/Provider/{name}".split("/"))
        _set_text(registry, key, "Image Path", "rsaenh.dll")
        registry.set_value(key, "Type", REG_DWORD, ULONG.pack(kind))
        registry.set_value(key, "Signature", REG_BINARY, bytes(4))
        default = registry.make(*f"{_CRYPTOGRAPHY}/Provider Types/Type {kind:03}".split("/"))
        _set_text(registry, default, "Name", name)


def _set_text(registry: Registry, key: Key, name: str, text: str) -> None:
    registry.set_value(key, name, REG_SZ, _text(text))


def _text(text: str) -> bytes:
    """A string as the registry keeps it."""
    return (text + "\0").encode("utf-16-le")
