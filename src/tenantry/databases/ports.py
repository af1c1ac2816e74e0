"""What the slice needs of a server that holds a managed database."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from tenantry.databases.model import (
    Fidelity,
    Finding,
    FoundState,
    Plan,
    Policy,
    Right,
    Step,
    WantedPrincipal,
    WantedState,
)
from tenantry.privileges.model import DatabaseObject, Privilege

Progress = Callable[[Step], Awaitable[None]]
"""Told of each step once it is done for good."""


Alarm = Callable[[str, Sequence[str]], None]
"""Tells whoever looks after this what has happened, in one line, and the particulars."""


@dataclass(frozen=True, slots=True)
class ServerFigures:
    """How far the server of a database obeys, for gauges: differences by kind, and seconds."""

    database: str
    drift: Mapping[str, int]
    failing_seconds: float | None
    """Since it could not be made to follow; None where it does."""
    compared_seconds: float | None
    """Since it was last compared; None where it never was."""


@dataclass(frozen=True, slots=True)
class ServerCheck:
    """What a first connection tells. ``lacks`` are sentences: what the executor may not do."""

    version: str
    executor: str
    lacks: tuple[str, ...] = ()
    proven: bool = True
    """Whether this kind of server is tried in Tenantry's own tests."""


class Dialect(Protocol):
    """How one kind of server says it: pure, and made from tables of data."""

    def completed(self, wanted: WantedState, found: FoundState, policy: Policy) -> WantedState:
        """The wanted state with the principals and memberships that only the server needs."""

    def wanted_rights(
        self, wanted: WantedState, found: FoundState, policy: Policy
    ) -> tuple[Mapping[Right, Fidelity], list[Finding]]:
        """All rights that are to be there, and what can only be had otherwise or not at all."""

    def brings(self, wanted: WantedState, found: FoundState, policy: Policy) -> frozenset[Right]:
        """What PUBLIC comes to have by what is made for the wanted state."""

    def create(self, principal: WantedPrincipal, scope: UUID, found: FoundState) -> str:
        """Make it, with our mark, so that nobody can log in as it yet."""

    def drop(self, name: str, heir: str) -> str:
        """Remove it; what it owns goes to the heir."""

    def lock(self, name: str) -> str:
        """Let nobody log in as it."""

    def unlock(self, name: str) -> str:
        """Let who has its password log in as it again."""

    def grants(self, rights: Iterable[Right]) -> list[tuple[str, list[Right]]]:
        """Statements that give these rights, few and in order, each with what it gives."""

    def revokes(self, rights: Iterable[Right]) -> list[tuple[str, list[Right]]]:
        """Statements that take these rights."""

    def read(self, right: Right, database: str) -> Sequence[tuple[Privilege, DatabaseObject]]:
        """What the right is in Tenantry's words, in the database of this name; or nothing."""


class DatabaseConnector(Protocol):
    """One managed database on its server, as its executor may change it.

    Every method may be repeated and has a deadline. ConnectionError where the server cannot be
    reached or does not answer in time; PermissionError where the executor may not do it.
    """

    @property
    def dialect(self) -> Dialect:
        """How this server says it, for ``planning.diff``."""

    async def check(self) -> ServerCheck:
        """Connect, and say what the executor's own rights do not allow."""

    async def inspect(self, scope: UUID, adopted: Sequence[str] = ()) -> FoundState:
        """What there is now. ``adopted`` names count as managed, though they have no mark."""

    async def survey(self) -> FoundState:
        """Like ``inspect``, but with the rights of all logins and roles, ours or not."""

    async def apply(
        self, scope: UUID, plan: Plan, progress: Progress | None = None
    ) -> Mapping[str, int]:
        """Do the steps in order, one plan of a scope at a time; how many connections of whom ended.

        One that is broken off leaves a server from which the same plan, or a new one, goes on.
        StateConflict where a name is taken by something without our mark.
        """

    async def terminate(self, names: Sequence[str]) -> int:
        """End all connections of these principals; how many there were. None is left after it."""

    async def open_login(
        self, scope: UUID, name: str, password: str, valid_until: datetime
    ) -> None:
        """Let the principal log in with this password until then. Replaces an earlier one.

        The password must be ASCII; no statement holds it. StateConflict where it is not there, or
        not made by us: what was adopted has a password of its own, which somebody uses.
        """

    async def close_login(self, scope: UUID, name: str) -> int:
        """Let nobody log in as it, forget its password, and end its connections: how many.

        Also where it is gone already: none. StateConflict where it was not made by us.
        """
