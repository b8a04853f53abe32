"""Pseudo terminals: both sides, their names, hang-ups, and who may open what."""

from __future__ import annotations

from typing import cast

import pytest

from lichen.executive.io.opening import Access, Options, Poll
from lichen.executive.io.requests import BytesAvailable
from lichen.executive.io.terminal import (
    Character,
    DrainOutput,
    FlushQueue,
    GetDiscipline,
    GetExclusive,
    GetLock,
    GetPacketMode,
    GetSettings,
    GetWindowSize,
    HoldOutput,
    Input,
    Local,
    OpenPeer,
    PendingOutput,
    PseudoNumber,
    Queue,
    SendFlowCharacter,
    SetDiscipline,
    SetExclusive,
    SetForeground,
    SetLock,
    SetPacketMode,
    SetSettings,
    Settings,
    SetWindowSize,
    SignalForeground,
    WindowSize,
)
from lichen.executive.status import Status
from lichen.filesystems.terminal.files import TerminalFile
from lichen.filesystems.terminal.pty import MasterFile
from lichen.filesystems.terminal.terminal import Packet
from tests.turns import until
from tests.unit.filesystems.terminal.world import World
from tests.unit.kernel import status_of

RAW = Settings(input=0, output=0, local=0)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def pair(world: World) -> tuple[MasterFile, TerminalFile]:
    return world.pair()


def raw(at_least: int, tenths: int = 0) -> SetSettings:
    characters = bytearray(RAW.characters)
    characters[Character.MIN], characters[Character.TIME] = at_least, tenths
    return SetSettings(RAW._replace(characters=bytes(characters)))


# ---- names


def test_a_terminal_has_a_name_as_long_as_its_master(world: World) -> None:
    root = world.terminals.mount.root
    master = cast(MasterFile, world.open("ptmx"))
    assert master.control(PseudoNumber()) == 0
    assert [entry.name for entry in root.node.entries()] == ["ptmx", "0"]
    location = root.child("0")
    assert location is not None
    assert (location.node.attributes().mode, location.node.attributes().uid) == (0o620, 1000)
    second = world.open("ptmx")
    assert second.control(PseudoNumber()) == 1
    master.release()
    assert root.child("0") is None
    assert location.deleted
    assert world.open("ptmx").control(PseudoNumber()) == 0


def test_a_locked_terminal_is_not_opened(world: World) -> None:
    master = world.open("ptmx")
    assert master.control(GetLock()) is True
    assert status_of(world.open, "0") == Status.IO_DEVICE_ERROR
    master.control(SetLock(False))
    world.open("0", Options.NO_TERMINAL)


def test_a_peer_is_opened_without_its_name(world: World) -> None:
    world.by(world.process())
    master = world.open("ptmx")
    peer = master.control(OpenPeer(Access.READ | Access.WRITE, Options.NO_TERMINAL))
    assert isinstance(peer, TerminalFile)
    assert peer.location.name == "0"


def test_an_exclusive_terminal_is_opened_by_administrators_only(
    world: World, pair: tuple[MasterFile, TerminalFile]
) -> None:
    pair[1].control(SetExclusive(True))
    assert pair[1].control(GetExclusive()) is True
    assert status_of(world.open, "0", Options.NO_TERMINAL) == Status.SHARING_VIOLATION
    pair[1].control(SetExclusive(False))
    world.open("0", Options.NO_TERMINAL)


# ---- bytes


def test_what_is_typed_is_read_and_echoed(pair: tuple[MasterFile, TerminalFile]) -> None:
    master, slave = pair
    assert master.write(b"hello\n") == 6
    assert master.read(100) == b"hello\r\n"
    assert slave.control(BytesAvailable()) == 6
    assert slave.read(100) == b"hello\n"
    assert slave.write(b"a\nb") == 3
    assert master.control(BytesAvailable()) == 4
    assert master.read(2) == b"a\r"
    assert master.read(100) == b"\nb"


def test_it_works_before_the_slave_is_opened(world: World) -> None:
    master = world.open("ptmx")
    master.write(b"early\n")
    assert master.read(100) == b"early\r\n"
    master.control(SetLock(False))
    assert world.open("0", Options.NO_TERMINAL).read(100) == b"early\n"


def test_readers_wait_for_a_line(world: World, pair: tuple[MasterFile, TerminalFile]) -> None:
    master, slave = pair
    reading = world.kernel.start(slave.read(100))
    master.write(b"ab")
    world.kernel.settle()
    assert not reading.ended
    master.write(b"c\n")
    world.kernel.settle()
    assert reading.result == b"abc\n"


def test_the_master_waits_for_output(world: World, pair: tuple[MasterFile, TerminalFile]) -> None:
    master, slave = pair
    reading = world.kernel.start(master.read(100))
    assert not reading.ended
    slave.write(b"x")
    world.kernel.settle()
    assert reading.result == b"x"


def test_nobody_waits_who_may_not(world: World, pair: tuple[MasterFile, TerminalFile]) -> None:
    for file in pair:
        file.options |= Options.NONBLOCKING
        assert status_of(file.read, 10) == Status.DEVICE_NOT_READY
    slave = pair[1]
    written = 0
    while (count := slave.write(b"x" * 1000)) == 1000:
        written += count
    assert 0 < written < 100_000
    assert status_of(slave.write, b"y") == Status.DEVICE_NOT_READY
    assert not slave.poll() & Poll.WRITABLE


def test_a_full_terminal_makes_writers_wait(world: World, pair: tuple[MasterFile, TerminalFile]) -> None:
    master, slave = pair
    text = b"0123456789" * 5000
    writing = world.kernel.start(slave.write(text))
    shown = b""
    for _ in until(lambda: writing.ended, "the writer goes on"):
        shown += cast(bytes, master.read(4096))
        world.kernel.settle()
    assert writing.result == len(text)
    while master.poll() & Poll.READABLE:
        shown += cast(bytes, master.read(4096))
    assert shown == text


def test_typing_more_than_anybody_reads_waits(world: World, pair: tuple[MasterFile, TerminalFile]) -> None:
    master, slave = pair
    slave.control(raw(1))
    text = bytes(range(256)) * 200
    typing = world.kernel.start(master.write(text))
    assert not typing.ended
    assert not master.poll() & Poll.WRITABLE
    read = b""
    while len(read) < len(text):
        read += cast(bytes, slave.read(1000))
        world.kernel.settle()
    assert (typing.result, read) == (len(text), text)


# ---- raw reading


def test_min_bytes(world: World, pair: tuple[MasterFile, TerminalFile]) -> None:
    master, slave = pair
    slave.control(raw(3))
    reading = world.kernel.start(slave.read(10))
    master.write(b"ab")
    world.kernel.settle()
    assert not reading.ended
    assert not slave.poll() & Poll.READABLE
    master.write(b"cd")
    world.kernel.settle()
    assert reading.result == b"abcd"


def test_a_small_read_does_not_wait_for_min(world: World, pair: tuple[MasterFile, TerminalFile]) -> None:
    master, slave = pair
    slave.control(raw(5))
    master.write(b"abc")
    assert slave.read(2) == b"ab"


def test_time_without_min_ends_a_read(world: World, pair: tuple[MasterFile, TerminalFile]) -> None:
    _, slave = pair
    slave.control(raw(0, 5))
    before = world.kernel.now
    assert world.kernel.finish(slave.read(10)) == b""
    assert world.kernel.now - before == pytest.approx(0.5)
    slave.control(raw(0))
    assert slave.read(10) == b""


def test_time_between_bytes_ends_a_read(world: World, pair: tuple[MasterFile, TerminalFile]) -> None:
    master, slave = pair
    slave.control(raw(5, 2))
    master.write(b"ab")
    before = world.kernel.now
    assert world.kernel.finish(slave.read(10)) == b"ab"
    assert world.kernel.now - before == pytest.approx(0.2)


def test_a_change_to_raw_mode_wakes_readers(world: World, pair: tuple[MasterFile, TerminalFile]) -> None:
    master, slave = pair
    reading = world.kernel.start(slave.read(10))
    master.write(b"ab")
    slave.control(raw(1))
    world.kernel.settle()
    assert reading.result == b"ab"


# ---- ends


def test_without_a_master_there_is_nothing_but_the_end(
    world: World, pair: tuple[MasterFile, TerminalFile]
) -> None:
    master, slave = pair
    reading = world.kernel.start(slave.read(10))
    master.release()
    world.kernel.settle()
    assert reading.result == b""
    assert slave.read(10) == b""
    assert status_of(slave.write, b"x") == Status.IO_DEVICE_ERROR
    assert status_of(slave.control, GetSettings()) == Status.IO_DEVICE_ERROR
    assert status_of(slave.control, SetForeground(1)) == Status.NOT_A_TERMINAL
    assert slave.poll() == Poll.READABLE | Poll.WRITABLE | Poll.ERROR | Poll.HANGUP


def test_a_waiting_writer_hears_of_the_end(world: World, pair: tuple[MasterFile, TerminalFile]) -> None:
    master, slave = pair
    writing = world.kernel.start(slave.write(b"x" * 100_000))
    master.release()
    world.kernel.settle()
    assert 0 < writing.result < 100_000


def test_after_the_last_slave_the_master_reads_the_rest_and_fails(
    world: World, pair: tuple[MasterFile, TerminalFile]
) -> None:
    master, slave = pair
    slave.write(b"last")
    slave.release()
    assert master.poll() & Poll.HANGUP
    assert master.read(10) == b"last"
    assert status_of(master.read, 10) == Status.IO_DEVICE_ERROR
    again = world.open("0", Options.NO_TERMINAL)
    assert not master.poll() & Poll.HANGUP
    reading = world.kernel.start(master.read(10))
    again.release()
    world.kernel.settle()
    with pytest.raises(Exception, match=f"{Status.IO_DEVICE_ERROR:#x}"):
        assert reading.result


# ---- requests


def test_settings_are_the_same_on_both_sides(pair: tuple[MasterFile, TerminalFile]) -> None:
    master, slave = pair
    assert slave.control(GetSettings()) == Settings()
    master.control(SetSettings(RAW))
    settings = cast(Settings, slave.control(GetSettings()))
    assert (settings.input, settings.output, settings.local) == (0, 0, 0)


def test_the_window_size_is_told_to_the_foreground(
    world: World, pair: tuple[MasterFile, TerminalFile]
) -> None:
    master, slave = pair
    leader = world.process(leads="session")
    slave.terminal.control(leader)
    master.control(SetWindowSize(WindowSize(24, 80)))
    assert world.signals.take() == [(leader.id, 28)]
    slave.control(SetWindowSize(WindowSize(24, 80)))
    assert world.signals.take() == []
    assert slave.control(GetWindowSize()) == WindowSize(24, 80)


def test_flushing(pair: tuple[MasterFile, TerminalFile]) -> None:
    master, slave = pair
    master.write(b"typed\n" * 1000)
    slave.control(FlushQueue(Queue.INPUT))
    assert slave.control(BytesAvailable()) == 0
    slave.write(b"x" * 10000)
    slave.control(FlushQueue(Queue.OUTPUT))
    assert len(cast(bytes, master.read(100_000))) <= 4096


def test_holding_output(world: World, pair: tuple[MasterFile, TerminalFile]) -> None:
    master, slave = pair
    slave.control(HoldOutput(True))
    writing = world.kernel.start(slave.write(b"held"))
    master.write(b"\x11")
    world.kernel.settle()
    assert not writing.ended
    slave.control(HoldOutput(False))
    world.kernel.settle()
    assert writing.result == 4
    slave.control(SendFlowCharacter(stop=True))
    assert master.read(10) == b"held\x13"


def test_small_requests(pair: tuple[MasterFile, TerminalFile]) -> None:
    _, slave = pair
    assert slave.control(GetDiscipline()) == 0
    slave.control(SetDiscipline(0))
    assert status_of(slave.control, SetDiscipline(3)) == Status.INVALID_PARAMETER
    assert slave.control(PendingOutput()) == 0
    assert slave.control(DrainOutput()) is None
    assert status_of(slave.control, PseudoNumber()) == Status.INVALID_DEVICE_REQUEST
    assert status_of(slave.control, object()) == Status.INVALID_DEVICE_REQUEST


def test_packet_mode(pair: tuple[MasterFile, TerminalFile]) -> None:
    master, slave = pair
    master.control(SetPacketMode(True))
    assert master.control(GetPacketMode()) is True
    slave.write(b"x")
    assert master.read(10) == b"\0x"
    slave.control(FlushQueue(Queue.INPUT))
    assert master.poll() & Poll.PRIORITY
    assert master.read(10) == bytes((Packet.FLUSH_READ,))
    master.write(b"\x13")
    assert master.read(10) == bytes((Packet.STOP,))
    master.write(b"\x11")
    assert master.read(10) == bytes((Packet.START,))
    slave.control(SetSettings(Settings()._replace(input=Input.ICRNL)))
    assert master.read(10) == bytes((Packet.NO_STOP,))
    assert not master.poll() & Poll.READABLE


def test_a_master_signals_the_foreground(world: World, pair: tuple[MasterFile, TerminalFile]) -> None:
    master, slave = pair
    leader = world.process(leads="session")
    slave.terminal.control(leader)
    master.control(SignalForeground(2))
    assert world.signals.take() == [(leader.id, 2)]
    assert status_of(master.control, SignalForeground(9)) == Status.INVALID_PARAMETER


def test_rights_count(world: World, pair: tuple[MasterFile, TerminalFile]) -> None:
    reader = world.open("0", Options.NO_TERMINAL, Access.READ)
    writer = world.open("0", Options.NO_TERMINAL, Access.WRITE)
    assert status_of(reader.write, b"x") == Status.INVALID_HANDLE
    assert status_of(writer.read, 1) == Status.INVALID_HANDLE
    assert status_of(pair[1].read, 1, 0) == Status.NOT_SEEKABLE
    assert status_of(pair[0].write, b"x", 0) == Status.NOT_SEEKABLE


def test_nothing_is_left_of_a_terminal(world: World, pair: tuple[MasterFile, TerminalFile]) -> None:
    master, slave = pair
    slave.write(b"x")
    master.write(b"y")
    slave.release()
    master.release()
    assert world.terminals.terminals == {}
    assert not master.node.files
    assert not slave.node.files
    assert Local.ICANON & slave.terminal.discipline.settings.local
