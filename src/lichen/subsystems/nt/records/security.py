"""Security identifiers and tokens.

Source: winnt.h; [MS-DTYP] 2.4.2.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from lichen.abi.layout import Bytes, i32, i64, ptr, u8, u32


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
