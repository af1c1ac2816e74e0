"""May she? At once from memory, while that is warm and fresh; else by waiting for the database."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from uuid import UUID

from tenantry.changes.consistency import Consistency
from tenantry.changes.feed import ChangeFeed
from tenantry.checks.resident import Resident
from tenantry.errors import ConnectionError, NotWarm, TenantryError
from tenantry.grants.deciding import Decider
from tenantry.grants.holders import HolderRepository
from tenantry.grants.model import Asked
from tenantry.grants.rules import required_object
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database
from tenantry.privileges.model import Privilege, privilege_named
from tenantry.users.access import Scope

Principal = UUID | str
"""A user: by id, or by username as people type it."""
Parts = tuple[str | None, str | None, str | None]
"""Database, schema and table, as far as they are named."""
EVERYBODY = Scope()


@lru_cache(maxsize=65_536)
def privilege_of(named: str) -> Privilege:
    """The privilege; InvalidInput where there is none of this name."""
    return privilege_named(named)


@lru_cache(maxsize=262_144)
def parts_of(database: str | None, schema: str | None, table: str | None) -> Parts:
    """The names of an object in their normal form; InvalidInput where there can be none such."""
    on = required_object(database, schema, table)
    return on.database, on.schema, on.table


class Checks:
    """Decisions for whoever embeds the system, and for its faces. No actor is looked at here."""

    def __init__(
        self,
        *,
        database: Database,
        feed: ChangeFeed,
        resident: Resident,
        decider: Decider,
        holders: HolderRepository,
        clock: Clock,
        seconds: float,
    ) -> None:
        self._database = database
        self._feed = feed
        self._resident = resident
        self._decider = decider
        self._holders = holders
        self._clock = clock
        self._seconds = seconds
        self._warming: dict[Principal, asyncio.Future[None]] = {}
        self._warmer: asyncio.Task[None] | None = None

    def check(
        self,
        principal: Principal,
        privilege: str,
        database: str | None = None,
        schema: str | None = None,
        table: str | None = None,
    ) -> bool:
        """Whether the user may do this on the whole of the object; nothing is waited for.

        NotWarm where that cannot be told from memory: the user is not there, or changes have not
        been heard of for longer than the bound. It is never guessed. Any thread may ask.
        """
        return self.decide(principal, privilege_of(privilege), parts_of(database, schema, table))

    def decide(
        self,
        principal: Principal,
        privilege: Privilege,
        parts: Parts,
    ) -> bool:
        """The same, of what is in its normal form already."""
        if not self._feed.is_current():
            raise NotWarm("Changes have not been heard of for too long; ask and wait.")
        held = self._resident.held
        user_id = held.names.ids.get(principal) if isinstance(principal, str) else principal
        if user_id is None or not held.complete:
            raise NotWarm
        filled, now = held.filled, self._clock.now()
        allowed = held.engine.check(user_id, privilege, *parts, now=now)
        while not allowed:
            if not held.engine.knows(user_id):
                raise NotWarm
            if filled == held.filled:
                break
            # Another thread has put somebody in, perhaps after this one had looked in vain.
            filled = held.filled
            allowed = held.engine.check(user_id, privilege, *parts, now=now)
        return allowed

    def is_current(self) -> bool:
        """Whether memory may be asked now."""
        return self._feed.is_current()

    @property
    def applied(self) -> int:
        """The version that every answer from memory knows of."""
        return self._feed.applied

    def decide_many(
        self, asked: Iterable[tuple[Principal, Privilege, Parts]], scope: Scope
    ) -> list[bool]:
        """All as of one moment, about users in this scope; NotWarm where one is not in memory.

        To be asked on the event loop only, where nobody is put in meanwhile.
        """
        held = self._resident.held
        if not (held.complete and self._feed.is_current()):
            raise NotWarm
        ids, homes, check, knows = held.names.ids, held.homes, held.engine.check, held.engine.knows
        now = self._clock.now()
        answers: list[bool] = []
        for principal, privilege, parts in asked:
            user_id = ids.get(principal) if isinstance(principal, str) else principal
            home = homes.get(user_id) if user_id is not None else None
            if user_id is None or home is None:
                raise NotWarm
            seen = scope.tenant_id in (None, home) and scope.user_id in (None, user_id)
            allowed = seen and check(user_id, privilege, *parts, now=now)
            if seen and not allowed and not knows(user_id):
                raise NotWarm
            answers.append(allowed)
        return answers

    def sees(self, scope: Scope, principal: Principal) -> bool:
        """Whether a user who is in memory is in this scope; NotWarm for one who is not."""
        held = self._resident.held
        user_id = held.names.ids.get(principal) if isinstance(principal, str) else principal
        home = held.homes.get(user_id) if user_id is not None else None
        if home is None:
            raise NotWarm
        return scope.tenant_id in (None, home) and scope.user_id in (None, user_id)

    async def warm(self, principals: Collection[Principal]) -> None:
        """Have these users in memory, so that ``check`` answers; who is not there is left out."""
        async with self._database.autocommit() as tx:
            await self._resident.warm(tx, principals)

    async def ask(
        self,
        principal: Principal,
        privilege: str,
        database: str | None = None,
        schema: str | None = None,
        table: str | None = None,
        *,
        at_least: int | None = None,
        consistency: Consistency = Consistency.BOUNDED,
    ) -> bool:
        """Whether the user may; False for nobody.

        ``at_least`` is the version that a change has brought about: the answer knows of it,
        whichever server is asked. InvalidInput for a version that there is not.
        """
        on = required_object(database, schema, table)
        asked = Asked(principal, privilege_of(privilege), on)
        (answer,) = await self.answer([asked], at_least=at_least, consistency=consistency)
        return answer

    async def answer(
        self,
        asked: Sequence[Asked],
        scope: Scope = EVERYBODY,
        *,
        at_least: int | None = None,
        consistency: Consistency = Consistency.BOUNDED,
    ) -> list[bool]:
        """The same for many questions, about users in this scope; no for all others."""
        if at_least is not None:
            await self._feed.reach(at_least, self._seconds)
        if consistency is Consistency.STRONG or not self._feed.is_current():
            return await self._strong(asked, scope)
        answers = [self._known(one, scope) for one in asked]
        cold = {one.user for one, found in zip(asked, answers, strict=True) if found is None}
        if not cold:
            return [bool(found) for found in answers]
        await asyncio.gather(*(self._warmed(user) for user in cold))
        answers = [self._known(one, scope) for one in asked]
        left = [one for one, found in zip(asked, answers, strict=True) if found is None]
        told = iter(await self._strong(left, scope) if left else ())
        return [found if found is not None else next(told) for found in answers]

    def _known(self, asked: Asked, scope: Scope) -> bool | None:
        on = asked.on
        try:
            return self.sees(scope, asked.user) and self.decide(
                asked.user, asked.privilege, (on.database, on.schema, on.table)
            )
        except NotWarm:
            return None

    async def _warmed(self, principal: Principal) -> None:
        """Wait until the user has been looked for; many who ask at once are read at once."""
        future = self._warming.get(principal)
        if future is None:
            future = self._warming[principal] = asyncio.get_running_loop().create_future()
            if self._warmer is None:
                self._warmer = asyncio.create_task(self._warm_all())
        await asyncio.shield(future)

    async def _warm_all(self) -> None:
        try:
            while self._warming:
                batch, self._warming = self._warming, {}
                error: Exception | None = ConnectionError()
                try:
                    await self.warm(batch.keys())
                    error = None
                except TenantryError as raised:
                    error = raised
                finally:
                    for future in batch.values():
                        _end(future, error)
        finally:
            self._warmer = None

    async def _strong(self, asked: Sequence[Asked], scope: Scope) -> list[bool]:
        """As the database has it now."""
        databases = {one.on.database for one in asked if one.on.database is not None}
        named = list({str(one.user) for one in asked})
        async with self._database.autocommit() as tx:
            ids = await self._holders.user_ids(tx, scope, named)
            picture = await self._decider.picture(tx, set(ids.values()), databases=databases)
        found = [(ids.get(str(one.user)), one) for one in asked]
        return [
            user_id is not None and picture.allows(user_id, one.privilege, one.on)
            for user_id, one in found
        ]


def _end(future: "asyncio.Future[None]", error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
