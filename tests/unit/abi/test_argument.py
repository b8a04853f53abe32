"""Parameters arrive clean, and typed addresses read and write what they say."""

from __future__ import annotations

from typing import Annotated, Any, Final, NamedTuple

import pytest

from lichen.abi.argument import (
    Arg,
    In,
    InOut,
    OptionalIn,
    OptionalInOut,
    OptionalOut,
    Out,
    Show,
    argument,
    constant_names,
    flag_names,
    show_bytes,
)
from lichen.abi.layout import (
    ILP32,
    LP64,
    NT32,
    Bytes,
    DataModel,
    i8,
    i16,
    i32,
    i64,
    layout,
    layout_of,
    long,
    ptr,
    u8,
    u16,
    u32,
    u64,
    ulong,
)
from lichen.abi.memory import BadAddress
from tests.unit.abi.guest import BASE, GuestMemory


class Timespec(NamedTuple):
    sec: long
    nsec: long


class Mapping(NamedTuple):
    start: ptr
    name: Annotated[bytes, Bytes(4)]


class Open:
    RDONLY: Final = 0
    WRONLY: Final = 1
    RDWR: Final = 2
    CREAT: Final = 0o100
    DSYNC: Final = 0o10000
    SYNC: Final = 0o4010000


class Signal:
    HUP: Final = 1
    POLL: Final = 29
    IO: Final = 29


InTimespec = In[Timespec]
InMapping = In[Mapping]
InU32 = In[u32]
InBytes = In[Annotated[bytes, Bytes(2)]]
OptionalInTimespec = OptionalIn[Timespec]
OptionalInI32 = OptionalIn[i32]
OptionalInU32 = OptionalIn[u32]

ONES = 2**64 - 1


def decode(hint: Any, raw: int, model: DataModel = LP64, memory: GuestMemory | None = None) -> Any:
    arg = argument(hint, model)
    return eval(arg.decode.replace("{x}", str(raw)), {**arg.uses, "memory": memory, "model": model})


@pytest.mark.parametrize(
    ("hint", "raw", "value"),
    [
        (u8, 0x1FF, 0xFF),
        (u16, 0x12345, 0x2345),
        (u32, 0xDEAD_0000_0005, 5),
        (u64, ONES, ONES),
        (i8, 0x1FF, -1),
        (i16, 0xFFFF_8000, -0x8000),
        (i32, 0xFFFFFF9C, -100),
        (i32, 0xDEAD_BEEF_7FFF_FFFF, 0x7FFFFFFF),
        (i64, ONES, -1),
        (long, ONES, -1),
        (ulong, ONES, ONES),
        (ptr, ONES, ONES),
    ],
)
def test_integers_are_cut_to_their_width(hint: Any, raw: int, value: int) -> None:
    assert decode(hint, raw) == value


def test_longs_and_pointers_have_four_bytes_in_32_bit_models() -> None:
    assert decode(long, 0xFFFFFFFF, ILP32) == -1
    assert decode(ulong, 0xFFFFFFFF, NT32) == 0xFFFFFFFF
    assert decode(ptr, 0xFFFFFFFF, ILP32) == 0xFFFFFFFF


def test_a_record_by_pointer_arrives_as_the_record() -> None:
    memory = GuestMemory()
    memory.write(BASE, layout(Timespec, LP64).pack(Timespec(1, -2)))
    assert decode(InTimespec, BASE, memory=memory) == Timespec(1, -2)
    assert decode(OptionalInTimespec, BASE, memory=memory) == Timespec(1, -2)
    assert decode(InTimespec, BASE, ILP32, memory) == Timespec(1, 0)
    assert memory.reads == [(BASE, 16), (BASE, 16), (BASE, 8)]


def test_scalars_by_pointer_arrive_as_ints() -> None:
    memory = GuestMemory()
    memory.write(BASE, b"\xff\xff\xff\xff")
    assert decode(InU32, BASE, memory=memory) == 0xFFFFFFFF
    assert decode(OptionalInI32, BASE, memory=memory) == -1
    assert decode(InBytes, BASE, memory=memory) == b"\xff\xff"


def test_null_is_none_where_it_is_allowed_and_a_fault_elsewhere() -> None:
    memory = GuestMemory()
    assert decode(OptionalInTimespec, 0, memory=memory) is None
    assert decode(OptionalInU32, 0, memory=memory) is None
    with pytest.raises(BadAddress):
        decode(InTimespec, 0, memory=memory)


def test_a_bad_pointer_is_a_fault_in_the_decoder() -> None:
    with pytest.raises(BadAddress) as raised:
        decode(OptionalInTimespec, BASE + 0xFF8, memory=GuestMemory())
    assert raised.value.address == BASE + 0xFF8


def test_out_writes_one_value() -> None:
    memory = GuestMemory()
    out: Out[Timespec] = decode(Out[Timespec], BASE, memory=memory)
    out.write(Timespec(3, 4))
    assert memory.read(BASE, 16) == layout(Timespec, LP64).pack(Timespec(3, 4))
    number: Out[u32] = decode(Out[u32], BASE, memory=memory)
    number.write(7)
    assert memory.read(BASE, 8) == b"\7\0\0\0\0\0\0\0"


def test_out_to_null_is_a_fault_when_written() -> None:
    out: Out[u32] = Out(GuestMemory(), 0, layout_of(u32, LP64))
    with pytest.raises(BadAddress) as raised:
        out.write(1)
    assert raised.value.address == 0


def test_optional_out_is_false_and_silent_without_an_address() -> None:
    memory = GuestMemory()
    nothing: OptionalOut[u32] = decode(OptionalOut[u32], 0, memory=memory)
    nothing.write(1)
    assert not nothing
    wanted: OptionalOut[u32] = decode(OptionalOut[u32], BASE, memory=memory)
    wanted.write(1)
    assert wanted
    assert memory.read(BASE, 4) == b"\1\0\0\0"
    with pytest.raises(BadAddress):
        decode(OptionalOut[u32], 1, memory=memory).write(1)


def test_in_out_reads_and_writes_the_same_place() -> None:
    memory = GuestMemory()
    place: InOut[u32] = decode(InOut[u32], BASE, memory=memory)
    place.write(place.read() + 5)
    assert place.read() == 5
    null: InOut[u32] = decode(InOut[u32], 0, memory=memory)
    with pytest.raises(BadAddress):
        null.read()
    with pytest.raises(BadAddress):
        null.write(1)


def test_optional_in_out_is_false_without_an_address() -> None:
    assert not decode(OptionalInOut[u32], 0, memory=GuestMemory())
    place: OptionalInOut[u32] = decode(OptionalInOut[u32], BASE, memory=GuestMemory())
    place.write(9)
    assert place
    assert place.read() == 9


def test_a_type_that_does_not_say_how_it_is_decoded_is_refused() -> None:
    for hint in (int, Timespec, Annotated[int, "no mark"], Annotated[bytes, Bytes(4)]):
        with pytest.raises(TypeError):
            argument(hint, LP64)


def test_an_arg_of_its_own_is_taken_as_it_is() -> None:
    own = Arg("{x} >> 2", hex)
    assert argument(Annotated[int, own], LP64) is own


@pytest.mark.parametrize(
    ("hint", "value", "text"),
    [
        (i32, -100, "-100"),
        (ptr, 0x7FFE1000, "0x7ffe1000"),
        (ptr, 0, "NULL"),
        (Annotated[ulong, Show(flag_names(Open, "O_"))], 0o101, "O_WRONLY|O_CREAT"),
        (InTimespec, Timespec(1, 2), "{sec=1, nsec=2}"),
        (InMapping, Mapping(1, b"a\0"), '{start=1, name="a\\0"}'),
        (OptionalInTimespec, None, "NULL"),
        (Out[Timespec], Out(GuestMemory(), BASE, layout(Timespec, LP64)), "0x10000"),
        (OptionalOut[Timespec], OptionalOut(GuestMemory(), 0, layout(Timespec, LP64)), "NULL"),
    ],
)
def test_arguments_print(hint: Any, value: Any, text: str) -> None:
    assert argument(hint, LP64).show(value) == text


def test_flags_print_the_widest_names_first_and_keep_unknown_bits() -> None:
    show = flag_names(Open)
    assert show(0) == "RDONLY"
    assert show(0o4010001) == "SYNC|WRONLY"
    assert show(0o10000) == "DSYNC"
    assert show(0x40000002) == "RDWR|0x40000000"
    assert flag_names(Signal)(0) == "0"


def test_enumerations_print_the_first_name_of_a_value() -> None:
    show = constant_names(Signal, "SIG")
    assert (show(1), show(29), show(64)) == ("SIGHUP", "SIGPOLL", "64")


def test_text_prints_escaped_and_cut() -> None:
    assert show_bytes(b'a"\\\n\xff\0') == '"a\\"\\\\\\n\\xff\\0"'
    assert show_bytes(b"abcdef", limit=3) == '"abc"...'
