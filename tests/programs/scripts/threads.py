"""Threads that share a queue, a lock and a condition, and one that never ends."""

import queue
import threading

jobs: queue.Queue[int | None] = queue.Queue()
squares: list[int] = []


def work() -> None:
    while (number := jobs.get()) is not None:
        squares.append(number * number)


threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for number in range(1000):
    jobs.put(number)
for _ in threads:
    jobs.put(None)
for thread in threads:
    thread.join()
print(sum(squares))

barrier, local = threading.Barrier(4, timeout=10), threading.local()
seen: list[int] = []


def meet(number: int) -> None:
    local.number = number
    barrier.wait()
    seen.append(local.number)


threads = [threading.Thread(target=meet, args=(number,)) for number in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sorted(seen))

print(threading.Event().wait(0.05))
threading.Thread(target=threading.Event().wait, daemon=True).start()
