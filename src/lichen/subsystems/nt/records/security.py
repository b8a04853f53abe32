"""Security identifiers and tokens.

Source: winnt.h; [MS-DTYP] 2.4.2.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from lichen.abi.layout import Array, Bytes, i32, i64, ptr, u8, u16, u32


class SidHead(NamedTuple):
    """The head of a SID, behind which lie its parts; the authority is in network order."""

    revision: u8
    sub_authority_count: u8
    identifier_authority: Annotated[bytes, Bytes(6)]


class SidAndAttributes(NamedTuple):
    """SID_AND_ATTRIBUTES."""

    sid: ptr
    attributes: u32


class TokenGroups(NamedTuple):
    """TOKEN_GROUPS with one group, of which there may be more behind it."""

    group_count: u32
    groups: SidAndAttributes


class TokenOwner(NamedTuple):
    """TOKEN_OWNER, and TOKEN_PRIMARY_GROUP too."""

    owner: ptr


class Luid(NamedTuple):
    """LUID."""

    low_part: u32
    high_part: i32 = 0


class TokenStatistics(NamedTuple):
    """TOKEN_STATISTICS."""

    token_id: Luid
    authentication_id: Luid
    expiration_time: i64
    token_type: u32
    impersonation_level: u32
    dynamic_charged: u32
    dynamic_available: u32
    group_count: u32
    privilege_count: u32
    modified_id: Luid


class SecurityDescriptorHead(NamedTuple):
    """What both forms of SECURITY_DESCRIPTOR begin with."""

    revision: u8
    sbz1: u8
    control: u16


class SecurityDescriptor(NamedTuple):
    """SECURITY_DESCRIPTOR, which leads to its parts by addresses."""

    head: SecurityDescriptorHead
    owner: ptr
    group: ptr
    sacl: ptr
    dacl: ptr


class RelativeSecurityDescriptor(NamedTuple):
    """SECURITY_DESCRIPTOR_RELATIVE: owner, group, SACL and DACL are so far behind its begin; 0 where one is missing."""

    head: SecurityDescriptorHead
    offsets: Annotated[tuple[int, ...], Array(u32, 4)]


class Acl(NamedTuple):
    """ACL, behind which lie its entries."""

    acl_revision: u8
    sbz1: u8
    acl_size: u16
    ace_count: u16
    sbz2: u16 = 0


class AceHeader(NamedTuple):
    """ACE_HEADER."""

    ace_type: u8
    ace_flags: u8
    ace_size: u16


class AccessAce(NamedTuple):
    """ACCESS_ALLOWED_ACE and ACCESS_DENIED_ACE, up to the SID."""

    header: AceHeader
    mask: u32


class KeptFor(NamedTuple):
    """Lichen's own: what a file's owner and mode were made by the descriptor that is kept behind this."""

    mode: u32
    uid: u32
    gid: u32
