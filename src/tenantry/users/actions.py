"""What can be asked about users."""

from typing import Annotated, ClassVar, Generic, TypeVar

import msgspec

from tenantry.kernel.action import Action, Audience
from tenantry.kernel.modifier import OptionalState
from tenantry.kernel.page import Page
from tenantry.record import Record, require_well_formed
from tenantry.users.model import (
    Limit,
    UserCreator,
    UserData,
    UserFilter,
    UserKey,
    UserModifier,
    UserOrder,
)
from tenantry.users.purging import PurgeReceipt, UserInfoContext
from tenantry.users.statistics import MonthStatsResult

ResultT = TypeVar("ResultT")


class UserResult(Record, frozen=True):
    """The user as it is after the action."""

    data: UserData
    success: bool = True


class FoundUser(Record, frozen=True):
    """The user, or None."""

    data: UserData | None
    success: bool = True


class OnUser(Action[ResultT], Generic[ResultT], frozen=True):
    """An action about one user, named by email or by ``user``: the username or the id."""

    email: Annotated[str | None, msgspec.Meta(description="Email address of the user.")] = None
    user: Annotated[str | None, msgspec.Meta(description="Username or id of the user")] = None

    def key(self) -> UserKey:
        """How the user is named; InvalidInput unless in exactly one way, and a sound one."""
        require_well_formed(self)
        return UserKey.of(email=self.email, user=self.user)

    def target(self) -> str | None:
        named = self.user if self.user is not None else self.email
        return str(named)[:256] if named is not None else None


class CreateUserAction(Action[UserResult], frozen=True):
    """Create a user."""

    tag: ClassVar[str] = "user.create"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS
    input: UserCreator

    def target(self) -> str | None:
        return str(self.input.username)[:256]


class GetUserAction(OnUser[UserResult], frozen=True):
    """Show a user; an error where there is none."""

    tag: ClassVar[str] = "user.get"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True


class FindUserAction(OnUser[FoundUser], frozen=True):
    """Look for a user by id, username or email; none found is no error."""

    tag: ClassVar[str] = "user.find"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True


class ListUsersAction(Action[Page[UserData]], frozen=True, kw_only=True):
    """List users, a page at a time, deleted ones included."""

    tag: ClassVar[str] = "user.list"
    audience: ClassVar[Audience] = Audience.READERS
    reads: ClassVar[bool] = True
    order: Annotated[
        UserOrder, msgspec.Meta(description="What comes first; a minus turns it round.")
    ] = UserOrder.USERNAME
    limit: Annotated[int, Limit] = 50
    cursor: str | None = None


class SearchUsersAction(Action[Page[UserData]], frozen=True, kw_only=True):
    """Search all users by any field, a page at a time."""

    tag: ClassVar[str] = "user.search"
    audience: ClassVar[Audience] = Audience.READERS
    reads: ClassVar[bool] = True
    filter: UserFilter = UserFilter()
    order: Annotated[
        UserOrder, msgspec.Meta(description="What comes first; a minus turns it round.")
    ] = UserOrder.USERNAME
    limit: Annotated[int, Limit] = 50
    cursor: str | None = None


class ModifyUserAction(OnUser[UserResult], frozen=True):
    """Change what is named of a user. With a version, only if nobody changed it meanwhile."""

    tag: ClassVar[str] = "user.modify"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    modifier: UserModifier = UserModifier()
    version: Annotated[int, msgspec.Meta(ge=1, le=2**62)] | None = None
    force: Annotated[
        bool, msgspec.Meta(description="Also where the allowed addresses leave out your own.")
    ] = False


class DeleteUserAction(OnUser[UserResult], frozen=True):
    """Delete a user softly: the row and the name stay, logins end, restore brings it back."""

    tag: ClassVar[str] = "user.delete"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS


class RestoreUserAction(OnUser[UserResult], frozen=True):
    """Bring a deleted user back as active."""

    tag: ClassVar[str] = "user.restore"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS


class PurgeResult(Record, frozen=True):
    """What a purge did, or in a preview would do."""

    data: PurgeReceipt
    success: bool = True


class PreviewPurgeAction(OnUser[PurgeResult], frozen=True, kw_only=True):
    """Show what a purge of the user would remove, hand over and keep; changes nothing."""

    tag: ClassVar[str] = "user.preview_purge"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS
    reads: ClassVar[bool] = True
    user_info_ctx: UserInfoContext | None = None
    purge_shared_vfolders: OptionalState[bool] = OptionalState.nop()
    delegate_endpoint_ownership: OptionalState[bool] = OptionalState.nop()


class PurgeUserAction(PreviewPurgeAction, frozen=True, kw_only=True):
    """Remove a user and everything outside that belongs to it; the audit keeps a pseudonym.

    Shared vfolders are deleted if so asked, else handed over to who asks.
    """

    tag: ClassVar[str] = "user.purge"
    reads: ClassVar[bool] = False


class UserMonthStatsAction(Action[MonthStatsResult], frozen=True):
    """Show what the compute sessions of a user came to in the last thirty days."""

    tag: ClassVar[str] = "user.month_stats"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True
    user_id: Annotated[str, msgspec.Meta(description="Id or username of the user.")]

    def target(self) -> str | None:
        return str(self.user_id)[:256]


class AdminMonthStatsAction(Action[MonthStatsResult], frozen=True):
    """Show what all compute sessions of the tenant came to; of all tenants for a superadmin."""

    tag: ClassVar[str] = "tenant.month_stats"
    audience: ClassVar[Audience] = Audience.READERS
    reads: ClassVar[bool] = True


class ImportRow(Record, frozen=True):
    """What became of one row: created, unchanged (it was there already) or refused."""

    row: int
    username: str
    outcome: str
    field: str | None = None
    message: str | None = None


class ImportResult(Record, frozen=True):
    """The rows in the order given."""

    rows: list[ImportRow]
    success: bool = True


class ImportUsersAction(Action[ImportResult], frozen=True, kw_only=True):
    """Create many users at once; each row stands or falls by itself. Can be repeated.

    At most 1,000 rows. A row whose username exists with the same email counts as unchanged.
    Foreign password hashes are taken: bcrypt, scrypt, PBKDF2 (PHC, Django) and Argon2.
    """

    tag: ClassVar[str] = "user.import"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS
    users: Annotated[list[UserCreator], msgspec.Meta(max_length=1000)]
    first_row: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)] = 1
    dry_run: bool = False

    def target(self) -> str | None:
        return f"{len(self.users)} rows"
