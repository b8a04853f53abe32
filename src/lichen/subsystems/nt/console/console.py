"""One console: a keyboard, a screen, and the processes attached to both. It belongs to the Windows program that a Linux
program (or `lichen run`) started on a terminal, and to all Windows programs which that one starts.

Source: the console functions (learn.microsoft.com); facts of Wine's kernelbase about what is asked of the driver.
"""

from __future__ import annotations

import codecs
import signal as posix
from collections.abc import Generator
from types import GeneratorType
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from lichen.executive.io.attributes import Kind
from lichen.executive.io.file import File
from lichen.executive.io.opening import Access, Open, Poll
from lichen.executive.io.terminal import Character, GetWindowSize, WindowSize
from lichen.executive.objects.object import Object
from lichen.executive.processes import ExitStatus
from lichen.executive.status import Failure, Interrupted, Status
from lichen.executive.wait import Blocks, Changes, Wait
from lichen.subsystems.nt import shell_patches
from lichen.subsystems.nt.console import events
from lichen.subsystems.nt.console.codepages import CodePages
from lichen.subsystems.nt.console.completion import Completion, matches_of
from lichen.subsystems.nt.console.editor import History, LineEditor
from lichen.subsystems.nt.console.input import (
    ECHO_INPUT,
    LINE_INPUT,
    WINDOW_INPUT,
    Happening,
    Keyboard,
)
from lichen.subsystems.nt.console.keys import Key, key_of_record, resize_record
from lichen.subsystems.nt.console.screen import (
    PROCESSED_OUTPUT,
    TERMINAL_SEQUENCES,
    WRAP_AT_EOL,
    Screen,
)
from lichen.subsystems.nt.console.shells import is_shell
from lichen.subsystems.nt.signals import CTRL_C
from lichen.subsystems.nt.status import NtStatus

if TYPE_CHECKING:
    from lichen.executive.machine import MachineState
    from lichen.executive.processes import Process, Thread
    from lichen.executive.scheduler import Parking, Timer
    from lichen.executive.sessions import Session

_HANDLER_SECONDS: Final = 2.0
"""How long a read that ^C has cut short waits for the program's handlers, which may write or end the program."""
_CONTROL_C: Final = "\x03"
_BUSY_SECONDS: Final = 0.5
"""How long a shell may be busy after ^C."""
_MOST_AT_ONCE: Final = 4096
"""How much text is written without a pause."""
_LONGEST_TITLE: Final = 1024
_NOWHERE: Final = Open(Access.READ | Access.CONTENT)


class Line(NamedTuple):
    """What was typed, and the state of the key that ended it."""

    text: str
    state: int = 0


class Console(Object):
    """A console over two open files of a terminal, whose references it takes over.

    It closes with the terminal for the programs of `session`, if that has one: setsid leaves it behind.
    """

    type_name: ClassVar[str] = "Console"
    hidden: ClassVar[bool] = False
    """Whether nobody sees it and nothing can be typed."""

    def __init__(
        self,
        machine: MachineState,
        input: File,
        output: File,
        interactive: bool,
        session: Session | None = None,
    ) -> None:
        super().__init__()
        self.machine = machine
        self.attached: dict[Process, None] = {}
        self.keyboard, self.output = Keyboard(input, interactive, self.attached), output
        self.screen = Screen()
        self.output_mode = PROCESSED_OUTPUT | WRAP_AT_EOL | TERMINAL_SEQUENCES
        self.code_pages = CodePages(machine.registry)
        self.title = ""
        self.history = History()
        self._rest = ""
        """What is left of the last line that was read."""
        self._at_end: Process | None = None
        """Who read the last line, when that was the end of the input."""
        self._reader: Process | None = None
        self._turns = Changes()
        self._handlers: list[Thread] = []
        """Threads that run the reader's handlers of ^C."""
        self._busy: dict[Process, Timer] = {}
        """Shells at which ^C was typed while they were busy."""
        self._modes_found: dict[Process, int] = {}
        """The input modes that each process found which changed them."""
        self._ending: set[Process] = set()
        """Those that have been told to end."""
        self._closing: Parking | None = None
        self._utf16 = codecs.getincrementaldecoder("utf-16-le")("replace")
        if session is not None:
            self._closing = machine.scheduler.spawn(self._close_with_terminal(session))

    def closed(self) -> None:
        if self._closing is not None:
            self.machine.scheduler.cancel(self._closing)
        self.keyboard.terminal.release()
        self.output.release()
        super().closed()

    # ---- processes

    def attach(self, process: Process) -> None:
        """One more process uses the console."""
        self.attached[process] = None

    def detach(self, process: Process) -> None:
        """A process has ended or closed its console: terminal and modes are as it found them."""
        self.attached.pop(process, None)
        self._ending.discard(process)
        self.keyboard.let_go(process)
        if process in self._busy:
            self._busy.pop(process).cancel()
        mode = self._modes_found.pop(process, None)
        if mode is not None:
            self.keyboard.mode = mode
        if not self.attached and not self.hidden and self.output.poll() & Poll.WRITABLE:
            waiting = self.output.write(self.screen.reset().encode())
            if isinstance(waiting, GeneratorType):  # it may not write any more
                waiting.close()

    def job_changed(self, process: Process) -> None:
        """A process was stopped or continued."""
        if process.stopped:
            self.keyboard.lend()
        self.keyboard.changes.notify()

    def resized(self) -> None:
        """The window has another size."""
        before = self.screen.columns, self.screen.rows
        self.measure()
        size = self.screen.columns, self.screen.rows
        if self.keyboard.mode & WINDOW_INPUT and size != before:
            self.keyboard.add(resize_record(*size))

    def measure(self) -> None:
        """Ask the terminal for its size."""
        try:
            window = self.output.control(GetWindowSize())
        except Failure:
            return  # it has hung up
        if isinstance(window, WindowSize):
            self.screen.resize(window.columns, window.rows)

    def raise_event(self, process: Process, event: int) -> bool:
        """Have a process handle a control event; false when it cannot be told."""
        if event == CTRL_C and is_shell(process):
            self._interrupt_shell(process)
            return True
        handler = events.start_handler(process, event)
        if handler is not None and event == CTRL_C and process is self._reader:
            self._handlers.append(handler)
            self._interrupt_reader()
        return handler is not None

    def end_by(self, process: Process, event: int) -> bool:
        """Have a process handle an event after which it ends; false when it cannot be told."""
        if process in self._ending:
            return True
        self._ending.add(process)
        return events.end_by(process, event)

    def _close_with_terminal(self, session: Session) -> Blocks[None]:
        """A terminal that hangs up closes the console: to the programs of its session, unless they were to ignore that."""
        yield Wait((self.output.ready(Poll.HANGUP),), interruptible=False)
        self._closing = None
        for process in list(self.attached):
            if process.session is session:
                process.signal(posix.SIGHUP)

    def _interrupt_reader(self) -> None:
        self.keyboard.interrupted = True
        self.keyboard.changes.notify()

    def _interrupt_shell(self, shell: Process) -> None:
        """^C is meant for the line that a shell reads or runs, and for the programs that it has started.

        One that cannot end its line may be about to read, or have programs that end; else it is busy, and ends itself.
        """
        ends_line = shell_patches.interrupt(shell)
        if shell is self._reader:
            self._interrupt_reader()
        elif not ends_line and not any(child.group is shell.group for child in shell.children.values()):
            scheduler = self.machine.scheduler
            if shell in self._busy:
                self._busy.pop(shell).cancel()
            self._busy[shell] = scheduler.at(scheduler.clock() + _BUSY_SECONDS, lambda: self._end_busy(shell))

    def _end_busy(self, shell: Process) -> None:
        """Its handler is not asked: Wine 10's says that ^C is dealt with, and goes on."""
        self._busy.pop(shell, None)
        shell.terminate(ExitStatus(NtStatus.CONTROL_C_EXIT, posix.SIGINT))

    def set_input_mode(self, process: Process, mode: int) -> Blocks[None] | None:
        """SetConsoleMode: without line input and echo the process looks at keys itself."""
        keyboard = self.keyboard
        keyboard.require_attached(process)
        self._modes_found.setdefault(process, keyboard.mode)
        keyboard.mode = mode
        both = LINE_INPUT | ECHO_INPUT
        if mode & both != both:
            return keyboard.hold(process)
        keyboard.let_go(process)
        return None

    # ---- writing

    def write_text(self, process: Process, data: bytes) -> Blocks[None] | None:
        """Write UTF-16."""
        return self._write(process, self._utf16.decode(data))

    def write_bytes(self, process: Process, data: bytes) -> Blocks[None] | None:
        """Write text in the output code page."""
        return self._write(process, self.code_pages.decode(data))

    def _write(self, process: Process, text: str) -> Blocks[None] | None:
        if len(text) > _MOST_AT_ONCE:
            return self._write_in_parts(process, text)
        return self.send(process, self.screen.write(text, self.output_mode))

    def _write_in_parts(self, process: Process, text: str) -> Blocks[None]:
        """Long text, which takes its time: others have their turn in between."""
        for start in range(0, len(text), _MOST_AT_ONCE):
            part = self.screen.write(text[start : start + _MOST_AT_ONCE], self.output_mode)
            waiting = self.send(process, part)
            if waiting is not None:
                yield from waiting
            yield Wait((), self.machine.scheduler.clock(), interruptible=False)

    def set_title(self, process: Process, title: str) -> Blocks[None] | None:
        """Name the window."""
        self.title = title[:_LONGEST_TITLE]
        shown = "".join(character for character in self.title if character.isprintable())
        return self.send(process, f"\x1b]0;{shown}\x07")

    def send(self, process: Process, text: str) -> Blocks[None] | None:
        """Send to the terminal what the screen said."""
        self.keyboard.expect(process)
        data = text.encode("utf-8", "replace")
        written: int | Blocks[int] = 0
        if data and self.output.poll() & Poll.WRITABLE:
            written = self.output.write(data)
        return None if written == len(data) else self._send_later(process, data, written)

    def _send_later(self, process: Process, data: bytes, written: int | Blocks[int]) -> Blocks[None]:
        """Send what is left; a generator has written a part already, and goes on with it."""
        while True:
            try:
                if isinstance(written, GeneratorType):
                    written = yield from written
                assert isinstance(written, int)
                data, written = data[written:], 0
            except Interrupted:
                written = 0
            yield from self.keyboard.while_stopped(process)
            if not data:
                return
            if not self.output.poll() & Poll.WRITABLE:
                yield Wait((self.output.ready(Poll.WRITABLE),), interruptible=False)
            written = self.output.write(data)

    # ---- reading

    def read(self, process: Process, units: int) -> Blocks[str]:
        """What was typed, at most `units` of UTF-16: a line or a part of one, or single characters. Empty at the end."""
        if not self._rest:
            if self.keyboard.mode & LINE_INPUT:
                self._rest = (yield from self.read_line(process)).text
                self._at_end = None if self._rest else process
            else:
                self._rest = yield from self._read_characters(process)
        return self._take(units)

    def _take(self, units: int) -> str:
        data = self._rest.encode("utf-16-le", "surrogatepass")
        self._rest = data[2 * units :].decode("utf-16-le", "surrogatepass")
        return data[: 2 * units].decode("utf-16-le", "surrogatepass")

    def read_bytes(self, process: Process, size: int) -> Blocks[bytes]:
        """As `read`, in the input code page; a line that begins with ^Z is an end of file.

        Where a line was the end of the input, the next read as of a file finds that too: Wine 10's cmd.exe makes both.
        """
        ended, self._at_end = self._at_end is process, None
        if ended:
            return b""
        text = yield from self.read(process, size)
        self._at_end = None
        if text.startswith("\x1a") and self.keyboard.mode & LINE_INPUT:
            self._rest = ""
            return b""
        data = self.code_pages.encode(text)
        while len(data) > size:
            text, self._rest = text[:-1], text[-1] + self._rest
            data = self.code_pages.encode(text)
        return data

    def read_line(self, process: Process, initial: str = "", wakes: int = 0) -> Blocks[Line]:
        """A line that is typed and edited now, its end included; empty at the end of the input."""
        while self._reader is not None:
            yield Wait((self._turns,), interruptible=False)
        self._end_for_interrupted_shell(process)
        self._reader, keyboard = process, self.keyboard
        if process in self._busy:
            self._busy.pop(process).cancel()
            self._interrupt_reader()
        try:
            yield from keyboard.hold(process)
            self.measure()
            echo = bool(keyboard.mode & ECHO_INPUT)
            completion = Completion(matches_of(process)) if echo and is_shell(process) else None
            editor = LineEditor(self.screen, self.history, echo, initial, wakes, completion)
            while editor.finished is None:
                key = yield from keyboard.next_key(process)
                if key is Happening.ENDED or (isinstance(key, Key) and self._ends_input(key, editor)):
                    return Line("")
                if key is Happening.INTERRUPTED:
                    yield from self._interrupted(process)
                    self._end_for_interrupted_shell(process)
                    return Line("\r\n")
                shown = editor.redraw() if not isinstance(key, Key) else self._press(editor, key)
                waiting = self.send(process, shown)
                if waiting is not None:
                    yield from waiting
            return Line(editor.finished, editor.waking_state)
        finally:
            self._reader = None
            self._handlers.clear()
            keyboard.interrupted = False
            self._turns.notify()

    def _ends_input(self, key: Key, editor: LineEditor) -> bool:
        """Whether a key is the terminal's end of file, which it is on an empty line."""
        return not editor.text and self._is_special(key, Character.EOF)

    def _press(self, editor: LineEditor, key: Key) -> str:
        if self._is_special(key, Character.WERASE):
            return editor.erase_word()
        if self._is_special(key, Character.KILL):
            key = Key(0x1B)
        return editor.press(key)

    def _is_special(self, key: Key, index: int) -> bool:
        byte = self.keyboard.usual.characters[index]
        return bool(byte) and key.character == chr(byte)

    def _interrupted(self, process: Process) -> Blocks[None]:
        """^C was typed: the line is forgotten; the program's handlers come first, for they may write or end it."""
        waiting = self.send(process, self.screen.write("^C\n", self.output_mode | PROCESSED_OUTPUT))
        if waiting is not None:
            yield from waiting
        deadline = process.machine.scheduler.clock() + _HANDLER_SECONDS
        for handler in self._handlers:
            if not handler.dead:
                yield Wait((handler.ended,), deadline, interruptible=False)

    def _read_characters(self, process: Process) -> Generator[Wait, int, str]:
        keyboard = self.keyboard
        self._end_for_interrupted_shell(process)
        yield from keyboard.hold(process)
        text = ""
        while not text:
            happening = yield from keyboard.wait(process)
            if happening is Happening.ENDED:
                return ""
            while keyboard.records:
                key = key_of_record(keyboard.records.popleft())
                text += key.character if key is not None else ""
        if _CONTROL_C in text and is_shell(process):  # PAUSE takes it for any key
            shell_patches.interrupt(process)
            self._end_for_interrupted_shell(process)
        return text

    @staticmethod
    def _end_for_interrupted_shell(process: Process) -> None:
        """A read that is part of a line which ^C ends has no outcome."""
        if shell_patches.is_interrupted(process):
            raise Failure(Status.CANCELLED)

    # ---- records

    def read_records(self, process: Process, room: int) -> Blocks[bytes]:
        """ReadConsoleInput: at least one record, as many as fit."""
        keyboard = self.keyboard
        yield from keyboard.hold(process)
        keyboard.fetch(process)
        while not keyboard.records:
            happening = yield from keyboard.wait(process)
            if happening is Happening.ENDED:
                raise Failure(Status.INVALID_HANDLE)
        return keyboard.take_records(room)

    def look_at_keys(self, process: Process) -> Blocks[None]:
        """A process asks what records there are, or waits for some."""
        yield from self.keyboard.hold(process)
        self.keyboard.fetch(process)


class HiddenConsole(Console):
    """The console of a program without a terminal: code pages, title, control events."""

    hidden = True

    def __init__(self, process: Process) -> None:
        nowhere = File(
            process.files.devices.anonymous.place(Kind.CHARACTER, "console", process.files.token), _NOWHERE
        )
        super().__init__(process.machine, nowhere, nowhere.reference(), interactive=False)

    def send(self, process: Process, text: str) -> Blocks[None] | None:
        """There is no screen."""
        return None
