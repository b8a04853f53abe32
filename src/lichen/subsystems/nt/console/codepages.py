"""The code pages of a console: how bytes that programs read and write are text.

A console begins with the system's OEM code page. It is looked up when it is first needed, not when the console is made: the
first program of a machine is what brings the registry's setting up to date.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Final

from lichen.executive.io.location import fold
from lichen.executive.status import Failure, Status

if TYPE_CHECKING:
    from lichen.executive.registry import Registry

_SETTINGS: Final = ("Registry", "Machine", "System", "CurrentControlSet", "Control", "Nls", "CodePage")
_USUAL: Final = 437
_LARGEST: Final = 0xFFFF
_CODECS: Final = {65001: "utf-8", 20127: "ascii", 28591: "latin-1", 936: "gbk", 54936: "gb18030"}


def codec_of(code_page: int) -> str:
    """Python's name for a code page; INVALID_PARAMETER for one that nobody knows."""
    name = _CODECS.get(code_page, f"cp{code_page}")
    try:
        if code_page > _LARGEST:
            raise LookupError
        return codecs.lookup(name).name
    except LookupError:
        raise Failure(Status.INVALID_PARAMETER) from None


def _oem_code_page(registry: Registry) -> int:
    try:
        value = registry.find(registry.root, _SETTINGS).values.get(fold("OEMCP"))
        number = int(value.data.decode("utf-16-le").rstrip("\0")) if value is not None else _USUAL
        codec_of(number)
    except (Failure, ValueError):
        return _USUAL
    return number


class CodePages:
    """The two code pages of one console."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._input = self._output = 0
        self._decoder: codecs.IncrementalDecoder | None = None

    @property
    def input(self) -> int:
        """The code page of what is read."""
        self._input = self._input or _oem_code_page(self._registry)
        return self._input

    @input.setter
    def input(self, code_page: int) -> None:
        codec_of(code_page)
        self._input = code_page

    @property
    def output(self) -> int:
        """The code page of what is written."""
        self._output = self._output or _oem_code_page(self._registry)
        return self._output

    @output.setter
    def output(self, code_page: int) -> None:
        codec_of(code_page)
        self._output, self._decoder = code_page, None

    def encode(self, text: str) -> bytes:
        """Text as bytes that are read."""
        return text.encode(codec_of(self.input), "replace")

    def decode(self, data: bytes) -> str:
        """Bytes that are written as text; a character may come in parts."""
        if self._decoder is None:
            self._decoder = codecs.getincrementaldecoder(codec_of(self.output))("replace")
        return self._decoder.decode(data)
