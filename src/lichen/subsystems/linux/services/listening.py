"""The sockets on which the service manager is asked, served by the kernel itself: opened at boot, and nothing more until then.

Source: facts of systemctl: it wants /run/systemd/system to be there, and a listener of user 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lichen.executive.io.names import Name, make_directory
from lichen.executive.network.sockets import AddressFamily, Caller, LocalAddress, SocketType
from lichen.executive.processes import INIT
from lichen.executive.wait import outcome

if TYPE_CHECKING:
    from lichen.executive.io.context import FileSystemContext
    from lichen.executive.network.sockets import Socket
    from lichen.executive.scheduler import Scheduler
    from lichen.executive.wait import Blocks

PRIVATE: Final = ("run", "systemd", "private")
BUS: Final = ("run", "dbus", "system_bus_socket")
NOTIFY: Final = ("run", "systemd", "notify")
_FOLDERS: Final = (("run", "systemd"), ("run", "systemd", "system"), ("run", "dbus"))
_BACKLOG: Final = 64
Serve = Callable[["Socket", bool], "Blocks[None]"]
"""Serves a connection; the second says whether it has come in on the bus."""


def open_socket(context: FileSystemContext, place: tuple[str, ...], type: int, mode: int) -> Socket:
    """A socket of process 1 with a name, which others may use as `mode` says."""
    caller = Caller(context, INIT)
    socket = context.devices.families.get(AddressFamily.LOCAL).create(caller, type, 0, 0)
    masked = context.copy()
    masked.umask = 0o777 & ~mode
    text = b"/" + "/".join(place).encode()
    socket.bind(Caller(masked, INIT), LocalAddress(text, (context.root, place, 0)))
    return socket


def listen(scheduler: Scheduler, context: FileSystemContext, serve: Serve) -> None:
    """Have connections served from now on."""
    for folder in _FOLDERS:
        make_directory(context, Name(context.root, folder), 0o755)
    for place, mode, is_bus in ((PRIVATE, 0o600, False), (BUS, 0o666, True)):
        listener = open_socket(context, place, SocketType.STREAM, mode)
        listener.listen(Caller(context, INIT), _BACKLOG)
        scheduler.spawn(_accept(scheduler, listener, Caller(context, INIT), serve, is_bus))


def _accept(
    scheduler: Scheduler, listener: Socket, caller: Caller, serve: Serve, is_bus: bool
) -> Blocks[None]:
    while True:
        connection = yield from outcome(listener.accept(caller, 0))
        scheduler.spawn(serve(connection, is_bus))
