"""A server with a managed database that only pretends: it can be away, hang, refuse and drift."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol
from uuid import UUID

from tenantry.adapters.databases.postgresql_dialect import PostgresDialect
from tenantry.databases.managed import DatabaseKind
from tenantry.databases.model import (
    Catalogue,
    FoundPrincipal,
    FoundState,
    Plan,
    Right,
    RightKind,
    Step,
)
from tenantry.databases.names import is_generated, not_made, owner_name
from tenantry.databases.ports import Dialect, Progress, ServerCheck
from tenantry.errors import ConnectionError, PermissionError, StateConflict

EXECUTOR = "keeper"


class Now(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime: ...


class FakeDatabaseServer:
    """One database whose principals and rights exist in memory only; a ``DatabaseConnector``.

    It speaks the dialect of PostgreSQL and does what the steps of a plan say. Set ``away``,
    ``hanging`` or ``refusing``; change ``rights`` and ``principals`` by hand, and it has drifted.
    ``done`` has all statements in order; ``fails_at`` makes that one of the next steps fail.
    """

    def __init__(
        self,
        *tables: tuple[str, str],
        database: str = "shop",
        clock: Now | None = None,
    ) -> None:
        self.database = database
        self.away = self.hanging = self.refusing = False
        self.fails_at: int | None = None
        self.tables = list(tables or [("public", "goods")])
        self.owners: dict[tuple[str, str], str] = {}
        self.principals: dict[str, FoundPrincipal] = {}
        self.scopes: dict[str, UUID] = {}
        self.rights: set[Right] = set()
        self.passwords: dict[str, str] = {}
        self.connections: dict[str, int] = {}
        self.done: list[str] = []
        self.calls: list[str] = []
        self._clock = clock

    @property
    def dialect(self) -> Dialect:
        return PostgresDialect()

    async def check(self) -> ServerCheck:
        await self._reach("check")
        return ServerCheck("a pretended server", EXECUTOR, proven=False)

    async def inspect(self, scope: UUID, adopted: Sequence[str] = ()) -> FoundState:
        await self._reach("inspect")
        return self._found(self._ours(scope) | set(adopted), scope)

    async def survey(self) -> FoundState:
        await self._reach("survey")
        return self._found(set(self.principals))

    async def apply(
        self, scope: UUID, plan: Plan, progress: Progress | None = None
    ) -> Mapping[str, int]:
        await self._reach("apply")
        ended = self._end(plan.ends)
        for number, step in enumerate(plan.steps):
            made = self.principals.get(step.creates or step.drops or "")
            if made is not None and self.scopes.get(made.name) != scope:
                raise StateConflict(f"{made.name} is on the server and has not our mark")
            if number == self.fails_at:
                self.fails_at = None
                raise ConnectionError("The server cannot be reached now, or is too busy.")
            self._do(scope, step)
            self.done.append(step.statement)
            ended += self._end(step.ends)
            if progress is not None:
                await progress(step)
        return ended

    def _end(self, names: Sequence[str]) -> Counter[str]:
        return +Counter({name: self.connections.pop(name, 0) for name in names})

    async def terminate(self, names: Sequence[str]) -> int:
        await self._reach("terminate")
        return sum(self.connections.pop(name, 0) for name in names)

    async def open_login(
        self, scope: UUID, name: str, password: str, valid_until: datetime
    ) -> None:
        await self._reach("open_login")
        if not self._is_ours(scope, name):
            raise StateConflict(f"there is no {name} there")
        one = self.principals[name]
        self.principals[name] = replace(one, can_login=True, valid_until=valid_until)
        self.passwords[name] = password

    async def close_login(self, scope: UUID, name: str) -> int:
        await self._reach("close_login")
        if not self._is_ours(scope, name):
            return 0
        self.principals[name] = replace(self.principals[name], can_login=False)
        self.passwords.pop(name, None)
        return self.connections.pop(name, 0)

    def log_in(self, name: str, password: str) -> None:
        """Open a connection as a person would; PermissionError where that is refused."""
        one = self.principals.get(name)
        good = one is not None and one.can_login and self.passwords.get(name) == password
        late = good and one is not None and self._clock is not None and one.valid_until is not None
        if not good or (late and one and one.valid_until and self._now() >= one.valid_until):
            raise PermissionError(f"{name} cannot log in")
        self.connections[name] = self.connections.get(name, 0) + 1

    def may(self, name: str, word: str, table: tuple[str, str]) -> bool:
        """Whether the principal, or a role that it has, may do this with the table."""
        reached, fresh = {name}, {name}
        while fresh:
            fresh = {r.path[0] for r in self._members() if r.principal in fresh} - reached
            reached |= fresh
        return any(Right(one, RightKind.TABLE, table, word) in self.rights for one in reached)

    def _members(self) -> list[Right]:
        return [right for right in self.rights if right.kind is RightKind.MEMBER]

    def _now(self) -> datetime:
        if self._clock is None:
            raise ValueError
        return self._clock.now()

    async def _reach(self, call: str) -> None:
        self.calls.append(call)
        if self.hanging:
            await asyncio.sleep(3600)
        if self.away:
            raise ConnectionError("The server cannot be reached now, or is too busy.")
        if self.refusing:
            raise PermissionError("the executor may not do this")

    def _ours(self, scope: UUID) -> set[str]:
        return {name for name, made_for in self.scopes.items() if made_for == scope}

    def _is_ours(self, scope: UUID, name: str) -> bool:
        there = name in self.principals
        if there and not (name in self._ours(scope) and is_generated(name, scope)):
            raise not_made(name)
        return there

    def _found(self, told: set[str], scope: UUID | None = None) -> FoundState:
        """``told`` is whose rights are told; of a scope they are all that is managed."""
        owned = {
            Right(owner, RightKind.OWNER, table, "OWNER")
            for table, owner in self.owners.items()
            if scope is not None and owner == owner_name(scope)
        }
        owners: Mapping[tuple[str, str], str] = dict.fromkeys(self.tables, EXECUTOR) | self.owners
        return FoundState(
            kind=DatabaseKind.POSTGRESQL,
            database=self.database,
            executor=EXECUTOR,
            executor_owns_all=True,
            principals={
                name: replace(one, managed=scope is not None and name in told)
                for name, one in self.principals.items()
            },
            rights=frozenset(r for r in self.rights if r.principal in told) | owned,
            catalogue=Catalogue(
                schemas={schema: EXECUTOR for schema, _ in self.tables},
                tables=owners,
                creators={EXECUTOR: True},
            ),
        )

    def _do(self, scope: UUID, step: Step) -> None:
        if step.creates is not None and step.creates not in self.principals:
            self.principals[step.creates] = FoundPrincipal(
                step.creates, managed=True, can_login=False
            )
            self.scopes[step.creates] = scope
        for name in (step.locks, step.unlocks):
            if name is not None:
                can_login = name == step.unlocks
                self.principals[name] = replace(self.principals[name], can_login=can_login)
        if step.drops is not None and is_generated(step.drops):
            gone = step.drops
            self.principals.pop(gone, None)
            self.scopes.pop(gone, None)
            self.rights = {r for r in self.rights if gone != r.principal and gone not in r.path}
            self.owners = {t: o for t, o in self.owners.items() if o != gone}
        owned = [right for right in step.gives if right.kind is RightKind.OWNER]
        for right in owned:
            self.owners[right.path[0], right.path[1]] = right.principal
        self.rights |= set(step.gives) - set(owned)
        self.rights -= set(step.takes)
