"""What a vfolder is, and the decisions on it that need nothing but its data."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tenantry.compute.limits import KeypairLimits
from tenantry.errors import InvalidInput, StateConflict, VfolderNotFound
from tenantry.record import Record
from tenantry.users.model import UserRole, UserStatus


class VfolderStatus(StrEnum):
    """Only a ready vfolder can be mounted and shared; one in trash can be restored.

    A performing one is being made or restored; of a deleting one some files may be gone already.
    """

    PERFORMING = "performing"
    READY = "ready"
    TRASH = "trash"
    DELETING = "deleting"
    GONE = "gone"


class SharePermission(StrEnum):
    """What somebody may do in a folder that is shared: read, or read and write."""

    READ = "ro"
    WRITE = "rw"


class VfolderShare(Record, frozen=True):
    """Somebody who may use a vfolder of another user."""

    user_id: UUID
    user: str
    permission: SharePermission
    granted_by: UUID | None
    granted_at: datetime


class VfolderData(Record, frozen=True, kw_only=True):
    """A vfolder as who can see it sees it; who only shares it sees no other shares.

    ``files_left`` counts down while the folder is being deleted. ``status_info`` says what the
    storage last refused. ``used_bytes`` is what the folder held when it was last measured.
    """

    id: UUID
    name: str
    host: str
    status: VfolderStatus
    status_info: str | None
    owner_id: UUID
    owner: str
    tenant_id: UUID
    creator_id: UUID | None
    files_left: int | None
    used_bytes: int | None
    shares: list[VfolderShare]
    created_at: datetime
    changed_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class Vfolder:
    """A vfolder with what decides on it."""

    data: VfolderData
    owner_role: UserRole

    @property
    def id(self) -> UUID:
        """The folder's id."""
        return self.data.id

    def require_status(self, *allowed: VfolderStatus) -> None:
        """StateConflict unless the folder is in one of these states."""
        if self.data.status not in allowed:
            message = f"The vfolder is {self.data.status}; it would have to be {allowed[0]}."
            raise StateConflict(message, field="folder", status=self.data.status.value)


@dataclass(frozen=True, slots=True)
class Holder:
    """A user who has, gets or shares folders."""

    id: UUID
    username: str
    tenant_id: UUID
    role: UserRole
    status: UserStatus
    max_vfolder_count: int
    limits: KeypairLimits | None
    """What the keypair policy of the main access key allows; None where there is no such key."""

    def require_host(self, host: str, permission: str, field: str) -> None:
        """StateConflict unless the user's keypair policy permits this on the host."""
        if self.limits is not None:
            self.limits.require_host(host, permission, field)

    def require_can_hold(self, count: int, field: str) -> None:
        """StateConflict unless the user, who has ``count`` folders now, can have one more."""
        if self.status is not UserStatus.ACTIVE or self.role is UserRole.MONITOR:
            raise StateConflict("This user cannot have vfolders now.", field=field)
        if count >= self.max_vfolder_count:
            message = (
                f"The resource policy allows {self.max_vfolder_count} vfolders at most, those in "
                "trash included."
            )
            raise StateConflict(message, field=field, maximum=self.max_vfolder_count)


@dataclass(frozen=True, slots=True)
class Mountable:
    """A folder as one user may mount it."""

    id: UUID
    name: str
    host: str
    owner_id: UUID
    is_own: bool
    permission: SharePermission


@dataclass(frozen=True, slots=True)
class Quota:
    """How many bytes an owner's folders may hold (None: no limit), and do as last measured."""

    limit: int | None
    used: int

    def has_room(self, more: int) -> bool:
        """Whether there is room for so much; with nothing more, for anything at all."""
        return self.limit is None or self.used + max(more, 1) <= self.limit


class VfolderUsage(Record, frozen=True):
    """What a folder holds, and what its owner may have in all.

    ``quota`` is null where there is none; both are where the folder is somebody else's, to whom
    it is not shown.
    """

    files: int
    bytes: int
    quota: int | None
    quota_used: int | None


class Handed(Record, frozen=True):
    """A folder that went to another user, under its old name or a new one."""

    id: UUID
    old_name: str
    name: str


class LeftFolder(Record, frozen=True):
    """A folder that a leaver left behind: handed over, or else deleted."""

    id: UUID
    name: str
    handed_over: bool


class Removed(Record, frozen=True):
    """What was deleted for good."""

    folders: int
    files: int


def meant(candidates: Sequence[Vfolder], viewer_id: UUID | None) -> Vfolder:
    """The folder that a name stands for: an own one before a shared one.

    Folders that are being deleted have given up their name, so they count only where no other
    bears it. VfolderNotFound where there is none, InvalidInput where several might be meant.
    """
    kept = [f for f in candidates if f.data.status is not VfolderStatus.DELETING]
    own = [f for f in kept if f.data.owner_id == viewer_id]
    found = own or kept
    if not found:
        found = sorted(candidates, key=lambda folder: folder.data.changed_at)[-1:]
    if not found:
        raise VfolderNotFound(field="folder")
    if len(found) > 1:
        message = "several vfolders bear this name; name the owner, or give the id"
        raise InvalidInput.of("folder", "ambiguous", message)
    return found[0]
