"""Made-up records are laid out as gcc does it, in all four data models.

gcc stands in for compilers that may be missing. Without headers `-m32` needs nothing but gcc itself,
`-malign-double` aligns 64-bit integers as NT x86 does, and a `long` of four bytes is spelled `int`.
"""

from __future__ import annotations

import platform
import random
from typing import Annotated, Any, NamedTuple

import pytest

from lichen.abi import layout as abi
from lichen.abi.layout import Array, Bytes, DataModel
from tests.layouts.compiler import InC, differences

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="needs the gcc of x86-64")

SCALARS: dict[str, Any] = {
    "signed char": abi.i8,
    "unsigned char": abi.u8,
    "short": abi.i16,
    "unsigned short": abi.u16,
    "int": abi.i32,
    "unsigned": abi.u32,
    "long long": abi.i64,
    "unsigned long long": abi.u64,
    "LONG": abi.long,
    "unsigned LONG": abi.ulong,
    "void *": abi.ptr,
}

COMPILERS = {
    abi.LP64: ("gcc", "-DLONG=long"),
    abi.ILP32: ("gcc", "-m32", "-DLONG=long"),
    abi.LLP64: ("gcc", "-DLONG=int"),
    abi.NT32: ("gcc", "-m32", "-malign-double", "-DLONG=long"),
}


class MadeUp(NamedTuple):
    """A record class, the C type it stands for, and the declaration of that."""

    record: Any
    type: str
    text: str


def make_up(generator: random.Random, name: str, depth: int = 0) -> MadeUp:
    """A record of random fields, some of which are records made up in the same way."""
    fields: list[tuple[str, Any]] = []
    members, before = "", ""
    for i in range(generator.randint(1, 8)):
        kind = generator.choice(("scalar", "scalar", "bytes", "array", "record" if depth < 2 else "scalar"))
        c_type, hint = generator.choice(list(SCALARS.items()))
        count = generator.randint(1, 5)
        suffix = ""
        if kind == "record":
            inner = make_up(generator, f"{name}_{i}", depth + 1)
            before += inner.text
            c_type, hint = inner.type, inner.record
        elif kind == "bytes":
            c_type, hint, suffix = "char", Annotated[bytes, Bytes(count)], f"[{count}]"
        elif kind == "array":
            hint, suffix = Annotated[tuple[int, ...], Array(hint, count)], f"[{count}]"
        fields.append((f"f{i}", hint))
        members += f"{c_type} f{i}{suffix}; "
    record, attribute = record_class(name, fields), ""
    if generator.random() < 0.2:
        record, attribute = abi.packed(record), " __attribute__((packed))"
    return MadeUp(record, f"struct {name}", f"{before}struct {name} {{ {members}}}{attribute};\n")


def record_class(name: str, fields: list[tuple[str, Any]]) -> Any:
    return NamedTuple(name, fields)


@pytest.mark.parametrize("model", COMPILERS, ids=lambda model: model.name)
@pytest.mark.parametrize("seed", range(25))
def test_made_up_record_is_laid_out_as_in_c(seed: int, model: DataModel) -> None:
    made_up = make_up(random.Random(seed), f"R{seed}")
    declared = InC(made_up.type, text=made_up.text)
    assert differences(made_up.record, declared, model, COMPILERS[model]) == [], made_up.text


@pytest.mark.parametrize("model", COMPILERS, ids=lambda model: model.name)
@pytest.mark.parametrize("seed", range(25))
def test_made_up_record_survives_packing(seed: int, model: DataModel) -> None:
    generator = random.Random(seed)
    here = abi.layout(make_up(generator, f"R{seed}").record, model)
    record = here.unpack(generator.randbytes(here.size))
    assert here.unpack(here.pack(record)) == record
    assert here.unpack_array(here.pack(record) * 2) == [record, record]
