"""The records of NT are laid out as its C headers say, for x64 and for x86.

Signs are not compared: a status, which C has as a LONG, is an unsigned number here, and a LARGE_INTEGER is a union there.
What no public header declares, DOCUMENTED lists with where it is written down.
"""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import pytest

from lichen.abi.layout import LLP64, NT32, DataModel, is_record, layout_of
from lichen.subsystems.nt import records
from lichen.subsystems.nt.records import (
    common,
    console,
    exceptions,
    files,
    host_names,
    images,
    jobs,
    links,
    locales,
    objects,
    pipes,
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
    volumes,
)
from tests.layouts.compiler import InC, assertions, complaints, preamble
from tests.toolchain import host_program

COMPILER, PACKAGE = "x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64"
MODELS = {LLP64: "-m64", NT32: "-m32"}

Windows = partial(InC, headers=("windows.h", "winternl.h"), camel=True)
Sockets = partial(InC, headers=("winsock2.h", "ws2tcpip.h"))
Kernel = partial(InC, headers=("ntifs.h",), camel=True)


class Documented(NamedTuple):
    """The size of a record and the offsets of its fields in x64 and, where it is known, in x86."""

    source: str
    x64: tuple[int, tuple[int, ...]]
    x86: tuple[int, tuple[int, ...]] | None = None


RELATIONSHIPS = """
typedef struct { LOGICAL_PROCESSOR_RELATIONSHIP Relationship; DWORD Size; PROCESSOR_RELATIONSHIP Processor; } Cores;
typedef struct { LOGICAL_PROCESSOR_RELATIONSHIP Relationship; DWORD Size; GROUP_RELATIONSHIP Group; } Groups;
"""

MountManager = partial(InC, headers=("ntifs.h", "mountmgr.h"), camel=True)


def _of_reparse(kind: str) -> dict[str, str]:
    fields = (
        "substitute_name_offset",
        "substitute_name_length",
        "print_name_offset",
        "print_name_length",
        "flags",
    )
    written = ("".join(part.capitalize() for part in name.split("_")) for name in fields)
    return dict(zip(fields, (f"{kind}ReparseBuffer.{name}" for name in written), strict=True))


IN_C = {
    host_names.AddressInfo: Sockets("ADDRINFOA", prefix="ai_", only=("addrlen", "canonname", "addr", "next")),
    host_names.AddressHints: Sockets("ADDRINFOA", prefix="ai_", end="ai_addrlen"),
    host_names.Hostent: Sockets("HOSTENT", prefix="h_", members={"addr_list": "h_addr_list"}),
    host_names.InternetAddress: Sockets("SOCKADDR_IN", prefix="sin_", members={"address": "sin_addr"}),
    host_names.InternetAddress6: Sockets("SOCKADDR_IN6", prefix="sin6_", members={"address": "sin6_addr"}),
    security.SecurityDescriptor: Windows("SECURITY_DESCRIPTOR", only=("owner", "group", "sacl", "dacl")),
    security.SecurityDescriptorHead: Windows("SECURITY_DESCRIPTOR_RELATIVE", end="Owner"),
    security.Acl: Windows("ACL"),
    security.AceHeader: Windows("ACE_HEADER"),
    security.AccessAce: Windows("ACCESS_ALLOWED_ACE", end="SidStart"),
    exceptions.FloatSave: Windows("XMM_SAVE_AREA32", members={"mx_csr_mask": "MxCsr_Mask"}),
    exceptions.Context: Windows("CONTEXT"),
    startup.ProcessParameters: Windows(
        "RTL_USER_PROCESS_PARAMETERS", only=("image_path_name", "command_line")
    ),
    startup.Peb: Windows("PEB", only=("ldr", "process_parameters", "session_id")),
    startup.Teb: Windows("TEB", only=("process_environment_block", "tls_slots")),
    shared_data.KuserSharedData: Kernel(
        "KUSER_SHARED_DATA",
        members={"tick_count_low": "TickCountLowDeprecated", "tick_count": "TickCountQuad"},
        only=tuple(
            name
            for name in shared_data.KuserSharedData._fields
            if name[:4] != "gap_"
            and name not in ("image_numbers", "nt_build_number", "system_call", "enabled_features")
        ),
    ),
    startup.NtTib: Windows("NT_TIB", members={"sub_system_tib": "SubSystemTib"}),
    startup.ListEntry: Windows("LIST_ENTRY", members={"next": "Flink", "previous": "Blink"}),
    shared_data.KsystemTime: Kernel(
        "KSYSTEM_TIME", members={"high_1_time": "High1Time", "high_2_time": "High2Time"}
    ),
    # ---- files, volumes, pipes, links
    files.FileBasicInformation: Windows("FILE_BASIC_INFORMATION"),
    files.FileStandardInformation: Windows("FILE_STANDARD_INFORMATION"),
    files.FileNameInformation: Kernel("FILE_NAME_INFORMATION", end="FileName"),
    files.FileAllInformation: Windows(
        "FILE_ALL_INFORMATION",
        end="NameInformation.FileName",
        members={
            "index_number": "InternalInformation.IndexNumber",
            "ea_size": "EaInformation.EaSize",
            "access_flags": "AccessInformation.AccessFlags",
            "current_byte_offset": "PositionInformation.CurrentByteOffset",
            "mode": "ModeInformation.Mode",
            "alignment_requirement": "AlignmentInformation.AlignmentRequirement",
            "file_name_length": "NameInformation.FileNameLength",
        },
    ),
    files.FileNetworkOpenInformation: Windows("FILE_NETWORK_OPEN_INFORMATION"),
    files.FileAttributeTagInformation: Windows("FILE_ATTRIBUTE_TAG_INFORMATION"),
    files.FileRenameInformation: Windows("FILE_RENAME_INFO", end="FileName"),
    files.FileCompletionInformation: Kernel("FILE_COMPLETION_INFORMATION"),
    files.FileDirectoryInformation: Windows("FILE_DIRECTORY_INFORMATION", end="FileName"),
    files.FileFullDirectoryInformation: Windows("FILE_FULL_DIR_INFORMATION", end="FileName"),
    files.FileBothDirectoryInformation: Windows("FILE_BOTH_DIR_INFORMATION", end="FileName"),
    files.FileIdBothDirectoryInformation: Windows("FILE_ID_BOTH_DIR_INFORMATION", end="FileName"),
    files.FileIdFullDirectoryInformation: Windows("FILE_ID_FULL_DIR_INFORMATION", end="FileName"),
    files.FileNamesInformation: Windows("FILE_NAMES_INFORMATION", end="FileName"),
    files.FileNotifyInformation: Windows("FILE_NOTIFY_INFORMATION", end="FileName"),
    volumes.FileFsVolumeInformation: Windows("FILE_FS_VOLUME_INFORMATION", end="VolumeLabel"),
    volumes.FileFsSizeInformation: Windows("FILE_FS_SIZE_INFORMATION"),
    volumes.FileFsFullSizeInformation: Windows("FILE_FS_FULL_SIZE_INFORMATION"),
    volumes.FileFsDeviceInformation: Windows("FILE_FS_DEVICE_INFORMATION"),
    volumes.FileFsAttributeInformation: Windows("FILE_FS_ATTRIBUTE_INFORMATION", end="FileSystemName"),
    volumes.MountPoint: MountManager("MOUNTMGR_MOUNT_POINT"),
    volumes.MountPoints: MountManager("MOUNTMGR_MOUNT_POINTS", end="MountPoints"),
    pipes.FilePipeInformation: Kernel("FILE_PIPE_INFORMATION"),
    pipes.FilePipeLocalInformation: Windows("FILE_PIPE_LOCAL_INFORMATION"),
    pipes.FilePipePeekBuffer: Kernel("FILE_PIPE_PEEK_BUFFER", end="Data"),
    pipes.FilePipeWaitForBuffer: Kernel("FILE_PIPE_WAIT_FOR_BUFFER", end="Name"),
    links.ReparseData: Kernel("REPARSE_DATA_BUFFER", end="GenericReparseBuffer"),
    links.JunctionData: Kernel(
        "REPARSE_DATA_BUFFER", end="MountPointReparseBuffer.PathBuffer", members=_of_reparse("MountPoint")
    ),
    links.SymbolicLinkData: Kernel(
        "REPARSE_DATA_BUFFER", end="SymbolicLinkReparseBuffer.PathBuffer", members=_of_reparse("SymbolicLink")
    ),
    # ---- sockets
    sockets.Linger: Sockets("LINGER", prefix="l_"),
    sockets.TcpKeepalive: InC("struct tcp_keepalive", ("winsock2.h", "mstcpip.h")),
    sockets.WsaBuffer: Sockets("WSABUF"),
    # ---- images, memory, consoles
    images.ImageDosHeader: Windows("IMAGE_DOS_HEADER", prefix="e_", only=("magic", "lfanew"), camel=False),
    images.ImageNtHeaders: Windows(
        "IMAGE_NT_HEADERS64",
        end="OptionalHeader",
        prefix="FileHeader.",
        members={"signature": "Signature"},
    ),
    images.ImageOptionalHeader64: Windows("IMAGE_OPTIONAL_HEADER64", end="DataDirectory"),
    images.ImageDataDirectory: Windows("IMAGE_DATA_DIRECTORY"),
    images.ImageSectionHeader: Windows("IMAGE_SECTION_HEADER", members={"virtual_size": "Misc.VirtualSize"}),
    images.ImageExportDirectory: Windows("IMAGE_EXPORT_DIRECTORY"),
    images.ImageImportDescriptor: Windows("IMAGE_IMPORT_DESCRIPTOR"),
    console.KeyRecord: Windows(
        "INPUT_RECORD",
        members={
            name: f"Event.KeyEvent.{written}"
            for name, written in (
                ("key_down", "bKeyDown"),
                ("repeat_count", "wRepeatCount"),
                ("virtual_key_code", "wVirtualKeyCode"),
                ("virtual_scan_code", "wVirtualScanCode"),
                ("unicode_char", "uChar.UnicodeChar"),
                ("control_key_state", "dwControlKeyState"),
            )
        },
    ),
    console.ResizeRecord: Windows(
        "INPUT_RECORD",
        members={
            "columns": "Event.WindowBufferSizeEvent.dwSize.X",
            "rows": "Event.WindowBufferSizeEvent.dwSize.Y",
        },
    ),
    console.CharInfo: Windows("CHAR_INFO", members={"unicode_char": "Char.UnicodeChar"}),
    console.SmallRect: Windows("SMALL_RECT"),
    # ---- keys and other objects
    registry.KeyBasicInformation: Kernel("KEY_BASIC_INFORMATION", end="Name"),
    registry.KeyNodeInformation: Kernel("KEY_NODE_INFORMATION", end="Name"),
    registry.KeyFullInformation: Kernel("KEY_FULL_INFORMATION", end="Class"),
    registry.KeyValueBasicInformation: Kernel("KEY_VALUE_BASIC_INFORMATION", end="Name"),
    registry.KeyValueFullInformation: Kernel("KEY_VALUE_FULL_INFORMATION", end="Name"),
    registry.KeyValuePartialInformation: Kernel("KEY_VALUE_PARTIAL_INFORMATION", end="Data"),
    registry.KeyValuePartialInformationAlign64: Kernel("KEY_VALUE_PARTIAL_INFORMATION_ALIGN64", end="Data"),
    objects.ObjectBasicInformation: Windows("OBJECT_BASIC_INFORMATION"),
    objects.HandleFlagInformation: Windows("OBJECT_DATA_INFORMATION", members={"inherit": "InheritHandle"}),
    security.SidHead: Windows("SID", end="SubAuthority"),
    security.SidAndAttributes: Windows("SID_AND_ATTRIBUTES"),
    security.TokenGroups: Windows("TOKEN_GROUPS"),
    security.TokenOwner: Windows("TOKEN_OWNER"),
    security.Luid: Windows("LUID"),
    security.TokenStatistics: Windows("TOKEN_STATISTICS"),
    jobs.JobAccounting: Windows("JOBOBJECT_BASIC_ACCOUNTING_INFORMATION"),
    jobs.JobAccountingAndIo: Windows("JOBOBJECT_BASIC_AND_IO_ACCOUNTING_INFORMATION"),
    jobs.JobLimits: Windows("JOBOBJECT_BASIC_LIMIT_INFORMATION"),
    jobs.JobExtendedLimits: Windows("JOBOBJECT_EXTENDED_LIMIT_INFORMATION"),
    jobs.JobProcessIdList: Windows("JOBOBJECT_BASIC_PROCESS_ID_LIST", end="ProcessIdList"),
    jobs.JobCompletionPort: Windows("JOBOBJECT_ASSOCIATE_COMPLETION_PORT"),
    system.SystemBasicInformation: Windows("SYSTEM_BASIC_INFORMATION", members={"reserved": "Reserved1"}),
    system.SystemProcessorInformation: Windows(
        "SYSTEM_PROCESSOR_INFORMATION", members={"maximum_processors": "Unknown"}
    ),
    system.SystemProcessInformation: Windows("SYSTEM_PROCESS_INFORMATION"),
    system.SystemThreadInformation: Windows(
        "SYSTEM_THREADS",
        members={"context_switches": "ContextSwitchCount", "thread_state": "State"},
    ),
    system.SystemProcessorPerformanceInformation: Windows("SYSTEM_PROCESSOR_PERFORMANCE_INFORMATION"),
    system.SystemInterruptInformation: Windows("SYSTEM_INTERRUPT_INFORMATION"),
    system.SystemLogicalProcessorInformation: Windows("SYSTEM_LOGICAL_PROCESSOR_INFORMATION"),
    system.ProcessorRelationship: Windows(
        "Cores",
        text=RELATIONSHIPS,
        prefix="Processor.",
        members={
            "relationship": "Relationship",
            "size": "Size",
        },
        # Newer headers have a name for the first byte of what is reserved.
        only=("relationship", "size", "flags", "group_count", "group_mask"),
        end="Processor.GroupMask[1]",
    ),
    system.GroupRelationship: Windows(
        "Groups",
        text=RELATIONSHIPS,
        prefix="Group.",
        members={
            "relationship": "Relationship",
            "size": "Size",
            "reserved_1": "Group.Reserved",
            "maximum_processor_count": "Group.GroupInfo[0].MaximumProcessorCount",
            "active_processor_count": "Group.GroupInfo[0].ActiveProcessorCount",
            "reserved_2": "Group.GroupInfo[0].Reserved",
            "active_processor_mask": "Group.GroupInfo[0].ActiveProcessorMask",
        },
    ),
    system.SystemCodeIntegrityInformation: Windows("SYSTEM_CODEINTEGRITY_INFORMATION"),
    time.SystemTime: Windows("SYSTEMTIME", prefix="w", members={}),
    time.TimeZoneInformation: Windows("TIME_ZONE_INFORMATION"),
    common.UnicodeString: Windows("UNICODE_STRING"),
    common.ObjectAttributes: Windows("OBJECT_ATTRIBUTES"),
    common.IoStatusBlock: Windows("IO_STATUS_BLOCK", members={"status": "Pointer"}),
    common.ClientId: Windows("CLIENT_ID"),
    exceptions.ExceptionRecord: Windows(
        "EXCEPTION_RECORD",
        prefix="Exception",
        members={"number_parameters": "NumberParameters", "information": "ExceptionInformation"},
    ),
    virtual_memory.MemoryBasicInformation: Windows("MEMORY_BASIC_INFORMATION"),
    processes.ProcessBasicInformation: Windows(
        "PROCESS_BASIC_INFORMATION",
        members={"peb": "PebBaseAddress", "inherited_from": "InheritedFromUniqueProcessId"},
    ),
    threads.GroupAffinity: Windows("GROUP_AFFINITY"),
    processes.QuotaLimits: Windows("QUOTA_LIMITS"),
    processes.IoCounters: Windows("IO_COUNTERS"),
    processes.VmCounters: Windows("VM_COUNTERS"),
    processes.KernelUserTimes: Kernel(
        "KERNEL_USER_TIMES",
        members={name: f"{name.capitalize()}Time" for name in processes.KernelUserTimes._fields},
    ),
}

OUTPUT_INFORMATION = (0, 2, 4, 6, 8, 10, 12, 14, 16, 24, 26, 28, 30, 32, 34, 36)
DOCUMENTED = {
    host_names.AddressRequest: Documented("Wine's ws2_32", (40, (0, 8, 16, 24, 32)), (20, (0, 4, 8, 12, 16))),
    host_names.HostRequest: Documented("Wine's ws2_32", (24, (0, 8, 16)), (12, (0, 4, 8))),
    security.RelativeSecurityDescriptor: Documented("[MS-DTYP] 2.4.6", (20, (0, 4)), (20, (0, 4))),
    security.KeptFor: Documented("Lichen's own", (12, (0, 4, 8)), (12, (0, 4, 8))),
    unixcalls.TextRoom: Documented("Wine's ws2_32 and ntdll", (12, (0, 8)), (8, (0, 4))),
    unixcalls.LinkRequest: Documented("docs/decisions/012", (20, (0, 8, 16)), (12, (0, 4, 8))),
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


@cache
def _kernel_headers() -> Path:
    """The folder in which the compiler has the headers for drivers, which include each other by their names alone."""
    command = [host_program(COMPILER, PACKAGE), "-M", "-MG", "-w", "-x", "c", "-"]
    run = subprocess.run(command, input="#include <ddk/wdm.h>", capture_output=True, text=True, check=True)
    return Path(next(word for word in run.stdout.split() if word.endswith("/wdm.h"))).parent


OF_X64 = {exceptions.FloatSave, exceptions.Context}
"""What x86 has in another form."""
PLACES = sorted({(declared.headers, declared.text) for declared in IN_C.values()})
each_model = pytest.mark.parametrize(("model", "flag"), MODELS.items(), ids=("x64", "x86"))


@each_model
@pytest.mark.parametrize("place", PLACES, ids=lambda place: "-".join(place[0]))
def test_records_are_laid_out_as_in_c(
    place: tuple[tuple[str, ...], str], model: DataModel, flag: str
) -> None:
    host_program(COMPILER, PACKAGE)
    source = list(preamble(InC("", *place[:1], text=place[1])))
    for record, declared in IN_C.items():
        if (declared.headers, declared.text) == place and (model is LLP64 or record not in OF_X64):
            source += assertions(record, declared, model, signs=False)
    assert complaints(source, (COMPILER, flag, f"-I{_kernel_headers()}")) == []


@pytest.mark.parametrize(
    ("record", "known"), DOCUMENTED.items(), ids=lambda value: getattr(value, "__name__", "")
)
def test_records_are_laid_out_as_documented(record: type, known: Documented) -> None:
    for model, expected in ((LLP64, known.x64), (NT32, known.x86)):
        ours = layout_of(record, model)
        assert expected is None or (ours.size, tuple(ours.offsets.values())) == expected


def test_every_record_is_compared() -> None:
    modules = [
        importlib.import_module(f"{records.__name__}.{m.name}")
        for m in pkgutil.iter_modules(records.__path__)
    ]
    ours: set[type] = {value for module in modules for value in vars(module).values() if is_record(value)}
    assert ours - IN_C.keys() - DOCUMENTED.keys() == set()


def test_a_difference_is_seen() -> None:
    host_program(COMPILER, PACKAGE)
    declared = Windows("CLIENT_ID", members={"peak": "UniqueThread"})
    source = [
        *preamble(declared),
        *assertions(
            common.UnicodeString,
            Windows(
                "CLIENT_ID",
                members={
                    "length": "UniqueProcess",
                    "maximum_length": "UniqueThread",
                    "buffer": "UniqueThread",
                },
            ),
            LLP64,
        ),
    ]
    assert "offset of UnicodeString.maximum_length is 2 here" in complaints(source, (COMPILER,))
