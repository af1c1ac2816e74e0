"""The account manager's operations on users, each written once, in asynchronous form."""

from collections.abc import Mapping, Sequence
from typing import Final

from tenantry.auth.actions import ChangeOwnPasswordAction, WhoAmIAction
from tenantry.errors import InvalidInput, Violation
from tenantry.kernel.modifier import OptionalState
from tenantry.lockout.actions import LockAccountAction
from tenantry.resets.actions import SetUserPasswordAction
from tenantry.sdk.operations import Operations, listed
from tenantry.sdk.pages import PAGE_SIZE, AsyncPages
from tenantry.users.actions import (
    CreateUserAction,
    DeleteUserAction,
    FindUserAction,
    GetUserAction,
    ListUsersAction,
    ModifyUserAction,
    PreviewPurgeAction,
    PurgeUserAction,
    RestoreUserAction,
    SearchUsersAction,
)
from tenantry.users.model import UserCreator, UserData, UserFilter, UserOrder
from tenantry.users.names import fold
from tenantry.users.purging import PurgeReceipt

_CREATOR_FIELDS: Final = frozenset(UserCreator.__struct_fields__)
STATUS_REASON: Final = "The status was set to locked."
_FILTER_FIELDS: Final = frozenset(UserFilter.__struct_fields__)
# Attributes of these names would hide a user's own fields, or ones that other calls are about.
_RESERVED: Final = frozenset(
    n for n in (*UserData.__struct_fields__, *dir(UserData)) if n not in _CREATOR_FIELDS
) | {"groups", "self", "tenant", "user"}
_OTHER_CALLS: Final = {
    "username": "a user keeps the name",
    "user": "a user keeps the name",
    "password": "use change_password()",
    "status": "use update_user_status()",
    "is_active": "use update_user_status()",
    "roles": "use assign_roles() and remove_role()",
}


class UserOperations(Operations):
    """What an account manager can do with users. Every wrong field of a call is named at once."""

    async def create_user(
        self,
        /,
        username: str,
        password: str | None = None,
        email: str | None = None,
        *,
        full_name: str | None = None,
        department: str | None = None,
        phone: str | None = None,
        roles: Sequence[str] | None = None,
        **attributes: object,
    ) -> UserData:
        """Create a user. Further keywords are fields of UserCreator, or else become attributes.

        A user without a password cannot log in before getting one. UserConflict names what is
        taken.
        """
        fields: dict[str, object] = {
            "username": username,
            "password": password,
            "email": email,
            "full_name": full_name,
            "department": department,
            "phone": phone,
            "roles": listed(roles),
        }
        said = {name: value for name, value in fields.items() if value is not None}
        action = self._action(CreateUserAction, **said, **with_attributes(attributes))
        return (await self._run(action)).data

    async def get_user(self, username: str) -> UserData | None:
        """The user of this name or id; None where there is none (or none one may see)."""
        return (await self._run(FindUserAction(user=username))).data

    async def list_users(self, *, order: UserOrder = UserOrder.USERNAME) -> AsyncPages[UserData]:
        """All users that one may see, inactive and deleted ones included, in a stable order."""

        return await self._walk(
            lambda cursor: ListUsersAction(order=order, limit=PAGE_SIZE, cursor=cursor)
        )

    async def search_users(
        self,
        /,
        text: str | None = None,
        *,
        order: UserOrder = UserOrder.USERNAME,
        **criteria: object,
    ) -> AsyncPages[UserData]:
        """Users of whom all criteria hold: fields of UserFilter, each an exact match.

        ``text`` is a part of username, email or full name; ``attributes={...}`` asks for own
        attributes. A criterion that nobody defines is an error, not "no such people".
        """
        unknown = [n for n in criteria if n not in _FILTER_FIELDS]
        if unknown:
            hint = "is not a field of users; ask for attributes with attributes={...}"
            raise InvalidInput([Violation(n[:64], "unknown_field", hint) for n in unknown])
        asked = {n: v for n, v in {"text": text, **criteria}.items() if v is not None}

        return await self._walk(
            lambda cursor: self._action(
                SearchUsersAction, **asked, order=order, limit=PAGE_SIZE, cursor=cursor
            )
        )

    async def update_user(self, /, username: str, **fields: object) -> UserData:
        """Change the fields given; None clears one, what is not named stays.

        ``version=`` (from the user as read) refuses the change if somebody else was faster.
        """
        elsewhere = {n: _OTHER_CALLS[n] for n in fields if n in _OTHER_CALLS}
        if elsewhere:
            raise InvalidInput(
                [
                    Violation(n, "not_here", f"cannot be changed here: {hint}")
                    for n, hint in elsewhere.items()
                ]
            )
        return await self._modify(username, fields)

    async def change_password(
        self, username: str, new_password: str, *, current_password: str | None = None
    ) -> None:
        """Set a user's password as an administrator; ends all sessions of the user.

        For the own password give the current one as proof; this client goes on with the new one.
        """
        if current_password is None:
            await self._run(
                self._action(SetUserPasswordAction, user=username, new_password=new_password)
            )
            return
        me = await self.whoami()
        if fold(username) not in (fold(me.username), str(me.id)):
            message = "is for the own password only; leave it out to set somebody else's"
            raise InvalidInput.of("current_password", "not_own", message)
        await self._run(ChangeOwnPasswordAction(current_password, new_password))

    async def update_user_status(self, username: str, status: str) -> UserData:
        """Make a user active, inactive, suspended or locked; soft_delete_user() deletes.

        ``locked`` is a lock without an expiry, and ``active`` lifts any lock.
        """
        if status == "deleted":
            raise InvalidInput.of("status", "not_here", "cannot be set: use soft_delete_user()")
        if status != "locked":
            return await self._modify(username, {"status": status})
        await self._run(LockAccountAction(user=username, reason=STATUS_REASON))
        return (await self._run(GetUserAction(user=username))).data

    async def soft_delete_user(self, username: str) -> UserData:
        """Disable the account: logins end, row and name stay, restore_user() brings it back."""
        return (await self._run(DeleteUserAction(user=username))).data

    async def delete_user(
        self,
        username: str,
        *,
        purge_shared_vfolders: bool = False,
        delegate_endpoint_ownership: bool = False,
    ) -> PurgeReceipt:
        """Remove the user for good, with what belongs to it; soft_delete_user() can be undone.

        Shared vfolders go to whoever asks, unless they are to be deleted as well. The receipt says
        what was removed, handed over and kept; where it is not ``done``, a job goes on with it.
        """
        action = PurgeUserAction(
            user=username,
            purge_shared_vfolders=OptionalState.update(purge_shared_vfolders),
            delegate_endpoint_ownership=OptionalState.update(delegate_endpoint_ownership),
        )
        return (await self._run(action)).data

    async def preview_delete_user(
        self,
        username: str,
        *,
        purge_shared_vfolders: bool = False,
        delegate_endpoint_ownership: bool = False,
    ) -> PurgeReceipt:
        """What delete_user() would remove, hand over and keep; changes nothing."""
        action = PreviewPurgeAction(
            user=username,
            purge_shared_vfolders=OptionalState.update(purge_shared_vfolders),
            delegate_endpoint_ownership=OptionalState.update(delegate_endpoint_ownership),
        )
        return (await self._run(action)).data

    async def restore_user(self, username: str) -> UserData:
        """Bring a softly deleted user back as active."""
        return (await self._run(RestoreUserAction(user=username))).data

    async def whoami(self) -> UserData:
        """The user as whom this client acts."""
        return (await self._run(WhoAmIAction())).user

    async def _modify(self, username: str, fields: Mapping[str, object]) -> UserData:
        action = self._action(ModifyUserAction, user=username, **fields)
        return (await self._run(action)).data


def with_attributes(given: Mapping[str, object]) -> dict[str, object]:
    """The fields among the further keywords of create_user, and the rest as attributes."""
    reserved = [n for n in given if n in _RESERVED or n.startswith("_") or not n.isidentifier()]
    if reserved:
        hint = "cannot be an attribute: the name is reserved or no identifier"
        raise InvalidInput([Violation(n[:64], "reserved_name", hint) for n in reserved])
    fields = {n: v for n, v in given.items() if n in _CREATOR_FIELDS}
    rest = {n: v for n, v in given.items() if n not in _CREATOR_FIELDS}
    if rest:
        named = fields.get("attributes") or {}
        if not isinstance(named, Mapping):
            raise InvalidInput.of("attributes", "wrong_value", "must be a mapping")
        fields["attributes"] = {**named, **rest}
    return fields
