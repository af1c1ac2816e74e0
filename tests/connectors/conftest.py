"""The shops, for the tests of this folder."""

from tests.connectors.fixtures import maria_shop, mariadb, postgres_shop, shop, shop_postgres

__all__ = ["maria_shop", "mariadb", "postgres_shop", "shop", "shop_postgres"]
