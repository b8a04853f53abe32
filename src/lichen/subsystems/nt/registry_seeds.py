"""What a fresh registry holds: the few keys without which Windows programs do not start, in the places Windows has them."""

from __future__ import annotations

import struct
from typing import Final

from lichen.executive.registry import Registry

REG_SZ, REG_EXPAND_SZ, REG_BINARY, REG_DWORD, REG_MULTI_SZ = 1, 2, 3, 4, 7

_SYSTEM: Final = "Registry/Machine/System/CurrentControlSet/"
_VERSION: Final = "Registry/Machine/Software/Microsoft/Windows NT/CurrentVersion"
IMAGE_OPTIONS: Final = _VERSION + "/Image File Execution Options"
"""Where Windows keeps settings of single programs, by the name of their file."""
CONSOLE_SHELL: Final = "LichenConsoleShell"
"""Set for programs that outlive ^C (subsystems/nt/console/shells.py)."""
_ENVIRONMENT: Final = _SYSTEM + "Control/Session Manager/Environment"


def seed(registry: Registry, host_name: str, user_sid: str, user: str) -> None:
    """Fill an empty registry."""
    computer = host_name.upper()[:15]
    strings: dict[str, dict[str, str]] = {
        _SYSTEM + "Control/ComputerName/ComputerName": {"ComputerName": computer},
        _SYSTEM + "Control/ComputerName/ActiveComputerName": {"ComputerName": computer},
        _SYSTEM + "Services/Tcpip/Parameters": {
            "Hostname": host_name,
            "NV Hostname": host_name,
            "Domain": "",
        },
        _SYSTEM + "Control/Nls/CodePage": {"ACP": "1252", "OEMCP": "437", "MACCP": "10000"},
        _SYSTEM + "Control/Nls/Language": {"Default": "0409", "InstallLanguage": "0409"},
        _VERSION: {
            "ProductName": "Windows 10 Pro",
            "CurrentVersion": "6.3",
            "CurrentBuild": "19044",
            "CurrentBuildNumber": "19044",
            "SystemRoot": "C:\\windows",
            "CSDVersion": "",
        },
        # No debugger starts by itself: a crash ends its process at once, and Lichen tells where it was.
        _VERSION + "/AeDebug": {"Debugger": "", "Auto": "1"},
        _ENVIRONMENT: {
            "ComSpec": "C:\\windows\\system32\\cmd.exe",
            "OS": "Windows_NT",
            "PATHEXT": ".COM;.EXE;.BAT;.CMD;.VBS;.VBE;.JS;.JSE;.WSF;.WSH;.MSC;.",
            "PROCESSOR_ARCHITECTURE": "AMD64",
            "windir": "C:\\windows",
        },
        f"Registry/User/{user_sid}/Environment": {},
        f"Registry/User/{user_sid}/Software": {},
        f"Registry/User/{user_sid}/Volatile Environment": {
            "USERNAME": user,
            "USERPROFILE": f"C:\\users\\{user}",
        },
        "Registry/User/.Default": {},
        "Registry/Machine/Software/Classes": {},
        "Registry/Machine/Hardware": {},
    }
    for path, values in strings.items():
        key = registry.make(*path.split("/"))
        for name, text in values.items():
            registry.set_value(key, name, REG_SZ, (text + "\0").encode("utf-16-le"))
    shell = registry.make(*IMAGE_OPTIONS.split("/"), "cmd.exe")
    registry.set_value(shell, CONSOLE_SHELL, REG_DWORD, struct.pack("<I", 1))
    version = registry.make(*_VERSION.split("/"))
    registry.set_value(version, "CurrentMajorVersionNumber", REG_DWORD, struct.pack("<I", 10))
    registry.set_value(version, "CurrentMinorVersionNumber", REG_DWORD, struct.pack("<I", 0))
