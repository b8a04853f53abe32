"""What unit files mean: which file counts, what is dropped in, aliases, templates, masks, and what a directive does."""

from __future__ import annotations

import signal

import pytest

from lichen.executive.power import PowerAction
from lichen.executive.services.values import (
    FOREVER,
    KillMode,
    ListenerSettings,
    Readiness,
    Restart,
    Speakers,
    StartType,
    Step,
    TimerSettings,
)
from lichen.executive.status import Failure
from lichen.subsystems.linux.services.definitions import Origin
from lichen.subsystems.linux.services.processsettings import ProcessSettings
from lichen.subsystems.linux.services.sockets import Places
from tests.unit.subsystems.linux.services.etc import SIMPLE, Etc


@pytest.fixture
def etc() -> Etc:
    return Etc()


def test_a_file_of_the_administrator_counts_before_a_package_s(etc: Etc) -> None:
    etc.unit("a.service", "[Unit]\nDescription=theirs\n" + SIMPLE)
    assert etc.load("a.service").display_name == "theirs"
    etc.write("/etc/systemd/system/a.service", "[Unit]\nDescription=ours\n" + SIMPLE)
    assert etc.load("a.service").display_name == "ours"
    assert etc.source.load("b.service") is None


def test_what_is_dropped_in_changes_the_file(etc: Etc) -> None:
    etc.unit("a-b.service")
    etc.write("/etc/systemd/system/a-b.service.d/20.conf", "[Service]\nExecStart=\nExecStart=/bin/other\n")
    etc.write("/usr/lib/systemd/system/a-.service.d/10.conf", "[Unit]\nDescription=dropped in\n")
    etc.write("/usr/lib/systemd/system/a-b.service.d/20.conf", "[Service]\nExecStart=/bin/hidden\n")
    definition = etc.load("a-b.service")
    assert definition.display_name == "dropped in"
    assert isinstance(definition.origin, Origin)
    assert [path.rpartition("/")[2] for path in definition.origin.dropped_in] == ["10.conf", "20.conf"]
    commands = definition.settings.commands[Step.START]  # type: ignore[union-attr]
    assert [command.program for command in commands] == ["/bin/other"]


def test_aliases_masks_and_loops(etc: Etc) -> None:
    etc.unit("a.service")
    etc.link("/etc/systemd/system/b.service", "/usr/lib/systemd/system/a.service")
    assert etc.load("b.service").name == "a.service"
    assert etc.load("a.service").names == {"b.service"}
    etc.link("/etc/systemd/system/c.service", "/dev/null")
    etc.write("/etc/systemd/system/d.service", "")
    for name in ("c.service", "d.service"):
        assert etc.load(name).start_type is StartType.DISABLED
    etc.link("/etc/systemd/system/e.service", "f.service")
    etc.link("/etc/systemd/system/f.service", "e.service")
    assert etc.load("e.service").error == "too many links"
    etc.link("/etc/systemd/system/g.service", "g.service")
    assert "leads to no file" in etc.load("g.service").error


def test_templates(etc: Etc) -> None:
    etc.unit("t@.service", "[Service]\nExecStart=/bin/main %i %I %p %n %%\n")
    definition = etc.load("t@a-b.service")
    (command,) = definition.settings.commands[Step.START]  # type: ignore[union-attr]
    assert command.arguments == ("/bin/main", "a-b", "a/b", "t", "t@a-b.service", "%")
    assert etc.source.load("t@.service") is None


def test_commands(etc: Etc) -> None:
    text = "[Service]\nType=oneshot\nExecStart=-/bin/a 'x y' ; @/bin/b named \\; \"z\"\nExecStart=+:name\n"
    one, two, three = etc.service(text).commands[Step.START]
    assert (one.program, one.arguments, one.ignores_failure) == ("/bin/a", ("/bin/a", "x y"), True)
    assert (two.program, two.arguments) == ("/bin/b", ("named", ";", "z"))
    assert (three.program, three.privileged, three.expands) == ("name", True, False)


def test_directives_of_services(etc: Etc) -> None:
    settings = etc.service(
        "[Service]\nType=notify\nExecStart=/bin/main\nTimeoutStartSec=1min\nTimeoutStopSec=0\nRestart=on-failure\n"
        "RestartSec=2\nKillMode=mixed\nKillSignal=SIGINT\nPIDFile=main.pid\nSuccessExitStatus=3 SIGUSR1\n"
        "RestartPreventExitStatus=255 KILL\nNotifyAccess=all\nSendSIGKILL=no\n"
    )
    assert (settings.readiness, settings.restart, settings.kill_mode) == (
        Readiness.REPORTED,
        Restart.ON_FAILURE,
        KillMode.MIXED,
    )
    assert (settings.start_timeout, settings.stop_timeout, settings.restart_delay) == (60, FOREVER, 2)
    assert (settings.kill_signal, settings.pid_file, settings.sends_final) == (2, "/run/main.pid", False)
    assert settings.success == {0, 3}
    assert signal.SIGUSR1 in settings.success_signals
    assert settings.no_restart == {255, -9}
    assert settings.speakers is Speakers.ALL


def test_directives_of_processes(etc: Etc) -> None:
    settings = etc.service(
        '[Service]\nExecStart=/bin/main\nUser=web\nWorkingDirectory=-%h/x\nEnvironment=A=1 "B=%u"\n'
        "EnvironmentFile=-/etc/default/a\nUMask=027\nLimitNOFILE=10:20\nLimitCORE=infinity\n"
        "RuntimeDirectory=a a/b\nStateDirectory=s\nStateDirectoryMode=0700\nStandardOutput=append:/var/log/a\n"
        "StandardError=journal\nNoNewPrivileges=yes\nUnsetEnvironment=LANG\n"
    ).process
    assert isinstance(settings, ProcessSettings)
    assert (settings.user, settings.folder, settings.folder_may_miss) == ("web", "/var/www/x", True)
    assert settings.environment == {"A": "1", "B": "web"}
    assert settings.environment_files == (("/etc/default/a", True),)
    assert (settings.umask, settings.limits[7], settings.limits[4]) == (
        0o27,
        (10, 20),
        (2**64 - 1, 2**64 - 1),
    )
    assert [(folder.path, folder.mode) for folder in settings.folders] == [
        ("/run/a", 0o755),
        ("/run/a/b", 0o755),
        ("/var/lib/s", 0o700),
    ]
    assert (settings.output, settings.error, settings.gains_nothing) == ("append:/var/log/a", "journal", True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Type=strange\nExecStart=/bin/main",
        "ExecStart=bin/main",
        "ExecStart=/bin/a\nExecStart=/bin/b",
        "ExecStart=/bin/main 'open",
        "ExecStart=/bin/main %Z",
        "ExecStart=/bin/main\nKillMode=none at all",
        "ExecStart=/bin/main\nKillSignal=SIGNOTHING",
        "ExecStart=/bin/main\nDynamicUser=yes",
        "ExecStart=/bin/main\nStandardInput=tty",
        "ExecStart=/bin/main\nUMask=rwx",
        "ExecStart=/bin/main\nRuntimeDirectory=../etc",
        "ExecStart=/bin/main\nEnvironmentFile=%Z",
    ],
)
def test_what_cannot_be_right_is_not_started(etc: Etc, text: str) -> None:
    etc.unit("a.service", f"[Service]\n{text}\n")
    definition = etc.load("a.service")
    assert definition.error
    assert isinstance(definition.origin, Origin)
    assert definition.origin.state == "bad-setting"


def test_what_is_not_carried_out_is_told(etc: Etc) -> None:
    etc.unit("a.service", SIMPLE + "ProtectSystem=full\nPrivateTmp=yes\nCPUWeight=5\nX-Own=1\nNice=3\n")
    warnings = etc.load("a.service").warnings
    assert warnings == (
        "not carried out, so that the service runs unprotected by: ProtectSystem= PrivateTmp=",
        "not carried out: CPUWeight=",
    )


def test_relations_said_linked_and_by_default(etc: Etc) -> None:
    etc.unit("a.service", "[Unit]\nWants=b.service c.target\nAfter=b.service\n" + SIMPLE)
    etc.link("/etc/systemd/system/a.service.wants/d.service", "/usr/lib/systemd/system/d.service")
    etc.link("/etc/systemd/system/a.service.requires/e.service", "/nowhere", foreign=True)
    relations = etc.load("a.service").relations
    assert relations.wants == {"b.service", "c.target", "d.service"}
    assert relations.requires == {"sysinit.target"}
    assert relations.after == {"b.service", "sysinit.target", "basic.target"}
    etc.unit("b.service", "[Unit]\nDefaultDependencies=no\n" + SIMPLE)
    assert not etc.load("b.service").relations.requires


def test_targets_that_end_the_machine(etc: Etc) -> None:
    etc.unit("poweroff.target", "[Unit]\nRequires=systemd-poweroff.service\n")
    definition = etc.load("poweroff.target")
    assert definition.action is PowerAction.POWER_OFF
    assert not definition.relations.requires


def test_timers(etc: Etc) -> None:
    etc.unit("a.timer", "[Timer]\nOnCalendar=daily\nOnBootSec=5min\nPersistent=true\n")
    definition = etc.load("a.timer")
    assert isinstance(definition.settings, TimerSettings)
    assert (definition.settings.unit, len(definition.settings.schedules)) == ("a.service", 2)
    assert definition.warnings == ("Persistent= is not carried out",)
    etc.unit("b.timer", "[Timer]\nOnCalendar=whenever\n")
    assert etc.load("b.timer").error == "the timer names no time"


def test_sockets(etc: Etc) -> None:
    etc.unit(
        "a.socket",
        "[Socket]\nListenStream=/run/a\nListenDatagram=@b\nListenStream=[::1]:80\nSocketMode=0600\n",
    )
    settings = etc.load("a.socket").settings
    assert isinstance(settings, ListenerSettings)
    assert settings.unit == "a.service"
    assert isinstance(settings.sockets, Places)
    assert [place.text for place in settings.sockets.places] == ["/run/a", "[::1]:80", "@b"]
    assert settings.sockets.mode == 0o600
    for text in (
        "",
        "Accept=yes\nListenStream=1",
        "ListenStream=x",
        "ListenStream=99999",
        "ListenFIFO=/run/x",
    ):
        etc.unit("b.socket", f"[Socket]\n{text}\n")
        assert etc.load("b.socket").error


def test_kinds_that_there_are_not(etc: Etc) -> None:
    etc.unit("a.path", "[Path]\nPathExists=/x\n")
    assert etc.load("a.path").error == "units of the kind path are not carried out"
    assert not etc.load("-.mount").error


def test_a_huge_file_is_refused(etc: Etc) -> None:
    etc.unit("a.service", b"#" * (1 << 20) + b"\n")
    assert "too large" in etc.load("a.service").error


def test_folders_are_not_made_through_links(etc: Etc) -> None:
    etc.tree.make_folder("/srv/secret")
    etc.tree.make_folder("/run/a", 0o700, "/run")
    etc.link("/run/a/b", "/srv/secret")
    for path in ("/run/a/b", "/run/a/b/c"):
        with pytest.raises(Failure):
            etc.tree.make_folder(path, 0o700, "/run")
        etc.tree.remove_all(path, "/run")
    etc.tree.remove_all("/run/a", "/run")
    assert etc.tree.kind("/run/a") is None
    assert etc.tree.kind("/srv/secret") is not None


def test_a_unit_that_names_thousands(etc: Etc) -> None:
    etc.unit("a.service", "[Unit]\nWants=" + " ".join(f"x{n}.service" for n in range(501)) + "\n" + SIMPLE)
    assert "more than 500" in etc.load("a.service").error
