"""From an address to a connector: only hosts that are allowed, and the one for the kind."""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import replace

from tenantry.adapters.databases import connector_to
from tenantry.databases.address import Address, is_allowed
from tenantry.databases.managed import DatabaseKind
from tenantry.databases.ports import DatabaseConnector
from tenantry.environment import Network
from tenantry.errors import ConnectionError, InvalidInput

RESOLVE_SECONDS = 3.0


class AllowedServers:
    """Makes connectors to servers on the hosts that the setting names, and to no others."""

    def __init__(self, allowed: Sequence[str | Network]) -> None:
        self._allowed = allowed

    async def require_allowed(self, address: Address) -> Address:
        """The address with a host that was looked up once; InvalidInput where it is not allowed.

        What was looked at is what is connected to: a name may lead elsewhere a moment later.
        """
        resolved = [] if address.is_socket else await _resolved(address.host)
        if not is_allowed(address.host, resolved, self._allowed):
            message = "names a host that TENANTRY_MANAGED_HOSTS does not allow"
            raise InvalidInput.of("dsn", "host_not_allowed", message)
        if not resolved:
            return address
        return replace(address, host=resolved[0], server_name=address.host)

    async def connect(
        self, kind: DatabaseKind, address: Address, secret: str | None
    ) -> DatabaseConnector:
        """The connector; it connects when it is first asked something."""
        reached = await self.require_allowed(address)
        return connector_to(kind, reached, secret)


async def _resolved(host: str) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError) as error:
        raise ConnectionError(f"The host {host} cannot be found.") from error
    return [str(entry[4][0]) for entry in found]
