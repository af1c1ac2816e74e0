"""Accounts that were on a server before Tenantry: a login with a role, and rights of both."""

from tenantry.databases.managed import DatabaseKind
from tests.connectors.shop import Shop

LOGIN, ROLE = "app", "readers"
STATEMENTS: dict[DatabaseKind, tuple[str, ...]] = {
    DatabaseKind.POSTGRESQL: (
        "create role readers",
        "create role app login",
        "grant select on public.goods, sales.orders to readers",
        "grant usage on schema sales to readers",
        "grant readers to app",
        "grant insert on public.goods to app",
        "grant usage on sequence public.goods_id_seq to app",
    ),
    DatabaseKind.MARIADB: (
        "create role readers",
        "create user app identified by 'older than all'",
        "grant select on goods to readers",
        "grant select on orders to readers",
        "grant readers to app",
        "set default role readers for app",
        "grant insert on goods to app",
    ),
}


async def put_older(shop: Shop) -> str:
    """Make them there; what the login is called there."""
    await shop.run(*STATEMENTS[shop.kind])
    return LOGIN if shop.kind is DatabaseKind.POSTGRESQL else f"{LOGIN}@%"
