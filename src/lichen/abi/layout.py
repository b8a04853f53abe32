"""C records, declared once as NamedTuples and compiled for each data model.

A record is a NamedTuple, not a ctypes structure, because the guest's C is not the host's: the same
declaration serves programs whose `long` has four bytes and programs whose `long` has eight. A record is
compiled to one `struct.Struct` and a few lines of straight Python, a quarter of the cost of anything that
walks fields at run time. The generated source is registered with `linecache`, so tracebacks and pdb show it.

A field is a scalar (`u32`, `long`, `ptr`, ...), `Annotated[bytes, Bytes(n)]`, `Annotated[bytes, Gap(n, m)]`,
`Annotated[tuple[T, ...], Array(T, n)]` or another record. A union is either the bytes it occupies, `Annotated[bytes, Bytes(16,
align=8)]`, to unpack as one of several records; or, at the end of a record, there is a record for each
variant, with the help of `AlignedAs` and `padded_to`. Padding is implicit, packed as zeros and dropped when
unpacked.
"""

from __future__ import annotations

import linecache
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, NamedTuple, TypeGuard, TypeVar, get_type_hints

from lichen.abi.memory import Memory


@dataclass(frozen=True)
class DataModel:
    """The widths of the C types that differ between guests, and how 64-bit fields align."""

    name: str
    pointer: int
    long: int
    align_of_u64: int


LP64: Final = DataModel("LP64", pointer=8, long=8, align_of_u64=8)  # Linux x86-64
ILP32: Final = DataModel("ILP32", pointer=4, long=4, align_of_u64=4)  # Linux i386 aligns u64 to 4
LLP64: Final = DataModel("LLP64", pointer=8, long=4, align_of_u64=8)  # NT x64
NT32: Final = DataModel("NT32", pointer=4, long=4, align_of_u64=8)  # NT x86 aligns u64 to 8


@dataclass(frozen=True)
class Scalar:
    """A C integer: a `struct` code, or `P` for a pointer, `l` and `L` for long and unsigned long."""

    code: str

    def resolve(self, model: DataModel) -> str:
        """The `struct` code of this integer in `model`."""
        if self.code == "P":
            return "Q" if model.pointer == 8 else "I"
        if self.code in "lL" and model.long == 8:
            return "q" if self.code == "l" else "Q"
        if self.code in "lL":
            return "i" if self.code == "l" else "I"
        return self.code


u8 = Annotated[int, Scalar("B")]
u16 = Annotated[int, Scalar("H")]
u32 = Annotated[int, Scalar("I")]
u64 = Annotated[int, Scalar("Q")]
i8 = Annotated[int, Scalar("b")]
i16 = Annotated[int, Scalar("h")]
i32 = Annotated[int, Scalar("i")]
i64 = Annotated[int, Scalar("q")]
long = Annotated[int, Scalar("l")]
ulong = Annotated[int, Scalar("L")]
ptr = Annotated[int, Scalar("P")]


@dataclass(frozen=True)
class Bytes:
    """`size` bytes as they are: a char array, a union. Short values are packed with zeros, long ones cut."""

    size: int
    align: int = 1


@dataclass(frozen=True)
class Gap:
    """Bytes that nobody here looks into: `wide` of them where pointers have 8 bytes, `narrow` where they have 4."""

    wide: int
    narrow: int

    def size(self, model: DataModel) -> int:
        """How many they are in `model`."""
        return self.wide if model.pointer == 8 else self.narrow


@dataclass(frozen=True)
class Array:
    """`count` elements of one field type, as a tuple."""

    element: object
    count: int


@dataclass(frozen=True)
class AlignedAs:
    """A further mark on a field that starts where one of type `other` could, as the members of a union do."""

    other: object


R = TypeVar("R")
Scope = dict[str, Any]
"""The globals of generated source, from which it is taken when it has run."""


@dataclass(frozen=True)
class Layout(Generic[R]):
    """One record (or single value) compiled for one data model; sizes and offsets are in bytes.

    `unpack(buffer, offset=0)` and `unpack_array(buffer)` (as many records as the buffer holds) want whole
    records, and `pack(record)` wants integers that fit their fields: `struct.error` is a bug of the caller,
    never a guest's doing.
    """

    size: int
    align: int
    format: str
    offsets: dict[str, int]
    unpack: Callable[..., R]
    unpack_array: Callable[..., list[R]]
    pack: Callable[[R], bytes]

    def read(self, memory: Memory, address: int) -> R:
        """The one that lies in a guest's memory, copied once."""
        return self.unpack(memory.read(address, self.size))


_compiled: dict[tuple[object, DataModel], Layout[Any]] = {}


def layout(record: type[R], model: DataModel) -> Layout[R]:
    """The layout of `record` in `model`, compiled on first use."""
    return layout_of(record, model)


def layout_of(hint: object, model: DataModel) -> Layout[Any]:
    """As `layout`, but also for a scalar such as `u32`, whose values are ints, and for fixed bytes."""
    key = hint, model
    found = _compiled.get(key)
    if found is None:
        found = _compiled[key] = (
            _compile_record(hint, model) if is_record(hint) else _compile_single(hint, model)
        )
    return found


def is_record(hint: object) -> TypeGuard[type[tuple[object, ...]]]:
    """Whether `hint` is a NamedTuple class."""
    return isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields")


def packed(record: type[R]) -> type[R]:
    """Class decorator: no padding between fields or behind them, as `__attribute__((packed))`."""
    _packed.add(record)
    return record


def padded_to(size: int) -> Callable[[type[R]], type[R]]:
    """Class decorator: a record that is followed by padding up to `size` bytes."""

    def pad(record: type[R]) -> type[R]:
        _padded[record] = size
        return record

    return pad


def open_ended(align: int = 1) -> Callable[[type[R]], type[R]]:
    """Class decorator: the head of a record whose last member is an array of any length, with elements aligned to `align`.

    It ends where the array begins.
    """

    def head(record: type[R]) -> type[R]:
        _open_ended[record] = align
        return record

    return head


def scalar_of(hint: object) -> Scalar | None:
    """The Scalar that `hint` is annotated with, if it is a scalar type."""
    return next((mark for mark in getattr(hint, "__metadata__", ()) if isinstance(mark, Scalar)), None)


_packed: set[type] = set()
_padded: dict[type, int] = {}
_open_ended: dict[type, int] = {}


class _Piece(NamedTuple):
    """One field, ready to be joined into its record.

    `names` are the locals that hold its struct items, `value` the expression that makes the field from them,
    and `target` the pattern that takes the field apart into them.
    """

    format: str
    size: int
    align: int
    names: list[str]
    value: str
    target: str


def _piece(hint: object, name: str, model: DataModel, scope: Scope) -> _Piece:
    if is_record(hint):
        return _record_piece(hint, name, model, scope)[0]
    marks: tuple[object, ...] = getattr(hint, "__metadata__", ())
    aligns = [_piece(mark.other, "", model, {}).align for mark in marks if isinstance(mark, AlignedAs)]
    for mark in marks:
        if isinstance(mark, Scalar):
            code = mark.resolve(model)
            size = struct.calcsize("<" + code)
            align = max(model.align_of_u64 if size == 8 else size, *aligns, 0)
            return _Piece(code, size, align, [name], name, name)
        if isinstance(mark, Bytes):
            return _Piece(f"{mark.size}s", mark.size, max(mark.align, *aligns, 0), [name], name, name)
        if isinstance(mark, Gap):
            return _Piece(f"{mark.size(model)}s", mark.size(model), 1, [name], name, name)
        if isinstance(mark, Array):
            return _array_piece(mark, name, model, scope)
    raise TypeError(f"{name}: {hint!r} is not a C type")


def _array_piece(array: Array, name: str, model: DataModel, scope: Scope) -> _Piece:
    pieces = [_piece(array.element, f"{name}__{i}", model, scope) for i in range(array.count)]
    return _Piece(
        "".join(piece.format for piece in pieces),
        sum(piece.size for piece in pieces),
        max(piece.align for piece in pieces),
        [name for piece in pieces for name in piece.names],
        f"({''.join(piece.value + ', ' for piece in pieces)})",
        f"({''.join(piece.target + ', ' for piece in pieces)})",
    )


def _record_piece(record: type, prefix: str, model: DataModel, scope: Scope) -> tuple[_Piece, dict[str, int]]:
    """Lay out `record` by the rules of C; also returns where its fields start."""
    format, end, widest = "", 0, 1
    offsets: dict[str, int] = {}
    pieces: list[_Piece] = []
    for name, hint in get_type_hints(record, include_extras=True).items():
        piece = _piece(hint, f"{prefix}__{name}" if prefix else name, model, scope)
        align = 1 if record in _packed else piece.align
        gap = -end % align
        format += f"{gap}x" * bool(gap) + piece.format
        offsets[name] = end + gap
        end += gap + piece.size
        widest = max(widest, align)
        pieces.append(piece)
    tail = _padded[record] - end if end < _padded.get(record, 0) else -end % _open_ended.get(record, widest)
    format += f"{tail}x" * bool(tail)
    whole = _Piece(
        format,
        end + tail,
        widest,
        [name for piece in pieces for name in piece.names],
        f"_new({_class_name(record, scope)}, ({''.join(piece.value + ', ' for piece in pieces)}))",
        f"({''.join(piece.target + ', ' for piece in pieces)})",
    )
    return whole, offsets


def _class_name(record: type, scope: Scope) -> str:
    """The global that is `record` in the generated source; no field has a leading underscore."""
    name = f"_{record.__name__}"
    while scope.setdefault(name, record) is not record:
        name += "_"
    return name


def _compile_record(record: type, model: DataModel) -> Layout[Any]:
    scope: Scope = {"_new": tuple.__new__}
    piece, offsets = _record_piece(record, "", model, scope)
    packer = struct.Struct("<" + piece.format)
    scope |= {"_unpack_from": packer.unpack_from, "_iter_unpack": packer.iter_unpack, "_pack": packer.pack}
    names = "".join(name + ", " for name in piece.names)
    compile_source(
        f"<layout {record.__name__} {model.name}>",
        f"def unpack(buffer, offset=0):\n"
        f"    {names} = _unpack_from(buffer, offset)\n"
        f"    return {piece.value}\n"
        f"def unpack_array(buffer):\n"
        f"    return [{piece.value} for {names} in _iter_unpack(buffer)]\n"
        f"def pack(record):\n"
        f"    {piece.target} = record\n"
        f"    return _pack({names})\n",
        scope,
    )
    return Layout(
        packer.size, piece.align, piece.format, offsets, scope["unpack"], scope["unpack_array"], scope["pack"]
    )


def _compile_single(hint: object, model: DataModel) -> Layout[Any]:
    piece = _piece(hint, "value", model, {})
    if len(piece.names) != 1:
        raise TypeError(f"{hint!r} is neither a record nor a single value")
    packer = struct.Struct("<" + piece.format)

    def unpack(buffer: bytes, offset: int = 0) -> Any:
        return packer.unpack_from(buffer, offset)[0]

    def unpack_array(buffer: bytes) -> list[Any]:
        return [value for (value,) in packer.iter_unpack(buffer)]

    return Layout(packer.size, piece.align, piece.format, {}, unpack, unpack_array, packer.pack)


def compile_source(filename: str, source: str, scope: Scope) -> None:
    """Run generated `source` in `scope`, and keep it where tracebacks and debuggers look for it."""
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    exec(compile(source, filename, "exec"), scope)
