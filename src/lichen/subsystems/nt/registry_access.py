"""Who may change which keys: administrators all of them, everybody else what is below their own of HKEY_USERS.

Keys are opened with any access by anybody, as Wine's DLLs ask for more than they use; it is the change that is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.executive.io.location import fold
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.sids import sid_text, user_sid

if TYPE_CHECKING:
    from lichen.executive.processes import Thread
    from lichen.executive.registry import Key

_USERS: Final = ("REGISTRY", "USER")
_CLASSES: Final = "_CLASSES"


def require_writable(thread: Thread, key: Key, *below: str) -> None:
    """ACCESS_DENIED unless the thread's user may change a key, or what is to be made `below` it."""
    token = thread.process.files.token
    if token.elevated:
        return
    names = list(below[::-1])
    while key.parent is not None:
        names.append(key.name)
        key = key.parent
    own = fold(sid_text(user_sid(token)))
    path = tuple(fold(name) for name in reversed(names[-3:]))
    if path[:2] != _USERS or path[2:] not in ((own,), (own + _CLASSES,)):
        raise Failure(Status.ACCESS_DENIED)
