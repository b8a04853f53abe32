"""The host as a machine sees it that has a network of its own: what concerns the network is told by its namespace."""

from __future__ import annotations

import contextlib
import os
from typing import Final

from lichen.executive.status import Failure
from lichen.platforms.network.namespace import Namespace
from lichen.platforms.thishost import ThisHost

_SETTINGS: Final = "/proc/sys/net/"
_OF_NETWORK: Final = ("/proc/self/net/", _SETTINGS, "/sys/class/net/")


class HostOfNamespace(ThisHost):
    """This host, but for its network; `namespace` is None while the machine is on the host's after all."""

    def __init__(self, namespace: Namespace | None) -> None:
        super().__init__()
        self.namespace = namespace

    def read(self, path: str) -> bytes:
        if self.namespace is not None and path.startswith(_OF_NETWORK):
            self.namespace.settle()
        if self.namespace is None or not path.startswith(_OF_NETWORK):  # it may have been left just now
            return super().read(path)
        with contextlib.suppress(OSError), open(self.namespace.open(path), "rb") as file:
            return file.read()
        return b""

    def set(self, path: str, text: bytes) -> None:
        if self.namespace is None or not path.startswith(_SETTINGS):
            super().set(path, text)
            return
        try:
            with open(self.namespace.open(path, os.O_WRONLY), "wb", buffering=0) as file:
                file.write(text)
        except OSError as error:
            raise Failure.from_host(error) from None
