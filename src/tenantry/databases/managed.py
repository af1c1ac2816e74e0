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
    the server last had all that was granted; ``steps_done`` of ``steps_total`` is how far the last
    apply is; ``drift_count`` how many differences were found at ``drift_at``, ``drift`` how many of
    each kind.
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
    close_public: bool
    take_ownership: bool
    standing: Standing
    error: str | None
    failing_since: datetime | None
    applied_at: datetime | None
    steps_done: int | None
    steps_total: int | None
    drift_count: int | None
    drift: dict[str, int]
    drift_at: datetime | None
    created_at: datetime
    modified_at: datetime
    version: int


Dsn = Annotated[
    str,
    msgspec.Meta(
        description="Address such as postgresql://user@host:5432/name, without a password",
        extra={"option": True},
    ),
]
Secret = SecretText
AllowWider = Annotated[
    bool, msgspec.Meta(description="Take what the server can only give with more beside it")
]
ClosePublic = Annotated[
    bool, msgspec.Meta(description="Take from everybody on the server what all have by default")
]
TakeOwnership = Annotated[
    bool, msgspec.Meta(description="Own tables by a role of ours where a privilege needs that")
]


class DatabaseModifier(Modifier, frozen=True, kw_only=True):
    """What to change of a managed database; what is not named stays as it is."""

    dsn: OptionalState[Dsn] = OptionalState.nop()
    secret: OptionalState[Secret] = OptionalState.nop()
    allow_wider: OptionalState[AllowWider] = OptionalState.nop()
    close_public: OptionalState[ClosePublic] = OptionalState.nop()
    take_ownership: OptionalState[TakeOwnership] = OptionalState.nop()


Columns = dict[str, Any]  # Any: columns have types of their own
