"""Names of hosts by the servers that the machine's resolv.conf names: a resolver of the kernel's own.

It asks by the machine's sockets and waits as every call does, so that nobody else waits for it. Each server is asked in turn,
all of them as often as the settings say; an answer that was cut is asked for once more by a connection.

Source: resolver(5), resolver(3) for the order of names and times; RFC 1035, RFC 5452 for whose answers are believed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import GeneratorType
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar, cast

from lichen.executive.network import dns
from lichen.executive.network.hosts import Settings
from lichen.executive.network.sockets import (
    AddressFamily,
    Caller,
    Families,
    InternetAddress,
    Message,
    Socket,
    SocketType,
)
from lichen.executive.status import Failure
from lichen.executive.wait import Blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")
_LENGTH: Final = 2
_MOST_STRANGERS: Final = 64
"""Messages that are no answers, after which a server is given up."""


class Outcome:
    """How a question went."""

    FOUND: Final = 0
    NO_SUCH_NAME: Final = 1
    NO_DATA: Final = 2
    """There is such a name, without what was asked for."""
    TRY_AGAIN: Final = 3
    """No server has answered, or none knew."""
    FAILED: Final = 4
    """It is no name that could be asked for."""


class Found(NamedTuple):
    """How it went, and the answers that have what was asked for; or else one that says why not."""

    outcome: int
    answers: tuple[dns.Answer, ...] = ()


class Resolver:
    """Asks for one program. `clock` gives seconds, `random` so many bytes."""

    def __init__(
        self,
        caller: Caller,
        families: Families,
        settings: Settings,
        clock: Callable[[], float],
        random: Callable[[int], bytes],
    ) -> None:
        self.caller, self.families, self.settings = caller, families, settings
        self.clock, self.random = clock, random
        self.recursive, self.only_streams, self.takes_cut = True, False, False
        """Whether servers are to ask others, only connections are used, and answers may be cut."""

    # ---- which names

    def search(self, name: str, types: Sequence[int]) -> Blocks[Found]:
        """Ask for a name as a program gives it, which may be the beginning of one in the domains that are searched."""
        best = Found(Outcome.NO_SUCH_NAME)
        for candidate in self._candidates(name):
            found = yield from self.ask(candidate, types)
            if found.outcome == Outcome.FOUND:
                return found
            if found.outcome != Outcome.NO_SUCH_NAME and best.outcome != Outcome.NO_DATA:
                best = found
        return best

    def _candidates(self, name: str) -> Iterator[str]:
        if name.endswith("."):
            yield name[:-1]
            return
        whole = name.count(".") >= self.settings.dots
        if whole:
            yield name
        for domain in self.settings.search:
            yield f"{name}.{domain}"
        if not whole:
            yield name

    # ---- which servers

    def ask(self, name: str, types: Sequence[int]) -> Blocks[Found]:
        """Ask for the records of some types that a whole name has."""
        try:
            questions = self._questions(name, types)
        except dns.Malformed:
            return Found(Outcome.FAILED)
        last: tuple[dns.Answer, ...] = ()
        for _ in range(self.settings.attempts):
            for number, server in enumerate(self.settings.servers):
                answers = yield from self._ask_server(server, questions, self._time_for(number))
                known = tuple(
                    each for each in answers.values() if each.code in (dns.SUCCESS, dns.NO_SUCH_NAME)
                )
                if len(known) == len(questions) or any(each.of(each.type)[1] for each in known):
                    return _judged(known)
                last = tuple(answers.values()) or last
        return Found(Outcome.TRY_AGAIN, last)

    def _questions(self, name: str, types: Sequence[int]) -> dict[int, bytes]:
        """A message for each type, by its number, which nobody can guess."""
        found: dict[int, bytes] = {}
        for type in types:
            number = int.from_bytes(self.random(2), "big")
            while number in found:
                number = number + 1 & 0xFFFF
            found[number] = dns.question(number, name, type, self.recursive)
        return found

    def _time_for(self, number: int) -> float:
        """How long to wait for the server of this number: the first has all of the time, the others share more of it."""
        timeout = self.settings.timeout
        return timeout if not number else max((timeout << number) // len(self.settings.servers), 1)

    def _ask_server(
        self, server: InternetAddress, questions: dict[int, bytes], seconds: float
    ) -> Blocks[dict[int, dns.Answer]]:
        """The answers of one server, by their numbers, as far as they came in time."""
        answers: dict[int, dns.Answer] = {}
        deadline = self.clock() + seconds
        try:
            if not self.only_streams:
                yield from self._by_datagrams(server, questions, deadline, answers)
            for number, message in questions.items():
                known = answers.get(number)
                if self.only_streams or (known is not None and not known.whole and not self.takes_cut):
                    answers.pop(number, None)
                    answers[number] = yield from self._by_stream(server, number, message, deadline)
        except (Failure, dns.Malformed):
            pass
        return answers

    # ---- how

    def _socket(self, server: InternetAddress, type: int) -> Socket:
        family = AddressFamily.INTERNET if len(server.host) == 4 else AddressFamily.INTERNET_6
        return self.families.get(family).create(self.caller, type, 0, 0)

    def _by_datagrams(
        self,
        server: InternetAddress,
        questions: dict[int, bytes],
        deadline: float,
        answers: dict[int, dns.Answer],
    ) -> Blocks[None]:
        socket = self._socket(server, SocketType.DATAGRAM)
        try:
            yield from _outcome(socket.connect(self.caller, server))  # others are not heard
            for message in questions.values():
                yield from _outcome(socket.send(self.caller, Message(message)))
            for _ in range(_MOST_STRANGERS):
                socket.receive_timeout = max(deadline - self.clock(), 0)
                received = yield from _outcome(socket.receive(dns.MOST_BYTES))
                _learn(received.data, questions, answers)
                if len(answers) == len(questions):
                    return
        finally:
            socket.release()

    def _by_stream(
        self, server: InternetAddress, number: int, message: bytes, deadline: float
    ) -> Blocks[dns.Answer]:
        socket = self._socket(server, SocketType.STREAM)
        try:
            socket.send_timeout = max(deadline - self.clock(), 0)
            yield from _outcome(socket.connect(self.caller, server))
            data = len(message).to_bytes(_LENGTH, "big") + message
            yield from _outcome(socket.send(self.caller, Message(data)))
            size = int.from_bytes((yield from self._exactly(socket, _LENGTH, deadline)), "big")
            answers: dict[int, dns.Answer] = {}
            _learn((yield from self._exactly(socket, size, deadline)), {number: message}, answers)
        finally:
            socket.release()
        if number not in answers:
            raise dns.Malformed
        return answers[number]

    def _exactly(self, socket: Socket, size: int, deadline: float) -> Blocks[bytes]:
        data = b""
        while len(data) < size:
            socket.receive_timeout = max(deadline - self.clock(), 0)
            more = (yield from _outcome(socket.receive(size - len(data)))).data
            if not more:
                raise dns.Malformed
            data += more
        return data


def _judged(answers: tuple[dns.Answer, ...]) -> Found:
    having = tuple(each for each in answers if each.code == dns.SUCCESS and each.of(each.type)[1])
    if having:
        return Found(Outcome.FOUND, having)
    exists = any(each.code == dns.SUCCESS for each in answers)
    return Found(Outcome.NO_DATA if exists else Outcome.NO_SUCH_NAME, answers)


def _learn(data: bytes, questions: dict[int, bytes], answers: dict[int, dns.Answer]) -> None:
    """Keep an answer, if it is one to a question that was asked."""
    try:
        answer = dns.parse(data)
        question = questions.get(answer.number)
        if question is not None and dns.asked(question) == (answer.name, answer.type):
            answers[answer.number] = answer
    except dns.Malformed:
        return


def _outcome(result: T | Blocks[T]) -> Blocks[T]:
    """What an operation comes to, whether it had to wait or not."""
    if type(result) is GeneratorType:
        return cast(T, (yield from result))
    return cast(T, result)
