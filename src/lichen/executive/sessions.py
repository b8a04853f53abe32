"""POSIX sessions and process groups, which processes of both worlds belong to: `kill` and the console speak of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from lichen.executive.processes import Process


class ControllingTerminal(Protocol):
    """The terminal that the processes of a session answer to."""

    @property
    def device(self) -> int:
        """Its device number, as st_rdev has it."""

    @property
    def foreground(self) -> int:
        """The id of the foreground process group, 0 for none."""

    def session_ended(self, session: Session) -> None:
        """The leader of the session has ended: its foreground group is told, and the terminal is nobody's."""


@dataclass(eq=False)
class Session:
    """A POSIX session: process groups that share a controlling terminal."""

    id: int
    leader: Process | None
    terminal: ControllingTerminal | None = None
    continuable: bool = False
    """Whether somebody outside of the machine continues the first group when it stops, as a shell would."""
    groups: dict[int, ProcessGroup] = field(default_factory=dict)


@dataclass(eq=False)
class ProcessGroup:
    """A job of a shell."""

    id: int
    session: Session
    members: dict[int, Process] = field(default_factory=dict)

    def is_orphaned(self) -> bool:
        """Whether no member has a parent in another group of the same session (so nobody could continue it)."""
        if self.session.continuable and self.id == self.session.id:
            return False
        for member in self.members.values():
            parent = member.parent
            if parent is not None and parent.group is not self and parent.group.session is self.session:
                return False
        return True
