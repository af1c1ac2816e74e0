"""From which addresses a user may log in: parsing rules, and asking them."""

import ipaddress
from collections.abc import Sequence

from tenantry.errors import InvalidInput
from tenantry.users.names import Unfit

MAX_RULES = 256
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def normalised_rules(rules: Sequence[str]) -> list[str]:
    """The rules as CIDR blocks, in the order given, none twice; Unfit names a bad one."""
    if len(rules) > MAX_RULES:
        raise Unfit("too_many", f"must not hold more than {MAX_RULES} entries")
    return list(dict.fromkeys(str(_network(rule)) for rule in rules))


def _network(rule: object) -> Network:
    if not isinstance(rule, str) or len(rule) > 64 or not rule.isascii():
        raise Unfit("invalid_address", "must hold addresses as text")
    if "*" in rule:
        return _wildcard(rule)
    _, slash, prefix = rule.partition("/")
    if "%" in rule or (slash and not prefix.isdecimal()):
        raise Unfit("invalid_address", f"{rule!r} is not an address, a CIDR block or a wildcard")
    try:
        network = ipaddress.ip_network(rule, strict=True)
    except ValueError as error:
        raise Unfit("invalid_address", _why(rule)) from error
    return _unmapped(network)


def _wildcard(rule: str) -> Network:
    octets = rule.split(".")
    fixed = [octet for octet in octets if octet != "*"]
    if len(octets) != 4 or octets != fixed + ["*"] * (4 - len(fixed)) or not fixed:
        raise Unfit("invalid_address", f"{rule!r} is not a wildcard such as 10.1.*.*")
    text = ".".join(fixed + ["0"] * (4 - len(fixed)))
    try:
        return ipaddress.ip_network(f"{text}/{8 * len(fixed)}")
    except ValueError as error:
        raise Unfit("invalid_address", f"{rule!r} is not a wildcard such as 10.1.*.*") from error


def _why(rule: str) -> str:
    try:
        meant = ipaddress.ip_network(rule, strict=False)
    except ValueError:
        return f"{rule!r} is not an address, a CIDR block or a wildcard"
    return f"{rule!r} has host bits set; did you mean {meant}?"


def _unmapped(network: Network) -> Network:
    """An IPv4-mapped IPv6 block as the IPv4 block that it stands for."""
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.ip_network(f"{mapped}/{network.prefixlen - 96}")
    return network


def parse_address(text: str) -> Address | None:
    """An address in its one form (IPv4-mapped IPv6 becomes IPv4), or None."""
    if len(text) > 64 or "%" in text:
        return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def require_address(text: str | None, field: str) -> None:
    """InvalidInput unless the text is an address, where there is one."""
    if text is not None and parse_address(text) is None:
        raise InvalidInput.of(field, "invalid_address", "must be an IPv4 or IPv6 address")


def allowed(rules: Sequence[str] | None, address: str | None) -> bool:
    """Whether the rules let this address in. No rules let everybody in, no address nobody."""
    if not rules:
        return True
    parsed = parse_address(address) if address else None
    return parsed is not None and any(
        parsed.version == network.version and parsed in network
        for network in map(ipaddress.ip_network, rules)
    )
