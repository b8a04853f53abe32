"""What waits in a pipe: quotas, messages, and the bound on what all pipes hold together."""

from __future__ import annotations

import pytest

from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.pipe_queues import Budget, Part, Queue, Transfer

BUDGET = 10000


def queue(quota: int = 100, messages: bool = False) -> tuple[Queue, Budget]:
    budget = Budget(BUDGET)
    return Queue(quota, messages, budget), budget


def put(queue: Queue, data: bytes) -> Transfer:
    writer = Transfer(len(data))
    queue.put(data, writer)
    queue.settle()
    return writer


def test_writers_wait_in_their_order_for_the_quota() -> None:
    bytes_, _ = queue()
    writers = [put(bytes_, bytes([number]) * 60) for number in range(3)]
    assert [writer.is_over for writer in writers] == [True, False, False]
    assert bytes_.take(70, False) == b"\0" * 60 + b"\1" * 10
    bytes_.settle()
    assert [writer.is_over for writer in writers] == [True, True, False]
    assert bytes_.take(1000, False) == b"\1" * 50 + b"\2" * 60
    assert writers[2].is_over
    assert (bytes_.size, bytes_.held, len(bytes_.parts)) == (0, 0, 0)


def test_messages_keep_their_borders() -> None:
    messages, _ = queue(messages=True)
    for data in (b"one", b"", b"three"):
        assert put(messages, data).is_over
    first = messages.take(2, True)
    assert (first, type(first)) == (b"on", Part)
    assert [messages.take(9, True) for _ in range(3)] == [b"e", b"", b"three"]


def test_bytes_are_joined() -> None:
    bytes_, budget = queue(quota=5000)
    for _ in range(4000):
        assert put(bytes_, b"x").is_over
    assert len(bytes_.parts) == 1
    assert bytes_.take(5000, False) == b"x" * 4000
    assert budget.left == BUDGET


def test_all_pipes_together_hold_no_more_than_the_budget() -> None:
    messages, budget = queue(messages=True)
    with pytest.raises(Failure) as raised:  # noqa: PT012
        for _ in range(BUDGET):
            put(messages, b"")
    assert raised.value.status == Status.INSUFFICIENT_RESOURCES
    messages.abandon(Status.PIPE_BROKEN, held_too=True)
    assert budget.left == BUDGET
    with pytest.raises(Failure):
        put(messages, bytes(BUDGET))


def test_writers_that_give_up_take_back_what_is_not_read() -> None:
    bytes_, budget = queue()
    first, second = Transfer(150), Transfer(20)
    long, short = bytes_.put(b"a" * 150, first), bytes_.put(b"b" * 20, second)
    assert bytes_.take(10, False) == b"a" * 10
    bytes_.drop(long)
    bytes_.settle()
    assert (first.is_over, second.is_over, second.status) == (False, True, Status.SUCCESS)
    assert bytes_.take(100, False) == b"b" * 20
    assert short.rest == 0
    assert (bytes_.size, bytes_.held, budget.left) == (0, 0, BUDGET)


def test_what_is_broken_off_keeps_only_what_was_held() -> None:
    bytes_, budget = queue()
    writers = [put(bytes_, bytes(60)) for _ in range(2)]
    bytes_.abandon(Status.PIPE_BROKEN, held_too=False)
    assert (writers[1].is_over, writers[1].status) == (True, Status.PIPE_BROKEN)
    assert bytes_.take(1000, False) == bytes(60)
    assert (bytes_.size, bytes_.held, budget.left) == (0, 0, BUDGET)


def test_a_writer_that_may_not_wait_writes_what_is_read_or_fits() -> None:
    bytes_, budget = queue()
    message = bytes_.put(bytes(150), Transfer(150))
    assert bytes_.take(10, False) == bytes(10)
    assert bytes_.keep(message, 90) == 100
    assert (bytes_.size, bytes_.held) == (90, 90)
    other = bytes_.put(bytes(150), Transfer(150))
    assert bytes_.keep(other, 0) == 0
    assert bytes_.take(1000, False) == bytes(90)
    assert (bytes_.size, bytes_.held, budget.left) == (0, 0, BUDGET)
