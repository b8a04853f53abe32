"""Declare a system call once; its decoder, trace line and row of the reference are derived from that.

    linux = Calls("linux")

    @linux.call(amd64=257, i386=295)
    def openat(thread: Thread, directory: Fd, path: Path, flags: OpenFlags, mode: Mode) -> int:
        '''Open a file named relative to a directory.'''

Decoding is generated, straight-line Python: a loop over decoder objects costs four times as much, and every
call of every guest pays it. The source of an entry shows up in tracebacks under the name `<amd64 openat>`.
Entries are compiled when they are first used, and types are resolved then too, as a machine has hundreds of
calls and a program uses a few dozen of them.
"""

from __future__ import annotations

import inspect
import struct
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple, Protocol, TypeVar, get_type_hints

from lichen.abi.argument import Arg, argument, show_address, show_bytes
from lichen.abi.convention import Convention
from lichen.abi.layout import DataModel, Scope, compile_source
from lichen.abi.memory import BadAddress, Memory

Body = TypeVar("Body", bound=Callable[..., object])


class Caller(Protocol):
    """The thread that makes a call, as far as its arguments are to be read."""

    @property
    def memory(self) -> Memory: ...


Enter = Callable[[Caller, tuple[int, ...]], Any]
Restart = Literal["always", "signal", "never", "cut"]
_MOST_MISSING = 1000
_SHOWN_CONTENT = 32
"""Bytes of what is written that a trace shows, as strace does."""


@dataclass(frozen=True, eq=False)
class Call:
    """One declared system call.

    `partial` says what is missing from it, if anything. `restart` says what becomes of the call when a signal
    handler has interrupted it: begun again always, only if the handler has SA_RESTART (`signal`), or never
    (EINTR). A `cut` call is not even begun again after a stop, which no handler sees.
    """

    name: str
    body: Callable[..., object]
    numbers: Mapping[str, int]
    doc: str
    partial: str = ""
    restart: Restart = "signal"

    @cached_property
    def parameters(self) -> dict[str, object]:
        """The types of the parameters by name, without the thread that comes first."""
        names = list(inspect.signature(self.body).parameters)[1:]
        # Only these are resolved: the types of the thread and the result may be known to type checkers alone.
        wanted = types.SimpleNamespace(
            __annotations__={name: self.body.__annotations__[name] for name in names}
        )
        return get_type_hints(wanted, inspect.unwrap(self.body).__globals__, include_extras=True)

    @cached_property
    def signature(self) -> str:
        """`name(parameter: Type, ...)` with the types as they are written in the declaration."""
        written = {name: self.body.__annotations__[name] for name in self.parameters}
        texts = (
            f"{k}: {v if isinstance(v, str) else inspect.formatannotation(v)}" for k, v in written.items()
        )
        return f"{self.name}({', '.join(texts)})"


class Missing(dict[str, int]):
    """Calls that guests made without a declaration, and how often; a guest that tries every number fills no memory."""

    def count(self, name: str) -> None:
        """One more call of this name."""
        if name in self or len(self) < _MOST_MISSING:
            self[name] = self.get(name, 0) + 1


class CallEntry(NamedTuple):
    """What a call number leads to: `enter(thread, args)` decodes the arguments and runs the body."""

    enter: Enter
    call: Call


class Row(NamedTuple):
    """One line of the call reference; `support` is `full`, `missing` or says what is missing."""

    number: int | None
    name: str
    signature: str
    support: str
    doc: str


class Calls:
    """All the system calls of one subsystem."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.by_name: dict[str, Call] = {}

    def call(
        self, *, partial: str = "", restart: Restart = "signal", **numbers: int
    ) -> Callable[[Body], Body]:
        """Declare the decorated function as a system call; `numbers` are by name of convention.

        The first parameter is the calling thread. A trailing underscore (`exit_`) is not part of the call's
        name.
        """

        def declare(body: Body) -> Body:
            name = body.__name__.rstrip("_")
            if name in self.by_name:
                raise ValueError(f"{self.name}: {name} is declared twice")
            self.by_name[name] = Call(name, body, numbers, inspect.getdoc(body) or "", partial, restart)
            return body

        return declare

    def numbers(self, convention: Convention) -> dict[str, int]:
        """The numbers given in the declarations, by name."""
        return {
            name: call.numbers[convention.name]
            for name, call in self.by_name.items()
            if convention.name in call.numbers
        }

    def table(self, convention: Convention, numbers: Mapping[str, int] | None = None) -> dict[int, CallEntry]:
        """Entries by number. NT passes `numbers`, read from the guest's ntdll, as they differ by build."""
        table: dict[int, CallEntry] = {}
        for name, number in (self.numbers(convention) if numbers is None else numbers).items():
            call = self.by_name.get(name)
            if call is None:
                continue
            if number in table:
                raise ValueError(f"{self.name}: {name} and {table[number].call.name} share number {number}")
            table[number] = CallEntry(_compile_on_first_use(table, number, call, convention), call)
        return table

    def reference(self, convention: Convention, known: Mapping[str, int] | None = None) -> Iterator[Row]:
        """Rows of the reference by number: declared calls, and those of `known` (name to number) that are
        missing.

        NT calls have their numbers from `known`; a declaration's own number must not contradict it. A call
        without a number comes last. `doc` is the first paragraph of the declaration's.
        """
        fixed = self.numbers(convention)
        declared = {n: call for n, call in self.by_name.items() if n in fixed or not call.numbers}
        numbers: dict[str, int | None] = {**dict.fromkeys(declared), **fixed, **(known or {})}
        if wrong := [name for name, number in fixed.items() if numbers[name] != number]:
            raise ValueError(f"{self.name}: declared with other numbers than known: {', '.join(wrong)}")
        for name in sorted(numbers, key=lambda name: _reference_order(numbers[name], name)):
            call = declared.get(name)
            if call is None:
                yield Row(numbers[name], name, name, "missing", "")
            else:
                summary = " ".join(call.doc.partition("\n\n")[0].split())
                yield Row(numbers[name], name, call.signature, call.partial or "full", summary)


def decode_for_trace(call: Call, convention: Convention, thread: Caller, args: tuple[int, ...]) -> str:
    """`name(argument, ...)` for a trace; what cannot be decoded is shown raw, and nothing is raised."""
    key = call, convention
    show = _shows.get(key)
    if show is None:
        show = _shows[key] = _compile_show(call, convention)
    shown: list[str] = show(thread, args)
    return f"{call.name}({', '.join(shown)})"


def entry_source(call: Call, convention: Convention) -> str:
    """The Python that takes `call`'s arguments from a stopped thread and runs its body."""
    return _entry_source(call, _plan(call, convention))


_shows: dict[tuple[Call, Convention], Callable[[Caller, tuple[int, ...]], list[str]]] = {}


class _Plan(NamedTuple):
    """The generated parts of one call in one convention.

    `values` are the expressions of the decoded parameters, `raws` of the values they are decoded from.
    """

    prologue: str
    values: list[str]
    raws: list[str]
    arguments: list[Arg]
    scope: Scope


def _plan(call: Call, convention: Convention) -> _Plan:
    model = convention.model
    arguments = [argument(hint, model) for hint in call.parameters.values()]
    raws, on_stack = _raw_values(call, convention, arguments)
    values = [arg.decode.replace("{x}", raw) for arg, raw in zip(arguments, raws, strict=True)]
    scope = _scope(call, arguments, model)
    prologue = ""
    if on_stack or any("memory" in value for value in values):
        prologue += "    memory = thread.memory\n"
    if on_stack:
        scope["unpack_stack"] = struct.Struct(f"<{on_stack}{'Q' if model.pointer == 8 else 'I'}").unpack
        address = f"args[{len(convention.registers)}]"
        prologue += f"    stack = unpack_stack(memory.read({address}, {on_stack * model.pointer}))\n"
    return _Plan(prologue, values, raws, arguments, scope)


def _raw_values(call: Call, convention: Convention, arguments: list[Arg]) -> tuple[list[str], int]:
    """The expression of each argument's raw value, and how many slots of the stack they need."""
    in_registers = len(convention.registers)
    slots = 0

    def next_slot() -> str:
        nonlocal slots
        slots += 1
        return f"args[{slots - 1}]" if slots <= in_registers else f"stack[{slots - 1 - in_registers}]"

    raws = []
    for arg in arguments:
        two = arg.wide and convention.model.pointer == 4
        raws.append(f"({next_slot()} | {next_slot()} << 32)" if two else next_slot())
    if slots > in_registers and not convention.stack:
        raise TypeError(f"{call.name}: {convention.name} has no room for {slots} arguments")
    return raws, max(0, slots - in_registers)


def _scope(call: Call, arguments: list[Arg], model: DataModel) -> Scope:
    """The globals of the generated code. A name that two arguments use must mean the same to both."""
    scope: Scope = {"body": call.body, "model": model}
    for arg in arguments:
        for name, value in arg.uses.items():
            if scope.setdefault(name, value) != value:
                raise TypeError(f"{call.name}: two of its parameters mean different things by {name!r}")
    return scope


def _entry_source(call: Call, plan: _Plan) -> str:
    values = zip(call.parameters, plan.values, strict=True)
    lines = "".join(f"        {value},  # {name}\n" for name, value in values)
    return f"def enter(thread, args):\n{plan.prologue}    return body(\n        thread,\n{lines}    )\n"


def _compile_entry(call: Call, convention: Convention) -> Enter:
    plan = _plan(call, convention)
    compile_source(f"<{convention.name} {call.name}>", _entry_source(call, plan), plan.scope)
    enter: Enter = plan.scope["enter"]
    return enter


def _compile_on_first_use(
    table: dict[int, CallEntry], number: int, call: Call, convention: Convention
) -> Enter:
    """An entry that compiles the real one, puts it in its place, and goes on as that."""
    compiled: Enter | None = None

    def enter(thread: Caller, args: tuple[int, ...]) -> Any:
        nonlocal compiled
        if compiled is None:
            compiled = _compile_entry(call, convention)
            table[number] = CallEntry(compiled, call)
        return compiled(thread, args)

    return enter


def _compile_show(call: Call, convention: Convention) -> Callable[[Caller, tuple[int, ...]], list[str]]:
    """A function that prints each argument on its own, so that one bad pointer does not hide the others."""
    plan = _plan(call, convention)
    attempts = "".join(
        f"        (lambda: {value}, lambda: {raw}),\n"
        for value, raw in zip(plan.values, plan.raws, strict=True)
    )
    source = f"def attempts(thread, args):\n{plan.prologue}    return (\n{attempts}    )\n"
    compile_source(f"<trace {convention.name} {call.name}>", source, plan.scope)
    attempts_at = plan.scope["attempts"]
    peeks = [(index, arg.peek) for index, arg in enumerate(plan.arguments) if arg.peek]
    sized = [index for index, arg in enumerate(plan.arguments) if arg.sized]

    def show(thread: Caller, args: tuple[int, ...]) -> list[str]:
        try:
            found = attempts_at(thread, args)
        except BadAddress as fault:  # the stack that holds the arguments
            return [f"arguments at {show_address(fault.address)}"]
        shown = [_show_argument(arg, *pair) for arg, pair in zip(plan.arguments, found, strict=True)]
        for index in sized:
            shown[index] = _show_content(thread, found[index][0], found[index + 1][0]) or shown[index]
        for index, peek in peeks:
            shown[index] = _peek(thread, peek, found[index][0]) or shown[index]
        return shown

    return show


def _show_argument(arg: Arg, decode: Callable[[], object], raw: Callable[[], int]) -> str:
    try:
        return arg.show(decode())
    except Exception:  # a decoder may fail by any of its subsystem's errors, and tracing must not fail a call
        return show_address(raw())


def _show_content(thread: Caller, address: Callable[[], int], size: Callable[[], int]) -> str:
    """The first bytes of what a call is given, or nothing when they cannot be read."""
    try:
        count = min(size(), _SHOWN_CONTENT + 1)
        return show_bytes(thread.memory.read(address(), count), _SHOWN_CONTENT) if address() else ""
    except Exception:  # as above
        return ""


def _peek(thread: Caller, peek: Callable[[Memory, int], str], address: Callable[[], int]) -> str:
    try:
        return peek(thread.memory, address())
    except Exception:  # as above
        return ""


def _reference_order(number: int | None, name: str) -> tuple[bool, int, str]:
    return number is None, number or 0, name
