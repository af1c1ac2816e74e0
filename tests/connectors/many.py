"""Many random worlds, on a server of each kind: ``python -m tests.connectors.many 500``.

With the folder of other PostgreSQL programs as a second argument, on that server instead.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tenantry.adapters.postgres.embedded import EmbeddedPostgres
from tenantry.testing.mariadb import EmbeddedMariaDB
from tests.connectors.mariadb_shop import MariaShop
from tests.connectors.postgres_shop import PostgresShop
from tests.connectors.shop import Shop
from tests.connectors.test_worlds import settle_one


async def run(shop: Shop, first: int, last: int) -> None:
    """Each world in the database that the one before has left."""
    began, cast = time.monotonic(), shop.cast()
    for seed in range(first, last):
        await settle_one(shop, cast, seed)
    await shop.removed()
    took = time.monotonic() - began
    sys.stdout.write(f"{last - first} worlds on {type(shop).__name__}: all well, {took:.0f} s\n")


async def main(worlds: int, programs: Path | None) -> None:
    """A new shop after each hundred, so that what old ones left does not pile up."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with EmbeddedPostgres(place / "postgres", bin_dir=programs, durable=False) as postgres:
            for first in range(0, worlds, 100):
                await run(await PostgresShop.opened(postgres), first, min(worlds, first + 100))
        if programs is None:
            with EmbeddedMariaDB(place / "mariadb") as mariadb:
                for first in range(0, worlds, 100):
                    await run(await MariaShop.opened(mariadb), first, min(worlds, first + 100))


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    asyncio.run(main(count, Path(sys.argv[2]) if len(sys.argv) > 2 else None))
