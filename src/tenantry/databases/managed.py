"""A managed database: where it is, as whom Tenantry goes there, and how far it obeys."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import msgspec

from tenantry.kernel.modifier import Modifier, OptionalState
from tenantry.record import Record, SecretText


class DatabaseKind(StrEnum):
    """What kind of server a database is on."""

    POSTGRESQL = "postgresql"
    MYSQL = "mysql"
    MARIADB = "mariadb"
    MATRIXONE = "matrixone"


class Standing(StrEnum):
    """Whether the server enforces what is granted here."""

    NEW = "new"
    """Nothing was applied yet; `database apply` does it for the first time."""
    APPLIED = "applied"
    """It did when it was last looked at."""
    PENDING = "pending"
    """Something was changed here since, and is on its way there."""
    FAILING = "failing"
    """The server could not be reached or refused; it is tried again."""


class ManagedDatabase(Record, frozen=True, kw_only=True):
    """A managed database as those may see it who may read its tenant; the secret is never told.

    ``name`` is what grants call it, ``remote_name`` what its server does. ``applied_at`` is when
    the server last had all that was granted; ``drift_count`` how many differences were found at
    ``drift_at``.
    """

    id: UUID
    name: str
    kind: DatabaseKind
    host: str
    port: int | None
    remote_name: str
    username: str
    tls: bool
    domain_name: str | None
    allow_wider: bool
    standing: Standing
    error: str | None
    applied_at: datetime | None
    drift_count: int | None
    drift_at: datetime | None
    created_at: datetime
    modified_at: datetime
    version: int


Dsn = Annotated[
    str,
    msgspec.Meta(
        description="Address such as postgresql://user@host:5432/name, without a password"
    ),
]
Secret = SecretText


class DatabaseModifier(Modifier, frozen=True, kw_only=True):
    """What to change of a managed database; what is not named stays as it is."""

    dsn: OptionalState[Dsn] = OptionalState.nop()
    secret: OptionalState[Secret] = OptionalState.nop()
    allow_wider: OptionalState[bool] = OptionalState.nop()


Columns = dict[str, Any]  # Any: columns have types of their own
