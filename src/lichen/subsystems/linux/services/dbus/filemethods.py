"""What is asked about unit files: which there are, in which state, and enabling and masking them.

Source: org.freedesktop.systemd1(5).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from lichen.executive.wait import Blocks, Wait
from lichen.subsystems.linux.services import names
from lichen.subsystems.linux.services.dbus.interface import Call, Method, Refusal
from lichen.subsystems.linux.services.dbus.patterns import matches, patterns_of
from lichen.subsystems.linux.services.dbus.vocabulary import DBUS, SYSTEMD
from lichen.subsystems.linux.services.installing import InstallError

if TYPE_CHECKING:
    from lichen.subsystems.linux.services.dbus.vocabulary import Body
    from lichen.subsystems.linux.services.installing import Change

_AT_ONCE: Final = 16
_VOLATILE, _FORCE = 1, 2
_REASONS: Final = {
    "missing": f"{DBUS}.Error.FileNotFound",
    "masked": f"{SYSTEMD}.UnitMasked",
    "exists": f"{SYSTEMD}.UnitExists",
    "invalid": f"{DBUS}.Error.InvalidArgs",
}


def _list(call: Call) -> Blocks[Body]:
    """Unit files in some states, whose names match some patterns, with the state of each."""
    wanted = call.arguments[0] if call.arguments else []
    patterns = patterns_of(call)
    installer = call.face.installer
    links = installer.paths.enabling_links()
    rows = []
    for index, (name, path) in enumerate(installer.paths.all_names().items()):
        if index % _AT_ONCE == _AT_ONCE - 1:
            yield Wait((), call.face.machine.scheduler.clock())
        if not matches(name, patterns):
            continue
        state = installer.state(name, links)
        if state and (not wanted or state in wanted):
            rows.append((path, state))
    return (rows,)


def _state(call: Call) -> Body:
    name = call.arguments[0].rpartition("/")[2]
    state = call.face.installer.state(name) if names.is_valid(name) else ""
    if not state:
        raise Refusal(f"{DBUS}.Error.FileNotFound", f"Unit file {name} does not exist.")
    return (state,)


def _changes(changes: list[Change]) -> list[tuple[str, str, str]]:
    return [(change.kind, change.path, change.target) for change in changes]


def _installing(act: Callable[[Call], Any]) -> Callable[[Call], Body]:
    """A method that makes or removes links, with its failures as D-Bus has them."""

    def method(call: Call) -> Body:
        try:
            found = act(call)
        except InstallError as error:
            raise Refusal(_REASONS.get(error.reason, f"{DBUS}.Error.Failed"), str(error)) from error
        call.face.unit_files_changed()
        return found  # type: ignore[no-any-return]

    return method


def _enable(call: Call) -> Body:
    wanted, volatile, force = call.arguments
    says, changes = call.face.installer.enable(wanted, volatile, force)
    return says, _changes(changes)


def _enable_by_flags(call: Call) -> Body:
    wanted, flags = call.arguments
    says, changes = call.face.installer.enable(wanted, bool(flags & _VOLATILE), bool(flags & _FORCE))
    return says, _changes(changes)


def _reenable(call: Call) -> Body:
    wanted, volatile, force = call.arguments
    plain = [name.rpartition("/")[2] for name in wanted]
    _, removed = call.face.installer.disable(plain, volatile)
    says, changes = call.face.installer.enable(wanted, volatile, force)
    return says, _changes([*removed, *changes])


def _disable(call: Call) -> Body:
    wanted, volatile = call.arguments
    return (_changes(call.face.installer.disable(wanted, bool(volatile))[1]),)


def _disable_by_flags(call: Call) -> Body:
    wanted, flags = call.arguments
    return (_changes(call.face.installer.disable(wanted, bool(flags & _VOLATILE))[1]),)


def _disable_and_tell(call: Call) -> Body:
    wanted, flags = call.arguments
    says, changes = call.face.installer.disable(wanted, bool(flags & _VOLATILE))
    return says, _changes(changes)


def _mask(call: Call) -> Body:
    wanted, volatile, force = call.arguments
    return (_changes(call.face.installer.mask(wanted, volatile, force)),)


def _unmask(call: Call) -> Body:
    wanted, volatile = call.arguments
    return (_changes(call.face.installer.unmask(wanted, volatile)),)


def _link(call: Call) -> Body:
    wanted, volatile, force = call.arguments
    return (_changes(call.face.installer.link(wanted, volatile, force)),)


def _set_default(call: Call) -> Body:
    return (_changes(call.face.installer.set_default(call.arguments[0])),)


def _links(call: Call) -> Body:
    name, _ = call.arguments
    return (call.face.installer.paths.enabling_links().get(name, []),)


def _changing(takes: str, returns: str, act: Callable[[Call], Body]) -> Method:
    return Method(takes, returns, _installing(act), changes=True)


METHODS: Final[dict[str, Method]] = {
    "ListUnitFiles": Method("", "a(ss)", _list),
    "ListUnitFilesByPatterns": Method("asas", "a(ss)", _list),
    "GetUnitFileState": Method("s", "s", _state),
    "GetUnitFileLinks": Method("sb", "as", _links),
    "GetDefaultTarget": Method("", "s", lambda call: (call.face.installer.default(),)),
    "SetDefaultTarget": _changing("sb", "a(sss)", _set_default),
    "EnableUnitFiles": _changing("asbb", "ba(sss)", _enable),
    "EnableUnitFilesWithFlags": _changing("ast", "ba(sss)", _enable_by_flags),
    "ReenableUnitFiles": _changing("asbb", "ba(sss)", _reenable),
    "DisableUnitFiles": _changing("asb", "a(sss)", _disable),
    "DisableUnitFilesWithFlags": _changing("ast", "a(sss)", _disable_by_flags),
    "DisableUnitFilesWithFlagsAndInstallInfo": _changing("ast", "ba(sss)", _disable_and_tell),
    "MaskUnitFiles": _changing("asbb", "a(sss)", _mask),
    "UnmaskUnitFiles": _changing("asb", "a(sss)", _unmask),
    "LinkUnitFiles": _changing("asbb", "a(sss)", _link),
}
