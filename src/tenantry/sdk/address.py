"""Addresses of servers, and how an HTTP client of ours talks to one."""

from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from tenantry.errors import ConfigurationError

EMBEDDED = "embedded://"
"""The host of no server: the whole system in this very process."""

CONNECTIONS = 32
KEEP_ALIVE = 4.0
"""Seconds; less than the server's 5, so that no request is sent into a connection just closed."""


def server_url(host: str, port: int) -> str:
    """The address of a server; ``host`` may say the scheme, as in ``https://db.example.org``."""
    if "://" in host:
        parts = urlsplit(host)
        return f"{parts.scheme}://{_bracketed(parts.hostname or '')}:{parts.port or port}"
    return f"http://{_bracketed(host.strip('[]'))}:{port}"


def checked_url(text: str) -> str:
    """An address as a person writes it, without what the paths of the API replace."""
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    extra = parts.username or parts.password or parts.query or parts.fragment
    if parts.scheme not in ("http", "https") or not parts.hostname or extra:
        raise ConfigurationError("The server is given as http://host:port or https://host:port.")
    port = port or (443 if parts.scheme == "https" else 80 if "://" in text else 8420)
    return f"{parts.scheme}://{_bracketed(parts.hostname)}:{port}{parts.path.rstrip('/')}"


def http_options(server: str, timeout: float) -> Any:  # Any: arguments of different types
    """How every HTTP client of ours talks to a server."""
    import httpx2

    return {
        "timeout": httpx2.Timeout(timeout),
        "limits": httpx2.Limits(
            max_connections=CONNECTIONS,
            max_keepalive_connections=CONNECTIONS,
            keepalive_expiry=KEEP_ALIVE,
        ),
        "verify": _trust(server),
        "trust_env": not _is_loopback(server),
        "headers": {"Accept": "application/json", "User-Agent": "tenantry-python"},
    }


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_loopback(server: str) -> bool:
    host = urlsplit(server).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _trust(server: str) -> Any:  # Any: httpx2 takes True or an ssl.SSLContext
    """What certificates to trust; none for plain HTTP, since loading them all takes 100 ms."""
    if server.startswith("https:"):
        return True
    import ssl

    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
