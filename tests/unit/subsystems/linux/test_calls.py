"""What holds for every Linux call that is declared."""

from __future__ import annotations

import errno

import pytest

from lichen.abi.convention import AMD64
from lichen.abi.declare import entry_source
from lichen.executive.status import HOST_ERRORS, POSIX, Failure, Status
from lichen.subsystems.linux.errors import ERRNO, errno_of
from lichen.subsystems.linux.numbers import AMD64_NUMBERS
from lichen.subsystems.linux.subsystem import declare_calls

CALLS = declare_calls()
STATUSES = {name: value for name, value in vars(Status).items() if not name.startswith("_")}


@pytest.mark.parametrize("name", sorted(CALLS.by_name))
def test_call_is_well_declared(name: str) -> None:
    call = CALLS.by_name[name]
    source = entry_source(call, AMD64)
    compile(source, f"<{name}>", "exec")
    assert call.numbers["amd64"] == AMD64_NUMBERS[name]
    assert call.doc.partition("\n\n")[0].endswith("."), "the reference shows the first paragraph"
    assert not call.partial.endswith("."), "it stands in brackets"


def test_no_two_calls_share_a_number() -> None:
    assert len(CALLS.table(AMD64)) == len(CALLS.by_name)


@pytest.mark.parametrize("name", sorted(STATUSES))
def test_status_is_an_errno(name: str) -> None:
    status = STATUSES[name]
    assert status in ERRNO or status & 0xFFFF0000 == POSIX
    assert errno_of(status) == 0 or errno_of(status) in errno.errorcode


def test_an_error_of_the_host_comes_back_as_it_was() -> None:
    for number in errno.errorcode:
        assert errno_of(Failure.from_host(OSError(number, "")).status) == number
    assert len(set(HOST_ERRORS.values())) == len(HOST_ERRORS)
