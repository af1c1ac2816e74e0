"""The SQL of groups and memberships."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tenantry.errors import GroupConflict, GroupNotFound
from tenantry.groups.model import GroupData, Member
from tenantry.kernel.transaction import ConstraintViolation, Row, Statement, Transaction
from tenantry.users.access import Scope
from tenantry.users.model import UserData, is_uuid
from tenantry.users.names import fold, login_key

_READ = """
    select g.id, g.tenant_id, t.name as domain_name, g.name, g.description, g.created_at,
        g.modified_at, g.version
    from groups g join tenants t on t.id = g.tenant_id
"""
_SEEN = """
    ($3::uuid is null or g.tenant_id = $3)
    and ($4::uuid is null or exists (
        select from memberships m where m.group_id = g.id and m.user_id = $4))
"""
FIND = {
    "id": Statement(
        "groups.find_by_id",
        "One group by id.",
        f"{_READ} where g.id = $1 and $2::uuid is null and {_SEEN}",
    ),
    "name": Statement(
        "groups.find_by_name",
        "One group of a tenant by the normal form of its name.",
        f"{_READ} where g.name_key = $1 and g.tenant_id = $2 and {_SEEN}",
    ),
}
LOCK = {
    by: Statement(
        f"{found.name}_locked", f"{found.purpose[:-1]}, locked.", f"{found.sql} for update of g"
    )
    for by, found in FIND.items()
}
KEEP = {
    by: Statement(
        f"{found.name}_kept",
        f"{found.purpose[:-1]}, which nobody deletes meanwhile, and whether a user is in it.",
        f"""
        select found.*, exists (
            select from memberships m where m.group_id = found.id and m.user_id = $5) as is_member
        from ({found.sql} for key share of g) found
        """,
    )
    for by, found in FIND.items()
}
INSERT = Statement(
    "groups.insert",
    "Add a group.",
    """
    insert into groups (id, tenant_id, name, name_key, description, created_at, modified_at)
    values ($1, $2, $3, $4, $5, $6, $6)
    """,
)
UPDATE = Statement(
    "groups.update",
    "Change a group's name and description.",
    """
    update groups set name = $2, name_key = $3, description = $4, modified_at = $5,
        version = version + 1
    where id = $1
    """,
)
DELETE = Statement(
    "groups.delete",
    "Delete a group; its memberships go with it.",
    "delete from groups where id = $1",
)
PAGE = Statement(
    "groups.page",
    "Groups in order of their names, those of one member if one is given.",
    f"""
    {_READ} where ($1::text is null or (g.name_key, g.id) > ($1, $2::uuid)) and {_SEEN}
        and ($5::uuid is null or exists (
            select from memberships m where m.group_id = g.id and m.user_id = $5))
    order by g.name_key, g.id limit $6
    """,
)
MEMBERS = Statement(
    "groups.members",
    "The members of a group in order of their usernames.",
    """
    select u.id as user_id, u.username, u.full_name, m.added_at, u.username_key
    from memberships m join users u on u.id = m.user_id
    where m.group_id = $1 and ($2::text is null or (u.username_key, u.id) > ($2, $3::uuid))
    order by u.username_key, u.id limit $4
    """,
)
RESOLVE = Statement(
    "groups.resolve",
    "Groups of a tenant by id or name, which nobody can delete until the transaction ends.",
    """
    select id, name_key from groups
    where tenant_id = $1 and (id = any($2::uuid[]) or name_key = any($3::text[]))
    order by id for key share
    """,
)
ADD = Statement(
    "groups.add_members",
    "Put users into groups of their tenants; who is in already stays in.",
    """
    insert into memberships (group_id, user_id, tenant_id, added_at)
    select group_id, user_id, tenant_id, $4
    from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as entry (group_id, user_id, tenant_id)
    on conflict (group_id, user_id) do nothing
    """,
)
REMOVE = Statement(
    "groups.remove_member",
    "Take a user out of a group.",
    "delete from memberships where group_id = $1 and user_id = $2",
)
KEEP_ONLY = Statement(
    "groups.keep_only",
    "Take a user out of all groups but these.",
    "delete from memberships where user_id = $1 and group_id <> all($2::uuid[])",
)
KEEP_TENANT = Statement(
    "groups.keep_tenant",
    "Take a user out of all groups but those of a tenant.",
    "delete from memberships where user_id = $1 and tenant_id <> $2",
)
NAMES_OF = Statement(
    "groups.names_of",
    "The names of the groups that a user is in.",
    """
    select g.name from memberships m join groups g on g.id = m.group_id
    where m.user_id = $1 order by g.name_key, g.id
    """,
)


class GroupRepository:
    """Groups and memberships. ``scope`` says what the asker can see; the rest does not exist."""

    async def get(
        self, tx: Transaction, named: str, tenant_id: UUID | None, scope: Scope
    ) -> GroupData:
        """The group of this id, or of this name in the tenant; GroupNotFound."""
        by, arguments = _found_by(named, tenant_id, scope)
        return _group(await tx.fetchrow(FIND[by], *arguments))

    async def lock(
        self, tx: Transaction, named: str, tenant_id: UUID | None, scope: Scope
    ) -> GroupData:
        """Like ``get``, and nobody else changes it until the transaction ends."""
        by, arguments = _found_by(named, tenant_id, scope)
        return _group(await tx.fetchrow(LOCK[by], *arguments))

    async def keep(
        self, tx: Transaction, named: str, tenant_id: UUID | None, scope: Scope, user_id: UUID
    ) -> tuple[GroupData, bool]:
        """Like ``get``, and whether the user is in; nobody deletes it until the end.

        Who has locked the user can rely on the answer: all who change memberships lock the user
        or delete the group.
        """
        by, arguments = _found_by(named, tenant_id, scope)
        row = await tx.fetchrow(KEEP[by], *arguments, user_id)
        values = (
            {name: value for name, value in row.items() if name != "is_member"} if row else None
        )
        return _group(values), bool(row and row["is_member"])

    async def insert(
        self,
        tx: Transaction,
        *,
        group_id: UUID,
        tenant_id: UUID,
        name: str,
        description: str | None,
        now: datetime,
    ) -> None:
        """Add a group; GroupConflict when the tenant has one of this name."""
        try:
            await tx.execute(INSERT, group_id, tenant_id, name, fold(name), description, now)
        except ConstraintViolation as violation:
            raise _meaning(violation) from violation

    async def update(
        self, tx: Transaction, group_id: UUID, name: str, description: str | None, now: datetime
    ) -> None:
        """Change a group; GroupConflict as above."""
        try:
            await tx.execute(UPDATE, group_id, name, fold(name), description, now)
        except ConstraintViolation as violation:
            raise _meaning(violation) from violation

    async def delete(self, tx: Transaction, group_id: UUID) -> None:
        """Delete a group and its memberships."""
        await tx.execute(DELETE, group_id)

    async def page(
        self,
        tx: Transaction,
        scope: Scope,
        member_id: UUID | None,
        limit: int,
        after: tuple[str, UUID] | None,
    ) -> list[GroupData]:
        """Groups after this name and id."""
        key, group_id = after or (None, None)
        rows = await tx.fetch(PAGE, key, group_id, scope.tenant_id, scope.user_id, member_id, limit)
        return [GroupData(**row) for row in rows]

    async def members(
        self, tx: Transaction, group_id: UUID, limit: int, after: tuple[str, UUID] | None
    ) -> list[tuple[Member, str]]:
        """Members after this name and id, each with the name that it is ordered by."""
        key, user_id = after or (None, None)
        rows = await tx.fetch(MEMBERS, group_id, key, user_id, limit)
        return [(_member(row), row["username_key"]) for row in rows]

    async def resolve(
        self, tx: Transaction, tenant_id: UUID, named: Sequence[str]
    ) -> dict[str, UUID]:
        """The ids of the groups of a tenant by what they were called; unknown ones are missing."""
        ids = {text: UUID(text) for text in named if is_uuid(text)}
        keys = {text: login_key(text) for text in named if text not in ids}
        rows = await tx.fetch(RESOLVE, tenant_id, list(ids.values()), list(keys.values()))
        found = {row["id"] for row in rows}
        by_name = {row["name_key"]: row["id"] for row in rows}
        resolved = {text: group_id for text, group_id in ids.items() if group_id in found}
        return resolved | {text: by_name[key] for text, key in keys.items() if key in by_name}

    async def add(
        self, tx: Transaction, entries: Sequence[tuple[UUID, UserData]], now: datetime
    ) -> int:
        """Put users into groups of their tenants; the number of memberships that were new."""
        group_ids = [group_id for group_id, _ in entries]
        user_ids = [user.id for _, user in entries]
        tenant_ids = [user.tenant_id for _, user in entries]
        try:
            return await tx.execute(ADD, group_ids, user_ids, tenant_ids, now)
        except ConstraintViolation as violation:
            raise _meaning(violation) from violation

    def join(self, tx: Transaction, group_id: UUID, user: UserData, now: datetime) -> None:
        """Put a user into a group that is kept, when the transaction commits."""
        tx.later(ADD, [group_id], [user.id], [user.tenant_id], now)

    def leave(self, tx: Transaction, group_id: UUID, user_id: UUID) -> None:
        """Take a user out of a group, when the transaction commits."""
        tx.later(REMOVE, group_id, user_id)

    async def keep_only(self, tx: Transaction, user_id: UUID, group_ids: Sequence[UUID]) -> None:
        """Take a user out of all groups but these."""
        await tx.execute(KEEP_ONLY, user_id, list(group_ids))

    async def keep_tenant(self, tx: Transaction, user_id: UUID, tenant_id: UUID) -> None:
        """Take a user out of the groups of all other tenants."""
        await tx.execute(KEEP_TENANT, user_id, tenant_id)

    async def names_of(self, tx: Transaction, user_id: UUID) -> list[str]:
        """The names of the groups that a user is in."""
        return [row["name"] for row in await tx.fetch(NAMES_OF, user_id)]


def name_key(group: GroupData) -> str:
    """What a group is ordered by."""
    return fold(group.name)


def _found_by(named: str, tenant_id: UUID | None, scope: Scope) -> tuple[str, tuple[object, ...]]:
    if is_uuid(named):
        return "id", (UUID(named), None, scope.tenant_id, scope.user_id)
    return "name", (login_key(named), tenant_id, scope.tenant_id, scope.user_id)


def _group(row: Row | None) -> GroupData:
    if row is None:
        raise GroupNotFound(field="group")
    return GroupData(**row)


def _member(row: Row) -> Member:
    return Member(**{name: row[name] for name in Member.__struct_fields__})


def _meaning(violation: ConstraintViolation) -> Exception:
    """What a broken constraint means to who asked."""
    if violation.constraint == "groups_name_key":
        return GroupConflict("Another group of the tenant has this name already.", field="name")
    if violation.constraint == "memberships_group_fkey":
        return GroupNotFound(field="group")
    return violation
