"""Where a request comes from: the client's address, its name for itself, the request's id."""

import logging
import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from uuid import uuid4

from tenantry.environment import Network
from tenantry.kernel.action import Origin

Address = IPv4Address | IPv6Address
RawHeaders = Sequence[tuple[bytes, bytes]]

FORWARDING = frozenset((b"x-forwarded-for", b"x-real-ip", b"forwarded"))
_LONGEST_USER_AGENT = 256
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}")

logger = logging.getLogger(__name__)


def origin_of(client: Any, headers: RawHeaders, trusted: Sequence[Network]) -> Origin:
    """The origin of a request. ``client`` is the scope's pair of host and port (Any: untyped)."""
    peer = peer_of(client)
    address = client_address(peer, headers, trusted)
    return Origin(
        face="http",
        address=str(address) if address else None,
        user_agent=_user_agent(headers),
        request_id=_request_id(headers),
    )


def address_of(host: str | None, forwarded: bytes | None, trusted: Sequence[Network]) -> str | None:
    """The client's address, from the socket's other end and one X-Forwarded-For, if there is."""
    headers = [(b"x-forwarded-for", forwarded)] if forwarded is not None else []
    address = client_address(peer_of((host, 0) if host else None), headers, trusted)
    return str(address) if address else None


def peer_of(client: Any) -> Address | None:  # Any: ASGI gives a tuple, a list or None
    """The other end of the socket; None for a Unix socket."""
    try:
        return _plain(ip_address(client[0])) if client else None
    except ValueError:
        return None


def client_address(
    peer: Address | None, headers: RawHeaders, trusted: Sequence[Network]
) -> Address | None:
    """The peer, or what the trusted proxies in front say: the last hop that is not one of them.

    The left-most hop is whatever the client wrote; only what a trusted proxy appended counts.
    """
    if peer is None or not _within(peer, trusted):
        return peer
    lines = [value for name, value in headers if name == b"x-forwarded-for"]
    if not lines:
        return peer
    try:
        text = b",".join(lines).decode("ascii")
        hops = [_hop(part.strip()) for part in text.split(",")]
    except ValueError:
        logger.warning("X-Forwarded-For from %s is no list of addresses; it is ignored", peer)
        return peer
    return next((hop for hop in reversed(hops) if not _within(hop, trusted)), hops[0])


def local_peer(client: Any, headers: RawHeaders) -> bool:  # Any: as above
    """Whether somebody on this very machine asks, and not a proxy on it for somebody else."""
    peer = peer_of(client)
    forwarded = any(name in FORWARDING for name, _ in headers)
    return peer is not None and peer.is_loopback and not forwarded


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _hop(text: str) -> Address:
    """An address with or without a port; ValueError otherwise, also for a zone id."""
    found = _WITH_PORT.fullmatch(text)
    address = ip_address((found[1] or found[2] or "") if found else text)
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise ValueError("a zone id means nothing on another machine")
    return _plain(address)


def _plain(address: Address) -> Address:
    """The form that rules and networks are written in: IPv4 unwrapped, without a zone id."""
    if isinstance(address, IPv4Address):
        return address
    return address.ipv4_mapped or IPv6Address(int(address))


def _request_id(headers: RawHeaders) -> str:
    given = [value.decode("latin-1") for name, value in headers if name == b"x-request-id"]
    if len(given) == 1 and _REQUEST_ID.fullmatch(given[0]):
        return given[0]
    return uuid4().hex


def _user_agent(headers: RawHeaders) -> str | None:
    for name, value in headers:
        if name == b"user-agent":
            text = value[:_LONGEST_USER_AGENT].decode("latin-1")
            shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
            return "".join(shown)[:_LONGEST_USER_AGENT]
    return None
