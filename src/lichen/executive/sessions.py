"""POSIX sessions and process groups, which processes of both worlds belong to: `kill` and the console speak of them.

What the end of a process does to them is here as well, whichever world it is of: the terminal of a session whose leader ends
hangs up, and a stopped group that nobody can continue any more is told to go on and end.

Source: POSIX _exit(), "Consequences of Process Termination"; setpgid(2).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from lichen.executive.processes import Process

_SIGHUP: Final = 1
_SIGCONT: Final = 18


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

    def is_orphaned(self, leaving: Process | None = None) -> bool:
        """Whether no member has a parent in another group of the same session (so nobody could continue it).

        `leaving` is about to end, and counts neither as a member nor as a parent.
        """
        if self.session.continuable and self.id == self.session.id:
            return False
        for member in self.members.values():
            parent = member.parent
            if parent is None or leaving in (member, parent):
                continue
            if parent.group is not self and parent.group.session is self.session:
                return False
        return True

    def may_be_orphaned(self, leaving: Process | None = None) -> None:
        """If nobody can continue the group any more, and it has stopped members, all get SIGHUP and SIGCONT."""
        members = [
            member for member in self.members.values() if member is not leaving and not member.is_zombie
        ]
        if any(member.stopped for member in members) and self.is_orphaned(leaving):
            for member in members:
                member.signal(_SIGHUP)
                member.signal(_SIGCONT)


def process_ended(process: Process) -> None:
    """What the end of a process, whose children are still its own, means to its session and to the groups around it."""
    session = process.session
    if session.leader is process:
        session.leader = None
        terminal, session.terminal = session.terminal, None
        if terminal is not None:
            terminal.session_ended(session)
    for group in {member.group: None for member in _ties(process)}:
        group.may_be_orphaned(process)


def _ties(process: Process) -> list[Process]:
    """Those whose group loses a parent in another group of its session by the end of `process`: it or children of it."""
    families = [(process.parent, process), *((process, child) for child in process.children.values())]
    return [
        member
        for parent, member in families
        if parent is not None and parent.group is not member.group and parent.session is member.session
    ]
