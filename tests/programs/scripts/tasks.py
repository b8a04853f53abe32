"""asyncio: streams, children, signals, threads and time limits in one loop."""

import asyncio
import os
import signal
from asyncio.subprocess import PIPE

SOCKET = "/tmp/tasks.socket"


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write((await reader.readline()).upper())
    await writer.drain()
    writer.close()


async def ask(number: int) -> bytes:
    reader, writer = await asyncio.open_unix_connection(SOCKET)
    writer.write(f"question {number}\n".encode())
    line = await reader.readline()
    writer.close()
    return line


async def main() -> None:
    await asyncio.start_unix_server(answer, SOCKET)
    answers = await asyncio.gather(*map(ask, range(50)))
    print(len(set(answers)), answers[-1])
    child = await asyncio.create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE)
    print(await child.communicate(b"to and fro"), child.returncode)
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, told.set)
    os.kill(os.getpid(), signal.SIGUSR1)
    print(await asyncio.wait_for(told.wait(), 5))
    print(await asyncio.to_thread(lambda: "from a thread"))
    try:
        await asyncio.wait_for(asyncio.sleep(10), 0.1)
    except TimeoutError:
        print("too late")


asyncio.run(main())
