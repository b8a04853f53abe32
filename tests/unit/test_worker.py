"""Work for the disk in another thread: its end, its errors, and the waiting calls."""

from __future__ import annotations

import errno
import os
import select
import threading
from collections.abc import Iterator

import pytest

from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks
from lichen.executive.worker import Worker, perform
from tests.turns import until
from tests.unit.trees import finish, status_of


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.close()


def waited(worker: Worker, blocked: Blocks[None] | None) -> None:
    """Do as the kernel does: wait for the descriptor, then let the call go on."""
    assert blocked is not None
    wait = next(blocked)
    for _ in until(lambda: wait.objects[0].signalled(None), "the worker is done"):
        select.select([worker.descriptor], [], [], 5)
        worker.finished()
    finish(blocked)


def fail() -> None:
    raise OSError(errno.ENOSPC, "full")


def test_work_is_done_elsewhere(worker: Worker) -> None:
    threads: list[threading.Thread] = []
    waited(worker, perform(worker, lambda: threads.append(threading.current_thread())))
    assert threads[0] is not threading.current_thread()
    worker.finished()


def test_errors_reach_the_caller(worker: Worker) -> None:
    with pytest.raises(Failure) as failure:
        waited(worker, perform(worker, fail))
    assert failure.value.status == Status.DISK_FULL
    assert status_of(perform, None, fail) == Status.DISK_FULL


def test_a_caller_that_dies_does_not_matter(worker: Worker) -> None:
    done: list[int] = []
    blocked = worker.run(lambda: done.append(1))
    next(blocked)
    blocked.close()
    waited(worker, worker.run(lambda: done.append(2)))
    assert done == [1, 2]


def test_without_work_nobody_waits(worker: Worker) -> None:
    done: list[int] = []
    assert perform(worker, None) is None
    assert perform(None, lambda: done.append(1)) is None
    assert done == [1]


def test_closing_does_the_rest_first() -> None:
    worker, done = Worker(), list[int]()
    for number in range(20):
        next(worker.run(lambda number=number: done.append(number)))  # type: ignore[misc]  # the default binds it
    worker.close()
    assert done == list(range(20))
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(worker.descriptor)
