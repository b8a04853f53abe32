"""The records of NT that no public header declares, and where it is written down how they are laid out."""

from __future__ import annotations

from typing import NamedTuple

from lichen.subsystems.nt.records import (
    console,
    exceptions,
    files,
    host_names,
    images,
    locales,
    objects,
    processes,
    registry,
    sections,
    security,
    shared_data,
    sockets,
    startup,
    system,
    threads,
    time,
    unixcalls,
    virtual_memory,
)


class Documented(NamedTuple):
    """The size of a record and the offsets of its fields in x64 and, where it is known, in x86."""

    source: str
    x64: tuple[int, tuple[int, ...]]
    x86: tuple[int, tuple[int, ...]] | None = None


OUTPUT_INFORMATION = (0, 2, 4, 6, 8, 10, 12, 14, 16, 24, 26, 28, 30, 32, 34, 36)
DOCUMENTED = {
    host_names.AddressRequest: Documented("Wine's ws2_32", (40, (0, 8, 16, 24, 32)), (20, (0, 4, 8, 12, 16))),
    host_names.HostRequest: Documented("Wine's ws2_32", (24, (0, 8, 16)), (12, (0, 4, 8))),
    host_names.SearchRequest: Documented("Wine's dnsapi", (16, (0, 8)), (8, (0, 4))),
    host_names.ServersRequest: Documented("Wine's dnsapi", (24, (0, 8, 16)), (12, (0, 4, 8))),
    host_names.QueryRequest: Documented("Wine's dnsapi", (32, (0, 8, 12, 16, 24)), (20, (0, 4, 8, 12, 16))),
    host_names.ServerArray: Documented(
        "documentation of DNS_ADDR_ARRAY", (32, (0, 4, 8, 12, 14)), (32, (0, 4, 8, 12, 14))
    ),
    host_names.ServerAddress: Documented("documentation of DNS_ADDR", (64, (0, 32, 36)), (64, (0, 32, 36))),
    host_names.NameRequest: Documented(
        "Wine's ws2_32", (48, (0, 8, 16, 24, 32, 40, 44)), (28, (0, 4, 8, 12, 16, 20, 24))
    ),
    host_names.AddressOfHost: Documented("Wine's ws2_32", (32, (0, 8, 12, 16, 24)), (20, (0, 4, 8, 12, 16))),
    sockets.AfdTransmit: Documented(
        "Wine's ws2_32",
        *[(48, (0, 8, 16, 24, 28, 32, 36, 40, 44))] * 2,
    ),
    security.RelativeSecurityDescriptor: Documented("[MS-DTYP] 2.4.6", (20, (0, 4)), (20, (0, 4))),
    security.KeptFor: Documented("Lichen's own", (12, (0, 4, 8)), (12, (0, 4, 8))),
    unixcalls.TextRoom: Documented("Wine's ws2_32 and ntdll", (12, (0, 8)), (8, (0, 4))),
    unixcalls.LinkRequest: Documented("docs/decisions/012", (20, (0, 8, 16)), (12, (0, 4, 8))),
    unixcalls.ShutdownArguments: Documented(
        "x64 calling convention: eight bytes for each argument", (40, (0, 8, 16, 24, 32))
    ),
    exceptions.ContextEx: Documented("CONTEXT_EX of ntddk.h", (32, (0, 4, 8, 12, 16, 20))),
    exceptions.MachineFrame: Documented("AMD64 Architecture Programmer's Manual 2", (40, (0, 8, 16, 24, 32))),
    exceptions.ExceptionFrame: Documented("ntdll", (0x5C0, (0, 0x4D0, 0x4F0, 0x588, 0x590))),
    exceptions.ApcFrame: Documented("ntdll", (0x500, (0, 0x4D0))),
    exceptions.HomedApcFrame: Documented("ntdll of Wine 8", (0x500, (0, 0x20, 0x28, 0x30))),
    startup.ModuleLinks: Documented("phnt, ntldr.h", (48, (0, 16, 32)), (24, (0, 8, 16))),
    startup.LoaderData: Documented(
        "phnt, ntpsapi.h", (0x58, (0, 4, 8, 0x10, 0x40, 0x48, 0x50)), (0x30, (0, 4, 8, 0xC, 0x24, 0x28, 0x2C))
    ),
    startup.LoadedModule: Documented(
        "phnt, ntldr.h", (0x68, (0, 0x30, 0x38, 0x40, 0x48, 0x58)), (0x34, (0, 0x18, 0x1C, 0x20, 0x24, 0x2C))
    ),
    shared_data.KuserSharedData: Documented(
        "phnt, ntexapi.h",
        *(
            [
                (
                    0x3E0,
                    (
                        *(0x0, 0x4, 0x8, 0x14, 0x20, 0x2C, 0x30, 0x238, 0x260, 0x264, 0x268, 0x26C, 0x270),
                        *(0x274, 0x2B4, 0x308, 0x30C, 0x320, 0x328, 0x3C0, 0x3C4, 0x3D8),
                    ),
                )
            ]
            * 2
        ),
    ),
    startup.ProcessParameters: Documented(
        "phnt, ntrtl.h",
        (
            0x410,
            (
                0x0,
                0x4,
                0x8,
                0xC,
                0x10,
                0x18,
                0x20,
                0x38,
                0x48,
                0x50,
                0x60,
                0x70,
                0x80,
                0x88,
                0xB0,
                0xC0,
                0xD0,
                0xE0,
                0xF0,
                0x3F0,
                0x3F8,
                0x400,
                0x408,
                0x40C,
            ),
        ),
        (
            0x2A4,
            (
                0x0,
                0x4,
                0x8,
                0xC,
                0x10,
                0x14,
                0x18,
                0x24,
                0x2C,
                0x30,
                0x38,
                0x40,
                0x48,
                0x4C,
                0x70,
                0x78,
                0x80,
                0x88,
                0x90,
                0x290,
                0x294,
                0x298,
                0x29C,
                0x2A0,
            ),
        ),
    ),
    startup.Peb: Documented(
        "phnt, ntpebteb.h",
        (
            0x2C8,
            (
                0x0,
                0x8,
                0x10,
                0x18,
                0x20,
                0x28,
                0x68,
                0x70,
                0xB8,
                0xBC,
                0xC0,
                0xC8,
                0xD0,
                0xD8,
                0xE0,
                0xE8,
                0xEC,
                0xF0,
                0xF8,
                0x100,
                0x118,
                0x11C,
                0x120,
                0x122,
                0x124,
                0x128,
                0x12C,
                0x130,
                0x138,
                0x140,
                0x2C0,
            ),
        ),
        (
            0x1D8,
            (
                0x0,
                0x4,
                0x8,
                0xC,
                0x10,
                0x14,
                0x38,
                0x3C,
                0x64,
                0x68,
                0x70,
                0x78,
                0x7C,
                0x80,
                0x84,
                0x88,
                0x8C,
                0x90,
                0x94,
                0x98,
                0xA4,
                0xA8,
                0xAC,
                0xAE,
                0xB0,
                0xB4,
                0xB8,
                0xBC,
                0xC0,
                0xC4,
                0x1D4,
            ),
        ),
    ),
    startup.Teb: Documented(
        "phnt, ntpebteb.h",
        (
            0x1690,
            (
                0x0,
                0x38,
                0x40,
                0x50,
                0x58,
                0x60,
                0x68,
                0x290,
                0x2B8,
                0x2C8,
                0x2D0,
                0x1258,
                0x1268,
                0x1478,
                0x1480,
                0x1680,
            ),
        ),
        (
            0xF18,
            (
                0x0,
                0x1C,
                0x20,
                0x28,
                0x2C,
                0x30,
                0x34,
                0x184,
                0x19C,
                0x1A8,
                0x1AC,
                0xBF8,
                0xC00,
                0xE0C,
                0xE10,
                0xF10,
            ),
        ),
    ),
    startup.ActivationContextStack: Documented(
        "phnt, ntpebteb.h", (0x28, (0x0, 0x8, 0x18, 0x1C, 0x20)), (0x18, (0x0, 0x4, 0xC, 0x10, 0x14))
    ),
    # ---- images, memory, consoles
    locales.LocaleFile: Documented("Wine, ntdll", (20, (0, 16)), (20, (0, 16))),
    locales.LocaleSection: Documented("Wine, ntdll", (40, (0, 32, 34, 36)), (40, (0, 32, 34, 36))),
    locales.Locale: Documented("Wine, ntdll", (114, (0, 8, 10, 110, 112)), (114, (0, 8, 10, 110, 112))),
    images.ImageBaseRelocation: Documented("winnt.h, which packs it", (8, (0, 4)), (8, (0, 4))),
    images.RuntimeFunction: Documented("winnt.h, for x64", (12, (0, 4, 8)), (12, (0, 4, 8))),
    virtual_memory.MemExtendedParameter: Documented("winnt.h", (16, (0, 8)), (16, (0, 8))),
    virtual_memory.MemAddressRequirements: Documented("winnt.h", (24, (0, 8, 16)), (12, (0, 4, 8))),
    console.InputInformation: Documented("Wine, condrv.h", (12, (0, 4, 8)), (12, (0, 4, 8))),
    console.InputSettings: Documented("Wine, condrv.h", (12, (0, 4, 8)), (12, (0, 4, 8))),
    console.OutputInformation: Documented(
        "Wine, condrv.h",
        (100, (0, 2, 4, 6, 8, 10, 12, 14, 16, 24, 26, 28, 30, 32, 34, 36)),
        (100, (0, 2, 4, 6, 8, 10, 12, 14, 16, 24, 26, 28, 30, 32, 34, 36)),
    ),
    console.OutputSettings: Documented(
        "Wine, condrv.h", (18, (0, 4, 6, 8, 10, 12, 14, 16)), (18, (0, 4, 6, 8, 10, 12, 14, 16))
    ),
    console.FillRequest: Documented(
        "Wine, condrv.h", (24, (0, 4, 8, 12, 16, 20, 22)), (24, (0, 4, 8, 12, 16, 20, 22))
    ),
    console.OutputRequest: Documented("Wine, condrv.h", (16, (0, 4, 8, 12)), (16, (0, 4, 8, 12))),
    console.ControlEvent: Documented("Wine, condrv.h", (8, (0, 4)), (8, (0, 4))),
    # ---- requests to AFD
    sockets.AfdCreate: Documented("Wine, afd.h", (16, (0, 4, 8, 12)), (16, (0, 4, 8, 12))),
    sockets.AfdListen: Documented("Wine, afd.h", (12, (0, 4, 8)), (12, (0, 4, 8))),
    sockets.AfdAcceptInto: Documented("Wine, afd.h", (12, (0, 4, 8)), (12, (0, 4, 8))),
    sockets.AfdConnect: Documented("Wine, afd.h", (8, (0, 4)), (8, (0, 4))),
    sockets.AfdPoll: Documented("Wine, afd.h", (16, (0, 8, 12, 13)), (16, (0, 8, 12, 13))),
    sockets.AfdPollEntry: Documented("Wine, afd.h", (16, (0, 8, 12)), (12, (0, 4, 8))),
    sockets.AfdEventSelect: Documented("Wine, afd.h", (12, (0, 8)), (8, (0, 4))),
    sockets.AfdEvents: Documented("Wine, afd.h", (56, (0, 4)), (56, (0, 4))),
    sockets.AfdReceiveMessage: Documented(
        "Wine, afd.h", (48, (0, 8, 16, 24, 32, 36, 40)), (48, (0, 8, 16, 24, 32, 36, 40))
    ),
    sockets.AfdSendMessage: Documented(
        "Wine, afd.h", (32, (0, 8, 12, 16, 20, 24)), (32, (0, 8, 12, 16, 20, 24))
    ),
    sockets.AfdReceive: Documented("Wine, afd.h", (20, (0, 8, 12, 16)), (16, (0, 4, 8, 12))),
    # ---- files and objects
    files.FileSegmentElement: Documented("winnt.h, a union with a ULONGLONG", (8, (0,)), (8, (0,))),
    files.FileStatInformation: Documented(
        "ntifs.h of the WDK",
        (72, (0, 8, 16, 24, 32, 40, 48, 56, 60, 64, 68)),
        (72, (0, 8, 16, 24, 32, 40, 48, 56, 60, 64, 68)),
    ),
    files.FileIdInformation: Documented("[MS-FSCC] 2.4.21", (24, (0, 8, 16)), (24, (0, 8, 16))),
    files.FileObjectIdBuffer: Documented("[MS-FSCC] 2.1.3.1", (64, (0, 8, 16)), (64, (0, 8, 16))),
    registry.KeyNameInformation: Documented("ntddk.h of the WDK", (4, (0,)), (4, (0,))),
    registry.KeyCachedInformation: Documented(
        "phnt, ntregapi.h", (36, (0, 8, 12, 16, 20, 24, 28, 32)), (36, (0, 8, 12, 16, 20, 24, 28, 32))
    ),
    objects.ObjectTypeInformation: Documented(
        "winternl.h",
        (104, (0, 16, 64, 68, 72, 76, 80, 84, 88, 89, 92, 96, 100)),
        (96, (0, 8, 56, 60, 64, 68, 72, 76, 80, 81, 84, 88, 92)),
    ),
    objects.ObjectDirectoryInformation: Documented("phnt, ntobapi.h", (32, (0, 16)), (16, (0, 8))),
    objects.EventBasicInformation: Documented("phnt, ntexapi.h", (8, (0, 4)), (8, (0, 4))),
    objects.SemaphoreBasicInformation: Documented("phnt, ntexapi.h", (8, (0, 4)), (8, (0, 4))),
    objects.MutantBasicInformation: Documented("phnt, ntexapi.h", (8, (0, 4, 5)), (8, (0, 4, 5))),
    objects.TimerBasicInformation: Documented("phnt, ntexapi.h", (16, (0, 8)), (16, (0, 8))),
    objects.FileIoCompletionInformation: Documented(
        "phnt, ntioapi.h", (32, (0, 8, 16, 24)), (16, (0, 4, 8, 12))
    ),
    objects.AtomBasicInformation: Documented("phnt, ntexapi.h", (6, (0, 2, 4)), (6, (0, 2, 4))),
    system.SystemPerformanceInformation: Documented(
        "phnt, ntexapi.h", (344, (0, 8, 16, 24, 32, 36, 40, 44, 48, 52))
    ),
    system.SystemTimeOfDayInformation: Documented(
        "phnt, ntexapi.h", (48, (0, 8, 16, 24, 28, 32, 40)), (48, (0, 8, 16, 24, 28, 32, 40))
    ),
    system.SystemTimeAdjustment: Documented("phnt, ntexapi.h", (12, (0, 4, 8)), (12, (0, 4, 8))),
    system.SystemKernelDebuggerInformation: Documented("phnt, ntexapi.h", (2, (0, 1)), (2, (0, 1))),
    system.SystemBootEnvironmentInformation: Documented(
        "phnt, ntexapi.h", (32, (0, 16, 24)), (32, (0, 16, 24))
    ),
    system.SystemSupportedProcessorArchitectures: Documented("winnt.h, bit-fields", (4, (0, 2)), (4, (0, 2))),
    time.DynamicTimeZoneInformation: Documented("timezoneapi.h", (432, (0, 172, 428)), (432, (0, 172, 428))),
    time.RegisteredTimeZone: Documented(
        "documentation of TIME_ZONE_INFORMATION", (44, (0, 4, 8, 12, 28)), (44, (0, 4, 8, 12, 28))
    ),
    processes.VmCountersEx: Documented("ntddk.h", (96, (0, 88)), (48, (0, 44))),
    processes.ProcessPriorityClass: Documented("phnt, ntpsapi.h", (2, (0, 1)), (2, (0, 1))),
    processes.StackAllocation: Documented("phnt, ntpsapi.h", (24, (0, 8, 16)), (12, (0, 4, 8))),
    processes.StackAllocationEx: Documented(
        "phnt, ntpsapi.h", (40, (0, 4, 8, 12, 16)), (28, (0, 4, 8, 12, 16))
    ),
    processes.PsAttribute: Documented("phnt, ntpsapi.h", (32, (0, 8, 16, 24)), (16, (0, 4, 8, 12))),
    processes.PsAttributeList: Documented("phnt, ntpsapi.h", (8, (0,)), (4, (0,))),
    virtual_memory.MemoryRegionInformation: Documented(
        "phnt, ntmmapi.h", (48, (0, 8, 12, 16, 24, 32, 40)), (28, (0, 4, 8, 12, 16, 20, 24))
    ),
    threads.ContinueArgument: Documented("phnt, ntkeapi.h", (24, (0, 4, 8, 16)), (24, (0, 4, 8, 16))),
    threads.ThreadBasicInformation: Documented(
        "phnt, ntpsapi.h", (48, (0, 8, 16, 32, 40, 44)), (28, (0, 4, 8, 16, 20, 24))
    ),
    sections.SectionBasicInformation: Documented("phnt, ntmmapi.h", (24, (0, 8, 16)), (16, (0, 4, 8))),
    sections.SectionImageInformation: Documented(
        "phnt, ntmmapi.h",
        (64, (0, 8, 16, 24, 32, 36, 38, 40, 42, 44, 46, 48, 50, 51, 52, 56, 60)),
        (48, (0, 4, 8, 12, 16, 20, 22, 24, 26, 28, 30, 32, 34, 35, 36, 40, 44)),
    ),
}
