"""Who a thread acts as.

One token serves both worlds: the Linux front-end reads its ids and capabilities, the NT front-end makes SIDs of them, and
a token is elevated exactly when its effective user is 0. A token never changes: changing one's identity means a new token
in its place, so a token may be kept with an open file or a timer for as long as needed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from lichen.executive.io.attributes import SET_GID, SET_UID
from lichen.executive.status import Failure, Status


class Capability:
    """Capability numbers of Linux, those that are asked for anywhere."""

    CHOWN: Final = 0
    DAC_OVERRIDE: Final = 1
    DAC_READ_SEARCH: Final = 2
    FOWNER: Final = 3
    FSETID: Final = 4
    KILL: Final = 5
    SETGID: Final = 6
    SETUID: Final = 7
    SETPCAP: Final = 8
    LINUX_IMMUTABLE: Final = 9
    NET_BIND_SERVICE: Final = 10
    NET_ADMIN: Final = 12
    NET_RAW: Final = 13
    IPC_LOCK: Final = 14
    SYS_CHROOT: Final = 18
    SYS_PTRACE: Final = 19
    SYS_ADMIN: Final = 21
    SYS_BOOT: Final = 22
    SYS_NICE: Final = 23
    SYS_RESOURCE: Final = 24
    SYS_TIME: Final = 25
    MKNOD: Final = 27
    SYSLOG: Final = 34
    WAKE_ALARM: Final = 35


class SecureBit:
    """How user 0 and capabilities hang together for a token (capabilities(7)); the next higher bit of each locks it."""

    NO_ROOT: Final = 0x1
    NO_SETUID_FIXUP: Final = 0x4
    KEEP_CAPABILITIES: Final = 0x10
    NO_AMBIENT_RAISE: Final = 0x40
    BASE: Final = 0x55
    ALL: Final = 0xFF


ALL_CAPABILITIES: Final = (1 << 41) - 1
_GROUP_EXECUTES: Final = 0o010
_FILE_CAPABILITIES: Final = 0b11111 | 1 << Capability.LINUX_IMMUTABLE | 1 << Capability.MKNOD
"""The capabilities that follow the file-system user id (capabilities(7))."""


@dataclass(frozen=True, slots=True)
class Token:
    """The identity and the rights of a thread."""

    uid: int
    euid: int
    suid: int
    fsuid: int
    gid: int
    egid: int
    sgid: int
    fsgid: int
    groups: tuple[int, ...] = ()
    permitted: int = 0
    effective: int = 0
    inheritable: int = 0
    bounding: int = ALL_CAPABILITIES
    ambient: int = 0
    no_new_privileges: bool = False
    secure_bits: int = 0

    @classmethod
    def of_user(cls, uid: int, gid: int, groups: tuple[int, ...] = ()) -> Token:
        """The token of a fresh login: every capability for user 0, none for others."""
        capabilities = ALL_CAPABILITIES if uid == 0 else 0
        return cls(uid, uid, uid, uid, gid, gid, gid, gid, groups, capabilities, capabilities)

    @property
    def elevated(self) -> bool:
        return self.euid == 0

    @property
    def is_changed(self) -> bool:
        """Whether the token acts as somebody else than who it is: such a program trusts no environment."""
        return self.euid != self.uid or self.egid != self.gid

    @property
    def overrides(self) -> bool:
        """Whether the mode bits of files bind this token at all."""
        return bool(self.effective & 1 << Capability.DAC_OVERRIDE)

    def gains(self, before: Token) -> bool:
        """Whether whoever acted as `before` and acts so now may hold what others of its user are not to see."""
        ids = (before.euid, before.egid, before.fsuid, before.fsgid)
        changed = ids != (self.euid, self.egid, self.fsuid, self.fsgid)
        return changed or self.is_changed or bool(self.permitted & ~before.permitted)

    def has(self, capability: int) -> bool:
        return bool(self.effective & 1 << capability)

    def member_of(self, gid: int) -> bool:
        return gid == self.fsgid or gid in self.groups

    def real(self) -> Token:
        """The token that access(2) judges by: the real ids in place of the effective ones."""
        effective = self.permitted if self.uid == 0 else 0
        return replace(
            self, euid=self.uid, fsuid=self.uid, egid=self.gid, fsgid=self.gid, effective=effective
        )

    def with_users(self, uid: int, euid: int, suid: int, fsuid: int | None = None) -> Token:
        """The token with other user ids and what this does to its capabilities (capabilities(7))."""
        fsuid = euid if fsuid is None else fsuid
        permitted, effective, ambient = self.permitted, self.effective, self.ambient
        if not self.secure_bits & SecureBit.NO_SETUID_FIXUP:
            if 0 in (self.uid, self.euid, self.suid) and 0 not in (uid, euid, suid):
                ambient = 0
                if not self.secure_bits & SecureBit.KEEP_CAPABILITIES:
                    permitted = effective = 0
            if self.euid == 0 and euid != 0:
                effective = 0
            elif self.euid != 0 and euid == 0:
                effective = permitted
            elif self.fsuid == 0 and fsuid != 0:
                effective &= ~_FILE_CAPABILITIES
            elif self.fsuid != 0 and fsuid == 0:
                effective |= permitted & _FILE_CAPABILITIES
        return replace(
            self,
            uid=uid,
            euid=euid,
            suid=suid,
            fsuid=fsuid,
            permitted=permitted,
            effective=effective,
            ambient=ambient,
        )

    def with_groups(self, gid: int, egid: int, sgid: int, fsgid: int | None = None) -> Token:
        return replace(self, gid=gid, egid=egid, sgid=sgid, fsgid=egid if fsgid is None else fsgid)

    def for_program(self, mode: int, uid: int, gid: int) -> Token:
        """The token of a program whose file has these attributes: set-id bits, and what user 0 may do (capabilities(7))."""
        euid, egid = self.euid, self.egid
        if not self.no_new_privileges:
            euid = uid if mode & SET_UID else euid
            egid = gid if mode & SET_GID and mode & _GROUP_EXECUTES else egid
        ambient = self.ambient if (euid, egid) == (self.euid, self.egid) else 0
        permitted = effective = ambient
        if not self.secure_bits & SecureBit.NO_ROOT and 0 in (self.uid, euid):
            permitted |= self.inheritable | self.bounding
            effective = permitted if euid == 0 else ambient
        return replace(
            self.with_groups(self.gid, egid, egid),
            euid=euid,
            suid=euid,
            fsuid=euid,
            permitted=permitted,
            effective=effective,
            ambient=ambient,
            secure_bits=self.secure_bits & ~SecureBit.KEEP_CAPABILITIES,
        )

    def with_capabilities(self, effective: int, permitted: int, inheritable: int) -> Token:
        """The token with other capability sets; PRIVILEGE_NOT_HELD for what it may not give itself (capabilities(7))."""
        may_inherit = self.inheritable | (self.bounding if self.has(Capability.SETPCAP) else self.permitted)
        if (
            permitted & ~self.permitted
            or effective & ~permitted
            or inheritable & ~(may_inherit & (self.inheritable | self.bounding))
        ):
            raise Failure(Status.PRIVILEGE_NOT_HELD)
        return replace(
            self,
            effective=effective,
            permitted=permitted,
            inheritable=inheritable,
            ambient=self.ambient & permitted & inheritable,
        )
