"""The account manager's operations on grants, and its questions about what they come to."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypedDict, Unpack

from tenantry.grants.actions import (
    CheckAccessAction,
    CheckAction,
    CheckManyAction,
    CheckResult,
    ExplainAction,
    GetPermissionsAction,
    GiveAction,
    ListGrantsAction,
    ListHoldersAction,
    RevokeAccessAction,
    RevokeAction,
    WhatIfRoleAction,
)
from tenantry.grants.model import (
    Explanation,
    GivenGrants,
    GrantData,
    Holder,
    Revocation,
    RoleEffect,
)
from tenantry.grants.permissions import UserPermissions
from tenantry.sdk.operations import Operations, listed
from tenantry.sdk.pages import PAGE_SIZE, AsyncPages

Question = Mapping[str, str | None]
"""``username``, ``permission`` and, as far as it goes, ``database``, ``schema``, ``table``."""


class Terms(TypedDict, total=False):
    """From when and until when a grant holds, and why; and whose the name is."""

    valid_from: datetime | None
    valid_until: datetime | None
    reason: str | None
    principal_type: str | None
    tenant: str | None


class GrantOperations(Operations):
    """What an account manager can do with privileges on databases.

    ``username`` is the name or id of a user or of a role. Where both bear the name, say which by
    ``principal_type="user"`` or ``"role"``. A role's name is looked up in ``tenant``, in one's
    own unless it is given, and then among those of the platform. What is granted also takes
    ``valid_from``, ``valid_until`` and ``reason``.
    """

    async def grant_database_access(
        self,
        username: str,
        database: str | None,
        permissions: Iterable[str],
        **terms: Unpack[Terms],
    ) -> GivenGrants:
        """Grant privileges on a database and everything in it; on all databases where it is None.

        May be repeated: what is held in just this way already stays as it is.
        """
        place = {"database": database}
        return await self._give(username, permissions, place, terms)

    async def grant_schema_permissions(
        self,
        username: str,
        database: str,
        schema: str,
        permissions: Iterable[str],
        **terms: Unpack[Terms],
    ) -> GivenGrants:
        """Grant privileges on a schema and everything in it."""
        place = {"database": database, "schema": schema}
        return await self._give(username, permissions, place, terms)

    async def grant_table_permissions(
        self,
        username: str,
        database: str,
        table: str,
        permissions: Iterable[str],
        *,
        schema: str | None = None,
        **terms: Unpack[Terms],
    ) -> GivenGrants:
        """Grant privileges on a table, which is in the schema public unless one is named."""
        place = {"database": database, "schema": schema, "table": table}
        return await self._give(username, permissions, place, terms)

    async def revoke_permissions(
        self,
        username: str,
        database: str | None = None,
        table: str | None = None,
        permissions: Iterable[str] = (),
        schema: str | None = None,
        *,
        principal_type: str | None = None,
        tenant: str | None = None,
    ) -> Revocation:
        """Take privileges away that are granted on just this object, and on nothing inside it.

        ``still_held`` of the answer tells what of them is held in another way.
        """
        action = self._action(
            RevokeAction,
            principal=username,
            database=database,
            schema=schema,
            table=table,
            permissions=listed(permissions),
            principal_type=principal_type,
            domain_name=tenant,
        )
        return (await self._run(action)).data

    async def revoke_database_access(
        self,
        username: str,
        database: str,
        *,
        principal_type: str | None = None,
        tenant: str | None = None,
    ) -> Revocation:
        """Take every direct grant away on a database and everything in it; roles stay.

        ``still_held`` of the answer tells what still gives access.
        """
        action = self._action(
            RevokeAccessAction,
            principal=username,
            database=database,
            principal_type=principal_type,
            domain_name=tenant,
        )
        return (await self._run(action)).data

    async def list_grants(
        self,
        username: str | None = None,
        database: str | None = None,
        schema: str | None = None,
        table: str | None = None,
        *,
        role: str | None = None,
        principal_type: str | None = None,
        tenant: str | None = None,
    ) -> AsyncPages[GrantData]:
        """Direct grants in the order in which they were given: whose, and on what or inside it.

        ``role`` finds those of the users who hold that role.
        """
        return await self._walk(
            lambda cursor: self._action(
                ListGrantsAction,
                principal=username,
                database=database,
                schema=schema,
                table=table,
                role=role,
                principal_type=principal_type,
                domain_name=tenant,
                limit=PAGE_SIZE,
                cursor=cursor,
            )
        )

    async def list_holders(
        self,
        permission: str,
        database: str | None = None,
        schema: str | None = None,
        table: str | None = None,
    ) -> AsyncPages[Holder]:
        """The users who may do this on an object now, in whatever way, oldest first."""
        return await self._walk(
            lambda cursor: ListHoldersAction(
                permission=permission,
                database=database,
                schema=schema,
                table=table,
                limit=PAGE_SIZE,
                cursor=cursor,
            )
        )

    async def get_user_permissions(self, username: str) -> UserPermissions:
        """What a user may do now, as a set.

        ``("SELECT", "db", "schema", "table") in it`` is an exact question. ``"SELECT" in it``
        means on at least one object, so it authorises nothing; has_permission() does.
        """
        return (await self._run(self._action(GetPermissionsAction, user=username))).data

    async def has_permission(
        self,
        username: str,
        database: str | None = None,
        table: str | None = None,
        permission: str = "",
        schema: str | None = None,
        *,
        at_least: int | None = None,
        consistency: str = "bounded",
    ) -> bool:
        """Whether a user may do this on the whole of an object now.

        Without a table it is about the whole schema or database, without a database about
        everything. False for somebody who is not there, or not active. ``current_user`` is whoever
        asks. The answer knows of the change whose ``last_version`` is passed as ``at_least``; with
        ``consistency="strong"`` the database is asked.
        """
        action = self._action(
            CheckAction,
            user=username,
            permission=permission,
            database=database,
            schema=schema,
            table=table,
            at_least=at_least,
            consistency=consistency,
        )
        cache = self._line.decision_cache
        if cache is None or at_least is not None or consistency != "bounded":
            return (await self._run(action)).allowed
        key = (username, permission, database, schema, table)
        kept = cache.find(key)
        if kept is None:
            asked_at, generation = cache.now(), cache.generation
            kept = (await self._run(action)).allowed
            cache.keep(key, answer=kept, asked_at=asked_at, generation=generation)
        return kept

    async def check_permission(
        self,
        username: str,
        database: str | None = None,
        table: str | None = None,
        permission: str = "",
        schema: str | None = None,
    ) -> CheckResult:
        """The answer of has_permission() as of now, and what the database's server makes of it.

        It counts as True where the user may. ``enforcement`` says whether a managed server has
        followed by now: its ``state`` is pending, in_effect, refused, drifted, failed or
        not_managed.
        """
        action = self._action(
            CheckAction,
            user=username,
            permission=permission,
            database=database,
            schema=schema,
            table=table,
            with_enforcement=True,
        )
        return await self._run(action)

    async def has_database_access(self, username: str, database: str) -> bool:
        """Whether a user may do anything on a database or inside it now."""
        action = self._action(CheckAccessAction, user=username, database=database)
        return (await self._run(action)).allowed

    async def check_permissions(
        self,
        questions: Iterable[Question],
        *,
        at_least: int | None = None,
        consistency: str = "bounded",
    ) -> list[bool]:
        """The answers of has_permission() to up to 1,000 questions, in their order.

        A question has the keys ``username``, ``permission`` and, as far as it goes,
        ``database``, ``schema`` and ``table``.
        """
        asked = [_in_our_words(question) for question in questions]
        action = self._action(
            CheckManyAction, questions=asked, at_least=at_least, consistency=consistency
        )
        return (await self._run(action)).allowed

    async def explain_permission(
        self,
        username: str,
        database: str | None = None,
        table: str | None = None,
        permission: str = "",
        schema: str | None = None,
    ) -> Explanation:
        """Why has_permission() answers as it does: the ways that lead to it, or what is lacking."""
        action = self._action(
            ExplainAction,
            user=username,
            permission=permission,
            database=database,
            schema=schema,
            table=table,
        )
        return (await self._run(action)).data

    async def what_if_role(
        self, role: str, /, *, tenant: str | None = None, **fields: object
    ) -> AsyncPages[RoleEffect]:
        """Who would gain and lose what if a role had other ``permissions`` or ``databases``.

        Permissions of the system, such as ``user.lock``, are told beside privileges. Nothing is
        changed. ``databases=None`` means every database; what is not named stays.
        """
        return await self._walk(
            lambda cursor: self._action(
                WhatIfRoleAction,
                role=role,
                domain_name=tenant,
                limit=PAGE_SIZE,
                cursor=cursor,
                **fields,
            )
        )

    async def _give(
        self,
        principal: str,
        permissions: Iterable[str],
        place: Mapping[str, str | None],
        terms: Terms,
    ) -> GivenGrants:
        said = {_TERMS.get(name, name): value for name, value in terms.items()}
        action = self._action(
            GiveAction, principal=principal, permissions=listed(permissions), **place, **said
        )
        return (await self._run(action)).data


_KEYS = {"username": "user"}
_TERMS = {"tenant": "domain_name"}


def _in_our_words(question: object) -> object:
    """The question with the names that its action has; what is none is refused by name later."""
    if not isinstance(question, Mapping):
        return question
    return {_KEYS.get(name, name): value for name, value in question.items()}
