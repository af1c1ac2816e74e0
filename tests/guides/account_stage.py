"""Where the blocks of the account guide are played, and what stands on the stage beforehand.

The guide's blocks take users, roles and logins for granted that no block makes, and some undo what
others need. So each has a world of its own: a fresh installation, made ready by a second client
that looks afterwards at what has really happened.
"""

import asyncio
import inspect
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from tenantry import AccountManager, Client
from tenantry.audit.model import AuditEntry
from tenantry.users.model import UserData
from tests.guides.printed import OWN, Printed
from tests.installation import Installation

PASSWORD = "a lantern in the reeds"


@dataclass(frozen=True)
class Cast:
    """Who plays which part on a page, and on what."""

    john: str
    """Who is made, changed, locked, logged in and deleted."""
    jane: str
    """Who is found by the department, and deleted softly."""
    chief: str
    """Who is made with two roles."""
    john_password: str
    chief_roles: tuple[str, str]
    jane_roles: tuple[str, str]
    analyst: str
    """A role for everywhere, which also gets rights on a schema."""
    db_admin: str
    """A role for two databases."""
    department: str
    database: str
    second_database: str
    table: str
    schema: str
    sales_database: str
    sales_table: str
    tenant: str
    tenant_admin: str
    newcomer: str
    newcomer_password: str
    newcomer_role: str
    newcomer_database: str
    tester: str
    """Whose password is too common."""


PRINTED = Cast(
    john="john_doe",
    jane="jane_smith",
    chief="admin_user",
    john_password="secure_password123",
    chief_roles=("admin", "developer"),
    jane_roles=("developer", "tester"),
    analyst="data_analyst",
    db_admin="db_admin",
    department="Engineering",
    database="analytics_db",
    second_database="reporting_db",
    table="user_data",
    schema="public",
    sales_database="analytics",
    sales_table="sales",
    tenant="company_a",
    tenant_admin="admin_a",
    newcomer="new_employee",
    newcomer_password="temp_password123",
    newcomer_role="developer",
    newcomer_database="company_db",
    tester="test_user",
)
OURS = Cast(
    john="mara",
    jane="tomas",
    chief="ingrid",
    john_password="seven herons over Lake Vist",
    chief_roles=("keeper", "astronomer"),
    jane_roles=("astronomer", "guide"),
    analyst="reader",
    db_admin="curator",
    department="Optics",
    database="sky",
    second_database="plates",
    table="stars",
    schema="catalogue",
    sales_database="shop",
    sales_table="tickets",
    tenant="north_dome",
    tenant_admin="nora",
    newcomer="ida",
    newcomer_password="moonrise at half past nine",
    newcomer_role="astronomer",
    newcomer_database="observatory",
    tester="probe",
)


def cast_of(guide: Printed) -> Cast:
    """The cast of a page: ours, or the guide's."""
    return OURS if guide.page.parent == OWN else PRINTED


def flat(said: dict[str, Any], *but: str) -> dict[str, Any]:
    """What was said of a user, the further keywords among it, but for some."""
    extra = {"attributes", "fields"} & said.keys()
    named = {name: value for name, value in said.items() if name not in extra}
    for one in extra:
        named |= said[one]
    return {name: value for name, value in named.items() if name not in but}


def had(user: UserData, asked: dict[str, Any]) -> dict[str, Any]:
    """What a user has of what was asked for."""
    return {name: getattr(user, name) for name in asked}


@dataclass(frozen=True)
class Call:
    """A call of an account manager: what it was given, and its answer."""

    name: str
    said: dict[str, Any]
    answer: Any


class Recorded:
    """An account manager that keeps what it is asked; the blocks see no difference."""

    def __init__(self, manager: AccountManager) -> None:
        self.calls: list[Call] = []
        self._manager = manager

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._manager, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            answer = method(*args, **kwargs)
            said = inspect.signature(method).bind(*args, **kwargs).arguments
            self.calls.append(Call(name, said, answer))
            return answer

        return call


@dataclass
class Played:
    """What came of a block: its names, what it printed, and what it asked."""

    names: dict[str, Any]
    lines: list[str]
    calls: list[Call]

    def called(self, name: str) -> list[Call]:
        """The calls of a method, in order."""
        return [call for call in self.calls if call.name == name]

    def call(self, name: str) -> Call:
        """The only call of a method."""
        (only,) = self.called(name)
        return only

    def tells(self, *lines: tuple[object, ...]) -> None:
        """There are just these lines, each holding all of its values, in this order."""
        assert len(self.lines) == len(lines), self.lines
        for line, values in zip(self.lines, lines, strict=True):
            rest = line
            for value in values:
                _, found, rest = rest.partition(str(value))
                assert found, (line, value)


@dataclass
class Stage:
    """A fresh installation with the client of the blocks and a witness who is not told anything."""

    guide: Printed
    cast: Cast
    installation: Installation
    witness: AccountManager
    client: Client
    capture: pytest.CaptureFixture[str]
    given: dict[str, Any] = field(default_factory=dict)

    def play(self, number: int, **names: Any) -> Played:
        """Run a block, counted from 1 as the guide's reader does."""
        manager = Recorded(self.client.account)
        known = {"account_manager": manager, **MODULES, **names}
        self.capture.readouterr()
        after = self.guide.play(number - 1, **known)
        return Played(after, self.capture.readouterr().out.splitlines(), manager.calls)

    def user(self, name: str, password: str | None = PASSWORD, **fields: Any) -> UserData:
        """Make a user whom the block takes for granted."""
        return self.witness.create_user(name, password, f"{name}@example.org", **fields)

    def john(self, **fields: Any) -> UserData:
        """Make the user of most blocks, with the password of the block on logins."""
        return self.user(self.cast.john, self.cast.john_password, **fields)

    def jane(self, **fields: Any) -> UserData:
        """Make the second one."""
        return self.user(self.cast.jane, **fields)

    def seen(self, name: str) -> UserData:
        """A user who is there, as the witness sees it."""
        found = self.witness.get_user(name)
        assert found is not None, name
        return found

    def audited(self, action: str, target: str | None = None) -> list[AuditEntry]:
        """The successful entries of an action, the oldest first."""
        found = self.witness.get_audit_logs(action=action, target=target, outcome="succeeded")
        return list(found)[::-1]

    def log_in(self, name: str, password: str) -> bool:
        """Whether somebody can log in with a password, tried by the witness."""
        return self.witness.authenticate(name, password).success

    def rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """What the database holds, asked past the system."""

        async def fetch() -> list[dict[str, Any]]:
            owner = await asyncpg.connect(str(self.installation.settings.migration_database_url))
            try:
                return [dict(row) for row in await owner.fetch(statement, *values)]
            finally:
                await owner.close()

        return asyncio.run(fetch())


# The guide uses these without importing them.
MODULES = {"datetime": datetime, "timedelta": timedelta, "threading": threading, "time": time}


@contextmanager
def staged(
    guide: Printed, installation: Installation, capture: pytest.CaptureFixture[str]
) -> Iterator[Stage]:
    """The stage of a page on an installation."""
    with Client(*installation.params) as second, Client(*installation.params) as first:
        yield Stage(guide, cast_of(guide), installation, second.account, first, capture)
