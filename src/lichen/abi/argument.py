"""How a raw value becomes one typed parameter of a call, and how that parameter prints.

The type of a parameter says all of it. A scalar such as `u32` is cut to its width, so a call never sees the
rubbish that a guest may leave in the upper half of a register. `In[Timespec]` arrives as the record.
`Out[Stat]` arrives as a typed address to write to. Everything else is `Annotated[T, Arg(...)]`: a subsystem's
own types (descriptors, paths, handles, flags) are declared with it, once. A bad pointer is a BadAddress, raised in
the decoder or by the `Out` that is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, NamedTuple, TypeVar, get_args, get_origin

from lichen.abi.layout import Bytes, DataModel, Layout, Scalar, layout_of, scalar_of
from lichen.abi.memory import BadAddress, Memory

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Arg:
    """How one raw value becomes one parameter, and how that parameter prints.

    `decode` is a Python expression without effects, in which `{x}` stands for the raw unsigned value. It may
    use `memory`, `thread`, `model` and the names in `uses`. `show` prints what it made. `wide` is for 64-bit
    values, which take two slots, low half first, where a slot has 32 bits. `sized` is for the address of bytes
    that the call takes, as many as the next parameter says: a trace shows them. `peek` prints what another address leads to.
    """

    decode: str
    show: Callable[[Any], str] = str
    uses: Mapping[str, object] = field(default_factory=dict)
    wide: bool = False
    sized: bool = False
    peek: Callable[[Memory, int], str] | None = None


@dataclass(frozen=True)
class Show:
    """Changes how a scalar parameter prints: `Annotated[ulong, Show(flag_names(Protection))]`."""

    show: Callable[[Any], str]


class Out(Generic[T]):
    """Where a call writes one `T`; address 0 is as bad as any other that cannot be written."""

    __slots__ = ("address", "layout", "memory")

    def __init__(self, memory: Memory, address: int, layout: Layout[T]) -> None:
        self.memory, self.address, self.layout = memory, address, layout

    def write(self, value: T) -> None:
        if not self.address:
            raise BadAddress(0)
        self.memory.write(self.address, self.layout.pack(value))


class OptionalOut(Generic[T]):
    """Where a call writes one `T` if it is wanted: with address 0 it is false, and writing does nothing."""

    __slots__ = ("address", "layout", "memory")

    def __init__(self, memory: Memory, address: int, layout: Layout[T]) -> None:
        self.memory, self.address, self.layout = memory, address, layout

    def __bool__(self) -> bool:
        return self.address != 0

    def write(self, value: T) -> None:
        if self.address:
            self.memory.write(self.address, self.layout.pack(value))


class InOut(Out[T]):
    """One `T` that a call reads and writes. Each `read` is another copy: read once, then validate."""

    __slots__ = ()

    def read(self) -> T:
        if not self.address:
            raise BadAddress(0)
        return self.layout.unpack(self.memory.read(self.address, self.layout.size))


class OptionalInOut(InOut[T]):
    """An `InOut` that may be left out: with address 0 it is false, and reading or writing it is a BadAddress."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return self.address != 0


class _ByPointer(NamedTuple):
    """Marks a parameter that is passed by address and arrives as the value found there."""

    optional: bool


In = Annotated[T, _ByPointer(optional=False)]
"""One `T` by pointer, copied before the call runs."""

OptionalIn = Annotated[T | None, _ByPointer(optional=True)]
"""As `In`; None when the pointer is 0."""

_POINTERS: tuple[type, ...] = (Out, OptionalOut, InOut, OptionalInOut)


def argument(hint: object, model: DataModel) -> Arg:
    """How a parameter of type `hint` is decoded for guests of `model`."""
    origin = get_origin(hint)
    if isinstance(origin, type) and origin in _POINTERS:
        return _typed_address(origin, layout_of(get_args(hint)[0], model), _type_name(get_args(hint)[0]))
    marks: tuple[object, ...] = getattr(hint, "__metadata__", ())
    for mark in marks:
        if isinstance(mark, Arg):
            return mark
    if marks and isinstance(marks[-1], _ByPointer):
        return _by_pointer(hint, marks[-1].optional, model)
    scalar = scalar_of(hint)
    if scalar is None:
        raise TypeError(f"{hint!r} does not say how it is decoded")
    show = next((mark.show for mark in marks if isinstance(mark, Show)), show_scalar(scalar))
    return Arg(integer(scalar, model), show, wide=scalar.code in "qQ")


def integer(scalar: Scalar, model: DataModel) -> str:
    """The expression that cuts `{x}` to the width of `scalar` and gives it its sign."""
    code = scalar.resolve(model)
    bits = {"b": 8, "h": 16, "i": 32, "q": 64}[code.lower()]
    # A wide scalar always arrives as 64 bits; no other can be wider than a slot.
    cut = "{x}" if bits == 64 or (bits == 32 and model.pointer == 4) else f"{{x}} & {2**bits - 1:#x}"
    return cut if code.isupper() else f"({cut} ^ {1 << bits - 1:#x}) - {1 << bits - 1:#x}"


def show_scalar(scalar: Scalar) -> Callable[[int], str]:
    """How integers of this type print: addresses in hexadecimal, the rest in decimal."""
    return show_address if scalar.code == "P" else str


def show_address(address: int) -> str:
    """`0x7ffe1000`, or `NULL`."""
    return f"{address:#x}" if address else "NULL"


def show_bytes(text: bytes, limit: int = 64) -> str:
    """`"text"`, escaped as in C, cut with `...` after `limit` bytes."""
    shown = "".join(
        _ESCAPES.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}") for byte in text[:limit]
    )
    return f'"{shown}"' + "..." * (len(text) > limit)


def flag_names(names: object, prefix: str = "") -> Callable[[int], str]:
    """A printer of ints made of the bits named in class `names`; a name of several bits beats its parts."""
    constants = sorted(_constants(names), key=lambda item: -item[1].bit_count())
    zero = next((prefix + name for name, value in constants if value == 0), "0")

    def show(value: int) -> str:
        shown = []
        rest = value
        for name, bits in constants:
            if bits and rest & bits == bits:
                shown.append(prefix + name)
                rest &= ~bits
        if rest:
            shown.append(hex(rest))
        return "|".join(shown) or zero

    return show


def constant_names(names: type, prefix: str = "") -> Callable[[int], str]:
    """A printer of ints that are one of the constants of class `names`; the first of two names is shown."""
    by_value: dict[int, str] = {}
    for name, value in _constants(names):
        by_value.setdefault(value, prefix + name)
    return lambda value: by_value.get(value) or str(value)


_ESCAPES = {
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
    ord('"'): '\\"',
    ord("\\"): "\\\\",
    0: "\\0",
}


def _constants(names: object) -> list[tuple[str, int]]:
    return [(k, v) for k, v in vars(names).items() if isinstance(v, int) and not k.startswith("_")]


def _typed_address(kind: type, layout: Layout[Any], name: str) -> Arg:
    uses = {kind.__name__: kind, f"{name}_layout": layout}
    return Arg(
        f"{kind.__name__}(memory, {{x}}, {name}_layout)", lambda value: show_address(value.address), uses
    )


def _by_pointer(hint: Any, optional: bool, model: DataModel) -> Arg:
    target = _pointed_to(hint)
    layout, name = layout_of(target, model), _type_name(target)
    value = f"{name}_unpack(memory.read({{x}}, {layout.size}))"
    return Arg(
        f"{value} if {{x}} else None" if optional else value, _show_value, {f"{name}_unpack": layout.unpack}
    )


def _pointed_to(hint: Any) -> Any:
    """T of `In[T]` or `OptionalIn[T]`; `In[u32]` is flattened to an int with two marks, ours last."""
    if len(hint.__metadata__) > 1:
        return Annotated[(hint.__origin__, *hint.__metadata__[:-1])]
    alternatives = [choice for choice in get_args(hint.__origin__) if choice is not type(None)]
    return alternatives[0] if alternatives else hint.__origin__


def _type_name(hint: Any) -> str:
    """What a pointed-to type is called in generated source."""
    for mark in getattr(hint, "__metadata__", ()):
        if isinstance(mark, Scalar):
            return f"scalar_{mark.code}"
        if isinstance(mark, Bytes):
            return f"bytes_{mark.size}"
    return str(hint.__name__)


def _show_value(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return (
            "{" + ", ".join(f"{k}={_show_value(v)}" for k, v in zip(value._fields, value, strict=True)) + "}"
        )
    return show_bytes(value) if isinstance(value, bytes) else str(value)
