"""Records have the layout of C in every data model, and survive packing and unpacking."""

from __future__ import annotations

import inspect
import random
import struct
import traceback
from typing import Annotated, Any, NamedTuple

import pytest

from lichen.abi.layout import (
    ILP32,
    LLP64,
    LP64,
    NT32,
    AlignedAs,
    Array,
    Bytes,
    DataModel,
    i8,
    i16,
    i32,
    i64,
    layout,
    layout_of,
    long,
    open_ended,
    packed,
    padded_to,
    ptr,
    u8,
    u16,
    u32,
    u64,
    ulong,
)

MODELS = (LP64, ILP32, LLP64, NT32)
SCALARS = (u8, u16, u32, u64, i8, i16, i32, i64, long, ulong, ptr)


class Timespec(NamedTuple):
    sec: long
    nsec: long


class UnicodeString(NamedTuple):
    length: u16
    maximum_length: u16
    buffer: ptr


class ObjectAttributes(NamedTuple):
    length: u32
    root_directory: ptr
    object_name: ptr
    attributes: u32
    security_descriptor: ptr
    security_quality_of_service: ptr


class Trap(NamedTuple):
    """The order of fields that shows where 64-bit integers align."""

    kind: u32
    size: u64


class Everything(NamedTuple):
    flag: u8
    when: Timespec
    name: Annotated[bytes, Bytes(5)]
    pair: Annotated[tuple[int, ...], Array(u16, 2)]
    times: Annotated[tuple[Timespec, ...], Array(Timespec, 2)]
    union: Annotated[bytes, Bytes(12, align=8)]
    last: i8


class AwkwardNames(NamedTuple):
    """Fields called as the parameters and helpers of generated code could be."""

    buffer: u8
    offset: u8
    record: u8
    new: u8
    struct: u8


@packed
class Packed(NamedTuple):
    events: u32
    data: u64
    flag: u8


@padded_to(128)
class Variant(NamedTuple):
    code: i32
    pid: Annotated[i32, AlignedAs(ptr)]


@open_ended(2)
class Head(NamedTuple):
    time: u64
    length: u32
    flag: u8


@pytest.mark.parametrize(
    ("model", "sizes"),
    [(LP64, (16, 16, 48, 16)), (ILP32, (8, 8, 24, 12)), (LLP64, (8, 16, 48, 16)), (NT32, (8, 8, 24, 16))],
)
def test_sizes_follow_the_data_model(model: DataModel, sizes: tuple[int, ...]) -> None:
    records: tuple[type, ...] = (Timespec, UnicodeString, ObjectAttributes, Trap)
    assert tuple(layout(record, model).size for record in records) == sizes


def test_an_open_ended_record_ends_where_its_array_begins() -> None:
    head = layout(Head, LLP64)
    assert (head.size, head.align) == (14, 8)
    assert head.unpack(head.pack(Head(1, 2, 3)) + b"text") == (1, 2, 3)


def test_i386_aligns_64_bit_integers_to_4_bytes_and_nt_x86_to_8() -> None:
    assert layout(Trap, ILP32).offsets == {"kind": 0, "size": 4}
    assert layout(Trap, NT32).offsets == {"kind": 0, "size": 8}
    assert (layout(Trap, ILP32).align, layout(Trap, NT32).align) == (4, 8)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_nested_records_arrays_and_unions_come_back(model: DataModel) -> None:
    here = layout(Everything, model)
    value = Everything(1, Timespec(2, -3), b"abc", (4, 5), (Timespec(6, 7), Timespec(8, 9)), b"u" * 12, -1)
    data = here.pack(value)
    assert len(data) == here.size
    assert here.unpack(data) == value._replace(name=b"abc\0\0")
    assert isinstance(here.unpack(data).times[1], Timespec)
    assert here.unpack(b"skip" + data, 4).last == -1


def test_offsets_are_those_of_c() -> None:
    assert layout(Everything, LP64).offsets == {
        "flag": 0,
        "when": 8,
        "name": 24,
        "pair": 30,
        "times": 40,
        "union": 72,
        "last": 84,
    }
    assert layout(Everything, LP64).size == 88


def test_arrays_of_records_are_unpacked_in_one_go() -> None:
    here = layout(Trap, ILP32)
    traps = [Trap(1, 2), Trap(3, 4)]
    assert here.unpack_array(b"".join(map(here.pack, traps))) == traps
    assert here.unpack_array(b"") == []


def test_padding_is_zero_so_that_nothing_of_the_kernel_leaks() -> None:
    assert layout(Trap, LP64).pack(Trap(0xFFFFFFFF, 2**64 - 1)) == b"\xff" * 4 + bytes(4) + b"\xff" * 8


def test_packed_records_have_no_padding() -> None:
    assert (layout(Packed, LP64).size, layout(Packed, LP64).align) == (13, 1)
    assert layout(Packed, LP64).offsets == {"events": 0, "data": 4, "flag": 12}


def test_variants_start_where_a_pointer_could_and_fill_their_union() -> None:
    assert layout(Variant, LP64).offsets["pid"] == 8
    assert layout(Variant, ILP32).offsets["pid"] == 4
    assert layout(Variant, LP64).size == layout(Variant, ILP32).size == 128


def test_field_names_cannot_disturb_the_generated_code() -> None:
    here = layout(AwkwardNames, LP64)
    assert here.pack(here.unpack(b"12345")) == b"12345"


@pytest.mark.parametrize("scalar", SCALARS)
def test_scalars_have_layouts_of_plain_ints(scalar: Any) -> None:
    here = layout_of(scalar, LP64)
    assert here.unpack(here.pack(7)) == 7
    assert here.unpack_array(here.pack(7) + here.pack(8)) == [7, 8]


def test_fixed_bytes_have_a_layout_too() -> None:
    assert layout_of(Annotated[bytes, Bytes(4)], LP64).unpack(b"abcdef") == b"abcd"


def test_what_is_not_a_c_type_is_refused() -> None:
    with pytest.raises(TypeError, match="not a C type"):
        layout_of(int, LP64)
    with pytest.raises(TypeError, match="neither a record nor a single value"):
        layout_of(Annotated[tuple[int, ...], Array(u8, 2)], LP64)


def test_a_layout_is_compiled_once() -> None:
    assert layout(Trap, LP64) is layout(Trap, LP64)


def test_values_out_of_range_are_an_error_of_the_caller() -> None:
    with pytest.raises(struct.error):
        layout(Trap, LP64).pack(Trap(-1, 0))


def test_generated_source_shows_in_tracebacks() -> None:
    assert "def pack(record)" in inspect.getsource(layout(Trap, LP64).pack)
    with pytest.raises(struct.error) as raised:
        layout(Trap, LP64).unpack(b"short")
    assert "_unpack_from(buffer, offset)" in "".join(traceback.format_exception(raised.value))


def test_any_bytes_unpack_and_pack_to_themselves_where_there_is_no_padding() -> None:
    generator = random.Random(1)
    for model in MODELS:
        here = layout(Timespec, model)
        data = generator.randbytes(here.size)
        assert here.pack(here.unpack(data)) == data
