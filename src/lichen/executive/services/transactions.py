"""What is to become of units, worked out from a request: which others start or stop with one, and who has to wait for whom.

A unit has at most one job. Requests are turned into jobs at once, by the relations of the units; when a job may begin is
looked at again whenever one has ended.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

from lichen.executive.services.values import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lichen.executive.services.unit import Unit


MOST_JOBS: Final = 1000
"""Of one request."""


class JobKind(Enum):
    """What a job does to its unit."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"
    RELOAD = "reload"
    CHECK = "check"
    """Fails unless the unit runs."""


class JobResult(Enum):
    """How a job ended."""

    DONE = "done"
    FAILED = "failed"
    TIMEOUT = "timeout"
    CANCELED = "canceled"
    DEPENDENCY = "dependency"
    """A unit that this one cannot be without was not started."""
    INVALID = "invalid"
    """It cannot be done to a unit that does not run."""
    ASSERTION = "assertion"


class RequestError(Exception):
    """A request makes no sense for its unit; the text says why, `reason` which of a few known things it is."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(eq=False)
class Job:
    """Something that is to become of a unit. `needed` says that whoever pulled it in cannot be without it."""

    id: int
    unit: Unit
    kind: JobKind
    is_running: bool = False
    result: JobResult | None = None
    when_ended: list[Callable[[Job], None]] = field(default_factory=list)

    @property
    def starts(self) -> bool:
        return self.kind is not JobKind.STOP


Wanted = dict["Unit", JobKind]


class Transaction:
    """Works out what a request means for other units. `find` is given a name, and loads what is not known yet."""

    def __init__(self, find: Callable[[str], Unit | None], units: Iterable[Unit]) -> None:
        self._find = find
        self._units = list(units)
        self._known = {unit.name: unit for unit in self._units}
        self.wanted: Wanted = {}
        self.left_out: list[str] = []
        """Units that others only wish for, and that cannot be started."""

    def add(self, unit: Unit, kind: JobKind) -> None:
        """Add a job that was asked for, with all that it brings; RequestError when it cannot be done."""
        if kind in (JobKind.STOP, JobKind.RESTART):
            self._end(unit, kind)
        if kind in (JobKind.START, JobKind.RESTART):
            self._begin(unit, kind)
        if kind in (JobKind.RELOAD, JobKind.CHECK):
            self._put(unit, kind)

    def _put(self, unit: Unit, kind: JobKind) -> None:
        if len(self.wanted) >= MOST_JOBS:
            raise RequestError("too many units would have to be started or stopped")
        known = self.wanted.get(unit)
        if known is None or known is JobKind.CHECK or kind is JobKind.RESTART:
            self.wanted[unit] = kind
        elif {known, kind} == {JobKind.START, JobKind.STOP}:
            raise RequestError(f"{unit.name} would have to be started and stopped at once")

    def _begin(self, first: Unit, kind: JobKind) -> None:
        require_startable(first)
        self._put(first, kind)
        pending = [first]
        seen = {first}
        while pending:
            unit = pending.pop()
            relations = unit.definition.relations
            for name in sorted(relations.pulled() | relations.requisite):
                other = self._find(name)
                if other is None or other in seen:
                    continue
                seen.add(other)
                needed = name in relations.needed()
                if name in relations.requisite and name not in relations.pulled():
                    self._put(other, JobKind.CHECK)
                    continue
                if self._pull(unit, other, needed):
                    pending.append(other)
            for name in sorted(relations.conflicts):
                self._conflict(unit, self._known.get(name))
        for other in self._units:
            if first.name in other.definition.relations.conflicts:
                self._conflict(first, other)

    def _pull(self, unit: Unit, other: Unit, needed: bool) -> bool:
        """Start another unit along; whether there is more to look at behind it."""
        if other.state is State.RUNNING and other not in self.wanted:
            return False
        try:
            require_startable(other)
            self._put(other, JobKind.START)
        except RequestError as error:
            if needed:
                raise RequestError(f"{unit.name} needs {other.name}: {error}", error.reason) from error
            self.left_out.append(f"{other.name}: {error}")
            return False
        return True

    def _conflict(self, unit: Unit, other: Unit | None) -> None:
        if other is not None and other is not unit and other.state is not State.STOPPED:
            self._put(other, JobKind.STOP)

    def _end(self, first: Unit, kind: JobKind) -> None:
        """Stop, or restart, with a unit those that cannot be without it."""
        self._put(first, kind)
        pending, seen = [first], {first}
        while pending:
            names = {pending.pop().name}
            for other in self._units:
                relations = other.definition.relations
                if other in seen or other.state is State.STOPPED:
                    continue
                if names & (
                    relations.requires | relations.binds_to | relations.part_of | relations.requisite
                ):
                    seen.add(other)
                    pending.append(other)
                    self._put(other, kind)


def require_startable(unit: Unit) -> None:
    """RequestError for a unit that is not there, or must not be started."""
    definition = unit.definition
    if definition.is_missing:
        raise RequestError(f"Unit {unit.name} not found.", "missing")
    if definition.start_type.value == "disabled":
        raise RequestError(f"Unit {unit.name} is masked.", "masked")
    if definition.error:
        raise RequestError(f"Unit {unit.name} has a bad unit file setting: {definition.error}", "bad")


def must_wait(job: Job, other: Job) -> bool:
    """Whether `job` may not begin before `other` has ended."""
    mine, theirs = job.unit.definition.relations, other.unit.definition.relations
    after = other.unit.name in mine.after or job.unit.name in theirs.before
    before = other.unit.name in mine.before or job.unit.name in theirs.after
    if not after and not before:
        return False
    if not other.starts or (other.kind is JobKind.RESTART and not other.is_running):
        # what stops goes first, and of two that stop the one that was started later
        return before if not job.starts else not other.starts or after
    if not job.starts:
        return False
    return after
