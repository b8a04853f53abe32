"""What there is belongs to one machine, of which there may be two: no module below it keeps anything that changes.

And its host is what it was given: neither the executive nor a subsystem asks the one that it happens to run on.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "lichen"
ROOMS = ("executive", "filesystems", "subsystems")
CONTAINERS = {
    "dict",
    "list",
    "set",
    "deque",
    "defaultdict",
    "OrderedDict",
    "Counter",
    "bytearray",
    "count",
    "cycle",
}
CACHES = {"cache", "lru_cache"}
CHANGES = {
    *(
        "add",
        "append",
        "appendleft",
        "clear",
        "discard",
        "extend",
        "insert",
        "pop",
        "popitem",
        "popleft",
        "remove",
    ),
    *("reverse", "setdefault", "sort", "update"),
}
ALLOWED = {
    # Declared while modules are imported, and never changed afterwards.
    "subsystems/linux/requests.py: HANDLERS",
    "subsystems/linux/calls/prctl.py: _operations",
    # Answers that depend on nothing but the question.
    "subsystems/linux/openflags.py: open_request",
    "subsystems/linux/types.py: _known_path",
    "subsystems/linux/procfs/configuration.py: _content",
    "subsystems/nt/calls/directory.py: mask_pattern",
    "subsystems/nt/time_zone.py: _rules",
    "subsystems/nt/time_zone.py: _information",
}
FACTS = {
    *(
        f"time.{name}"
        for name in ("time", "time_ns", "monotonic", "monotonic_ns", "clock_gettime", "clock_gettime_ns")
    ),
    *(f"time.{name}" for name in ("clock_getres", "localtime", "perf_counter", "process_time")),
    *(
        f"os.{name}"
        for name in ("urandom", "getrandom", "uname", "sched_getaffinity", "cpu_count", "sysconf", "listdir")
    ),
    *(
        f"os.{name}"
        for name in ("getloadavg", "times", "getuid", "geteuid", "getgid", "getegid", "getpid", "environ")
    ),
    *("os.scandir", "os.stat", "os.path.exists", "datetime.now"),
}
DEFAULTS = {
    # What a parameter is when whoever makes the object has nothing else.
    "executive/scheduler.py: time.monotonic",
    "executive/scheduler.py: time.clock_gettime",
    "executive/io/device.py: time.time_ns",
}


def called(node: ast.expr) -> str:
    """The last part of the name of what is called, or decorates."""
    function = node.func if isinstance(node, ast.Call) else node
    if isinstance(function, ast.Subscript):
        function = function.value
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def is_container(value: ast.expr) -> bool:
    """Whether a value can be changed: filled later (an empty one, a counter, a cache), or a list or table as it is written."""
    literal = isinstance(value, ast.Dict | ast.List | ast.Set | ast.DictComp | ast.ListComp | ast.SetComp)
    return literal or (
        isinstance(value, ast.Call) and (called(value) in CONTAINERS or called(value).startswith("Weak"))
    )


def is_filled_later(value: ast.expr) -> bool:
    if isinstance(value, ast.Dict):
        return not value.keys
    if isinstance(value, ast.List | ast.Set):
        return not value.elts
    if not isinstance(value, ast.Call):
        return False
    name = called(value)
    return (
        name.startswith("Weak")
        or (name in CONTAINERS and not value.args)
        or name in {"count", "cycle", *CACHES}
        or (isinstance(value.func, ast.Call) and called(value.func) in CACHES)
    )


def assigned(tree: ast.Module) -> Iterator[tuple[str, ast.expr, bool]]:
    """The names of a module with what is bound to them, and whether for good."""
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            yield node.target.id, node.value, "Final" in ast.unparse(node.annotation)
        elif isinstance(node, ast.Assign):
            yield from ((name.id, node.value, False) for name in node.targets if isinstance(name, ast.Name))


def changed(tree: ast.Module) -> Iterator[str]:
    """What functions change by its own name, or bind anew: names of the module, if they are not local ones."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Global):
                yield from node.names
            elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
                yield getattr(node.value, "id", "")
            elif (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in CHANGES
            ):
                yield getattr(node.func.value, "id", "")


def module_state(source: Path) -> Iterator[str]:
    """Yield `file: name` for whatever of a module's own can change while machines run."""
    for path in sorted(found for room in ROOMS for found in (source / room).rglob("*.py")):
        tree, where = ast.parse(path.read_text(), path), path.relative_to(source)
        changes = set(changed(tree))
        for name, value, final in assigned(tree):
            if name != "__all__" and (
                is_filled_later(value) or (is_container(value) and (not final or name in changes))
            ):
                yield f"{where}: {name}"
        names = {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}
        yield from (f"{where}: {name}" for name in sorted(names))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and CACHES & {called(each) for each in node.decorator_list}:
                yield f"{where}: {node.name}"


def test_no_module_keeps_state() -> None:
    assert set(module_state(SOURCE)) == ALLOWED


def asks_of_host(source: Path) -> Iterator[str]:
    """Yield `file: name` for whatever the executive or a subsystem asks of this host or its clock by itself."""
    for path in sorted(
        found for room in ("executive", "subsystems") for found in (source / room).rglob("*.py")
    ):
        for node in ast.walk(ast.parse(path.read_text(), path)):
            if isinstance(node, ast.Attribute):
                name = f"{getattr(node.value, 'id', '')}.{node.attr}"
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open":
                name = "open"
            else:
                continue
            if (
                name == "open"
                or name in FACTS
                or name.startswith(("secrets.", "platform.uname", "socket.gethost"))
            ):
                yield f"{path.relative_to(source)}: {name}"


def test_the_host_is_asked_by_who_was_given_it() -> None:
    assert set(asks_of_host(SOURCE)) == DEFAULTS


@pytest.mark.parametrize(
    ("text", "complaints"),
    [
        ("now = time.time_ns()", 1),
        ("year = time.gmtime(now).tm_year", 0),
        ("name = os.uname().nodename", 1),
        ("name = os.fsdecode(name)", 0),
        ("with open('/proc/meminfo') as file: ...", 1),
        ("file = node.open(location, open, token)", 0),
    ],
)
def test_the_rule_of_the_host_on_samples(tmp_path: Path, text: str, complaints: int) -> None:
    (tmp_path / "executive").mkdir()
    (tmp_path / "executive" / "sample.py").write_text(f"{text}\n")
    assert len(list(asks_of_host(tmp_path))) == complaints


@pytest.mark.parametrize(
    ("text", "complaints"),
    [
        ("ROWS: Final = {1: 2}", 0),
        ("ROWS: Final = (1, 2)", 0),
        ("rows = [1, 2]", 1),
        ("rows: Final[dict[int, int]] = {}", 1),
        ("rows: Final = set()", 1),
        ("rows: Final = WeakKeyDictionary()", 1),
        ("numbers: Final = count(1)", 1),
        ("known: Final = lru_cache(8)(ask)", 1),
        ("size: Final = [0]\ndef learn(new):\n    size[0] = new", 1),
        ("rows: Final = {1: 2}\ndef learn(new):\n    rows.update(new)", 1),
        ("last = 0\ndef learn(new):\n    global last\n    last = new", 1),
        ("@cache\ndef ask():\n    return 1", 1),
        ("@functools.lru_cache(8)\ndef ask():\n    return 1", 1),
        ("class Kept:\n    @cached_property\n    def rows(self):\n        return []", 0),
        ("def work():\n    rows = []\n    rows.append(1)", 0),
    ],
)
def test_the_rule_on_samples(tmp_path: Path, text: str, complaints: int) -> None:
    (tmp_path / "executive").mkdir()
    (tmp_path / "executive" / "sample.py").write_text(f"{text}\n")
    assert len(list(module_state(tmp_path))) == complaints
