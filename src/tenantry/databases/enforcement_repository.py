"""Reads what servers are to enforce, and writes down what came of it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from tenantry.databases import enforcement_queries as queries
from tenantry.databases.adopted import Adopted, Rights, decoded, encoded
from tenantry.databases.differences import Differences
from tenantry.databases.managed import ManagedDatabase
from tenantry.databases.model import WantedState
from tenantry.databases.ports import ServerFigures
from tenantry.databases.wanted import Holdings
from tenantry.grants.loading import Loaded, load
from tenantry.kernel.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What counts in a database as of at least this change, and what people call the principals."""

    version: int
    holdings: Holdings
    labels: dict[UUID, str]


@dataclass(frozen=True, slots=True)
class State:
    """How far the server is."""

    enforced: bool
    applied_seq: int
    wanted_digest: bytes | None
    requested: bool
    failures: int
    unended: tuple[str, ...] = ()
    """Whose connections a plan that was broken off has left open, perhaps."""


class LoginKey(NamedTuple):
    """The credential of a user for a database, and the lease of who has it in hand."""

    database_id: UUID
    user_id: UUID
    lease_id: UUID


@dataclass(frozen=True, slots=True)
class EndedLogin:
    """A credential whose time is over."""

    database_id: UUID
    database: str
    user_id: UUID
    name: str


class EnforcementRepository:
    """What the enforcement of grants needs of our own database."""

    async def snapshot(self, tx: Transaction, database: ManagedDatabase) -> Snapshot:
        """The number is read first: what is read after it knows of all changes up to it."""
        version: int = await tx.fetchval(queries.HEAD)
        roles = [r["id"] for r in await tx.fetch(queries.CONCERNED_ROLES, database.name)]
        users = await tx.fetch(queries.CONCERNED_USERS, database.name, roles, database.id)
        ids = [user["id"] for user in users]
        loaded = await load(tx, ids, role_ids=roles, databases=[database.name])
        holdings = await self._holdings(tx, database.id, database.name, loaded)
        labels = {user["id"]: f"user {user['username']}" for user in users}
        labels |= {role_id: f"role {loaded.names[role_id]}" for role_id in loaded.roles}
        return Snapshot(version, holdings, labels)

    async def holdings_of(
        self, tx: Transaction, database_id: UUID, name: str, user_id: UUID
    ) -> Holdings:
        """What counts in the database for one user."""
        loaded = await load(tx, [user_id], databases=[name])
        return await self._holdings(tx, database_id, name, loaded)

    async def _holdings(
        self, tx: Transaction, database_id: UUID, name: str, loaded: Loaded
    ) -> Holdings:
        adopted = await tx.fetch(queries.ADOPTED, database_id)
        owner_id = loaded.databases.get(name)
        return Holdings(
            scope=database_id,
            database=name,
            owner=loaded.tenants.get(owner_id) if owner_id is not None else None,
            users=loaded.users,
            roles=loaded.roles,
            tenants=loaded.tenants,
            adopted=tuple(
                Adopted(row["name"], row["id"], decoded(row["had"]), row["locked"])
                for row in adopted
            ),
        )

    async def state(self, tx: Transaction, database_id: UUID) -> State:
        """How far the server of a managed database is."""
        row = await tx.fetchrow(queries.STATE, database_id)
        if row is None:
            return State(
                enforced=False, applied_seq=0, wanted_digest=None, requested=False, failures=0
            )
        requested = row["requested_at"] is not None and (
            row["applied_at"] is None or row["requested_at"] > row["applied_at"]
        )
        return State(
            row["enforced"],
            row["applied_seq"],
            row["wanted_digest"],
            requested,
            row["failures"],
            tuple(row["unended"]),
        )

    async def due(self, tx: Transaction, now: datetime) -> list[str]:
        """Managed databases whose servers may have to enforce something new."""
        return [row["name"] for row in await tx.fetch(queries.DUE, now)]

    async def drift_due(self, tx: Transaction, before: datetime, now: datetime) -> list[str]:
        """Managed databases that were not compared with their servers since then."""
        return [row["name"] for row in await tx.fetch(queries.DRIFT_DUE, before, now)]

    async def claim(
        self, tx: Transaction, database_id: UUID, lease_id: UUID, now: datetime, until: datetime
    ) -> bool:
        """Have the server to oneself; False while another worker has it."""
        return await tx.execute(queries.CLAIM, database_id, lease_id, now, until) > 0

    async def advance(
        self,
        tx: Transaction,
        database_id: UUID,
        lease_id: UUID,
        until: datetime,
        done: int,
        total: int,
    ) -> bool:
        """Keep the lease, and say how far it is; False where it was lost."""
        count = await tx.execute(queries.ADVANCE, database_id, lease_id, until, done, total)
        return count > 0

    async def request(
        self, tx: Transaction, database_id: UUID, now: datetime, *, enforced: bool
    ) -> None:
        """Have the server enforce what is granted from now on, or nothing any more."""
        await tx.execute(queries.REQUEST, database_id, now, enforced)

    async def end_later(
        self, tx: Transaction, database_id: UUID, lease_id: UUID, names: Sequence[str]
    ) -> bool:
        """Remember whose connections must be ended; False where the lease was lost."""
        return await tx.execute(queries.END_LATER, database_id, lease_id, list(names)) > 0

    async def succeed(
        self,
        tx: Transaction,
        database_id: UUID,
        lease_id: UUID,
        version: int,
        now: datetime,
        digest: bytes,
        boundary: datetime | None,
        refused: str,
    ) -> None:
        """The server enforces all up to this version, but for what was refused."""
        said = version, now, digest, boundary, refused
        await tx.execute(queries.SUCCEED, database_id, lease_id, *said)

    async def keep(
        self,
        tx: Transaction,
        database_id: UUID,
        lease_id: UUID,
        version: int,
        boundary: datetime | None,
    ) -> None:
        """Nothing up to this version concerns the server."""
        await tx.execute(queries.KEEP, database_id, lease_id, version, boundary)

    async def fail(
        self,
        tx: Transaction,
        database_id: UUID,
        lease_id: UUID | None,
        retry_at: datetime,
        error: str,
        now: datetime,
    ) -> None:
        """It failed, and is tried again then."""
        await tx.execute(queries.FAIL, database_id, lease_id, retry_at, error, now)

    async def drifted(
        self,
        tx: Transaction,
        database_id: UUID,
        found: Differences,
        now: datetime,
        digest: bytes,
        applied_at: datetime | None,
        refused: str,
    ) -> bool:
        """These differences were found, and this was refused; whether they are others than before.

        Nothing is remembered where the server was not to do just this, and nothing else, since
        it was applied then.
        """
        counted = sum(found.counts.values()), json.dumps(dict(found.counts))
        said = *counted, now, digest, applied_at, found.digest, refused
        return bool(await tx.fetchval(queries.DRIFTED, database_id, *said))

    async def figures(self, tx: Transaction, now: datetime) -> list[ServerFigures]:
        """How far each server that is to follow does so."""
        return [
            ServerFigures(row["name"], json.loads(row["drift"]), row["failing"], row["compared"])
            for row in await tx.fetch(queries.FIGURES, now)
        ]

    async def adopt(
        self,
        tx: Transaction,
        database_id: UUID,
        name: str,
        user_id: UUID | None,
        role_id: UUID | None,
        now: datetime,
    ) -> bool:
        """Have a principal of the server stand for a user or a role; False where it does so."""
        return await tx.execute(queries.ADOPT, database_id, name, user_id, role_id, now) > 0

    async def remember(
        self,
        tx: Transaction,
        database_id: UUID,
        lease_id: UUID,
        had: Mapping[str, Rights],
        locked: Sequence[str],
    ) -> None:
        """What adopted ones had before a plan, and which of them it will lock."""
        for name, rights in had.items():
            await tx.execute(queries.REMEMBER_HAD, database_id, lease_id, name, encoded(rights))
        if locked:
            await tx.execute(queries.REMEMBER_LOCKED, database_id, lease_id, list(locked))

    async def opened_again(self, tx: Transaction, database_id: UUID, names: Sequence[str]) -> None:
        """These adopted ones are not locked by us any more."""
        await tx.execute(queries.OPENED_AGAIN, database_id, list(names))

    async def given_back(self, tx: Transaction, database_id: UUID) -> None:
        """All adopted ones are again as they were before."""
        await tx.execute(queries.GIVEN_BACK, database_id)

    async def claim_login(
        self, tx: Transaction, login: LoginKey, name: str, now: datetime, until: datetime
    ) -> bool:
        """Have a user's credential to oneself; False while somebody else has it."""
        return await tx.execute(queries.CLAIM_LOGIN, *login[:2], name, login[2], now, until) > 0

    async def opened_login(
        self, tx: Transaction, login: LoginKey, now: datetime, until: datetime
    ) -> bool:
        """It is open, until then; False where it was not one's own any more."""
        return await tx.execute(queries.OPENED_LOGIN, *login, now, until) > 0

    async def refused_login(self, tx: Transaction, login: LoginKey) -> None:
        """It was not opened."""
        await tx.execute(queries.REFUSED_LOGIN, *login)

    async def usernames(
        self, tx: Transaction, database_id: UUID, names: Sequence[str]
    ) -> dict[str, str]:
        """Who has logged in by these names on the server."""
        rows = await tx.fetch(queries.LOGIN_USERS, database_id, list(names))
        return {row["name"]: row["username"] for row in rows}

    async def remember_ended(
        self, tx: Transaction, database_id: UUID, ended: Mapping[str, int], now: datetime
    ) -> None:
        """How many open connections of whom were ended, by their names on the server."""
        said = list(ended), list(ended.values()), now
        await tx.execute(queries.REMEMBER_ENDED, database_id, *said)

    async def enforced(self, tx: Transaction) -> dict[str, UUID]:
        """The databases whose servers follow, by name."""
        return {row["name"]: row["id"] for row in await tx.fetch(queries.ENFORCED)}

    async def open_logins(self, tx: Transaction, database_id: UUID) -> list[str]:
        """The names on the server of those whose logins are not known to be shut."""
        return [row["name"] for row in await tx.fetch(queries.OPEN_LOGINS, database_id)]

    async def ended_logins(self, tx: Transaction, now: datetime) -> list[EndedLogin]:
        """Credentials whose time is over."""
        rows = await tx.fetch(queries.ENDED_LOGINS, now)
        return [EndedLogin(r["database_id"], r["database"], r["user_id"], r["name"]) for r in rows]

    async def claim_ended_login(
        self, tx: Transaction, login: LoginKey, now: datetime, until: datetime
    ) -> bool:
        """Have one whose time is over to oneself; False where a new one is open by now."""
        return await tx.execute(queries.CLAIM_ENDED_LOGIN, now, *login, until) > 0

    async def close_login(self, tx: Transaction, login: LoginKey) -> None:
        """Forget a credential that was shut."""
        await tx.execute(queries.CLOSE_LOGIN, *login)


def digest_of(wanted: WantedState) -> bytes:
    """What tells two wanted states apart."""
    parts = (
        [repr(principal) for principal in wanted.principals],
        sorted(wanted.members),
        sorted((g.principal, g.privilege.value, g.object.label()) for g in wanted.grants),
    )
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).digest()
