"""prctl: a call for each operation, found by its number.

Source: prctl(2) and its pages PR_*(2const), capabilities(7).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from lichen.executive.security.tokens import ALL_CAPABILITIES, Capability, SecureBit
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux import signals
from lichen.subsystems.linux.processes import require, token_of
from lichen.subsystems.linux.state import linux_of, linux_of_process
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.types import Int, Size

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_NAME_SIZE: Final = 16
_TSC_ENABLED: Final = 1
_AMBIENT_IS_SET, _AMBIENT_RAISE, _AMBIENT_LOWER, _AMBIENT_CLEAR = 1, 2, 3, 4

Operation = Callable[["Thread", int, int, int, int], int]
_operations: Final[dict[int, Operation]] = {}


@linux.call(amd64=157, partial="operations on the vDSO, seccomp, machine checks and speculation are missing")
def prctl(thread: Thread, operation: Int, first: Size, second: Size, third: Size, fourth: Size) -> int:
    """Set or show one of many properties of the calling thread or its process."""
    found = _operations.get(operation)
    if found is None:
        raise Failure(Status.INVALID_PARAMETER)
    return found(thread, first, second, third, fourth)


def _operation(number: int) -> Callable[[Operation], Operation]:
    def declare(body: Operation) -> Operation:
        _operations[number] = body
        return body

    return declare


def _zero(*arguments: int) -> None:
    """Arguments that later operations may give a meaning to have to be 0 today."""
    if any(arguments):
        raise Failure(Status.INVALID_PARAMETER)


def _flag(value: int) -> int:
    if value > 1:
        raise Failure(Status.INVALID_PARAMETER)
    return value


def _write_int(thread: Thread, address: int, value: int) -> int:
    thread.memory.write(address, value.to_bytes(4, "little"))
    return 0


# ---- names, signals, families


@_operation(15)
def _set_name(thread: Thread, address: int, *_: int) -> int:
    """PR_SET_NAME; the first thread's name is its process's."""
    name = thread.memory.cstring(address, _NAME_SIZE - 1)
    thread.name = os.fsdecode(name)
    if thread is thread.process.first_thread:
        thread.process.name = thread.name
    return 0


@_operation(16)
def _get_name(thread: Thread, address: int, *_: int) -> int:
    """PR_GET_NAME"""
    thread.memory.write(address, os.fsencode(thread.name)[: _NAME_SIZE - 1].ljust(_NAME_SIZE, b"\0"))
    return 0


@_operation(1)
def _set_parent_death_signal(thread: Thread, number: int, *_: int) -> int:
    """PR_SET_PDEATHSIG"""
    if number > signals.LAST:
        raise Failure(Status.INVALID_PARAMETER)
    linux_of_process(thread.process).parent_death_signal = number
    return 0


@_operation(2)
def _get_parent_death_signal(thread: Thread, address: int, *_: int) -> int:
    """PR_GET_PDEATHSIG"""
    return _write_int(thread, address, linux_of_process(thread.process).parent_death_signal)


@_operation(36)
def _set_child_subreaper(thread: Thread, wanted: int, *_: int) -> int:
    """PR_SET_CHILD_SUBREAPER"""
    thread.process.is_subreaper = bool(wanted)
    return 0


@_operation(37)
def _get_child_subreaper(thread: Thread, address: int, *_: int) -> int:
    """PR_GET_CHILD_SUBREAPER"""
    return _write_int(thread, address, thread.process.is_subreaper)


@_operation(40)
def _get_clear_tid(thread: Thread, address: int, *_: int) -> int:
    """PR_GET_TID_ADDRESS"""
    thread.memory.write(address, linux_of(thread).clear_tid.to_bytes(8, "little"))
    return 0


# ---- being looked into, time


@_operation(3)
def _get_dumpable(thread: Thread, *_: int) -> int:
    """PR_GET_DUMPABLE"""
    return int(thread.process.dumpable)


@_operation(4)
def _set_dumpable(thread: Thread, wanted: int, *_: int) -> int:
    """PR_SET_DUMPABLE"""
    thread.process.dumpable = bool(_flag(wanted))
    return 0


@_operation(13)
def _get_timing(thread: Thread, *_: int) -> int:
    """PR_GET_TIMING: statistical, always."""
    return 0


@_operation(14)
def _set_timing(thread: Thread, wanted: int, *_: int) -> int:
    """PR_SET_TIMING"""
    _zero(wanted)
    return 0


@_operation(25)
def _get_tsc(thread: Thread, address: int, *_: int) -> int:
    """PR_GET_TSC: the time stamp counter can be read, always."""
    return _write_int(thread, address, _TSC_ENABLED)


@_operation(26)
def _set_tsc(thread: Thread, wanted: int, *_: int) -> int:
    """PR_SET_TSC"""
    if wanted != _TSC_ENABLED:
        raise Failure(Status.INVALID_PARAMETER)
    return 0


@_operation(29)
def _set_timer_slack(thread: Thread, nanoseconds: int, *_: int) -> int:
    """PR_SET_TIMERSLACK"""
    scheduling = thread.scheduling
    scheduling.timer_slack = nanoseconds or scheduling.usual_timer_slack
    return 0


@_operation(30)
def _get_timer_slack(thread: Thread, *_: int) -> int:
    """PR_GET_TIMERSLACK"""
    slack: int = thread.scheduling.timer_slack
    return slack


@_operation(41)
def _disable_huge_pages(thread: Thread, wanted: int, *others: int) -> int:
    """PR_SET_THP_DISABLE: the host decides about pages; only "leave it alone" is true here."""
    _zero(wanted, *others)
    return 0


@_operation(42)
def _huge_pages_disabled(thread: Thread, *others: int) -> int:
    """PR_GET_THP_DISABLE"""
    _zero(*others)
    return 0


# ---- rights


@_operation(21)
def _get_seccomp(thread: Thread, *_: int) -> int:
    """PR_GET_SECCOMP: a guest has no filter of its own."""
    return 0


@_operation(38)
def _set_no_new_privileges(thread: Thread, wanted: int, *others: int) -> int:
    """PR_SET_NO_NEW_PRIVS"""
    _zero(wanted ^ 1, *others)
    thread.process.files.token = replace(token_of(thread), no_new_privileges=True)
    return 0


@_operation(39)
def _get_no_new_privileges(thread: Thread, *others: int) -> int:
    """PR_GET_NO_NEW_PRIVS"""
    _zero(*others)
    return int(token_of(thread).no_new_privileges)


@_operation(27)
def _get_secure_bits(thread: Thread, *_: int) -> int:
    """PR_GET_SECUREBITS"""
    return token_of(thread).secure_bits


@_operation(28)
def _set_secure_bits(thread: Thread, wanted: int, *_: int) -> int:
    """PR_SET_SECUREBITS: a lock, which is the bit above the one that it keeps, is never taken off."""
    token = token_of(thread)
    locks = token.secure_bits & ~SecureBit.BASE
    locked = locks | locks >> 1
    if wanted & ~SecureBit.ALL or (wanted ^ token.secure_bits) & locked or not token.has(Capability.SETPCAP):
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    thread.process.files.token = replace(token, secure_bits=wanted)
    return 0


@_operation(7)
def _get_keep_capabilities(thread: Thread, *_: int) -> int:
    """PR_GET_KEEPCAPS"""
    return int(bool(token_of(thread).secure_bits & SecureBit.KEEP_CAPABILITIES))


@_operation(8)
def _set_keep_capabilities(thread: Thread, wanted: int, *_: int) -> int:
    """PR_SET_KEEPCAPS"""
    token = token_of(thread)
    keep = SecureBit.KEEP_CAPABILITIES if _flag(wanted) else 0
    if token.secure_bits & SecureBit.KEEP_CAPABILITIES << 1:
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    bits = token.secure_bits & ~SecureBit.KEEP_CAPABILITIES | keep
    thread.process.files.token = replace(token, secure_bits=bits)
    return 0


def _capability(number: int) -> int:
    """The bit of a capability; INVALID_PARAMETER when there is no such one."""
    if number >= ALL_CAPABILITIES.bit_length():
        raise Failure(Status.INVALID_PARAMETER)
    return 1 << number


@_operation(23)
def _bounded(thread: Thread, number: int, *_: int) -> int:
    """PR_CAPBSET_READ"""
    return int(bool(token_of(thread).bounding & _capability(number)))


@_operation(24)
def _drop_bounded(thread: Thread, number: int, *_: int) -> int:
    """PR_CAPBSET_DROP"""
    require(thread, Capability.SETPCAP)
    token = token_of(thread)
    thread.process.files.token = replace(token, bounding=token.bounding & ~_capability(number))
    return 0


@_operation(47)
def _ambient(thread: Thread, action: int, number: int, *others: int) -> int:
    """PR_CAP_AMBIENT"""
    token = token_of(thread)
    _zero(*others)
    if action == _AMBIENT_CLEAR:
        _zero(number)
        thread.process.files.token = replace(token, ambient=0)
        return 0
    bit = _capability(number)
    if action == _AMBIENT_IS_SET:
        return int(bool(token.ambient & bit))
    if action == _AMBIENT_LOWER:
        thread.process.files.token = replace(token, ambient=token.ambient & ~bit)
        return 0
    if action != _AMBIENT_RAISE:
        raise Failure(Status.INVALID_PARAMETER)
    if not token.permitted & token.inheritable & bit or token.secure_bits & SecureBit.NO_AMBIENT_RAISE:
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    thread.process.files.token = replace(token, ambient=token.ambient | bit)
    return 0
