"""Who may do what, worked out from the rows in the plainest way, to compare the system with."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

Row = dict[str, Any]
Thing = tuple[str | None, str | None, str | None]


@dataclass(frozen=True)
class Naive:
    """All rows that have to do with it."""

    users: dict[UUID, Row]
    tenants: dict[UUID, Row]
    roles: dict[UUID, Row]
    members: list[Row]
    parents: list[Row]
    grants: list[Row]
    databases: dict[str, UUID]

    @classmethod
    async def read(cls, owner: asyncpg.Connection) -> "Naive":
        """As they are now."""

        async def rows(table: str) -> list[Row]:
            return [dict(row) for row in await owner.fetch(f"select * from {table}")]

        return cls(
            users={row["id"]: row for row in await rows("users")},
            tenants={row["id"]: row for row in await rows("tenants")},
            roles={row["id"]: row for row in await rows("roles")},
            members=await rows("role_members"),
            parents=await rows("role_parents"),
            grants=await rows("grants"),
            databases={r["database"]: r["tenant_id"] for r in await rows("tenant_databases")},
        )

    def may(self, user_id: UUID, privilege: str, thing: Thing, now: datetime) -> bool:
        """Whether the user may do this on the whole of a thing."""
        user = self.users.get(user_id)
        if user is None or not self._stands(user, now):
            return False
        return any(
            said in (privilege, "ALL") and _covers(on, thing)
            for said, on in self._said(user, thing[0], now)
        )

    def _stands(self, user: Row, now: datetime) -> bool:
        locked = user["locked_at"] is not None and (
            user["lock_expires_at"] is None or now < user["lock_expires_at"]
        )
        tenant = self.tenants[user["tenant_id"]]
        return user["status"] == "active" and not locked and tenant["status"] == "active"

    def _said(self, user: Row, database: str | None, now: datetime) -> Iterator[tuple[str, Thing]]:
        """Every privilege that reaches this database for the user, with what it is on."""
        home = user["tenant_id"]
        if self._walled(home, database):
            return
        for role_id in self._held(user["id"], database):
            role = self.roles[role_id]
            for privilege in role["permissions"]:
                for name in role["databases"] or [None]:
                    yield privilege, (name, None, None)
            yield from self._granted("role_id", role_id, database, now)
        yield from self._granted("user_id", user["id"], database, now)

    def _granted(
        self, column: str, principal_id: UUID, database: str | None, now: datetime
    ) -> Iterator[tuple[str, Thing]]:
        for grant in self.grants:
            begun = grant["valid_from"] is None or grant["valid_from"] <= now
            ended = grant["valid_until"] is not None and grant["valid_until"] <= now
            if grant[column] != principal_id or not begun or ended:
                continue
            if self._reaches(grant["within_id"], database):
                thing = grant["database"], grant["schema_name"], grant["table_name"]
                yield grant["privilege"], thing

    def _held(self, user_id: UUID, database: str | None) -> set[UUID]:
        """The roles that count there: each on the way must be good on the database."""
        reached: set[UUID] = set()
        waiting = [m["role_id"] for m in self.members if m["user_id"] == user_id]
        while waiting:
            role_id = waiting.pop()
            if role_id in reached or not self._reaches(self.roles[role_id]["tenant_id"], database):
                continue
            reached.add(role_id)
            waiting += [p["parent_id"] for p in self.parents if p["role_id"] == role_id]
        return reached

    def _reaches(self, tenant_id: UUID | None, database: str | None) -> bool:
        """Whether what is limited to a tenant's databases says something of this one."""
        if tenant_id is None:
            return True
        return database is not None and self.databases.get(database) == tenant_id

    def _walled(self, home: UUID, database: str | None) -> bool:
        of = self.databases.get(database) if database is not None else None
        return of is not None and (self._apart(home, of) or self.tenants[of]["status"] != "active")

    def _apart(self, one: UUID, other: UUID) -> bool:
        closed = self.tenants[one]["isolated"] or self.tenants[other]["isolated"]
        return one != other and bool(closed)


def _covers(on: Thing, thing: Thing) -> bool:
    return all(mine is None or mine == theirs for mine, theirs in zip(on, thing, strict=True))
