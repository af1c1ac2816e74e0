"""Encrypted lines to servers whose certificate is checked against the name that was asked for.

The host is looked up once, held to what is allowed, and connected to by its address, so the
driver does not know the name any more.
"""

import ssl
from typing import Any


class NamedContext(ssl.SSLContext):
    """Asks for a certificate that bears this name, whatever is connected to."""

    name: str

    def wrap_bio(self, *arguments: Any, **named: Any) -> ssl.SSLObject:  # Any: as the original
        """As for asyncio."""
        return super().wrap_bio(*arguments, **(named | {"server_hostname": self.name}))

    def wrap_socket(self, *arguments: Any, **named: Any) -> ssl.SSLSocket:  # Any: as above
        """As for drivers that block."""
        return super().wrap_socket(*arguments, **(named | {"server_hostname": self.name}))


def context_for(name: str) -> NamedContext:
    """The context for a server of this name, with the certificates that the system trusts."""
    context = NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.name = name
    context.load_default_certs()
    return context
