"""The files of /proc that tell of the machine: stat, uptime, loadavg, meminfo, cpuinfo, ...

Processors, memory and the time since boot are the host's, as nothing is set aside for a machine and every guest reads the
host's clocks (021). The load and the time used are those of the machine's own processes.

Source: proc(5); fs/proc/stat.c, fs/proc/uptime.c, fs/proc/meminfo.c.
"""

from __future__ import annotations

from typing import Final

from lichen.executive.interfaces import PAGE, ProcessorTime
from lichen.subsystems.linux import kernel
from lichen.subsystems.linux.procfs.subjects import Whole
from lichen.subsystems.linux.procfs.tasks import is_running, ticks

_COUNTS: Final = "HugePages_"
"""How the names of lines in meminfo begin that count pages instead of kB."""
_NOT_COUNTED: Final = ("pgpgin", "pgpgout", "pswpin", "pswpout", "pgfault", "pgmajfault")
_IDLE_COLUMNS: Final = "0 0 0 0 0 0"
"""iowait irq softirq steal guest guest_nice: nothing of the kind is known of a machine."""

DEVICES: Final = b"""\
Character devices:
  1 mem
  5 /dev/tty
  5 /dev/console
  5 /dev/ptmx
136 pts

Block devices:
"""
CONTROL_GROUPS: Final = b"#subsys_name\thierarchy\tnum_cgroups\tenabled\n"
EXECUTION_DOMAINS: Final = b"0-0\tLinux           \t[kernel]\n"
PARTITIONS: Final = b"major minor  #blocks  name\n\n"
SWAPS: Final = b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
TERMINAL_DRIVERS: Final = b"""\
/dev/tty             /dev/tty        5       0 system:/dev/tty
/dev/console         /dev/console    5       1 system:console
/dev/ptmx            /dev/ptmx       5       2 system
pty_slave            /dev/pts      136 0-1048575 pty:slave
"""


def version(machine: Whole) -> bytes:
    return f"Linux version {kernel.RELEASE} (lichen@lichen) {kernel.VERSION}\n".encode()


def uptime(machine: Whole) -> bytes:
    """Seconds since boot, and seconds that processors had nothing to do, all processors together."""
    up = machine.state.uptime()
    idle = max(0.0, up * len(machine.state.system.processors) - _used(machine).total)
    return f"{up:.2f} {idle:.2f}\n".encode()


def _used(machine: Whole) -> ProcessorTime:
    """What all processes have used since boot."""
    return machine.state.processes.processor_time()


def _running(machine: Whole) -> int:
    return sum(is_running(thread) for thread in machine.state.processes.threads.values())


def load_average(machine: Whole) -> bytes:
    """Three averages, threads that run of all threads, the last id given out."""
    table = machine.state.processes
    loads = " ".join(f"{load:.2f}" for load in machine.state.load_averages())
    return f"{loads} {_running(machine)}/{len(table.threads)} {table.last_id}\n".encode()


def statistics(machine: Whole) -> bytes:
    """stat: time in ticks, of all processors and of each: even shares, as nobody keeps which one a thread used."""
    state, used = machine.state, _used(machine)
    processors = sorted(state.system.processors)
    idle = max(0, ticks(state.uptime()) * len(processors) - ticks(used.total))
    lines = [f"cpu  {ticks(used.user)} 0 {ticks(used.system)} {idle} {_IDLE_COLUMNS}"]
    for number in processors:
        user, system_, rest = (
            value // len(processors) for value in (ticks(used.user), ticks(used.system), idle)
        )
        lines.append(f"cpu{number} {user} 0 {system_} {rest} {_IDLE_COLUMNS}")
    lines += [
        "intr 0",
        "ctxt 0",
        f"btime {int(machine.host.now() / 1e9 - state.uptime())}",
        f"processes {state.processes.created}",
        f"procs_running {_running(machine)}",
        "procs_blocked 0",
        "softirq 0 0 0 0 0 0 0 0 0 0 0",
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def memory(machine: Whole) -> bytes:
    lines = []
    for name, value in machine.state.system.memory().items():
        if name.startswith(_COUNTS):
            lines.append(f"{name + ':':15} {value:8d}\n")
        else:
            lines.append(f"{name + ':':15} {value >> 10:8d} kB\n")
    return "".join(lines).encode()


def processors(machine: Whole) -> bytes:
    """cpuinfo: what the host says of the machine's processors."""
    wanted = machine.state.system.processors
    parts = machine.host.read("/proc/cpuinfo").split(b"\n\n")
    return b"".join(part.strip(b"\n") + b"\n\n" for part in parts if _processor_number(part) in wanted)


def _processor_number(part: bytes) -> int:
    name, _, value = part.strip(b"\n").partition(b"\n")[0].partition(b":")
    return int(value) if name.strip() == b"processor" else -1


def virtual_memory(machine: Whole) -> bytes:
    """vmstat: free pages, and the counters that tools cannot do without, which nobody counts for a machine."""
    free = machine.state.system.memory()["MemFree"] // PAGE
    counters = "".join(f"{name} 0\n" for name in _NOT_COUNTED)
    return f"nr_free_pages {free}\n{counters}".encode()
