"""The records of NT are laid out as its C headers say, for x64 and for x86.

Signs are not compared: a status, which C has as a LONG, is an unsigned number here, and a LARGE_INTEGER is a union there.
"""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from lichen.abi.layout import LLP64, NT32, DataModel, is_record, layout_of
from lichen.subsystems.nt import records
from lichen.subsystems.nt.records import (
    common,
    exceptions,
)
from tests.layouts import nt_documented
from tests.layouts.compiler import InC, assertions, complaints, preamble
from tests.layouts.nt_documented import Documented
from tests.layouts.nt_headers import IN_C, Windows
from tests.layouts.nt_network import NETWORK
from tests.toolchain import host_program

COMPILER, PACKAGE = "x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64"
MODELS = {LLP64: "-m64", NT32: "-m32"}


@cache
def _kernel_headers() -> Path:
    """The folder in which the compiler has the headers for drivers, which include each other by their names alone."""
    command = [host_program(COMPILER, PACKAGE), "-M", "-MG", "-w", "-x", "c", "-"]
    run = subprocess.run(command, input="#include <ddk/wdm.h>", capture_output=True, text=True, check=True)
    return Path(next(word for word in run.stdout.split() if word.endswith("/wdm.h"))).parent


DOCUMENTED = {**nt_documented.DOCUMENTED, **NETWORK}
OF_X64 = {exceptions.FloatSave, exceptions.Context}
"""What x86 has in another form."""
PLACES = sorted({(declared.headers, declared.text) for declared in IN_C.values()})
each_model = pytest.mark.parametrize(("model", "flag"), MODELS.items(), ids=("x64", "x86"))


@each_model
@pytest.mark.parametrize("place", PLACES, ids=lambda place: "-".join(place[0]))
def test_records_are_laid_out_as_in_c(
    place: tuple[tuple[str, ...], str], model: DataModel, flag: str
) -> None:
    host_program(COMPILER, PACKAGE)
    source = list(preamble(InC("", *place[:1], text=place[1])))
    for record, declared in IN_C.items():
        if (declared.headers, declared.text) == place and (model is LLP64 or record not in OF_X64):
            source += assertions(record, declared, model, signs=False)
    assert complaints(source, (COMPILER, flag, f"-I{_kernel_headers()}")) == []


@pytest.mark.parametrize(
    ("record", "known"), DOCUMENTED.items(), ids=lambda value: getattr(value, "__name__", "")
)
def test_records_are_laid_out_as_documented(record: type, known: Documented) -> None:
    for model, expected in ((LLP64, known.x64), (NT32, known.x86)):
        ours = layout_of(record, model)
        assert expected is None or (ours.size, tuple(ours.offsets.values())) == expected


def test_every_record_is_compared() -> None:
    modules = [
        importlib.import_module(f"{records.__name__}.{m.name}")
        for m in pkgutil.iter_modules(records.__path__)
    ]
    ours: set[type] = {value for module in modules for value in vars(module).values() if is_record(value)}
    assert ours - IN_C.keys() - DOCUMENTED.keys() == set()


def test_a_difference_is_seen() -> None:
    host_program(COMPILER, PACKAGE)
    declared = Windows("CLIENT_ID", members={"peak": "UniqueThread"})
    source = [
        *preamble(declared),
        *assertions(
            common.UnicodeString,
            Windows(
                "CLIENT_ID",
                members={
                    "length": "UniqueProcess",
                    "maximum_length": "UniqueThread",
                    "buffer": "UniqueThread",
                },
            ),
            LLP64,
        ),
    ]
    assert "offset of UnicodeString.maximum_length is 2 here" in complaints(source, (COMPILER,))
