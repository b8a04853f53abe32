"""What waits of signals, and what exec and fork make of how a process takes them."""

from __future__ import annotations

from lichen.subsystems.linux import signals
from lichen.subsystems.linux.records import Sigaction
from lichen.subsystems.linux.signals import (
    ALL,
    SA_RESTART,
    SIG_DFL,
    SIG_IGN,
    SIGCHLD,
    SIGCONT,
    SIGFPE,
    SIGHUP,
    SIGINT,
    SIGSEGV,
    SIGTERM,
    SIGURG,
    SIGWINCH,
    Dispositions,
    Pending,
    bit,
    mask_of,
)
from tests.unit.subsystems.linux.signalling import (
    HANDLER,
    RESTORER,
)


def test_one_of_each_standard_signal_and_all_real_time_ones_wait() -> None:
    pending = Pending()
    for number, information in ((10, b"1"), (10, b"2"), (40, b"1"), (40, b"2"), (35, b"3")):
        assert pending.add(number, information)
    assert [pending.take(ALL) for _ in range(5)] == [(10, b"1"), (35, b"3"), (40, b"1"), (40, b"2"), None]
    assert (pending.mask, pending.queued, pending.queues) == (0, 0, {})


def test_faults_come_first_and_then_the_lowest_that_is_wanted() -> None:
    pending = Pending()
    for number in (SIGTERM, SIGSEGV, SIGHUP, SIGFPE):
        pending.add(number, b"")
    taken = [pending.take(ALL & ~bit(SIGHUP)) for _ in range(4)]
    assert [one and one[0] for one in taken] == [SIGFPE, SIGSEGV, SIGTERM, None]
    assert pending.mask == bit(SIGHUP)


def test_only_so_many_real_time_signals_wait() -> None:
    pending = Pending()
    assert [pending.add(number, b"", 2) for number in (33, 64, 33)] == [True, True, False]
    assert pending.add(SIGHUP, b"", 0), "there is always room for one of a standard signal"
    pending.take(bit(64))
    assert pending.add(33, b"", 2)


def test_what_waits_is_found_replaced_and_dropped() -> None:
    pending, first, second = Pending(), bytes(bytearray(b"first")), bytes(bytearray(b"first"))
    pending.add(40, first)
    pending.add(40, second)
    assert pending.holds(40, second)
    pending.replace(40, second, b"new")
    assert (pending.holds(40, second), pending.holds(41, first)) == (False, False)
    assert (pending.take(ALL), pending.take(ALL)) == ((40, first), (40, b"new"))
    for number in (SIGHUP, SIGINT, 40, 40):
        pending.add(number, b"")
    pending.discard(mask_of(SIGHUP, 40))
    assert (pending.mask, pending.queued) == (bit(SIGINT), 0)


def test_what_exec_and_fork_make_of_dispositions() -> None:
    dispositions = Dispositions(
        {
            SIGHUP: Sigaction(SIG_IGN, 1, 2, 3),
            SIGINT: Sigaction(HANDLER, SA_RESTART, RESTORER, 3),
        }
    )
    copy = dispositions.copy()
    copy.reset(SIGINT)
    assert copy.get(SIGINT) == Sigaction(SIG_DFL, SA_RESTART, RESTORER, 3)
    assert dispositions.get(SIGINT).handler == HANDLER
    after = dispositions.after_exec()
    assert (after.get(SIGHUP).handler, after.get(SIGINT)) == (SIG_IGN, signals.DEFAULT)
    assert dispositions.ignored() == frozenset({SIGHUP})
    ignored = [number for number in range(1, 65) if after.is_ignored(number)]
    assert ignored == [SIGHUP, SIGCHLD, SIGCONT, SIGURG, SIGWINCH]
