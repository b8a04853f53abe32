"""Enabling and masking: which links are made, what counts as enabled, and that what only the host has counts for nothing."""

from __future__ import annotations

import pytest

from lichen.subsystems.linux.services.installing import Change, InstallError
from tests.unit.subsystems.linux.services.etc import INSTALLED, SIMPLE, Etc

WANTS = "/etc/systemd/system/multi-user.target.wants"


@pytest.fixture
def etc() -> Etc:
    return Etc()


def test_enable_and_disable(etc: Etc) -> None:
    etc.unit("a.service", INSTALLED)
    assert etc.installer.state("a.service") == "disabled"
    says, changes = etc.installer.enable(["a.service"], False, False)
    made = Change("symlink", f"{WANTS}/a.service", "/usr/lib/systemd/system/a.service")
    assert (says, changes) == (True, [made])
    assert etc.tree.link(f"{WANTS}/a.service") == "/usr/lib/systemd/system/a.service"
    assert etc.installer.state("a.service") == "enabled"
    assert etc.installer.enable(["a.service"], False, False) == (True, [])
    assert etc.installer.disable(["a.service"], False) == (True, [Change("unlink", f"{WANTS}/a.service", "")])
    assert etc.installer.state("a.service") == "disabled"
    assert etc.tree.kind(WANTS) is None


def test_until_the_machine_ends(etc: Etc) -> None:
    etc.unit("a.service", INSTALLED)
    etc.installer.enable(["a.service"], True, False)
    assert etc.installer.state("a.service") == "enabled-runtime"


def test_a_link_of_the_host_enables_nothing(etc: Etc) -> None:
    etc.unit("a.service", INSTALLED)
    etc.link(f"{WANTS}/a.service", "/usr/lib/systemd/system/a.service", foreign=True)
    assert etc.installer.state("a.service") == "disabled"
    assert etc.paths.brought_by_links("multi-user.target", "wants") == []
    etc.installer.enable(["a.service"], False, False)
    assert etc.installer.state("a.service") == "enabled"
    assert etc.paths.brought_by_links("multi-user.target", "wants") == ["a.service"]


def test_aliases_and_what_goes_along(etc: Etc) -> None:
    etc.unit("a.service", INSTALLED + "Alias=b.service\nAlso=c.service gone.service\n")
    etc.unit("c.service", INSTALLED)
    etc.installer.enable(["a.service"], False, False)
    assert etc.installer.state("b.service") == "alias"
    assert etc.installer.state("c.service") == "enabled"
    with pytest.raises(InstallError):
        etc.installer.enable(["b.service"], False, False)
    etc.installer.disable(["a.service"], False)
    assert etc.installer.state("b.service") == ""
    assert etc.installer.state("c.service") == "disabled"


def test_templates(etc: Etc) -> None:
    etc.unit("t@.service", INSTALLED)
    with pytest.raises(InstallError):
        etc.installer.enable(["t@.service"], False, False)
    etc.installer.enable(["t@x.service"], False, False)
    assert etc.tree.link(f"{WANTS}/t@x.service") == "/usr/lib/systemd/system/t@.service"
    assert etc.installer.state("t@.service") == "enabled"
    etc.installer.disable(["t@.service"], False)
    assert etc.installer.state("t@.service") == "disabled"


def test_states_without_a_place(etc: Etc) -> None:
    etc.unit("a.service", SIMPLE)
    etc.unit("b.service", SIMPLE + "[Install]\nAlso=a.service\n")
    etc.write("/srv/c.service", SIMPLE)
    etc.link("/etc/systemd/system/d.service", "/nowhere")
    etc.installer.link(["/srv/c.service"], False, False)
    states = [etc.installer.state(f"{name}.service") for name in "abcde"]
    assert states == ["static", "indirect", "linked", "bad", ""]
    assert etc.installer.enable(["a.service"], False, False) == (False, [])


def test_masks(etc: Etc) -> None:
    etc.unit("a.service", INSTALLED)
    etc.installer.mask(["a.service"], False, False)
    assert etc.installer.state("a.service") == "masked"
    with pytest.raises(InstallError) as error:
        etc.installer.enable(["a.service"], False, False)
    assert error.value.reason == "masked"
    etc.installer.unmask(["a.service"], False)
    assert etc.installer.state("a.service") == "disabled"
    etc.write("/etc/systemd/system/b.service", SIMPLE)
    with pytest.raises(InstallError) as error:
        etc.installer.mask(["b.service"], False, False)
    assert error.value.reason == "exists"


@pytest.mark.parametrize("name", ["../x.service", "x", "x.service/", "a b.service"])
def test_names_that_no_unit_has(etc: Etc, name: str) -> None:
    for act in (
        lambda: etc.installer.enable([name], False, False),
        lambda: etc.installer.disable([name], False),
        lambda: etc.installer.mask([name], False, False),
    ):
        with pytest.raises(InstallError):
            act()


@pytest.mark.parametrize("place", ["../../../tmp/evil.service", "x"])
def test_places_that_no_link_goes_to(etc: Etc, place: str) -> None:
    etc.unit("a.service", f"{SIMPLE}[Install]\nWantedBy={place}\n")
    with pytest.raises(InstallError):
        etc.installer.enable(["a.service"], False, False)


def test_what_is_started_at_boot(etc: Etc) -> None:
    etc.unit("graphical.target", "[Unit]\n")
    etc.link("/etc/systemd/system/default.target", "/usr/lib/systemd/system/graphical.target", foreign=True)
    assert etc.installer.default() == "multi-user.target"
    etc.installer.set_default("graphical.target")
    assert etc.installer.default() == "graphical.target"
