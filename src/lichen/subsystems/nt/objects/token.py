"""Tokens as objects: the executive's, in a handle."""

from __future__ import annotations

from typing import ClassVar

from lichen.executive.objects.object import Object
from lichen.executive.objects.rights import TOKEN, Rights
from lichen.executive.security.tokens import Token


class TokenObject(Object):
    """A token."""

    __slots__ = ("token",)
    type_name: ClassVar[str] = "Token"
    rights: ClassVar[Rights] = TOKEN

    def __init__(self, token: Token) -> None:
        super().__init__()
        self.token = self.maker = token
