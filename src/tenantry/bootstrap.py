"""What every installation has from its first start: a tenant, policies, a superadmin."""

import secrets
from datetime import timedelta

from tenantry.errors import UserConflict
from tenantry.kernel.clock import Clock, uuid7
from tenantry.kernel.transaction import Database, Statement, Transaction
from tenantry.settings import Settings
from tenantry.users.actions import CreateUserAction
from tenantry.users.model import UserCreator, UserRole
from tenantry.users.processors import UserProcessors

PARTITION_MONTHS = 15

ENSURE_PARTITIONS = Statement(
    "bootstrap.ensure_partitions",
    "Make the monthly partitions of last month and those to come.",
    "select ensure_partitions($1::timestamptz::date, $2)",
)
INSTALL = Statement(
    "bootstrap.install",
    "Remember a key for sealing cursors; the first one stays.",
    """
    insert into installation (cursor_key, created_at) values ($1, $2)
    on conflict (only_row) do nothing
    """,
)
CURSOR_KEY = Statement(
    "bootstrap.cursor_key", "The key for sealing cursors.", "select cursor_key from installation"
)
ADD_TENANT = Statement(
    "bootstrap.add_tenant",
    "Make the tenant that users are in by default.",
    """
    insert into tenants (id, name, name_key, description, search_text, status, created_at)
    values ($1, 'default', 'default', 'The first tenant', E'default\nthe first tenant', 'active',
            $2)
    on conflict (name_key) do nothing
    """,
)
ADD_POLICIES = Statement(
    "bootstrap.add_policies",
    "Make the resource policies that the guides name.",
    """
    insert into resource_policies
        (name, max_vfolder_count, max_quota_scope_size, max_session_count_per_model_session,
         max_customized_image_count, created_at)
    select name, 10, -1, 1, 3, $2 from unnest($1::text[]) as name
    on conflict (name) do nothing
    """,
)
ADD_KEYPAIR_POLICIES = Statement(
    "bootstrap.add_keypair_policies",
    "Make the policy that access keys have by default.",
    """
    insert into keypair_policies
        (name, default_for_unspecified, total_resource_slots, max_session_lifetime,
         max_concurrent_sessions, max_concurrent_sftp_sessions, max_containers_per_session,
         idle_timeout, allowed_vfolder_hosts, created_at)
    values ('default', 'unlimited', '{}', 0, 30, 1, 1, 0, '{}', $1)
    on conflict (name) do nothing
    """,
)
HAS_SUPERADMIN = Statement(
    "bootstrap.has_superadmin",
    "Whether there has ever been a superadmin.",
    "select exists (select from users where role = 'superadmin')",
)
POLICIES = ["default", "default-policy", "admin-policy"]


async def install(tx: Transaction, clock: Clock) -> bytes:
    """Make what is missing, in any number of processes at once; the key for sealing cursors."""
    now = clock.now()
    await ensure_partitions(tx, clock)
    await tx.execute(INSTALL, secrets.token_bytes(32), now)
    await tx.execute(ADD_TENANT, uuid7(now), now)
    await tx.execute(ADD_POLICIES, POLICIES, now)
    await tx.execute(ADD_KEYPAIR_POLICIES, now)
    key: bytes = await tx.fetchval(CURSOR_KEY)
    return key


async def ensure_partitions(tx: Transaction, clock: Clock) -> None:
    """Make the partitions that the coming year needs; to be repeated now and then."""
    last_month = clock.now().replace(day=1) - timedelta(days=1)
    await tx.execute(ENSURE_PARTITIONS, last_month, PARTITION_MONTHS)


async def ensure_superadmin(
    database: Database, users: UserProcessors, settings: Settings
) -> str | None:
    """Make the first superadmin if there never was one; the password if it was made up here."""
    async with database.autocommit() as tx:
        if await tx.fetchval(HAS_SUPERADMIN):
            return None
    password = settings.admin_password or secrets.token_urlsafe(18)
    creator = UserCreator(
        username=settings.admin_user,
        password=password,
        full_name="Administrator",
        role=UserRole.SUPERADMIN,
        resource_policy="admin-policy",
    )
    try:
        await users.create_user.wait_for_complete(CreateUserAction(input=creator))
    except UserConflict:
        return None  # another process was quicker
    return None if settings.admin_password else password
