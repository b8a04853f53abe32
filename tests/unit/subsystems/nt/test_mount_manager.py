"""The mount manager's answers, and requests that say where things are which are not there."""

from __future__ import annotations

import struct

import pytest

from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.mount_manager import MountManager, volume_name

QUERY_POINTS = 0x6D0008
ROOM = 4096


@pytest.fixture
def manager() -> MountManager:
    manager = MountManager.__new__(MountManager)
    manager.drives = ("C", "Z")
    return manager


def request(link: str = "", id: bytes = b"", device: str = "") -> bytes:
    texts = [link.encode("utf-16-le"), id, device.encode("utf-16-le")]
    places, at = [], 24
    for text in texts:
        places += [at, len(text)]
        at += len(text)
    return struct.pack("<IHxxIHxxIHxx", *places) + b"".join(texts)


def links(answer: bytes) -> list[str]:
    size, count = struct.unpack_from("<2I", answer)
    assert size == len(answer)
    points = [struct.unpack_from("<IHxxIHxxIHxx", answer, 8 + 24 * index) for index in range(count)]
    return [answer[point[0] : point[0] + point[1]].decode("utf-16-le") for point in points]


def test_points_are_found_by_each_of_their_names(manager: MountManager) -> None:
    both = ["\\DosDevices\\C:", f"\\??\\{volume_name('C')}"]
    status, answer = manager.request(QUERY_POINTS, request(), ROOM)
    assert (status, len(links(answer)), links(answer)[:2]) == (0, 4, both)
    assert links(manager.request(QUERY_POINTS, request(link="\\??\\c:"), ROOM)[1]) == both[:1]
    assert links(manager.request(QUERY_POINTS, request(link=both[1].upper()), ROOM)[1]) == both[1:]
    assert links(manager.request(QUERY_POINTS, request(device="\\device\\harddiskvolume1"), ROOM)[1]) == both
    assert links(manager.request(QUERY_POINTS, request(id=b"C\0"), ROOM)[1]) == both


def test_what_does_not_fit_is_told_its_size(manager: MountManager) -> None:
    _, whole = manager.request(QUERY_POINTS, request(), ROOM)
    assert manager.request(QUERY_POINTS, request(), 8) == (Status.BUFFER_OVERFLOW, whole[:8])


@pytest.mark.parametrize(
    ("code", "data", "room", "status"),
    [
        (0x6D4084, bytes(32), 32, Status.NOT_IMPLEMENTED),
        (QUERY_POINTS, b"", ROOM, Status.INVALID_PARAMETER),
        (QUERY_POINTS, request(), 7, Status.INVALID_PARAMETER),
        (QUERY_POINTS, request(link="\\??\\Q:"), ROOM, Status.OBJECT_NAME_NOT_FOUND),
        (
            QUERY_POINTS,
            struct.pack("<IHxxIHxxIHxx", 0xFFFFFFFF, 2, 0, 0, 0, 0),
            ROOM,
            Status.INVALID_PARAMETER,
        ),
        (QUERY_POINTS, struct.pack("<IHxxIHxxIHxx", 0, 3, 0, 0, 0, 0), ROOM, Status.OBJECT_NAME_INVALID),
    ],
)
def test_refused(manager: MountManager, code: int, data: bytes, room: int, status: int) -> None:
    with pytest.raises(Failure) as raised:
        manager.request(code, data, room)
    assert raised.value.status == status
