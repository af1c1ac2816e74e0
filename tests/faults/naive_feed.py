"""The server as a plain implementation would have it: it trusts notifications and its connection.

Run as a program, with the environment of `tenantry serve`.
"""

import os

from tenantry import foundation
from tenantry.adapters.postgres.listener import CHANNEL, ChangeListener
from tenantry.adapters.postgres.transaction import PostgresTransaction
from tenantry.http.serve import run_server
from tenantry.settings import Settings


class TrustingListener(ChangeListener):
    """Connects once, reads the log when it is told to, and takes silence for no news."""

    async def run_forever(self) -> None:
        connection = await self._connect()
        await connection.add_listener(CHANNEL, self._heard)
        while True:
            await self._feed.catch_up(PostgresTransaction(connection))
            self._feed._good_until = float("inf")
            await self._woken.wait()
            self._woken.clear()


if __name__ == "__main__":
    setattr(foundation, "ChangeListener", TrustingListener)  # noqa: B010 - mypy forbids the plain form
    run_server(Settings.from_environment(os.environ))
