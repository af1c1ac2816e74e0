"""The SQL of password policies and of earlier passwords."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from tenantry.changes.log import ChangeLog
from tenantry.changes.model import Change, ChangeKind
from tenantry.errors import TenantNotFound
from tenantry.kernel.transaction import Row, Statement, Transaction
from tenantry.passwords.policy import PasswordPolicy

COLUMNS = PasswordPolicy.__struct_fields__
_READ = ", ".join(f"p.{name}" for name in COLUMNS)

POLICIES = Statement(
    "password_policies.of_tenants",
    "What these tenants have set; a column that is null was not.",
    f"""
    select t.name_key, {_READ} from password_policies p join tenants t on t.id = p.tenant_id
    where t.name_key = any($1::text[])
    """,
)
FIND = Statement(
    "password_policies.find",
    "A tenant's name, and what it has set if anything.",
    f"""
    select t.name as tenant, {_READ}, p.version, p.modified_at
    from tenants t left join password_policies p on p.tenant_id = t.id where t.id = $1
    """,
)
LOCK = Statement(
    "password_policies.lock",
    "Let one transaction at a time change a tenant's policy.",
    "select from password_policies where tenant_id = $1 for update",
)
PREPARE = Statement(
    "password_policies.prepare",
    "Make sure that there is a row to lock.",
    """
    insert into password_policies (tenant_id, modified_at, version) values ($1, $2, 0)
    on conflict (tenant_id) do nothing
    """,
)
STORE = Statement(
    "password_policies.store",
    "Set all columns of a tenant's policy.",
    f"""
    update password_policies set
        {", ".join(f"{name} = ${i}" for i, name in enumerate(COLUMNS, 3))},
        modified_at = $2, version = version + 1
    where tenant_id = $1
    """,
)
HASHES = Statement(
    "password_history.hashes",
    "The present password of a user and the ones before, newest first.",
    """
    select hash from (
        select 'infinity'::timestamptz as replaced_at, password_hash as hash
        from users where id = $1 and password_hash is not null
        union all
        select replaced_at, password_hash from password_history where user_id = $1
    ) kept order by replaced_at desc limit $2
    """,
)
PRUNE = Statement(
    "password_history.prune",
    "Forget the passwords that the policy does not ask for, with room for one more.",
    """
    delete from password_history h using (
        select k.replaced_at, row_number() over (order by k.replaced_at desc) as place,
            coalesce(p.prevent_reuse_count, 0) as wanted
        from password_history k join users u on u.id = k.user_id
        left join password_policies p on p.tenant_id = u.tenant_id
        where k.user_id = $1
    ) old
    where h.user_id = $1 and h.replaced_at = old.replaced_at and old.place > old.wanted - 2
    """,
)
REMEMBER = Statement(
    "password_history.remember",
    "Keep the present password as an earlier one, if the policy asks for such.",
    """
    insert into password_history (user_id, replaced_at, password_hash)
    select u.id, $2, u.password_hash from users u
    join password_policies p on p.tenant_id = u.tenant_id and p.prevent_reuse_count > 1
    where u.id = $1 and u.password_hash is not null
    on conflict do nothing
    """,
)


class PasswordRepository:
    """Policies of tenants, and earlier passwords of users."""

    async def of_tenants(self, tx: Transaction, name_keys: Sequence[str]) -> dict[str, Row]:
        """What tenants have set, by the normal form of their names."""
        rows = await tx.fetch(POLICIES, name_keys)
        return {row["name_key"]: row for row in rows}

    async def find(self, tx: Transaction, tenant_id: UUID) -> Row:
        """What a tenant has set, with its name, version and modified_at; TenantNotFound."""
        row = await tx.fetchrow(FIND, tenant_id)
        if row is None:
            raise TenantNotFound(field="tenant")
        return row

    async def lock(self, tx: Transaction, tenant_id: UUID, now: datetime) -> None:
        """Let nobody else change it until the transaction ends."""
        await tx.execute(PREPARE, tenant_id, now)
        await tx.fetch(LOCK, tenant_id)

    async def store(
        self,
        tx: Transaction,
        tenant_id: UUID,
        values: dict[str, Any],  # Any: columns have types of their own
        now: datetime,
    ) -> None:
        """Set all columns; None is what the platform has by default."""
        await tx.execute(STORE, tenant_id, now, *(values[name] for name in COLUMNS))
        await ChangeLog.note(tx, Change(ChangeKind.TENANT, tenant_id))

    async def hashes(self, tx: Transaction, user_id: UUID, most: int) -> list[str]:
        """The hashes of the present password and the ones before."""
        return [row["hash"] for row in await tx.fetch(HASHES, user_id, most)]

    async def remember(self, tx: Transaction, user_id: UUID, now: datetime) -> None:
        """Keep the present password among the earlier ones: it is about to be replaced."""
        await tx.execute(PRUNE, user_id)
        await tx.execute(REMEMBER, user_id, now)


def policy_of(said: Mapping[str, Any] | None, defaults: PasswordPolicy) -> PasswordPolicy:
    """The policy that holds: what the tenant has set, else the platform's. Any: as above."""
    own = {n: said[n] for n in COLUMNS if said is not None and said[n] is not None}
    return msgspec.structs.replace(defaults, **own)
