"""Asking for a short-lived login to a managed database."""

from datetime import datetime
from typing import Annotated, ClassVar

import msgspec

from tenantry.databases.actions import OnDatabase
from tenantry.databases.managed import DatabaseKind
from tenantry.kernel.action import Audience
from tenantry.record import Record, SecretText

MAX_MINUTES = 12 * 60


class DatabaseLogin(Record, frozen=True, kw_only=True):
    """A login to the server that ends by itself; the password is told this once."""

    database: str
    kind: DatabaseKind
    host: str
    port: int | None
    tls: bool
    remote_name: str
    username: str
    password: SecretText
    dsn: SecretText
    valid_until: datetime


class DatabaseLoginResult(Record, frozen=True):
    """A login to the server."""

    data: DatabaseLogin
    success: bool = True


class LoginToDatabaseAction(OnDatabase[DatabaseLoginResult], frozen=True):
    """Get a login of one's own to a managed database, good for an hour unless said otherwise.

    It may do on the server just what one may do here, and ends at once when one is locked.
    Another login takes the place of the first. An account that was on the server before, and was
    adopted, keeps its own password and gets no login.
    """

    tag: ClassVar[str] = "database.login"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    minutes: Annotated[
        int, msgspec.Meta(ge=1, le=MAX_MINUTES, description="How long it is good, in minutes")
    ] = 60
