"""The caller's variables as programs on a machine get them: all but those that name things of the host which no machine has.

A socket of the user's session, the terminal multiplexer's or the agent's would not be found; a display or a terminal that ssh
brought is not the one that the program is on. Who wants such a variable all the same says so with --env.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_OF_HOST: Final = frozenset(
    b"""
    TMUX TMUX_PANE STY WINDOW ZELLIJ ZELLIJ_SESSION_NAME NVIM NVIM_LISTEN_ADDRESS
    SSH_TTY SSH_CONNECTION SSH_CLIENT SSH_AUTH_SOCK SSH_AGENT_PID GPG_AGENT_INFO
    WAYLAND_DISPLAY WAYLAND_SOCKET WINDOWID DESKTOP_STARTUP_ID XDG_ACTIVATION_TOKEN
    XDG_RUNTIME_DIR XDG_SESSION_ID XDG_SESSION_PATH XDG_SEAT XDG_SEAT_PATH XDG_VTNR
    DBUS_SESSION_BUS_ADDRESS DBUS_SESSION_BUS_PID DBUS_SYSTEM_BUS_ADDRESS DBUS_STARTER_ADDRESS DBUS_STARTER_BUS_TYPE
    AT_SPI_BUS_ADDRESS SESSION_MANAGER ICEAUTHORITY PULSE_SERVER PIPEWIRE_REMOTE I3SOCK SWAYSOCK HYPRLAND_INSTANCE_SIGNATURE
    NOTIFY_SOCKET LISTEN_FDS LISTEN_PID LISTEN_FDNAMES MANAGERPID SYSTEMD_EXEC_PID INVOCATION_ID JOURNAL_STREAM
    WATCHDOG_PID WATCHDOG_USEC CREDENTIALS_DIRECTORY
    GNOME_TERMINAL_SCREEN GNOME_TERMINAL_SERVICE KONSOLE_DBUS_SERVICE KONSOLE_DBUS_SESSION KONSOLE_DBUS_WINDOW
    KITTY_LISTEN_ON KITTY_PID KITTY_WINDOW_ID ALACRITTY_SOCKET ALACRITTY_WINDOW_ID WEZTERM_UNIX_SOCKET WEZTERM_PANE
    VSCODE_IPC_HOOK_CLI VSCODE_GIT_IPC_HANDLE VSCODE_GIT_IPC_AUTH_TOKEN WSL_INTEROP
    """.split()
)
_LOCAL_DISPLAYS: Final = (b":", b"unix:", b"/")
_DISPLAY, _AUTHORITY = b"DISPLAY", b"XAUTHORITY"


def of_caller() -> dict[bytes, bytes]:
    """The environment that we were started with, without the LC_CTYPE that Python gives itself for the locale C (PEP 538)."""
    variables = dict(os.environb)
    if b"LC_CTYPE" in variables:
        with open("/proc/self/environ", "rb") as file:
            if b"\0LC_CTYPE=" not in b"\0" + file.read():
                del variables[b"LC_CTYPE"]
    return variables


def for_machine() -> dict[bytes, bytes]:
    """The caller's variables, but for those that name things of the host."""
    variables = {name: value for name, value in of_caller().items() if name not in _OF_HOST}
    if variables.get(_DISPLAY, b"").startswith(_LOCAL_DISPLAYS):  # one by TCP can be reached
        del variables[_DISPLAY]
    if _DISPLAY not in variables:
        variables.pop(_AUTHORITY, None)
    return variables
