"""One host thread for what would make the kernel wait for a disk: fsync and the like (G12).

The kernel itself is single-threaded. Work given to the worker touches nothing of it: it is a function of the host's
descriptors alone. Its end is told by a host event descriptor that the platform watches, and wakes the waiting call.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread

from lichen.executive.status import Failure
from lichen.executive.wait import Blocks, Event, Wait

Work = Callable[[], None]
"""Something to do that uses no object of the kernel; it may raise OSError."""


class Job:
    """Something that the thread was given to do: `done` is set by its end, after `then` was told of it."""

    __slots__ = ("done", "error", "then", "work")

    def __init__(self, work: Work, then: Callable[[OSError | None], None] | None) -> None:
        self.work, self.then = work, then
        self.error: OSError | None = None
        self.done = Event()

    def wait(self) -> Blocks[None]:
        """Wait for the end, whatever signals come; an error is a Failure here."""
        while not self.done.is_set:
            yield Wait((self.done,), interruptible=False)
        if self.error is not None:
            raise Failure.from_host(self.error)

    def finish(self) -> None:
        if self.then is not None:
            self.then(self.error)
        self.done.set()


class Worker:
    """The thread, which starts with the first work. Have `finished` called whenever `descriptor` is readable."""

    def __init__(self) -> None:
        self.descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._finished: deque[Job] = deque()
        self._thread: Thread | None = None

    def start(self, work: Work, then: Callable[[OSError | None], None] | None = None) -> Job:
        """Have something done in the thread; `then` is called in the kernel's own when it has been, whoever waits or not."""
        if self._thread is None:
            self._thread = Thread(target=self._loop, name="worker", daemon=True)
            self._thread.start()
        job = Job(work, then)
        self._jobs.put(job)
        return job

    def run(self, work: Work) -> Blocks[None]:
        """Do something in the thread and wait for its end, whatever signals come; its OSError is a Failure here."""
        yield from self.start(work).wait()

    def finished(self, events: int = 0) -> None:
        """Wake those whose work is done."""
        try:
            os.eventfd_read(self.descriptor)
        except BlockingIOError:
            return
        while self._finished:
            self._finished.popleft().finish()

    def close(self) -> None:
        """Let the work that is waiting be done, and end the thread."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None
        os.close(self.descriptor)

    def _loop(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job.work()
            except OSError as error:
                job.error = error
            self._finished.append(job)
            os.eventfd_write(self.descriptor, 1)


def perform(worker: Worker | None, work: Work | None) -> Blocks[None] | None:
    """Do `work` (None: nothing) by the worker if there is one, else here and now."""
    if work is None:
        return None
    if worker is not None:
        return worker.run(work)
    try:
        work()
    except OSError as error:
        raise Failure.from_host(error) from None
    return None
