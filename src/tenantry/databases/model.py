"""Wanted state, found state, and the plan that leads from one to the other. Pure values.

All of it is about one managed database. Names here are names on the server: a principal's is
generated (``names.py``) or was adopted; a right is one that the server itself knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from tenantry.databases.managed import DatabaseKind
from tenantry.privileges.model import DatabaseObject, Privilege

PUBLIC = ""
"""The principal of a right that everybody on the server has."""


class Fidelity(StrEnum):
    """How well what a server can do fits what was asked for."""

    EXACT = "exact"
    WIDER = "wider"
    """The server's smallest right for it allows more; given only where that is allowed."""
    NARROWER = "narrower"
    IMPOSSIBLE = "impossible"


class PrincipalKind(StrEnum):
    """What a name on the server stands for."""

    USER = "user"
    ROLE = "role"
    OWNER = "owner"
    """Owns the tables of one database, where a privilege needs ownership."""
    UMBRELLA = "umbrella"
    """Holds all roles of one user, where a server lets only one role be active."""


@dataclass(frozen=True, slots=True)
class WantedPrincipal:
    """A user or role of Tenantry that is to be there. ``name`` is ``generated_name`` or adopted."""

    id: UUID
    kind: PrincipalKind
    name: str
    locked: bool = False
    """Nobody may log in as it, and who is logged in is put out."""
    adopted: bool = False
    """It was on the server before, under a name of its own, and was put under management.

    It is never made and never dropped, and its password is not ours.
    """


@dataclass(frozen=True, slots=True)
class WantedGrant:
    """A principal's privilege on an object in the database. Grants on everything come as on it."""

    principal: str
    privilege: Privilege
    object: DatabaseObject


@dataclass(frozen=True, slots=True)
class WantedState:
    """All that Tenantry wants in one managed database.

    ``scope`` is the id of the managed database: each one has names of its own, so that two on
    one server never meet. ``members`` are pairs (member, role) by name.
    """

    scope: UUID
    principals: tuple[WantedPrincipal, ...] = ()
    members: frozenset[tuple[str, str]] = frozenset()
    grants: frozenset[WantedGrant] = frozenset()
    kept: frozenset["Right"] = frozenset()
    """Rights as the server knows them that are to be there, too: what adopted ones had before."""


class RightKind(StrEnum):
    """What a right of the server is about; says what its ``path`` names."""

    SERVER = "server"
    """All of the server; path: nothing."""
    DATABASE = "database"
    """Path: the database, this one or another, by its name on the server."""
    SCHEMA = "schema"
    """Path: schema."""
    TABLE = "table"
    """Path: schema, table. Views are tables."""
    COLUMN = "column"
    """Path: schema, table, column."""
    SEQUENCE = "sequence"
    """Path: schema, sequence."""
    ROUTINE = "routine"
    """Path: schema, the routine with its arguments as the server writes it."""
    FUTURE_TABLES = "future_tables"
    """Path: who will make them, schema ("" for every schema). So for the next three."""
    FUTURE_SEQUENCES = "future_sequences"
    FUTURE_ROUTINES = "future_routines"
    FUTURE_SCHEMAS = "future_schemas"
    MEMBER = "member"
    """Path: the role that the principal is a member of."""
    DEFAULT_ROLE = "default_role"
    """Path: the role that is active from the login on."""
    OWNER = "owner"
    """Path: schema, table that the principal owns."""
    ATTRIBUTE = "attribute"
    """What a principal should not have of its own; the word is what takes it: NOSUPERUSER."""


class Right(NamedTuple):
    """One right as the server knows it: the smallest thing that is granted or revoked.

    A tuple, since there may be hundreds of thousands of them in two sets that are compared.
    """

    principal: str
    kind: RightKind
    path: tuple[str, ...]
    word: str
    grantor: str = ""
    """Who gave it, where that is neither the owner nor the executor: it is not ours then.

    Of an ownership, who has it now.
    """


@dataclass(frozen=True, slots=True)
class FoundPrincipal:
    """A login or role on the server."""

    name: str
    managed: bool
    can_login: bool
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What there is in the database, from the server's own catalogue. Owners by name."""

    schemas: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[tuple[str, str], str] = field(default_factory=dict)
    views: frozenset[tuple[str, str]] = frozenset()
    """Those of the tables that read others with the rights of their owner."""
    columns: frozenset[tuple[str, ...]] = frozenset()
    """Those of the tables, where something was adopted: only that may have rights on one."""
    sequences: Mapping[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    """Each sequence, and the table whose column it fills (twice "" where there is none)."""
    routines: frozenset[tuple[str, ...]] = frozenset()
    creators: Mapping[str, bool] = field(default_factory=dict)
    """Who makes objects here, and whether the executor may say what is granted on future ones."""


@dataclass(frozen=True, slots=True)
class FoundState:
    """What is on the server: all principals; rights of those managed, and of PUBLIC."""

    kind: DatabaseKind
    database: str
    """The name of the database on its server."""
    executor: str
    executor_owns_all: bool
    """Whether the executor may do everything there, as a superuser may."""
    principals: Mapping[str, FoundPrincipal] = field(default_factory=dict)
    rights: frozenset[Right] = frozenset()
    catalogue: Catalogue = field(default_factory=Catalogue)


class DriftKind(StrEnum):
    """In what way the server differs from what is wanted."""

    MISSING = "missing"
    EXTRA = "extra"
    WIDER = "wider"
    OWNER = "owner"
    DEFAULT_PRIVILEGE = "default_privilege"


@dataclass(frozen=True, slots=True)
class Step:
    """One statement of a plan, why it is there, and how well it does what was asked for."""

    statement: str
    why: str
    drift: DriftKind
    fidelity: Fidelity = Fidelity.EXACT
    principals: tuple[str, ...] = ()
    """Whom it is about."""
    gives: tuple[Right, ...] = ()
    takes: tuple[Right, ...] = ()
    creates: str | None = None
    locks: str | None = None
    unlocks: str | None = None
    drops: str | None = None
    ends: tuple[str, ...] = ()
    """The logins whose open connections must be ended after it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a plan cannot or does not do exactly, and the reason. Never dropped."""

    principal: str
    fidelity: Fidelity
    reason: str
    privilege: Privilege | None = None
    object: DatabaseObject | None = None
    refused: bool = False
    """Whether nothing was planned for it: impossible, or wider and not allowed."""
    tables: tuple[DatabaseObject, ...] = ()
    """Those of the object that it is about, where it is not about all of it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The ordered steps from the found to the wanted state, and what they leave open."""

    steps: tuple[Step, ...] = ()
    findings: tuple[Finding, ...] = ()
    ends: tuple[str, ...] = ()
    """Logins whose open connections an earlier plan has left, as it was broken off."""

    @property
    def is_empty(self) -> bool:
        """Whether the server is as wanted, as far as it can be."""
        return not self.steps


@dataclass(frozen=True, slots=True)
class Drift:
    """One way in which the server differs, and the statement that mends it."""

    kind: DriftKind
    principals: tuple[str, ...]
    what: str
    statement: str


@dataclass(frozen=True, slots=True)
class Policy:
    """What the owner of the database allows a plan to do."""

    allow_wider: bool = False
    close_public: bool = False
    """Take from PUBLIC what it has in the database; without it that is only reported."""
    take_ownership: bool = False
    """Make the owner role the owner of tables where a wanted privilege needs it.

    Who owned a table before keeps all privileges on it, but can no longer alter or drop it.
    """
    reopen: frozenset[str] = frozenset()
    """Adopted logins that a plan of ours has locked: let in again when their users are."""
