"""The shops, for the tests of this folder."""

from tests.connectors.fixtures import (
    maria_shop,
    mariadb,
    old_postgres_shop,
    old_shop_postgres,
    postgres_shop,
    shop,
    shop_postgres,
)

__all__ = [
    "maria_shop",
    "mariadb",
    "old_postgres_shop",
    "old_shop_postgres",
    "postgres_shop",
    "shop",
    "shop_postgres",
]
