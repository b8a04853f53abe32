"""asyncio: streams, children, signals, threads and time limits in one loop."""

import asyncio
import os
import signal
import tempfile
from asyncio.subprocess import PIPE


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write((await reader.readline()).upper())
    await writer.drain()
    writer.close()


async def ask(path: str, number: int) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(f"question {number}\n".encode())
    line = await reader.readline()
    writer.close()
    return line


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/socket"
        await asyncio.start_unix_server(answer, path)
        answers = await asyncio.gather(*(ask(path, number) for number in range(50)))
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
