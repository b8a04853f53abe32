"""/proc/net: interfaces and routes of the network that the machine is on; its own sockets are in `sockets`.

Source: proc(5).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lichen.executive.io.generated import Folder, Text
from lichen.subsystems.linux.procfs import sockets
from lichen.subsystems.linux.procfs.subjects import Task

if TYPE_CHECKING:
    from lichen.executive.host import Host

_OF_HOST: Final = (
    *(
        "dev",
        "route",
        "if_inet6",
        "ipv6_route",
        "arp",
        "snmp",
        "snmp6",
        "netstat",
        "fib_trie",
        "fib_triestat",
    ),
    *("igmp", "igmp6", "dev_mcast", "protocols", "psched", "softnet_stat"),
)
"""What the kernel of the host counts and knows of the network that its machines are on."""


def _of_host(name: str) -> Callable[[Task], bytes]:
    return lambda task: task.machine.host.read(f"/proc/self/net/{name}")


def tree(host: Host) -> Folder[Task]:
    of_host = {name: Text(_of_host(name)) for name in _OF_HOST if host.has(f"/proc/self/net/{name}")}
    return Folder({**of_host, **sockets.tables()})
