"""The information classes of NtQueryInformation* and NtSetInformation*: tables of what each class tells, or takes.

A family of calls has one table, and a class is a function with a record. The table packs and unpacks, checks lengths and
writes, so that a function only says what is known. A call finds the class, reaches its object with the rights that the class
wants (its own, or those of the table), and has it answered:

    information: Final = Information[Process](access=ProcessAccess.QUERY_LIMITED)

    @information(0, ProcessBasicInformation)
    def _basic(process: Process) -> ProcessBasicInformation: ...

    @information.value(20, u32)                  # one value instead of a record
    def _handle_count(process: Process) -> int: ...

    @information.tailed(27, UnicodeString)       # with bytes behind the record, which will lie at `at`
    def _image_name(at: int, process: Process) -> tuple[UnicodeString, bytes]: ...

    @information.raw(5)                          # the bytes themselves, for a buffer at `at`
    def _processes(at: int, process: Process) -> bytes: ...

    known = information.find(information_class)
    target = process_of(thread, process, known.access)
    known.answer(thread.memory, buffer, size, needed, target)
    return Status.SUCCESS

An unknown class is found too, so that a bad handle is told of first: it fails with INVALID_INFO_CLASS when it is answered.

What is needed is told first, then a buffer that is too small is INFO_LENGTH_MISMATCH. Where NT has it otherwise, the table or
the class says so: `too_small` is another status, and `headless` the one for room that the record in front would have had;
from `least` on, the length of an older form, as much is written as fits, and with `cut` BUFFER_OVERFLOW tells that something
is missing; of `forms`, the lengths of all older ones, the longest is written that fits; with `partial` as much is written as
fits, in the same way as with `cut`, if the record in front does; with `exact` there may not be more room either. A call that
tells the length in its own way, or only when all went well, passes None and takes the length that `answer` returns.

Settings go the other way. What lies behind the record arrives as bytes with `tailed`, and with `raw` the function gets
the memory, the buffer's address and its size, and reads for itself:

    settings: Final = Settings[Thread, Process](access=ProcessAccess.SET_INFORMATION)

    @settings.value(21, ptr)
    def _set_affinity(mask: int, thread: Thread, process: Process) -> None: ...

    settings.accept(12, 16)                      # classes without an effect here

    settings.find(information_class).take(thread.memory, buffer, size, thread, target)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypedDict, TypeVar, TypeVarTuple, Unpack

from lichen.abi.argument import OptionalOut, Out
from lichen.abi.layout import Layout, layout_of
from lichen.abi.memory import Memory
from lichen.executive.interfaces import USER_END
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.records import MODEL

Subject = TypeVarTuple("Subject")
"""What the functions of a family are asked about: the object, and before it the caller where that matters."""
R = TypeVar("R")

_MOST_TAKEN: Final = 0x11000
"""Bytes of one setting: the longest name, and what lies in front of it."""


class Rule(TypedDict, total=False):
    """How a class differs from the others of its family."""

    access: int
    too_small: int
    least: int | None
    exact: bool


class QueryRule(Rule, total=False):
    """As Rule, for what is told."""

    cut: bool
    partial: bool
    headless: int
    forms: tuple[int, ...]


Told = tuple[int, int]
"""What came of a query: SUCCESS or BUFFER_OVERFLOW, and the bytes written. No record, as such queries are frequent."""


class Query(Generic[*Subject]):
    """One class of a query family: the rights that it wants, and what makes its bytes for a buffer at an address."""

    __slots__ = (
        "access",
        "cut",
        "exact",
        "forms",
        "head",
        "headless",
        "least",
        "make",
        "record",
        "too_small",
    )

    def __init__(
        self,
        make: Callable[[int, *Subject], bytes],
        access: int = 0,
        too_small: int = Status.INFO_LENGTH_MISMATCH,
        least: int | None = None,
        exact: bool = False,
        cut: bool = False,
        partial: bool = False,
        headless: int = 0,
        forms: tuple[int, ...] = (),
        record: int = 0,
    ) -> None:
        self.make, self.access, self.too_small = make, access, too_small
        self.least, self.exact, self.cut = forms[0] if forms else least, exact, cut or partial
        self.head = record if partial else None
        self.record, self.headless, self.forms = record, headless or too_small, forms

    def answer(
        self,
        memory: Memory,
        buffer: int,
        size: int,
        needed: OptionalOut[int] | Out[int] | None,
        *subject: *Subject,
    ) -> Told:
        """Write what is known to a buffer of `size` bytes."""
        if self.least is not None and size < self.least:
            raise Failure(self.too_small)
        data = self.make(buffer if buffer < USER_END else 0, *subject)  # nothing is written out of reach
        length = len(data)
        if needed is not None:
            needed.write(length)
        if size == length or (size > length and not self.exact):
            memory.write(buffer, data)
            return Status.SUCCESS, length
        if self.least is None and (self.head is None or size < self.head):
            raise Failure(self.headless if size >= self.record else self.too_small)
        if self.forms:
            size = max(form for form in self.forms if form <= size)
        memory.write(buffer, data[:size])
        return (Status.BUFFER_OVERFLOW if self.cut else Status.SUCCESS), size


class Information(Generic[*Subject]):
    """A query family: its classes by number, and the rule that they have in common."""

    def __init__(self, unknown: int = Status.INVALID_INFO_CLASS, **rule: Unpack[QueryRule]) -> None:
        self._rule: QueryRule = rule
        self._known: dict[int, Query[*Subject]] = {}
        self._unknown: Query[*Subject] = Query(_Unknown(unknown), **rule)

    def find(self, number: int) -> Query[*Subject]:
        """The class of a number; an unknown one fails when it is answered."""
        return self._known.get(number, self._unknown)

    def __call__(
        self, number: int, record: type[R], **rule: Unpack[QueryRule]
    ) -> Callable[[Callable[[*Subject], R]], Callable[[*Subject], R]]:
        """Declare a class that tells a record."""
        return self._packed(number, layout_of(record, MODEL), rule)

    def value(
        self, number: int, scalar: object, **rule: Unpack[QueryRule]
    ) -> Callable[[Callable[[*Subject], int]], Callable[[*Subject], int]]:
        """Declare a class that tells one value of a scalar type."""
        return self._packed(number, layout_of(scalar, MODEL), rule)

    def tailed(
        self, number: int, record: type[R], **rule: Unpack[QueryRule]
    ) -> Callable[[Callable[[int, *Subject], tuple[R, bytes]]], Callable[[int, *Subject], tuple[R, bytes]]]:
        """Declare a class that tells a record and bytes behind it, whose address the function gets first."""
        packed = layout_of(record, MODEL)

        def declare(
            function: Callable[[int, *Subject], tuple[R, bytes]],
        ) -> Callable[[int, *Subject], tuple[R, bytes]]:
            def make(at: int, *subject: *Subject) -> bytes:
                head, tail = function(at + packed.size, *subject)
                return packed.pack(head) + tail

            self._add(number, make, rule, packed.size)
            return function

        return declare

    def raw(
        self, number: int, **rule: Unpack[QueryRule]
    ) -> Callable[[Callable[[int, *Subject], bytes]], Callable[[int, *Subject], bytes]]:
        """Declare a class whose bytes a function makes, which gets the buffer's address first."""

        def declare(function: Callable[[int, *Subject], bytes]) -> Callable[[int, *Subject], bytes]:
            self._add(number, function, rule)
            return function

        return declare

    def _packed(
        self, number: int, packed: Layout[R], rule: QueryRule
    ) -> Callable[[Callable[[*Subject], R]], Callable[[*Subject], R]]:
        def declare(function: Callable[[*Subject], R]) -> Callable[[*Subject], R]:
            pack = packed.pack
            self._add(number, lambda at, *subject: pack(function(*subject)), rule)
            return function

        return declare

    def _add(
        self, number: int, make: Callable[[int, *Subject], bytes], rule: QueryRule, record: int = 0
    ) -> None:
        merged: QueryRule = {**self._rule, **rule}
        self._known[number] = Query(make, **merged, record=record)


class Setting(Generic[*Subject]):
    """One class of a family of settings: the rights that it wants, and what takes a buffer of some size."""

    __slots__ = ("access", "exact", "least", "too_small", "use")

    def __init__(
        self,
        use: Callable[[Memory, int, int, *Subject], object],
        access: int = 0,
        too_small: int = Status.INFO_LENGTH_MISMATCH,
        least: int | None = None,
        exact: bool = False,
    ) -> None:
        self.use, self.access, self.too_small = use, access, too_small
        self.least, self.exact = least or 0, exact

    def take(self, memory: Memory, buffer: int, size: int, *subject: *Subject) -> None:
        """Do what a buffer of `size` bytes says."""
        if size < self.least or (self.exact and size != self.least):
            raise Failure(self.too_small)
        self.use(memory, buffer, size, *subject)


class Settings(Generic[*Subject]):
    """A family of settings by number, and the rule that they have in common; `least` is by default the record's size."""

    def __init__(self, **rule: Unpack[Rule]) -> None:
        self._rule: Rule = rule
        self._known: dict[int, Setting[*Subject]] = {}
        self._unknown: Setting[*Subject] = Setting(
            _Unknown(Status.INVALID_INFO_CLASS), access=rule.get("access", 0)
        )

    def find(self, number: int) -> Setting[*Subject]:
        """The class of a number; an unknown one fails when it is to take something."""
        return self._known.get(number, self._unknown)

    def __call__(
        self, number: int, record: type[R], **rule: Unpack[Rule]
    ) -> Callable[[Callable[[R, *Subject], None]], Callable[[R, *Subject], None]]:
        """Declare a class that takes a record."""
        return self._unpacked(number, layout_of(record, MODEL), rule)

    def value(
        self, number: int, scalar: object, **rule: Unpack[Rule]
    ) -> Callable[[Callable[[int, *Subject], None]], Callable[[int, *Subject], None]]:
        """Declare a class that takes one value of a scalar type."""
        return self._unpacked(number, layout_of(scalar, MODEL), rule)

    def tailed(
        self, number: int, record: type[R], **rule: Unpack[Rule]
    ) -> Callable[[Callable[[R, bytes, *Subject], None]], Callable[[R, bytes, *Subject], None]]:
        """Declare a class that takes a record and what is behind it."""
        packed = layout_of(record, MODEL)

        def declare(
            function: Callable[[R, bytes, *Subject], None],
        ) -> Callable[[R, bytes, *Subject], None]:
            def use(memory: Memory, buffer: int, size: int, *subject: *Subject) -> None:
                data = memory.read(buffer, min(size, _MOST_TAKEN))
                function(packed.unpack(data), data[packed.size :], *subject)

            self._add(number, use, {"least": packed.size, **rule})
            return function

        return declare

    def raw(
        self, number: int, **rule: Unpack[Rule]
    ) -> Callable[
        [Callable[[Memory, int, int, *Subject], None]], Callable[[Memory, int, int, *Subject], None]
    ]:
        """Declare a class whose function gets the buffer's address and size, and reads for itself."""

        def declare(
            function: Callable[[Memory, int, int, *Subject], None],
        ) -> Callable[[Memory, int, int, *Subject], None]:
            self._add(number, function, rule)
            return function

        return declare

    def accept(self, *numbers: int, **rule: Unpack[Rule]) -> None:
        """Declare classes that have no effect here."""
        for number in numbers:
            self._add(number, lambda *_: None, rule)

    def _unpacked(
        self, number: int, packed: Layout[R], rule: Rule
    ) -> Callable[[Callable[[R, *Subject], None]], Callable[[R, *Subject], None]]:
        def declare(function: Callable[[R, *Subject], None]) -> Callable[[R, *Subject], None]:
            def use(memory: Memory, buffer: int, size: int, *subject: *Subject) -> None:
                function(packed.unpack(memory.read(buffer, packed.size)), *subject)

            self._add(number, use, {"least": packed.size, **rule})
            return function

        return declare

    def _add(self, number: int, use: Callable[[Memory, int, int, *Subject], object], rule: Rule) -> None:
        merged: Rule = {**self._rule, **rule}
        self._known[number] = Setting(use, **merged)


class _Unknown:
    """What an unknown class does."""

    def __init__(self, status: int) -> None:
        self.status = status

    def __call__(self, *_: object) -> bytes:
        raise Failure(self.status)
