"""How one environment variable is read: from itself or from a file, into a value of a type.

A parser raises ValueError with what it expects. It never repeats what it got, which may be secret.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from tenantry.errors import ConfigurationError

PREFIX = "TENANTRY_"
MASK = "***"

Network = IPv4Network | IPv6Network


Default = TypeVar("Default")
Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class Variable:
    """What the documentation and the parser know about one setting."""

    name: str
    default: str
    meaning: str
    parse: Callable[[str], object]
    secret: bool

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return PREFIX + self.name

    @property
    def field(self) -> str:
        """Its name in `Settings`."""
        return self.name.lower()


def setting(
    default: Default,
    parse: Callable[[str], Parsed],
    meaning: str,
    *,
    shown: str | None = None,
    secret: bool = False,
) -> Default | Parsed:
    """Declare a setting; `shown` describes a default that is not a plain value."""
    return field(
        default=default,
        metadata={
            "parse": parse,
            "meaning": meaning,
            "shown": str(default) if shown is None else shown,
            "secret": secret,
        },
    )


def read_variable(environ: Mapping[str, str], name: str, prefix: str = PREFIX) -> str | None:
    """The value of `TENANTRY_<name>`, or the content of the file `TENANTRY_<name>_FILE` names.

    One newline at the end of the file is not part of the value.
    """
    variable, pointer = prefix + name, f"{prefix}{name}_FILE"
    if pointer not in environ:
        return environ.get(variable)
    if variable in environ:
        raise ConfigurationError(f"{variable} and {pointer} are both set: keep one of them.")
    try:
        content = Path(environ[pointer]).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{pointer} names a file that cannot be read: {error.strerror}."
        ) from None
    except ValueError:
        raise ConfigurationError(f"{pointer} names a file that is not text in UTF-8.") from None
    return content.removesuffix("\n").removesuffix("\r")


def text(value: str) -> str:
    return value


def word(value: str) -> str:
    if re.search(r"\s", value):
        raise ValueError("a name without spaces")
    return value


def whole(least: int, most: int) -> Callable[[str], int]:
    """A parser of whole numbers in a range, both ends included."""

    def parse(value: str) -> int:
        # int() would take "1_000", " 7 " and the digits of other scripts as well.
        if not re.fullmatch(r"[0-9]{1,12}", value) or not least <= int(value) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(value)

    return parse


def seconds(least: float, most: float) -> Callable[[str], float]:
    """A parser of seconds in a range, with or without a fraction."""

    def parse(value: str) -> float:
        number = re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", value)
        if not number or not least <= float(value) <= most:
            raise ValueError(f"seconds from {least:g} to {most:g}, such as 2 or 0.5")
        return float(value)

    return parse


def folder(value: str) -> Path:
    # Only a shell expands "~"; taken literally it makes a folder of that name.
    if value.startswith("~"):
        raise ValueError("a path written out, without ~")
    return Path(value)


def roots(value: str) -> dict[str, Path]:
    """Names and folders, such as ``fast=/srv/nvme,large=/srv/disks``."""
    found: dict[str, Path] = {}
    for entry in value.split(","):
        name, equals, path = entry.strip().partition("=")
        fits = equals and path and name.isascii() and name.isidentifier()
        if not fits or name in found or folder(path) in found.values():
            raise ValueError("names and folders, such as fast=/srv/nvme,large=/srv/disks")
        found[name] = folder(path)
    return found


def choice(*allowed: str) -> Callable[[str], str]:
    """A parser of one of a few words, in any case."""

    def parse(value: str) -> str:
        if value.lower() not in allowed:
            raise ValueError("one of " + ", ".join(allowed))
        return value.lower()

    return parse


def postgres_url(value: str) -> str:
    if not re.match(r"postgres(ql)?://.", value) or re.search(r"\s", value):
        raise ValueError("postgresql://user:password@host[:port][,host[:port]...]/database")
    return value


def valkey_url(value: str) -> str:
    if not re.match(r"(valkeys?|rediss?|unix)://.", value) or re.search(r"\s", value):
        raise ValueError("valkey://host:port/0, valkeys://host:port/0 or unix:///path/of/socket")
    return value


def web_url(value: str) -> str:
    """An absolute address without a query; the slash at its end goes."""
    expected = "an absolute address such as https://accounts.example.org"
    try:
        parts = urlsplit(value)
        port_fits = parts.port is None or parts.port > 0
    except ValueError:
        raise ValueError(expected) from None
    extra = re.search(r"[\s@?#]", value)
    if not port_fits or extra or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(expected)
    return value.rstrip("/")


def mailbox(value: str) -> tuple[str, str]:
    """The name and the address in ``Accounts <accounts@example.org>`` or a bare address."""
    expected = "an address such as Accounts <accounts@example.org>"
    match = re.fullmatch(r"(?:([^<>\r\n]*)<)?([^<>\s@]+@[A-Za-z0-9.-]+)(>?)", value.strip())
    if match is None or (match[1] is None) == bool(match[3]) or not match[2].isascii():
        raise ValueError(expected)
    return (match[1] or "").strip(' "'), match[2]


def hosts(value: str) -> tuple[str | Network, ...]:
    """Names of hosts, folders of Unix sockets, addresses and networks, with commas between."""
    expected = "hosts, addresses, networks or folders of sockets with commas between"
    found: list[str | Network] = []
    for part in filter(None, (part.strip() for part in value.split(","))):
        try:
            found.append(ip_network(part))
        except ValueError:
            if not re.fullmatch(r"/[^\s,]*|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", part):
                raise ValueError(expected) from None
            found.append(part.rstrip("/") or "/")
    return tuple(found)


def networks(value: str) -> tuple[Network, ...]:
    """Addresses and networks; one that takes in everybody would let anyone forge an address."""
    expected = "addresses or networks with commas between, such as 10.0.0.0/8,192.0.2.7"
    found: list[Network] = []
    for part in value.split(","):
        if not value.strip():
            break
        try:
            network = ip_network(part.strip())
        except ValueError:
            raise ValueError(f"{expected}; * is refused") from None
        if network.prefixlen == 0:
            raise ValueError(f"{expected}; a network of all addresses is refused")
        found.append(network)
    return tuple(found)


def mask_url(url: str) -> str:
    """The address with its password replaced, for logs and error messages."""
    url = re.sub(r"(://[^:@/]*:).*@", rf"\1{MASK}@", url)
    return re.sub(r"([?&](?:ssl)?password=)[^&]*", rf"\1{MASK}", url)
