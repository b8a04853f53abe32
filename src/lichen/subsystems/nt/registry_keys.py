"""Open keys of the registry as handles refer to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lichen.executive.objects.object import Object
from lichen.executive.objects.rights import KEY, Rights
from lichen.executive.registry import Changed, Key
from lichen.executive.wait import Blocks, Wait

if TYPE_CHECKING:
    from lichen.executive.processes import Process


def name_of_key(key: Key) -> str:
    """A key's whole name, which begins with REGISTRY however that was spelled."""
    path = key.path()
    return "\\".join(("", "REGISTRY", *path[1:])) if path else "\\REGISTRY"


class RegistryRoot(Object):
    """What the object namespace has of the registry: a name, behind which the tree of keys begins."""

    __slots__ = ()
    type_name: ClassVar[str] = "Key"

    def key_below(self, process: Process, rest: tuple[str, ...]) -> tuple[Key, tuple[str, ...]]:
        return process.machine.registry.root, ("Registry", *filter(None, rest))


class KeyObject(Object):
    """An open key. Its first request to be told of changes says of which, for all later ones too."""

    __slots__ = ("key", "waiting", "watched")
    type_name: ClassVar[str] = "Key"
    rights: ClassVar[Rights] = KEY

    def __init__(self, key: Key) -> None:
        super().__init__()
        self.key = key
        self.watched: tuple[int, bool] | None = None
        self.waiting: dict[Changed, None] = {}

    @property
    def secured(self) -> Key:
        return self.key

    def full_name(self) -> str:
        self.key.check()
        return name_of_key(self.key)

    def closed(self) -> None:
        for changed in tuple(self.waiting):
            self.key.forget(changed)

    def wait(self, changed: Changed) -> Blocks[None]:
        """Wait for a change, or until the key is closed."""
        self.waiting[changed] = None
        try:
            yield Wait((changed,), interruptible=False)
        finally:
            self.waiting.pop(changed)
            self.key.forget(changed)
