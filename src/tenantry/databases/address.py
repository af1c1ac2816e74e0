"""Where a database is: read from an address, and held to the hosts that are allowed. Pure."""

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from tenantry.databases.managed import DatabaseKind
from tenantry.environment import Network
from tenantry.users.names import Unfit, cap

MAX_DSN_BYTES = 1024
MAX_PART_BYTES = 63
_SCHEMES = {
    DatabaseKind.POSTGRESQL: ("postgresql", "postgres"),
    DatabaseKind.MYSQL: ("mysql",),
    DatabaseKind.MARIADB: ("mariadb", "mysql"),
    DatabaseKind.MATRIXONE: ("matrixone", "mysql"),
}
_TLS = {"disable": False, "prefer": False, "require": True}


@dataclass(frozen=True)
class Address:
    """A server, a database on it, and as whom Tenantry goes there.

    ``host`` is a name, an address, or the folder or file of a Unix socket, which begins with /.
    """

    host: str
    port: int | None
    database: str
    username: str
    tls: bool = False
    server_name: str | None = None
    """The name that the certificate has to bear, where the host has become a mere number."""

    @property
    def is_socket(self) -> bool:
        """Whether it is on this machine, behind a Unix socket."""
        return self.host.startswith("/")


def address_of(dsn: str, kind: DatabaseKind) -> Address:
    """The address; Unfit says what is wrong with it, and never repeats it."""
    cap(dsn, MAX_DSN_BYTES)
    if any(character.isspace() or not character.isprintable() for character in dsn):
        raise Unfit("invalid_character", "must not hold spaces or control characters")
    try:
        parts = urlsplit(dsn)
        port = parts.port
    except ValueError as error:
        raise Unfit("invalid_dsn", "is no address such as kind://user@host:port/name") from error
    if parts.scheme not in _SCHEMES[kind]:
        wanted = " or ".join(f"{scheme}://" for scheme in _SCHEMES[kind])
        raise Unfit("wrong_kind", f"must begin with {wanted} for a {kind} server")
    options = dict(parse_qsl(parts.query))
    if parts.password is not None or "password" in options:
        message = "must not hold the password; give it as the secret, from a file or a prompt"
        raise Unfit("holds_secret", message)
    if unknown := sorted(set(options) - {"host", "tls"}):
        raise Unfit("unknown_option", f"has an option that is not known here: {unknown[0][:64]}")
    if options.get("tls", "prefer") not in _TLS:
        raise Unfit("unknown_option", f"has a tls that is none of {', '.join(_TLS)}")
    return _address(parts, port, options)


def _address(parts: SplitResult, port: int | None, options: dict[str, str]) -> Address:
    try:
        host = unquote(options.get("host") or parts.hostname or "", errors="strict")
        database = unquote(parts.path.removeprefix("/"), errors="strict")
        username = unquote(parts.username or "", errors="strict")
    except UnicodeDecodeError as error:
        raise Unfit("invalid_text", "holds what is no text in UTF-8") from error
    named = {"host": host, "name of the database": database, "user": username}
    for what, text in named.items():
        if not text:
            raise Unfit("incomplete", f"names no {what}")
        cap(text, 255 if what == "host" else MAX_PART_BYTES)
    if "/" in database:
        raise Unfit("invalid_dsn", "names more than one database")
    return Address(host, port, database, username, tls=_TLS[options.get("tls", "prefer")])


def is_allowed(host: str, resolved: Sequence[str], allowed: Sequence[str | Network]) -> bool:
    """Whether a host may be gone to: by its own name, or because all its addresses are allowed.

    ``resolved`` are the addresses to which the name leads; none for a socket, which is allowed
    by its path alone.
    """
    names = {entry.lower().rstrip(".") for entry in allowed if isinstance(entry, str)}
    if host.startswith("/"):
        folders = [name for name in names if name.startswith("/")]
        within = (host == folder or host.startswith(f"{folder}/") for folder in folders)
        return posixpath.normpath(host) == host and any(within)
    if host.lower().rstrip(".") in names:
        return True
    networks = [entry for entry in allowed if not isinstance(entry, str)]
    return bool(resolved) and all(_is_within(text, networks) for text in resolved)


def _is_within(text: str, networks: Sequence[Network]) -> bool:
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address.version == n.version and address in n for n in networks)
