"""The records that Windows programs and the kernel exchange, by topic: fields as the headers name them, in Python's spelling.

They are declared without a data model, as those of Linux are: `ptr` is what has a pointer's width (handles, SIZE_T,
ULONG_PTR, KAFFINITY), `u32` a ULONG, and a LARGE_INTEGER is `i64`, which NT aligns to 8 bytes on x86 too. `MODEL` is
what the guests of today have. tests/layouts compares each record with the C compiler for both models.
"""

from typing import Final

from lichen.abi.layout import LLP64, DataModel, Layout, i32, layout_of, ptr, u32, u64

MODEL: Final[DataModel] = LLP64
POINTER: Final[Layout[int]] = layout_of(ptr, MODEL)
ULONG: Final[Layout[int]] = layout_of(u32, MODEL)
LONG: Final[Layout[int]] = layout_of(i32, MODEL)
ULONG64: Final[Layout[int]] = layout_of(u64, MODEL)
