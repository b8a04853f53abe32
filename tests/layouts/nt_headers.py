"""Where mingw's headers declare the records of NT."""

from __future__ import annotations

from functools import partial

from lichen.subsystems.nt.records import (
    common,
    console,
    exceptions,
    files,
    host_names,
    images,
    jobs,
    links,
    network,
    network_requests,
    objects,
    pipes,
    processes,
    registry,
    security,
    shared_data,
    sockets,
    startup,
    system,
    threads,
    time,
    virtual_memory,
    volumes,
)
from tests.layouts.compiler import InC

Windows = partial(InC, headers=("windows.h", "winternl.h"), camel=True)
Sockets = partial(InC, headers=("winsock2.h", "ws2tcpip.h"))
Kernel = partial(InC, headers=("ntifs.h",), camel=True)

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


Helper = partial(InC, headers=("winsock2.h", "ws2tcpip.h", "iphlpapi.h", "icmpapi.h"), camel=True)
OF_INTERFACES = {"luid": "InterfaceLuid", "interface": "InterfaceIndex"}

IN_C = {
    network.CountedString: Helper("IF_COUNTED_STRING"),
    network.PhysicalAddress: Helper("IF_PHYSICAL_ADDRESS"),
    network_requests.EchoReply: Helper(
        "ICMP_ECHO_REPLY",
        members={
            "replies": "Reserved",
            **{name: f"Options.{name.capitalize()}" for name in ("ttl", "tos", "flags")},
            "options_size": "Options.OptionsSize",
            "options": "Options.OptionsData",
        },
    ),
    network_requests.IpForwardRow: Helper(
        "MIB_IPFORWARDROW",
        members={
            "destination": "dwForwardDest",
            "interface": "dwForwardIfIndex",
            "protocol": "dwForwardProto",
            "next_hop_system": "dwForwardNextHopAS",
            **{
                name: "dwForward" + "".join(part.capitalize() for part in name.split("_"))
                for name in ("mask", "policy", "next_hop", "type", "age")
            },
        },
        only=tuple(name for name in network_requests.IpForwardRow._fields if name != "metrics"),
    ),
    network_requests.IfRow: Helper(
        "MIB_IFROW",
        members={
            "name": "wszName",
            "interface": "dwIndex",
            "type": "dwType",
            "mtu": "dwMtu",
            "speed": "dwSpeed",
            "length": "dwPhysAddrLen",
            "physical_address": "bPhysAddr",
            "admin_status": "dwAdminStatus",
            "oper_status": "dwOperStatus",
        },
    ),
    network_requests.IpNetRow: Helper(
        "MIB_IPNETROW",
        members={
            "interface": "dwIndex",
            "length": "dwPhysAddrLen",
            "physical_address": "bPhysAddr",
            "address": "dwAddr",
            "type": "dwType",
        },
    ),
    network_requests.UnicastRow: Helper(
        "MIB_UNICASTIPADDRESS_ROW",
        members={
            **OF_INTERFACES,
            "prefix_length": "OnLinkPrefixLength",
            "duplicates": "DadState",
            "scope": "ScopeId",
            "created": "CreationTimeStamp",
        },
    ),
    network_requests.IpInterfaceKey: Helper(
        "MIB_IPINTERFACE_ROW",
        members={"family": "Family", **OF_INTERFACES},
        only=("family", "luid", "interface"),
    ),
    network_requests.IpForwardRow2: Helper(
        "MIB_IPFORWARD_ROW2",
        members={
            **OF_INTERFACES,
            "destination": "DestinationPrefix.Prefix",
            "prefix_length": "DestinationPrefix.PrefixLength",
            "autoconfigured": "AutoconfigureAddress",
        },
    ),
    network_requests.IpNetRow2: Helper(
        "MIB_IPNET_ROW2",
        members={
            **OF_INTERFACES,
            "length": "PhysicalAddressLength",
            "reachable_time": "ReachabilityTime",
        },
    ),
    host_names.AddressInfo: Sockets("ADDRINFOA", prefix="ai_", only=("addrlen", "canonname", "addr", "next")),
    host_names.AddressHints: Sockets("ADDRINFOA", prefix="ai_", end="ai_addrlen"),
    host_names.Hostent: Sockets("HOSTENT", prefix="h_", members={"addr_list": "h_addr_list"}),
    host_names.InternetAddress: Sockets("SOCKADDR_IN", prefix="sin_", members={"address": "sin_addr"}),
    host_names.InternetAddress6: Sockets("SOCKADDR_IN6", prefix="sin6_", members={"address": "sin6_addr"}),
    sockets.Message: Sockets(
        "WSAMSG",
        members={
            "name": "name",
            "name_length": "namelen",
            "buffers": "lpBuffers",
            "buffer_count": "dwBufferCount",
            "control": "Control",
            "flags": "dwFlags",
        },
    ),
    sockets.ControlHeader: InC(
        "WSACMSGHDR", ("winsock2.h", "mswsock.h"), "cmsg_", members={"length": "cmsg_len"}
    ),
    sockets.GroupSource: Sockets(
        "IP_MREQ_SOURCE",
        members={"group": "imr_multiaddr", "source": "imr_sourceaddr", "interface": "imr_interface"},
    ),
    sockets.InterfaceInformation: Sockets(
        "INTERFACE_INFO",
        members={
            "flags": "iiFlags",
            "address": "iiAddress",
            "broadcast": "iiBroadcastAddress",
            "mask": "iiNetmask",
        },
    ),
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
