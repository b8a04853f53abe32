"""The line discipline by itself: what typing shows, what a program reads, what becomes of its output."""

from __future__ import annotations

import pytest

from lichen.executive.io.terminal import Character, Input, Local, Output, Settings
from lichen.filesystems.terminal.discipline import LIMIT, SIGINT, SIGQUIT, SIGTSTP, Discipline

DEFAULT = Settings()
RAW = Settings(input=0, output=0, local=0)
WIPE = b"\b \b"


def changed(
    settings: Settings = DEFAULT,
    on: tuple[int, int, int] = (0, 0, 0),
    off: tuple[int, int, int] = (0, 0, 0),
    **characters: int,
) -> Settings:
    """Settings with (input, output, local) flags set and cleared, and special characters by name."""
    values = bytearray(settings.characters)
    for name, value in characters.items():
        values[getattr(Character, name)] = value
    return settings._replace(
        input=settings.input & ~off[0] | on[0],
        output=settings.output & ~off[1] | on[1],
        local=settings.local & ~off[2] | on[2],
        characters=bytes(values),
    )


class Typist:
    """Types at a discipline and sees what is shown."""

    def __init__(self, settings: Settings = DEFAULT) -> None:
        self.discipline = Discipline(settings)

    def types(self, keys: bytes) -> bytes:
        """The echo."""
        assert self.discipline.receive(keys).taken == len(keys)
        return self.discipline.take_echo()

    def reads(self, size: int = 4096) -> bytes | None:
        return self.discipline.read(size) if self.discipline.readable() else None

    def all_lines(self) -> list[bytes]:
        lines = []
        while (line := self.reads()) is not None:
            lines.append(line)
        return lines


# ---- lines


def test_a_line_is_read_when_it_ends() -> None:
    typist = Typist()
    assert typist.types(b"abc") == b"abc"
    assert typist.reads() is None
    assert typist.discipline.available == 0
    assert typist.types(b"\n") == b"\r\n"
    assert typist.discipline.available == 4
    assert typist.reads() == b"abc\n"
    assert typist.reads() is None


def test_one_read_gives_one_line() -> None:
    typist = Typist()
    typist.types(b"one\ntwo\n")
    assert typist.all_lines() == [b"one\n", b"two\n"]


def test_a_short_read_leaves_the_rest_of_the_line() -> None:
    typist = Typist()
    typist.types(b"abcdef\nx\n")
    assert [typist.reads(2), typist.reads(2), typist.reads(), typist.reads()] == [
        b"ab",
        b"cd",
        b"ef\n",
        b"x\n",
    ]


@pytest.mark.parametrize(
    ("keys", "lines", "echo"),
    [
        (b"ab\x04", [b"ab"], b"ab"),
        (b"\x04", [b""], b""),
        (b"ab\x04\x04", [b"ab", b""], b"ab"),
        (b"a\x04b\n", [b"a", b"b\n"], b"ab\r\n"),
        (b"\x16\x04\n", [b"\x04\n"], b"^\b^D\r\n"),
    ],
)
def test_end_of_file(keys: bytes, lines: list[bytes], echo: bytes) -> None:
    typist = Typist()
    assert typist.types(keys) == echo
    assert typist.all_lines() == lines


def test_a_read_of_exactly_the_line_takes_its_end_of_file_along() -> None:
    typist = Typist()
    typist.types(b"ab\x04")
    assert typist.reads(2) == b"ab"
    assert typist.reads() is None


def test_other_ends_of_line() -> None:
    typist = Typist(changed(EOL=ord(";"), EOL2=ord("!")))
    assert typist.types(b"a;b!c\n") == b"a;b!c\r\n"
    assert typist.all_lines() == [b"a;", b"b!", b"c\n"]
    typist = Typist(changed(off=(0, 0, Local.IEXTEN), EOL2=ord("!")))
    typist.types(b"b!c\n")
    assert typist.all_lines() == [b"b!c\n"]


def test_a_line_without_end_keeps_room_for_its_end_only() -> None:
    typist = Typist(changed(off=(0, 0, Local.ECHO)))
    typist.types(b"x" * 5000)
    assert typist.reads() is None
    typist.types(b"y\n")
    line = typist.reads(10000)
    assert line is not None
    assert len(line) == LIMIT
    assert line.endswith(b"x\n")


def test_lines_that_nobody_reads_fill_the_queue() -> None:
    discipline = Discipline(changed(off=(0, 0, Local.ECHO)))
    received = discipline.receive(b"0123456\n" * 1000)
    assert received.taken == LIMIT - 1
    discipline.read(4096)
    assert discipline.receive(b"rest").taken == 4


def test_raw_input_fills_the_queue() -> None:
    discipline = Discipline(RAW)
    assert discipline.receive(b"x" * 5000).taken == LIMIT - 1
    assert discipline.receive(b"x").taken == 0
    assert len(discipline.read(10)) == 10
    assert discipline.receive(b"y" * 20).taken == 10


# ---- editing


@pytest.mark.parametrize(
    ("keys", "line", "echo"),
    [
        (b"abX\x7fc\n", b"abc\n", b"abX" + WIPE + b"c\r\n"),
        (b"\x7f\x7fd\n", b"d\n", b"d\r\n"),
        (b"wrong\x15right\n", b"right\n", b"wrong" + WIPE * 5 + b"right\r\n"),
        (b"\x15x\n", b"x\n", b"x\r\n"),
        (b"one two \x17three\n", b"one three\n", b"one two " + WIPE * 4 + b"three\r\n"),
        (b"a.b\x17\n", b"a.\n", b"a.b" + WIPE + b"\r\n"),
        (b"a_1 +\x17\n", b"\n", b"a_1 +" + WIPE * 5 + b"\r\n"),
        (b"  \x17x\n", b"x\n", b"  " + WIPE * 2 + b"x\r\n"),
        (b"a\x16\x03b\n", b"a\x03b\n", b"a^\b^Cb\r\n"),
        (b"\x16\x7f\n", b"\x7f\n", b"^\b^?\r\n"),
        (b"x\x01\x7fy\n", b"xy\n", b"x^A" + WIPE * 2 + b"y\r\n"),
        (b"ab\x12c\n", b"abc\n", b"ab^R\r\nabc\r\n"),
        (b"a\tb\x7f\x7fc\n", b"ac\n", b"a\tb" + WIPE + b"\b" * 7 + b"c\r\n"),
        (b"\t\t\x7fx\n", b"\tx\n", b"\t\t" + b"\b" * 8 + b"x\r\n"),
        (b"\x01\t\x7f\n", b"\x01\n", b"^A\t" + b"\b" * 6 + b"\r\n"),
        (b"\x1b[A\n", b"\x1b[A\n", b"^[[A\r\n"),
    ],
)
def test_editing(keys: bytes, line: bytes, echo: bytes) -> None:
    typist = Typist()
    assert typist.types(keys) == echo
    assert typist.reads() == line


def test_a_tab_is_wiped_back_to_where_the_line_began() -> None:
    typist = Typist()
    assert typist.discipline.write(b"$ ") == b"$ "
    assert typist.types(b"a\t\x7f") == b"a\t" + b"\b" * 5


def test_characters_of_several_bytes() -> None:
    keys = "é€\x7f\x7fe\n".encode()
    typist = Typist(changed(on=(Input.IUTF8, 0, 0)))
    assert typist.types(keys) == "é€".encode() + WIPE * 2 + b"e\r\n"
    assert typist.reads() == b"e\n"
    typist = Typist()
    typist.types(keys)
    assert typist.reads() == "é€\n".encode()[:3] + b"e\n"


def test_a_stray_continuation_byte_is_not_erased_by_halves() -> None:
    typist = Typist(changed(on=(Input.IUTF8, 0, 0)))
    assert typist.types(b"\xa9\x7f\n") == b"\xa9\r\n"
    assert typist.reads() == b"\xa9\n"


def test_a_word_of_letters_beyond_ascii() -> None:
    typist = Typist(changed(on=(Input.IUTF8, 0, 0)))
    typist.types("un élan\x17\n".encode())
    assert typist.reads() == b"un \n"


def test_without_iexten_words_and_literals_are_plain() -> None:
    typist = Typist(changed(off=(0, 0, Local.IEXTEN)))
    assert typist.types(b"a\x17\x16\x12\n") == b"a^W^V^R\r\n"
    assert typist.reads() == b"a\x17\x16\x12\n"


def test_a_disabled_character_is_plain() -> None:
    typist = Typist(changed(ERASE=0, INTR=0))
    assert typist.discipline.receive(b"a\x7f\x00\x03\n").signals == ()
    assert typist.reads() == b"a\x7f\x00\x03\n"


@pytest.mark.parametrize(
    ("off", "on", "keys", "echo"),
    [
        (Local.ECHOE, 0, b"ab\x7f", b"ab^?"),
        (Local.ECHOKE, 0, b"ab\x15", b"ab^U\r\n"),
        (Local.ECHOKE | Local.ECHOK, 0, b"ab\x15", b"ab^U"),
        (Local.ECHOCTL, 0, b"a\x01\x7f\x7f", b"a\x01" + WIPE),
        (0, Local.ECHOPRT, b"abc\x7f\x7fd", b"abc\\cb/d"),
        (0, Local.ECHOPRT, b"a\x7f", b"a\\a/"),
        (Local.ECHO, 0, b"a\x7fb\x15c\x12\x17\n", b""),
        (Local.ECHO, Local.ECHONL, b"abc\n", b"\r\n"),
    ],
)
def test_kinds_of_echo(off: int, on: int, keys: bytes, echo: bytes) -> None:
    assert Typist(changed(on=(0, 0, on), off=(0, 0, off))).types(keys) == echo


# ---- translation of input


@pytest.mark.parametrize(
    ("on", "off", "keys", "line"),
    [
        (0, 0, b"a\r", b"a\n"),
        (0, Input.ICRNL, b"a\rb\n", b"a\rb\n"),
        (Input.IGNCR, 0, b"a\rb\n", b"ab\n"),
        (Input.INLCR, Input.ICRNL, b"a\nb\x04", b"a\rb"),
        (Input.INLCR, 0, b"a\r", b"a\n"),
        (Input.ISTRIP, 0, b"\xe1\n", b"a\n"),
        (Input.IUCLC, 0, b"AbC\n", b"abc\n"),
        (Input.PARMRK, 0, b"\xff\n", b"\xff\xff\n"),
    ],
)
def test_translation(on: int, off: int, keys: bytes, line: bytes) -> None:
    typist = Typist(changed(on=(on, 0, 0), off=(off, 0, 0)))
    typist.types(keys)
    assert typist.reads() == line


def test_a_stripped_byte_may_be_special() -> None:
    typist = Typist(changed(on=(Input.ISTRIP, 0, 0)))
    assert typist.discipline.receive(b"\x83").signals == (SIGINT,)


# ---- signals and flow


@pytest.mark.parametrize(
    ("key", "number", "echo"),
    [(b"\x03", SIGINT, b"^C"), (b"\x1c", SIGQUIT, b"^\\"), (b"\x1a", SIGTSTP, b"^Z")],
)
def test_signals_throw_away_what_was_typed(key: bytes, number: int, echo: bytes) -> None:
    typist = Typist()
    typist.types(b"one\nlost")
    received = typist.discipline.receive(key)
    assert (received.signals, received.flushed) == ((number,), True)
    assert typist.discipline.take_echo() == echo
    typist.types(b"kept\n")
    assert typist.all_lines() == [b"kept\n"]


def test_noflsh_keeps_what_was_typed() -> None:
    typist = Typist(changed(on=(0, 0, Local.NOFLSH)))
    typist.types(b"ke")
    received = typist.discipline.receive(b"\x03")
    assert (received.signals, received.flushed) == ((SIGINT,), False)
    typist.types(b"pt\n")
    assert typist.reads() == b"kept\n"


def test_without_isig_they_are_characters() -> None:
    typist = Typist(changed(off=(0, 0, Local.ISIG)))
    assert typist.discipline.receive(b"\x03\x1a\n").signals == ()
    assert typist.reads() == b"\x03\x1a\n"


def test_stop_and_start() -> None:
    typist = Typist()
    assert typist.types(b"a\x13b") == b""
    assert typist.types(b"c") == b""
    assert typist.types(b"\x11") == b"abc"
    assert typist.types(b"\n") == b"\r\n"
    assert typist.reads() == b"abc\n"


def test_any_key_starts_with_ixany() -> None:
    typist = Typist(changed(on=(Input.IXANY, 0, 0)))
    typist.types(b"\x13")
    assert typist.types(b"x") == b"x"


def test_a_signal_starts_the_output() -> None:
    typist = Typist()
    typist.types(b"\x13")
    assert typist.types(b"\x03") == b"^C"
    assert not typist.discipline.display.stopped


def test_what_a_request_stopped_only_a_request_starts() -> None:
    typist = Typist()
    typist.discipline.display.held = True
    assert typist.types(b"a\x11") == b""
    typist.discipline.display.held = False
    assert typist.discipline.take_echo() == b"a"


def test_turning_flow_control_off_starts_the_output() -> None:
    typist = Typist()
    typist.types(b"a\x13")
    typist.discipline.change(changed(off=(Input.IXON, 0, 0)))
    assert typist.discipline.take_echo() == b"a"


# ---- raw mode and changes of mode


def test_raw_mode() -> None:
    typist = Typist(RAW)
    assert typist.types(b"\x03\x1a\x04\x7f\r\n\xff") == b""
    assert typist.discipline.available == 7
    assert typist.discipline.readable(7)
    assert not typist.discipline.readable(8)
    assert typist.reads(3) == b"\x03\x1a\x04"
    assert typist.reads() == b"\x7f\r\n\xff"
    assert typist.reads() is None


def test_raw_mode_with_echo_shows_newlines_by_name() -> None:
    typist = Typist(changed(off=(Input.ICRNL, 0, Local.ICANON)))
    assert typist.types(b"a\n\r") == b"a^J^M"
    typist = Typist(changed(off=(0, 0, Local.ICANON)))
    assert typist.types(b"a\r") == b"a\r\n"


def test_an_unfinished_line_can_be_read_raw() -> None:
    typist = Typist()
    typist.types(b"line\nab\x04cd")
    typist.discipline.change(changed(off=(0, 0, Local.ICANON)))
    assert typist.reads() == b"line\nab\0cd"


def test_raw_input_is_a_line_in_canonical_mode() -> None:
    typist = Typist(changed(off=(0, 0, Local.ICANON)))
    typist.types(b"ab\ncd")
    typist.discipline.change(DEFAULT)
    assert typist.reads() == b"ab\ncd"
    typist.types(b"e\n")
    assert typist.reads() == b"e\n"


def test_flushing() -> None:
    typist = Typist()
    typist.types(b"one\ntwo")
    typist.discipline.flush_input()
    assert typist.discipline.available == 0
    typist.types(b"three\n")
    assert typist.all_lines() == [b"three\n"]


# ---- output


@pytest.mark.parametrize(
    ("on", "off", "written", "shown"),
    [
        (0, 0, b"x\ny\n", b"x\r\ny\r\n"),
        (0, Output.ONLCR, b"x\ny", b"x\ny"),
        (Output.OCRNL, Output.ONLCR, b"x\ry", b"x\ny"),
        (Output.ONOCR, 0, b"\rx\r\ry\n\rz", b"x\ry\r\nz"),
        (Output.ONLRET | Output.ONOCR, Output.ONLCR, b"x\n\ry", b"x\ny"),
        (Output.OLCUC, 0, b"aZ\xe9", b"AZ\xc9"),
        (Output.XTABS, 0, b"\ta\tb\n\tc", b" " * 8 + b"a" + b" " * 7 + b"b\r\n" + b" " * 8 + b"c"),
        (Output.XTABS, 0, b"ab\b\tc", b"ab\b" + b" " * 7 + b"c"),
        (Output.XTABS, 0, b"\x1b[1m\tc", b"\x1b[1m" + b" " * 5 + b"c"),
        (0, Output.OPOST, b"x\n\t\r", b"x\n\t\r"),
    ],
)
def test_output(on: int, off: int, written: bytes, shown: bytes) -> None:
    settings = changed(on=(0, on, 0), off=(0, off, 0))
    assert Discipline(settings).write(written) == shown
    one_by_one = Discipline(settings)
    assert b"".join(one_by_one.write(bytes((byte,))) for byte in written) == shown


@pytest.mark.parametrize(
    "written",
    [
        b"abc",
        b"ab\ncd",
        b"ab\rc",
        b"a\bc",
        b"\tx",
        "aé".encode(),
        b"x\x1b[0m",
        b"\r",
        b"\n",
        b"",
        b"ab\n\b",
        b"a\rb\nc",
    ],
)
@pytest.mark.parametrize("output", [Output.OPOST, Output.OPOST | Output.ONLCR, Output.OPOST | Output.ONLRET])
def test_the_column_after_output_is_the_same_whole_and_by_bytes(written: bytes, output: int) -> None:
    settings = changed(on=(Input.IUTF8, 0, 0))._replace(output=output)
    whole, pieces = Typist(settings), Typist(settings)
    whole.discipline.write(written)
    for byte in written:
        pieces.discipline.write(bytes((byte,)))
    assert whole.types(b"\t\x7f") == pieces.types(b"\t\x7f")


def test_nobody_can_make_the_echo_grow_for_ever() -> None:
    discipline = Discipline(DEFAULT)
    for _ in range(50):
        discipline.receive(b"x" * 60 + b"\x12" * 500)
    assert len(discipline.take_echo()) < 1 << 20
