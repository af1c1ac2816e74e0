"""The order of things when one asks what grants and roles come to. Nothing is changed.

Whom one may ask about is decided by what one can see, as everywhere. The answer then is the
truth, also where it depends on what one cannot see: the wall of another tenant, or a role that a
visible one inherits from. So what decides is loaded as the system, for users who were found as the
actor.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from tenantry.changes.consistency import Consistency
from tenantry.errors import InvalidInput, UserNotFound, Violation
from tenantry.grants import rules
from tenantry.grants.actions import (
    CheckAccessAction,
    CheckAction,
    CheckManyAction,
    CheckManyResult,
    CheckResult,
    ExplainAction,
    ExplainResult,
    GetPermissionsAction,
    ListHoldersAction,
    PermissionsResult,
    Question,
    WhatIfRoleAction,
)
from tenantry.grants.deciding import Decider
from tenantry.grants.holders import HolderRepository
from tenantry.grants.loading import Sought
from tenantry.grants.model import Asked, Holder, RoleEffect, ServerEnforcement
from tenantry.grants.ports import Answers, Effects, Users
from tenantry.grants.principals import Principals
from tenantry.grants.tags import TagEffect, tag_effects
from tenantry.grants.telling import effect_told, explanation_told, permissions_told
from tenantry.kernel.action import SYSTEM, Actor, acting_as, current_actor
from tenantry.kernel.clock import Clock
from tenantry.kernel.page import Page, seal, unseal
from tenantry.kernel.transaction import Database, Transaction
from tenantry.privileges.model import DatabaseObject, Privilege, privilege_named
from tenantry.record import require_well_formed
from tenantry.roles.rules import Vocabulary
from tenantry.users.access import Scope
from tenantry.users.model import UserData, UserKey

Candidates = Callable[[Transaction, UUID | None, int], Awaitable[list[UUID]]]
Chosen = Callable[[Sequence[UUID]], Awaitable[list[UUID]]]

ONESELF = "current_user"
"""Whoever asks; no user bears this name."""
MOST_HELPFUL = 200
"""Among so many roles those are looked for that would help."""
MOST_AT_ONCE = 1000
"""So many who come into question are looked at together."""
MOST_LOOKED_AT = 5000
"""So many are looked at for one page, where few of them really may."""


class QuestionService:
    """Handles the actions that ask and change nothing."""

    def __init__(
        self,
        *,
        database: Database,
        holder_repository: HolderRepository,
        users: Users,
        principals: Principals,
        decider: Decider,
        vocabulary: Vocabulary,
        answers: Answers,
        effects: Effects,
        clock: Clock,
        cursor_key: bytes,
    ) -> None:
        self._database = database
        self._answers = answers
        self._effects = effects
        self._holders = holder_repository
        self._users = users
        self._principals = principals
        self._decider = decider
        self._vocabulary = vocabulary
        self._clock = clock
        self._cursor_key = cursor_key

    async def check(self, action: CheckAction) -> CheckResult:
        """Whether the user may; False for nobody that the actor can see."""
        require_well_formed(action)
        privilege = privilege_named(action.permission)
        on = rules.required_object(action.database, action.schema, action.table)
        actor = current_actor()
        whom, strong = _whom(actor, action.user), Consistency.STRONG
        [allowed] = await self._answers.answer(
            [Asked(whom, privilege, on)],
            Scope.of(actor),
            at_least=action.at_least,
            consistency=strong if action.with_enforcement else action.consistency,
        )
        if not action.with_enforcement:
            return CheckResult(allowed)
        user_id = (await self._ids([str(whom)])).get(str(whom))
        return CheckResult(allowed, await self._effect(user_id, privilege, on, allowed=allowed))

    async def check_many(self, action: CheckManyAction) -> CheckManyResult:
        """The answers in order; InvalidInput names every question without a meaning."""
        require_well_formed(action)
        actor = current_actor()
        asked = [
            Asked(_whom(actor, question.user), privilege, on)
            for question, (privilege, on) in zip(
                action.questions, _required_questions(action.questions), strict=True
            )
        ]
        return CheckManyResult(
            await self._answers.answer(
                asked,
                Scope.of(actor),
                at_least=action.at_least,
                consistency=action.consistency,
            )
        )

    async def check_access(self, action: CheckAccessAction) -> CheckResult:
        """Whether the user may do anything there; False as above."""
        require_well_formed(action)
        on = rules.required_object(action.database, None, None)
        user_id = (await self._ids([action.user])).get(action.user)
        if user_id is None:
            return CheckResult(allowed=False)
        async with self._everything() as tx:
            picture = await self._decider.picture(tx, [user_id], databases=_named([on]))
        return CheckResult(picture.reaches(user_id, action.database))

    async def get_permissions(self, action: GetPermissionsAction) -> PermissionsResult:
        """All that the user may do now; UserNotFound."""
        require_well_formed(action)
        user = await self._user(action.user)
        async with self._everything() as tx:
            picture = await self._decider.picture(tx, [user.id], whole=True)
            beyond = await self._holders.beyond(tx, user.tenant_id)
        return PermissionsResult(permissions_told(user, picture, beyond))

    async def explain(self, action: ExplainAction) -> ExplainResult:
        """Why the user may, or may not; UserNotFound."""
        require_well_formed(action)
        privilege = privilege_named(action.permission)
        on = rules.required_object(action.database, action.schema, action.table)
        user = await self._user(action.user)
        scope = Scope.of(current_actor())
        async with self._everything() as tx:
            helpful: list[UUID] = []
            if scope.user_id is None:
                helpful = await self._holders.opening_roles(tx, privilege, on)
            picture = await self._decider.picture(
                tx, [user.id], role_ids=helpful[:MOST_HELPFUL], databases=_named([on])
            )
        found = picture.explain(user.id, privilege, on, scope.tenant_id)
        names = picture.loaded.names
        effect = await self._effect(user.id, privilege, on, allowed=found.allowed)
        return ExplainResult(explanation_told(user, privilege, on, found, names, effect))

    async def list_holders(self, action: ListHoldersAction) -> Page[Holder]:
        """A page of the users who may."""
        require_well_formed(action)
        privilege = privilege_named(action.permission)
        on = rules.required_object(action.database, action.schema, action.table)
        scope = Scope.of(current_actor())
        question = ["holders", repr(scope), privilege, on.database, on.schema, on.table]
        async with self._everything() as tx:
            roles = await self._holders.opening_roles(tx, privilege, on)
        sought = Sought(privilege, on, roles)

        async def some(tx: Transaction, after: UUID | None, limit: int) -> list[UUID]:
            return await self._holders.candidates(
                tx, scope, privilege, on, roles, after=after, limit=limit
            )

        async def chosen(user_ids: Sequence[UUID]) -> list[UUID]:
            async with self._everything() as tx:
                picture = await self._decider.picture(
                    tx, user_ids, databases=_named([on]), sought=sought
                )
            return [user_id for user_id in user_ids if picture.allows(user_id, privilege, on)]

        ids, cursor = await self._walk(question, action.limit, action.cursor, some, chosen)
        async with self._database.autocommit() as tx:
            return Page(await self._holders.described(tx, ids), cursor)

    async def what_if_role(self, action: WhatIfRoleAction) -> Page[RoleEffect]:
        """A page of those who would notice; InvalidInput for a change that says nothing."""
        require_well_formed(action)
        change = rules.required_change(action.change, self._vocabulary)
        actor = current_actor()
        scope = Scope.of(actor)
        async with self._database.autocommit() as tx:
            role = await self._principals.role(tx, action.role, action.domain_name, actor, scope)
        question = ["what_if", repr(scope), str(role.id), repr(change)]
        async with self._everything() as tx:
            heirs = await self._holders.heirs(tx, role.id)
        effects: dict[UUID, RoleEffect] = {}

        async def some(tx: Transaction, after: UUID | None, limit: int) -> list[UUID]:
            return await self._holders.members(tx, scope, heirs, after, limit)

        async def chosen(user_ids: Sequence[UUID]) -> list[UUID]:
            async with self._everything() as tx:
                picture = await self._decider.picture(
                    tx,
                    user_ids,
                    role_ids=[role.id],
                    databases=change.databases or (),
                    whole=True,
                )
                people = await self._holders.described(tx, user_ids)
            loaded = picture.loaded
            found = picture.effects(user_ids, role.id, change)
            tags = tag_effects(loaded, user_ids, role.id, change.tags, picture.now)
            for person in people:
                if person.user_id in found.keys() | tags.keys():
                    effects[person.user_id] = effect_told(
                        person,
                        found.get(person.user_id, ([], [])),
                        tags.get(person.user_id, TagEffect()),
                        loaded.names,
                    )
            return [user_id for user_id in user_ids if user_id in effects]

        ids, cursor = await self._walk(question, action.limit, action.cursor, some, chosen)
        return Page([effects[user_id] for user_id in ids], cursor)

    async def _walk(
        self,
        question: object,
        limit: int,
        cursor: str | None,
        some: Candidates,
        chosen: Chosen,
    ) -> tuple[list[UUID], str | None]:
        """Users in order of their ids, chosen from candidates, and where to go on.

        Some are never chosen, since they are locked. Where few are chosen, ever more candidates
        are looked at, until the page is full.
        """
        after = None
        if cursor is not None:
            (last,) = unseal(self._cursor_key, question, cursor)
            after = UUID(last)
        found: list[UUID] = []
        looked_at, at_once = 0, limit + limit // 4 + 1
        while looked_at < MOST_LOOKED_AT and len(found) <= limit:
            async with self._database.autocommit() as tx:
                candidates = await some(tx, after, at_once)
            if candidates:
                found += await chosen(candidates)
            if len(candidates) < at_once:
                after = None
                break
            after = candidates[-1]
            looked_at += at_once
            at_once = max(at_once, min(2 * at_once, MOST_AT_ONCE))
        if len(found) > limit:
            after = found[limit - 1]
        if after is None:
            return found, None
        return found[:limit], seal(self._cursor_key, question, [str(after)])

    async def _effect(
        self, user_id: UUID | None, privilege: Privilege, on: DatabaseObject, *, allowed: bool
    ) -> ServerEnforcement | None:
        """What the server makes of an answer. It is asked after it, and so never runs ahead."""
        if user_id is None:
            return None
        scope = Scope.of(current_actor())
        async with self._everything() as tx:
            return await self._effects.of(tx, user_id, privilege, on, scope, allowed=allowed)

    async def _user(self, named: str) -> UserData:
        async with self._database.autocommit() as tx:
            scope = Scope.of(current_actor())
            user = await self._users.find(tx, UserKey.of(user=named), scope)
        if user is None:
            raise UserNotFound(field="user")
        return user

    async def _ids(self, named: Sequence[str]) -> dict[str, UUID]:
        """The users whom the actor can see, by what they were called."""
        scope = Scope.of(current_actor())
        async with self._database.autocommit() as tx:
            return await self._holders.user_ids(tx, scope, named)

    @asynccontextmanager
    async def _everything(self) -> AsyncIterator[Transaction]:
        """For what decides, wherever it is."""
        with acting_as(SYSTEM):
            async with self._database.autocommit() as tx:
                yield tx


def _whom(actor: Actor, named: str) -> UUID | str:
    """The user who is meant."""
    return actor.id if named == ONESELF and actor.id is not None else named


def _named(objects: Sequence[DatabaseObject]) -> list[str]:
    return list({on.database for on in objects if on.database is not None})


def _required_questions(
    questions: Sequence[Question],
) -> list[tuple[Privilege, DatabaseObject]]:
    """What is asked; InvalidInput names each question, by its place, that has no meaning."""
    if not questions:
        raise InvalidInput.of("questions", "empty", "must hold at least one question")
    found: list[tuple[Privilege, DatabaseObject]] = []
    violations: list[Violation] = []
    for place, question in enumerate(questions):
        try:
            require_well_formed(question)
            privilege = privilege_named(question.permission)
            on = rules.required_object(question.database, question.schema, question.table)
            found.append((privilege, on))
        except InvalidInput as error:
            violations += [
                Violation(f"questions[{place}].{v.field}", v.code, v.message)
                for v in error.violations
            ]
    if violations:
        raise InvalidInput(violations)
    return found
