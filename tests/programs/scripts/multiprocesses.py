"""multiprocessing in its three ways of starting, with its pools, pipes, shared values and shared memory."""

import multiprocessing as mp
import os
from multiprocessing import shared_memory
from multiprocessing.connection import Connection


def square(number: int) -> int:
    return number * number


def count(report: Connection, event, value, lock) -> None:  # type: ignore[no-untyped-def]  # made by a factory
    event.wait()
    for _ in range(100):
        with lock:
            value.value += 1
    report.send(os.getppid())


if __name__ == "__main__":
    for method in ("fork", "spawn", "forkserver"):
        with mp.get_context(method).Pool(3) as pool:
            print(method, sum(pool.map(square, range(100))))
    ours, theirs = mp.Pipe()
    event, value, lock = mp.Event(), mp.Value("i"), mp.Lock()
    children = [mp.Process(target=count, args=(theirs, event, value, lock)) for _ in range(3)]
    for child in children:
        child.start()
    event.set()
    for child in children:
        child.join()
    print(
        value.value, {ours.recv() for _ in children} == {os.getpid()}, [child.exitcode for child in children]
    )
    memory = shared_memory.SharedMemory(create=True, size=100)
    again = shared_memory.SharedMemory(memory.name)
    assert memory.buf is not None
    assert again.buf is not None
    memory.buf[0] = 7
    print(again.buf[0])
    again.close()
    memory.close()
    memory.unlink()
