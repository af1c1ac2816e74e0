"""What can be asked about vfolders."""

from typing import Annotated, ClassVar, Generic, TypeVar

import msgspec

from tenantry.kernel.action import Action, Audience
from tenantry.kernel.page import Page
from tenantry.record import Record
from tenantry.storage.model import SharePermission, VfolderData, VfolderStatus, VfolderUsage
from tenantry.users.model import Limit

ResultT = TypeVar("ResultT")

Owner = Annotated[
    str | None, msgspec.Meta(description="Username or id of the owner; without it, you.")
]


class VfolderResult(Record, frozen=True):
    """The vfolder as it is after the action."""

    data: VfolderData
    success: bool = True


class VfolderUsageResult(Record, frozen=True):
    """What the vfolder holds."""

    data: VfolderUsage
    success: bool = True


class OnVfolder(Action[ResultT], Generic[ResultT], frozen=True):
    """An action about one vfolder, by id or by name.

    A name without an owner is that of an own folder, or else of one that is shared with the
    actor.
    """

    folder: Annotated[str, msgspec.Meta(description="Name or id of the vfolder")]
    owner: Owner = None

    def target(self) -> str | None:
        return str(self.folder)[:256]


class CreateVfolderAction(Action[VfolderResult], frozen=True):
    """Create an empty vfolder, if the owner's resource policy allows one more.

    It limits how many there are, and how many bytes all of them hold.
    """

    tag: ClassVar[str] = "vfolder.create"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    name: str
    host: Annotated[
        str | None, msgspec.Meta(description="Where it is kept; the first storage host if unsaid.")
    ] = None
    owner: Owner = None

    def target(self) -> str | None:
        return str(self.name)[:256]


class GetVfolderAction(OnVfolder[VfolderResult], frozen=True):
    """Show a vfolder; of one that is being deleted, how many files are left."""

    tag: ClassVar[str] = "vfolder.get"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True


class ListVfoldersAction(Action[Page[VfolderData]], frozen=True, kw_only=True):
    """List vfolders by name: your own and those shared with you, or all of your tenant."""

    tag: ClassVar[str] = "vfolder.list"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True
    owner: Annotated[
        str | None, msgspec.Meta(description="Only those of this user, by username or id.")
    ] = None
    status: Annotated[VfolderStatus | None, msgspec.Meta(description="Its status.")] = None
    limit: Annotated[int, Limit] = 50
    cursor: str | None = None


class VfolderUsageAction(OnVfolder[VfolderUsageResult], frozen=True):
    """Count the files in a vfolder and the bytes in them, and show its owner's quota."""

    tag: ClassVar[str] = "vfolder.usage"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True


class ShareVfolderAction(OnVfolder[VfolderResult], frozen=True, kw_only=True):
    """Let another user of the tenant use a vfolder; repeated, it changes the permission."""

    tag: ClassVar[str] = "vfolder.share"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    user: Annotated[str, msgspec.Meta(description="Username or id of who gets it")]
    permission: Annotated[
        SharePermission, msgspec.Meta(description="What those may do with whom it is shared.")
    ] = SharePermission.READ


class UnshareVfolderAction(OnVfolder[VfolderResult], frozen=True, kw_only=True):
    """Take a share back, or give up one's own; no error where there is none."""

    tag: ClassVar[str] = "vfolder.unshare"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    user: Annotated[str, msgspec.Meta(description="Username or id of who has it")]


class HandOverVfolderAction(OnVfolder[VfolderResult], frozen=True, kw_only=True):
    """Give a vfolder to another user of the tenant, under a longer name if theirs is taken."""

    tag: ClassVar[str] = "vfolder.hand_over"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    to: Annotated[str, msgspec.Meta(description="Username or id of the new owner")]


class DeleteVfolderAction(OnVfolder[VfolderResult], frozen=True):
    """Move a vfolder to the trash: nobody can use it, and restore brings it back."""

    tag: ClassVar[str] = "vfolder.delete"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED


class RestoreVfolderAction(OnVfolder[VfolderResult], frozen=True):
    """Bring a vfolder back from the trash."""

    tag: ClassVar[str] = "vfolder.restore"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED


class PurgeVfolderAction(OnVfolder[VfolderResult], frozen=True):
    """Delete a vfolder in the trash for good; answers at once and goes on in the background."""

    tag: ClassVar[str] = "vfolder.purge"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
