"""The account manager's operations on access keys, the credentials of programs."""

from datetime import datetime

from tenantry.access_keys.actions import (
    ActivateAccessKeyAction,
    DeactivateAccessKeyAction,
    GetAccessKeyAction,
    IssueAccessKeyAction,
    ListAccessKeysAction,
    ModifyAccessKeyAction,
    RevokeAccessKeyAction,
    ShowSecretAction,
    SwitchMainAccessKeyAction,
)
from tenantry.access_keys.model import (
    DEFAULT_POLICY,
    DEFAULT_RATE_LIMIT,
    AccessKeyData,
    IssuedAccessKey,
)
from tenantry.errors import AccessKeyNotFound
from tenantry.sdk.operations import Operations
from tenantry.sdk.pages import PAGE_SIZE, AsyncPages


class AccessKeyOperations(Operations):
    """Access keys, by their public part; one's own, and for administrators those of others."""

    async def issue_access_key(
        self,
        username: str | None = None,
        *,
        name: str | None = None,
        scope: str = "full",
        admin: bool = False,
        expires_at: datetime | None = None,
        resource_policy: str = DEFAULT_POLICY,
        rate_limit: int = DEFAULT_RATE_LIMIT,
    ) -> IssuedAccessKey:
        """A further key, for oneself unless a user is named. The secret shows here only.

        Its ``token`` is what ``Client(token=...)`` takes. ``scope`` is ``full`` or ``read_only``.
        """
        action = self._action(
            IssueAccessKeyAction,
            user=username,
            name=name,
            scope=scope,
            admin=admin,
            expires_at=expires_at,
            resource_policy=resource_policy,
            rate_limit=rate_limit,
        )
        return await self._run(action)

    async def get_access_key(self, access_key: str) -> AccessKeyData | None:
        """The key, without its secret; None where there is none (or none one may see)."""
        try:
            return (await self._run(GetAccessKeyAction(access_key))).data
        except AccessKeyNotFound:
            return None

    async def list_access_keys(self, username: str | None = None) -> AsyncPages[AccessKeyData]:
        """All keys that one may see, oldest first, or those of a user."""
        return await self._walk(
            lambda cursor: ListAccessKeysAction(user=username, limit=PAGE_SIZE, cursor=cursor)
        )

    async def update_access_key(self, access_key: str, /, **fields: object) -> AccessKeyData:
        """Change ``name``, ``expires_at``, ``resource_policy`` or ``rate_limit``; None clears.

        ``version=`` (from the key as read) refuses the change if somebody else was faster.
        """
        action = self._action(ModifyAccessKeyAction, access_key=access_key, **fields)
        return (await self._run(action)).data

    async def activate_access_key(self, access_key: str) -> AccessKeyData:
        """Make a key valid again."""
        return (await self._run(ActivateAccessKeyAction(access_key))).data

    async def deactivate_access_key(self, access_key: str) -> AccessKeyData:
        """Make a key invalid until it is activated again."""
        return (await self._run(DeactivateAccessKeyAction(access_key))).data

    async def revoke_access_key(self, access_key: str) -> AccessKeyData:
        """Remove a key for good; the main one cannot be removed."""
        return (await self._run(RevokeAccessKeyAction(access_key))).data

    async def switch_main_access_key(self, access_key: str) -> AccessKeyData:
        """Make this active key its user's main one; the one before stays a key."""
        return (await self._run(SwitchMainAccessKeyAction(access_key))).data

    async def show_access_key_secret(self, access_key: str) -> IssuedAccessKey:
        """The secret of the main key that came with one's own account. Works once."""
        return await self._run(ShowSecretAction(access_key))
