"""Which network a machine gets, by what was asked for and what the host has."""

from __future__ import annotations

from pathlib import Path

import pytest

from lichen.boot import network
from lichen.boot.network import plan, refusal, resolvers
from lichen.boot.refusals import LaunchError
from lichen.platforms.network import wayout
from lichen.platforms.network.wayout import WayOut

NAMESPACES = "user,pid,mount,net,ipc,uts"
PASTA = WayOut("pasta", "/usr/bin/pasta")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wayout, "find", lambda: PASTA)
    monkeypatch.setattr(wayout, "obstacle", lambda found: "")


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wayout, "find", lambda: None)


@pytest.mark.usefixtures("installed")
def test_own_where_there_is_a_way_out() -> None:
    assert plan("", NAMESPACES) == ("own", "", PASTA)
    assert plan("own", NAMESPACES) == ("own", "", PASTA)
    assert plan("host", NAMESPACES) == ("host", "chosen", None)
    assert plan("none", NAMESPACES) == ("none", "", None)


@pytest.mark.usefixtures("missing")
def test_the_hosts_where_there_is_none() -> None:
    reason = "neither pasta nor slirp4netns is installed"
    assert plan("", NAMESPACES) == ("host", f"{reason}; --network own gives loopback only", None)
    assert plan("own", NAMESPACES) == ("own", reason, None)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("isolation", ["none", "user,pid,mount"])
def test_the_hosts_where_there_are_no_namespaces(isolation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "refusal", lambda: "refused")
    assert plan("", isolation) == ("host", "refused", None)
    assert plan("host", isolation).kind == "host"
    for wanted in ("own", "none"):
        with pytest.raises(LaunchError, match="refused; --network host does without"):
            plan(wanted, isolation)


def test_the_setting_that_refuses_is_named() -> None:
    settings = {"kernel.apparmor_restrict_unprivileged_userns": "1", "user.max_net_namespaces": "0"}
    told = refusal(lambda name: settings.get(name, ""))
    assert told == "user namespaces are refused here: kernel.apparmor_restrict_unprivileged_userns=1"
    del settings["kernel.apparmor_restrict_unprivileged_userns"]
    assert refusal(lambda name: settings.get(name, "")).endswith("user.max_net_namespaces=0")
    assert refusal(lambda name: "") == "the host makes no network namespaces for this user"


def test_resolvers_on_the_loopback_are_found(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text(
        "# x\nnameserver 127.0.0.53\nnameserver 192.0.2.1\nsearch a b\nnameserver ::1\nnameserver nonsense\n"
    )
    assert resolvers(str(file)) == ["127.0.0.53", "::1"]
    assert resolvers(str(tmp_path / "none")) == []
