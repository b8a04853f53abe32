"""The content of /proc and /sys, told of processes without guests."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from lichen.executive.address_space import Region
from lichen.executive.interfaces import Protection
from lichen.executive.io.anonymous import create_pipe
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.device import Devices
from lichen.executive.io.location import Location, Mount
from lichen.executive.io.opening import Access, Disposition, Open, Options
from lichen.executive.network.configuration import Interface
from lichen.executive.objects.object import Object
from lichen.executive.processes import ExitStatus, Process
from lichen.executive.scheduler import Parking, Scheduler
from lichen.executive.security.tokens import Token
from lichen.executive.status import Status
from lichen.executive.wait import Event, Wait
from lichen.filesystems.generated import ProcFileSystem, SysFileSystem
from lichen.filesystems.memory_files import MemoryFileSystem
from lichen.filesystems.pipe import Pipes
from lichen.subsystems.linux.procfs import sysfs, tree
from lichen.subsystems.linux.procfs.subjects import Whole
from lichen.subsystems.linux.procfs.tasks import ranges
from lichen.subsystems.linux.signals import DEFAULT, SIG_IGN
from lichen.subsystems.linux.state import linux_of, linux_of_process
from tests.unit.states import machine_state
from tests.unit.subsystems.linux.procmachine import OTHER, ROOT, USER, Guest, Host, Personality
from tests.unit.trees import as_user, at, names, opened, read, status_of, write

OVERWRITE = Open(Access.WRITE, Disposition.OVERWRITE, options=Options.POSIX)


@pytest.fixture
def host() -> Host:
    devices = Devices()
    Pipes().register(devices)
    root = MemoryFileSystem(1, devices)
    mount = Mount(root, "none")
    for folder in ("proc", "sys", "a b"):
        root.root.create(folder, 4, 0o755, 0, 0)
    context = FileSystemContext(mount.root, mount.root, ROOT)
    host = Host(cast(Any, None), context, [mount])
    scheduler = Scheduler(lambda: host.now, lambda: host.now)
    host.state = machine_state(scheduler, Personality(), context, host.mounts)
    whole = Whole(host.state)
    for file_system in (
        ProcFileSystem(tree.tree(host.state.system), whole, 0x105, devices),
        SysFileSystem(sysfs.tree(), whole, 0x106, devices),
        MemoryFileSystem(0x107, devices),
    ):
        point = {"proc": "proc", "sysfs": "sys", "tmpfs": "a b"}[file_system.type]
        mounted = Mount(file_system, file_system.type, "rw,nosuid")
        mounted.attach(at(context, point))
        host.mounts.append(mounted)
    host.now += 2.0
    return host


@pytest.fixture
def shell(host: Host) -> Process:
    shell = host.process(host.state.processes.init, "sh", USER)
    shell.new_session()
    host.act(shell)
    return shell


def fields(host: Host, path: str) -> list[str]:
    """State and numbers of a stat file, from the field behind the name on."""
    return host.text(path).rpartition(") ")[2].split()


def rows(host: Host, path: str) -> dict[str, str]:
    return dict(line.split(":\t", 1) for line in host.text(path).splitlines())


class TestTasks:
    """stat and status."""

    def test_stat_has_52_fields_with_the_executives_facts(self, host: Host, shell: Process) -> None:
        shell.name = shell.first_thread.name = "a) (b"
        line = host.text(f"{shell.id}/stat")
        assert line.startswith(f"{shell.id} (a) (b) R 1 {shell.id} {shell.id} 0 -1 ")
        found = fields(host, f"{shell.id}/stat")
        assert len(found) == 50
        assert found[7:9] == ["7", "0"]  # faults
        assert found[11:13] == ["150", "25"]  # time
        assert found[17] == "1"  # threads
        assert found[19] == "10200"  # started two seconds after the machine
        assert found[21] == "5"  # resident pages

    def test_times_of_threads_add_up(self, host: Host, shell: Process) -> None:
        second = host.thread(shell)
        assert fields(host, f"{shell.id}/stat")[11] == "300"
        assert fields(host, f"{shell.id}/task/{second.id}/stat")[11] == "150"
        second._end(0)
        assert fields(host, f"{shell.id}/stat")[11] == "300"
        assert names(host.context, f"proc/{shell.id}/task") == [str(shell.id)]

    @pytest.mark.parametrize(
        ("host_state", "state"), [("R", "R (running)"), ("S", "S (sleeping)"), ("D", "D (disk sleep)")]
    )
    def test_what_the_host_says_of_a_running_thread(
        self, host: Host, shell: Process, host_state: str, state: str
    ) -> None:
        guest = cast(Guest, shell.first_thread.guest)
        guest.figures = guest.figures._replace(state=host_state)
        assert rows(host, f"{shell.id}/status")["State"] == state

    def test_a_parked_thread_sleeps(self, host: Host, shell: Process) -> None:
        thread = shell.first_thread
        thread.parking = Parking(host.state.scheduler, thread, cast(Any, None))
        thread.parking.wait = Wait((Event(),))
        assert fields(host, f"{shell.id}/stat")[0] == "S"
        thread.parking.wait = Wait((Event(),), interruptible=False)
        assert fields(host, f"{shell.id}/stat")[0] == "D"
        thread.parking.wait = None
        assert fields(host, f"{shell.id}/stat")[0] == "R"

    def test_a_stopped_process(self, host: Host, shell: Process) -> None:
        shell.stopped = True
        assert rows(host, f"{shell.id}/status")["State"] == "T (stopped)"

    def test_a_zombie_has_a_state_and_little_else(self, host: Host, shell: Process) -> None:
        child = host.process(shell, "child", USER)
        child.arguments = (b"child",)
        child.terminate(ExitStatus(3))
        assert fields(host, f"{child.id}/stat")[:2] == ["Z", str(shell.id)]
        assert "VmRSS" not in rows(host, f"{child.id}/status")
        assert host.text(f"{child.id}/cmdline") == host.text(f"{child.id}/maps") == ""
        assert host.text(f"{child.id}/statm") == "0 0 0 0 0 0 0\n"
        assert names(host.context, f"proc/{child.id}/fd") == []
        assert names(host.context, f"proc/{child.id}/task") == [str(child.id)]
        assert fields(host, f"{child.id}/task/{child.id}/stat")[0] == "Z"
        for link in ("exe", "cwd", "root"):
            place = at(host.context, f"proc/{child.id}/{link}", 0)
            assert status_of(place.node.readlink) == Status.OBJECT_NAME_NOT_FOUND
        child.reap()
        assert status_of(at, host.context, f"proc/{child.id}") == Status.OBJECT_NAME_NOT_FOUND

    def test_init_runs_no_program(self, host: Host, shell: Process) -> None:
        assert host.text("1/stat").startswith("1 (init) S 0 1 1 ")
        assert host.text("1/cmdline") == ""
        assert names(host.context, "proc/1/task") == ["1"]
        host.act(None)
        place = at(host.context, "proc/1/exe", 0)
        assert status_of(place.node.readlink) == Status.OBJECT_NAME_NOT_FOUND

    def test_status_tells_ids_and_signals(self, host: Host, shell: Process) -> None:
        state = linux_of_process(shell)
        state.dispositions.actions[2] = DEFAULT._replace(handler=SIG_IGN)
        state.dispositions.actions[15] = DEFAULT._replace(handler=0x1234)
        linux_of(shell.first_thread).mask = 1
        found = rows(host, f"{shell.id}/status")
        assert found["Uid"] == "1000\t1000\t1000\t1000"
        assert (found["SigBlk"], found["SigIgn"], found["SigCgt"]) == (
            "0000000000000001",
            "0000000000000002",
            "0000000000004000",
        )
        assert (found["Umask"], found["Threads"], found["PPid"]) == ("0022", "1", "1")
        assert (found["VmRSS"], found["VmHWM"]) == ("      20 kB", "      24 kB")

    def test_a_process_of_another_subsystem_shows_alike(self, host: Host, shell: Process) -> None:
        other = host.process(shell, "cmd.exe", USER)
        other.state = other.first_thread.state = object()
        other.arguments = (b"cmd.exe", b"/c", b"dir")
        other.handles.insert(Object())
        assert host.text(f"{other.id}/cmdline") == "cmd.exe\0/c\0dir\0"
        assert fields(host, f"{other.id}/stat")[1] == str(shell.id)
        assert fields(host, f"{other.id}/stat")[35] == "17"  # SIGCHLD
        assert rows(host, f"{other.id}/status")["SigCgt"] == "0" * 16
        assert at(host.context, f"proc/{other.id}/fd/0", 0).node.readlink() == "anon_inode:[Object]"
        assert "Max open files" in host.text(f"{other.id}/limits")
        other.first_thread.name = "half \ud800"
        assert read(host.context, f"proc/{other.id}/comm") == b"half \xed\xa0\x80\n"


class TestNames:
    """comm, self, oom_score_adj, limits."""

    def test_self_is_who_asks(self, host: Host, shell: Process) -> None:
        assert at(host.context, "proc/self") is at(host.context, f"proc/{shell.id}")
        second = host.thread(shell)
        host.state.scheduler.current = second
        link = at(host.context, "proc/thread-self", 0)
        assert link.node.readlink() == f"{shell.id}/task/{second.id}"
        host.act(None)
        assert status_of(at, host.context, "proc/self") == Status.OBJECT_NAME_NOT_FOUND

    def test_comm_is_written_by_its_own_process_only(self, host: Host, shell: Process) -> None:
        opened(host.context, "proc/self/comm", OVERWRITE).write(b"a name that is too long\n")
        assert host.text("self/comm") == "a name that is \n"
        assert shell.name == "a name that is "
        other = opened(host.context, "proc/1/comm", OVERWRITE)
        assert status_of(other.write, b"x") == Status.INVALID_PARAMETER

    def test_oom_score_adj(self, host: Host, shell: Process) -> None:
        file = opened(shell.files, f"proc/{shell.id}/oom_score_adj", OVERWRITE)
        file.write(b"500\n")
        assert host.text("self/oom_score_adj") == "500\n"
        assert int(host.text("self/oom_score")) >= 1000
        assert status_of(file.write, b"100") == Status.ACCESS_DENIED
        assert status_of(file.write, b"2000") == Status.INVALID_PARAMETER
        assert status_of(file.write, b"many") == Status.INVALID_PARAMETER

    def test_limits(self, host: Host, shell: Process) -> None:
        lines = host.text("self/limits").splitlines()
        assert lines[0].split() == ["Limit", "Soft", "Limit", "Hard", "Limit", "Units"]
        assert lines[8].split() == ["Max", "open", "files", "1024", "4096", "files"]
        assert len(lines) == 17

    def test_the_folder_lists_ids_in_order(self, host: Host, shell: Process) -> None:
        host.process(shell, "x", USER)
        listed = [entry.name for entry in opened(host.context, "proc").directory_entries()]
        assert [name for name in listed if name.isdigit()] == ["1", "8", "12"]
        for strange in ("0", "08", "+8", "8 ", "²", "99999"):
            assert status_of(at, host.context, f"proc/{strange}") == Status.OBJECT_NAME_NOT_FOUND


class TestMemory:
    """maps, cmdline, environ."""

    def test_maps(self, host: Host, shell: Process) -> None:
        write(host.context, "a b/lib\nx", b"code")
        file = opened(host.context, "a b/lib\nx")
        space, every = shell.space, Protection.READ | Protection.WRITE | Protection.EXECUTE
        space.insert(Region(0x7FFF_0000_0000, 0x7FFF_0000_2000, Protection.READ, True, file, 0x1000))
        space.insert(Region(0x40_0000, 0x40_1000, every, name="[heap]"))
        space.insert(Region(0x50_0000, 0x50_1000, Protection.NONE))
        inode = file.attributes().file_id
        lines = host.text("self/maps").splitlines()
        assert lines[0] == "00400000-00401000 rwxp 00000000 00:00 0".ljust(73) + "[heap]"
        assert lines[1] == "00500000-00501000 ---p 00000000 00:00 0 "
        assert lines[2].split() == [
            "7fff00000000-7fff00002000",
            "r--s",
            "00001000",
            "01:07",
            str(inode),
            "/a",
            "b/lib\\012x",
        ]
        assert rows(host, "self/status")["VmSize"].split()[0] == "16"
        space.clear()
        file.release()

    def test_arguments_and_environment_come_from_memory(self, host: Host, shell: Process) -> None:
        guest, space = cast(Guest, shell.first_thread.guest), shell.space
        guest.content = b"sh\0-c\0A=1\0B=2\0"
        space.arguments, space.environment = range(0x1000, 0x1006), range(0x1006, 0x100E)
        assert host.text("self/cmdline") == "sh\0-c\0"
        assert host.text("self/environ") == "A=1\0B=2\0"
        guest.content = b"renamed itself\0"
        assert host.text("self/cmdline") == "renamed itself"
        guest.content = b""
        shell.arguments = (b"sh", b"")
        assert (host.text("self/cmdline"), host.text("self/environ")) == ("sh\0\0", "")


class TestDescriptors:
    """fd, fdinfo, cwd and root."""

    def test_links_show_and_lead_to_open_files(self, host: Host, shell: Process) -> None:
        write(host.context, "a b/file", b"text")
        reader, writer = create_pipe(host.context)
        file = opened(host.context, "a b/file")
        for object in (reader, writer, file):
            shell.handles.insert(object, object.access, inherit=object is not file)
        assert names(shell.files, "proc/self/fd") == ["0", "1", "2"]
        links = [at(host.context, f"proc/self/fd/{index}", 0).node for index in range(3)]
        assert [link.readlink() for link in links] == [
            *[f"pipe:[{reader.attributes().file_id}]"] * 2,
            "/a b/file",
        ]
        assert [link.attributes().mode for link in links] == [0o500, 0o300, 0o500]
        assert at(host.context, "proc/self/fd/2") is file.location
        assert at(host.context, "proc/self/fd/0").node is reader.node
        file.seek(3)
        assert host.text("self/fdinfo/2").startswith("pos:\t3\nflags:\t02100000\n")
        shell.handles.close(2)
        assert status_of(at, host.context, "proc/self/fd/2", 0) == Status.OBJECT_NAME_NOT_FOUND
        assert status_of(at, host.context, "proc/self/fd/-1", 0) == Status.OBJECT_NAME_NOT_FOUND
        shell.handles.release()

    def test_a_removed_file_is_marked(self, host: Host, shell: Process) -> None:
        write(host.context, "gone", b"")
        shell.handles.insert(file := opened(host.context, "gone"))
        file.location.removed()
        assert at(host.context, "proc/self/fd/0", 0).node.readlink() == "/gone (deleted)"
        shell.handles.release()

    def test_folders_of_the_process(self, host: Host, shell: Process) -> None:
        shell.files.current = at(host.context, "a b")
        shell.image = at(host.context, "sys")
        found = {name: at(host.context, f"proc/self/{name}") for name in ("cwd", "root", "exe")}
        assert found == {"cwd": shell.files.current, "root": shell.files.root, "exe": shell.image}
        assert at(host.context, "proc/self/cwd", 0).node.readlink() == "/a b"

    def test_a_path_is_as_the_one_who_asks_sees_it(self, host: Host, shell: Process) -> None:
        shell.files.root = shell.files.current = at(host.context, "a b")
        assert at(host.context, "proc/self/cwd", 0).node.readlink() == "/"


class TestRights:
    """Who may look into whom."""

    @pytest.mark.parametrize(("token", "admitted"), [(ROOT, True), (USER, True), (OTHER, False)])
    def test_by_user(self, host: Host, shell: Process, token: Token, admitted: bool) -> None:
        shell.image = host.context.root
        shell.handles.insert(opened(host.context, "sys"))
        visitor = host.act(host.process(host.state.processes.init, "visitor", token))
        expected = 0 if admitted else Status.ACCESS_DENIED
        for name in ("environ", "maps", "fd"):
            assert status_of(opened, visitor, f"proc/{shell.id}/{name}") == expected
        for link in ("exe", "cwd", "root"):
            assert status_of(at, visitor, f"proc/{shell.id}/{link}") == expected
            assert status_of(at(visitor, f"proc/{shell.id}/{link}", 0).node.readlink) == expected
        assert status_of(opened, visitor, f"proc/{shell.id}/fdinfo/0") == expected
        assert status_of(opened, visitor, f"proc/{shell.id}/stat") == 0
        shell.handles.release()

    def test_what_is_not_dumpable_is_closed_to_others_of_the_user(self, host: Host, shell: Process) -> None:
        shell.dumpable = False
        visitor = host.act(host.process(host.state.processes.init, "visitor", USER))
        assert status_of(opened, visitor, f"proc/{shell.id}/environ") == Status.ACCESS_DENIED
        assert at(host.context, f"proc/{shell.id}").node.attributes().uid == 1000
        assert at(host.context, f"proc/{shell.id}/fd").node.attributes().uid == 0
        assert status_of(opened, host.act(shell), "proc/self/fd") == 0

    def test_the_kernel_itself_may_look(self, host: Host, shell: Process) -> None:
        host.act(None)
        assert status_of(opened, as_user(host.context, 0, 0), f"proc/{shell.id}/environ") == 0


class TestWhole:
    """What tells of the machine."""

    def test_time(self, host: Host, shell: Process) -> None:
        host.now += 8
        up, idle = map(float, host.text("uptime").split())
        processors = len(host.state.system.processors)
        assert (up, idle) == (110.0, 110.0 * processors - 1.75)
        lines = host.text("stat").splitlines()
        assert lines[0].split()[:5] == ["cpu", "150", "0", "25", str(11000 * processors - 175)]
        assert sum(line.startswith("cpu") for line in lines) == 1 + processors
        assert "procs_running 1" in lines

    def test_load(self, host: Host, shell: Process) -> None:
        one, five, fifteen, tasks, last = host.text("loadavg").split()
        assert float(one) >= float(five) >= float(fifteen) >= 0
        assert (tasks, last) == ("1/1", str(shell.id))

    def test_memory_and_processors_are_the_hosts(self, host: Host, shell: Process) -> None:
        memory = dict(line.split(":") for line in host.text("meminfo").splitlines())
        assert int(memory["MemTotal"].split()[0]) > 0
        assert memory["MemTotal"].endswith(" kB")
        numbers = [line for line in host.text("cpuinfo").splitlines() if line.startswith("processor")]
        assert len(numbers) == len(host.state.system.processors)

    def test_mounts(self, host: Host, shell: Process) -> None:
        assert host.text("mounts").splitlines() == [
            "none / tmpfs rw 0 0",
            "proc /proc proc rw,nosuid 0 0",
            "sysfs /sys sysfs rw,nosuid 0 0",
            "tmpfs /a\\040b tmpfs rw,nosuid 0 0",
        ]
        assert host.text("self/mountinfo").splitlines()[1] == (
            "261 1 1:5 / /proc rw,nosuid - proc proc rw,nosuid"
        )
        shell.files.root = at(host.context, "a b")
        assert host.text(f"{shell.id}/mounts") == "tmpfs / tmpfs rw,nosuid 0 0\n"
        assert "nodev\tproc\n" in host.text("filesystems")

    def test_settings(self, host: Host, shell: Process) -> None:
        boot_id = host.text("sys/kernel/random/boot_id")
        assert boot_id == host.text("sys/kernel/random/boot_id")
        assert host.text("sys/kernel/random/uuid") != host.text("sys/kernel/random/uuid")
        opened(host.context, "proc/sys/kernel/hostname", OVERWRITE).write(b"moss\n")
        assert host.text("sys/kernel/hostname") == "moss\n"
        assert host.state.system.host_name == "moss"
        file = opened(host.context, "proc/sys/kernel/hostname", OVERWRITE)
        assert status_of(file.write, b"x" * 65) == Status.INVALID_PARAMETER
        ordinary = as_user(host.context, 1000, 1000)
        assert status_of(opened, ordinary, "proc/sys/kernel/hostname", OVERWRITE) == Status.ACCESS_DENIED
        assert host.text("sys/fs/file-nr").split()[0] == "0"

    def test_every_file_can_be_read(self, host: Host, shell: Process) -> None:
        """Also of init, of a zombie and of what has no personality."""
        child = host.process(shell, "zombie", USER)
        child.terminate(ExitStatus(0))
        plain = host.process(shell, "plain", USER)
        plain.state = plain.first_thread.state = None
        shell.files.token = ROOT
        loopback = Interface(1, "lo", 772, 0x49, 65536, 1000, bytes(6), bytes(6))
        network = SimpleNamespace(interfaces=lambda: [loopback], addresses=list, routes=list, neighbours=list)
        host.context.devices.families.configuration = cast(Any, network)  # the host's come and go
        unreadable = files_below(at(host.context, "proc"), host)
        assert sorted({path.rpartition("/")[2] for path in unreadable}) == [
            "mem",
            "mountinfo",
            "mounts",
            "mountstats",
        ]
        unreadable = files_below(at(host.context, "sys"), host)
        assert unreadable, "the host tells not everything of every interface"
        assert all(path.startswith("sys/devices/virtual/net/lo/") for path in unreadable)

    def test_processors_in_sys(self, host: Host, shell: Process) -> None:
        folder = "sys/devices/system/cpu"
        first = min(host.state.system.processors)
        assert read(host.context, f"{folder}/online").startswith(b"%d" % first)
        assert f"cpu{first}" in names(host.context, folder)
        assert status_of(at, host.context, f"{folder}/cpu9999") == Status.OBJECT_NAME_NOT_FOUND


def files_below(folder: Location, host: Host) -> list[str]:
    """The names of the files below a folder that cannot be read."""
    failed: list[str] = []
    for entry in folder.node.entries():
        if (place := folder.child(entry.name)) is None:
            now = {other.name for other in folder.node.entries()}
            assert entry.name not in now, "what is listed is there, unless the host has just lost it"
            continue
        path = "/".join(place.place(None).components)
        if entry.kind == 4:
            failed += files_below(place, host)
        elif entry.kind == 8 and status_of(read, host.context, path) and folder.child(entry.name) is not None:
            failed.append(path)
    return failed


def test_ranges() -> None:
    assert ranges([5, 0, 1, 2]) == "0-2,5"
    assert ranges([]) == ""
