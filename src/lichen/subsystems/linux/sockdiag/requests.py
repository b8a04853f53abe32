"""What a request of sock_diag is, and who answers it.

Source: linux/sock_diag.h; net/core/sock_diag.c for the errors.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

from lichen.abi.layout import LP64, Layout, layout_of
from lichen.executive.network.sockets import AddressFamily, Socket
from lichen.executive.status import Failure
from lichen.subsystems.linux.errors import errno_of
from lichen.subsystems.linux.sockdiag import internet, local, netlink
from lichen.subsystems.linux.sockdiag.messages import Refused, Request
from lichen.subsystems.linux.sockdiag.records import InetRequest, SockDiagRequest

R = TypeVar("R")

BY_FAMILY, DESTROY, _OLD_TCP = 20, 21, 18
_HEAD = layout_of(SockDiagRequest, LP64)
_MOST_FAMILIES: Final = 46
_PACKET: Final = 17
_INTERNET: Final = (AddressFamily.INTERNET, AddressFamily.INTERNET_6)

Answers = bytes | Iterator[bytes] | None
"""One answer, those of a dump, or none where all that is to be said is that it was done."""


def answers(sockets: Iterable[Socket], request: Request, may_destroy: bool) -> Answers:
    """What a request is answered with; Refused."""
    type = request.header.type
    if type == _OLD_TCP:
        old = internet.upgraded(_body(request, internet.OLD_REQUEST))
        if request.is_dump:
            return internet.dump(sockets, old, request.body[internet.OLD_REQUEST.size :])
        return internet.exact(sockets, old)
    if type not in (BY_FAMILY, DESTROY):
        raise Refused(errno.EINVAL)
    family = _body(request, _HEAD).family
    if family >= _MOST_FAMILIES:
        raise Refused(errno.EINVAL)
    if type == DESTROY:
        _destroy(sockets, family, request, may_destroy)
        return None
    if family in _INTERNET:
        return _internet(sockets, request, _body(request, internet.REQUEST))
    if family == AddressFamily.LOCAL:
        asked = _body(request, local.REQUEST)
        return local.dump(sockets, asked) if request.is_dump else local.exact(sockets, asked)
    if family == AddressFamily.NETLINK:
        about = _body(request, netlink.REQUEST)
        if not request.is_dump:
            raise Refused(errno.EOPNOTSUPP)
        return netlink.dump(sockets, about)
    if family == _PACKET and request.is_dump:
        return iter(())  # nobody here sees packets
    raise Refused(errno.ENOENT)


def _body(request: Request, layout: Layout[R]) -> R:
    if len(request.body) < layout.size:
        raise Refused(errno.EINVAL)
    return layout.unpack(request.body)


def _internet(sockets: Iterable[Socket], request: Request, asked: InetRequest) -> Answers:
    if request.is_dump:
        return internet.dump(sockets, asked, request.body[internet.REQUEST.size :])
    return internet.exact(sockets, asked)


def _destroy(sockets: Iterable[Socket], family: int, request: Request, may: bool) -> None:
    """Break a connection off, or no longer listen: EPERM without CAP_NET_ADMIN, EOPNOTSUPP for other sockets than TCP's."""
    if not may:
        raise Refused(errno.EPERM)
    if family not in _INTERNET:
        raise Refused(
            errno.EOPNOTSUPP if family in (AddressFamily.LOCAL, AddressFamily.NETLINK) else errno.ENOENT
        )
    try:
        internet.find(sockets, _body(request, internet.REQUEST)).abort()
    except Failure as failure:
        raise Refused(errno_of(failure.status)) from None
