"""The shops, for the contract of connectors to databases."""

from tests.connectors.fixtures import (
    any_shop,
    fake_shop,
    maria_shop,
    mariadb,
    old_postgres_shop,
    old_shop_postgres,
    postgres_shop,
    shop_postgres,
)

__all__ = [
    "any_shop",
    "fake_shop",
    "maria_shop",
    "mariadb",
    "old_postgres_shop",
    "old_shop_postgres",
    "postgres_shop",
    "shop_postgres",
]
