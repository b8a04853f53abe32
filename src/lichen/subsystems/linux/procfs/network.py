"""/proc/net: interfaces and routes of the network that the machine is on; its sockets, but never those of the host.

Source: proc(5).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lichen.executive.io.generated import Folder, Text
from lichen.subsystems.linux.procfs.subjects import Task
from lichen.subsystems.linux.procfs.whole import host_file

_OF_HOST: Final = ("dev", "route", "if_inet6", "ipv6_route", "arp")
_INTERNET: Final = (
    b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
)
_INTERNET_6: Final = (
    b"  sl  local_address                         remote_address                        st tx_queue rx_queue "
    b"tr tm->when retrnsmt   uid  timeout inode"
)
_HEADERS: Final = {
    "tcp": _INTERNET.ljust(149),
    "tcp6": _INTERNET_6,
    "udp": _INTERNET + b" ref pointer drops             ",
    "udp6": _INTERNET_6 + b" ref pointer drops",
    "unix": b"Num       RefCount Protocol Flags    Type St Inode Path",
}


def _of_host(name: str) -> Callable[[Task], bytes]:
    return lambda task: host_file(f"/proc/self/net/{name}")


def _header(name: str) -> Callable[[Task], bytes]:
    content = _HEADERS[name] + b"\n"
    return lambda task: content


def tree() -> Folder[Task]:
    return Folder(
        {
            **{name: Text(_of_host(name)) for name in _OF_HOST},
            **{name: Text(_header(name)) for name in _HEADERS},
        }
    )
