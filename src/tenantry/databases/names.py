"""Names on servers: generated, so that no text of a user ever becomes one; and what is refused."""

import hashlib
import re
from uuid import UUID, uuid5

from tenantry.databases.managed import DatabaseKind
from tenantry.databases.model import PrincipalKind
from tenantry.errors import InvalidInput, StateConflict

LONGEST = 63
"""Bytes. PostgreSQL cuts longer names off without a word, and then means another one."""
_LONGEST = {
    DatabaseKind.POSTGRESQL: LONGEST,
    DatabaseKind.MATRIXONE: LONGEST,
    DatabaseKind.MYSQL: 3 * 32 + 1 + 255,
    DatabaseKind.MARIADB: 3 * 128 + 1 + 255,
}
PREFIX = "tn_"
_LETTER = {
    PrincipalKind.USER: "u",
    PrincipalKind.ROLE: "r",
    PrincipalKind.OWNER: "o",
    PrincipalKind.UMBRELLA: "a",
}
_KIND = {letter: kind for kind, letter in _LETTER.items()}
_KEYWORDS = frozenset({"public", "none"})


def longest_name(kind: DatabaseKind) -> int:
    """How many bytes the name of a principal may have; in the MySQL family it has a host in it."""
    return _LONGEST[kind]


def generated_name(scope: UUID, kind: PrincipalKind, id: UUID) -> str:
    """The principal's name in this managed database: 31 characters, as MySQL takes 32."""
    digest = hashlib.blake2s(kind.encode() + scope.bytes + id.bytes, digest_size=9).hexdigest()
    return f"{PREFIX}{_LETTER[kind]}{_of_scope(scope)}_{digest}"


def owner_name(scope: UUID) -> str:
    """The name of the role that owns the database's tables where a privilege needs that."""
    return generated_name(scope, PrincipalKind.OWNER, scope)


def umbrella_name(scope: UUID, login: str) -> str:
    """The name of the role that holds all roles of this login."""
    return generated_name(scope, PrincipalKind.UMBRELLA, uuid5(scope, login))


def is_generated(name: str, scope: UUID | None = None) -> bool:
    """Whether the name has the form of ours: of this scope, where one is given."""
    place = _of_scope(scope) if scope else "[0-9a-f]{8}"
    return re.fullmatch(f"{PREFIX}[urao]{place}_[0-9a-f]{{18}}", name) is not None


def kind_of(name: str) -> PrincipalKind | None:
    """What a generated name stands for; None for any other name."""
    return _KIND[name[len(PREFIX)]] if is_generated(name) else None


def marker(scope: UUID) -> str:
    """The comment on what is managed, on servers that have comments on roles."""
    return f"managed by tenantry {UUID(int=scope.int)}"


def require_text(name: str, field: str = "name", longest: int = LONGEST) -> str:
    """The name, if it reaches a server whole; InvalidInput otherwise.

    A NUL ends a name early, and one that is too long is cut and then means another.
    """
    if not name or "\0" in name or any("\ud800" <= letter <= "\udfff" for letter in name):
        raise InvalidInput.of(field, "invalid_text", "is empty or holds what no name may hold")
    if len(name) > longest or len(name.encode()) > longest:
        raise InvalidInput.of(field, "too_long", f"must not be longer than {longest} bytes")
    return name


def require_identifier(name: str, field: str = "name", longest: int = LONGEST) -> str:
    """The name of a principal, if it means itself; InvalidInput otherwise.

    ``public`` means everybody to PostgreSQL even in quotes, and what begins with ``pg_`` is its
    own; no server is asked to make or change such a one.
    """
    folded = require_text(name, field, longest).strip().casefold()
    if folded in _KEYWORDS or folded.startswith("pg_"):
        raise InvalidInput.of(field, "reserved", f"{name!r} means something else to a server")
    return name


def not_made(name: str) -> StateConflict:
    """What is said of a login that is none of ours."""
    return StateConflict(
        f"{name} was not made by Tenantry, so its password is none of Tenantry's business"
    )


def require_ascii(password: str) -> bytes:
    """The bytes of a password that we have made up ourselves; others need to be prepared."""
    if not password.isascii():
        raise InvalidInput.of("password", "invalid_text", "must have ASCII letters only")
    return password.encode()


def _of_scope(scope: UUID) -> str:
    return hashlib.blake2s(scope.bytes, digest_size=4).hexdigest()
