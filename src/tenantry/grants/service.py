"""The order of things when grants are given, taken away and listed."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from tenantry.decisions.paths import Path
from tenantry.grants import rules
from tenantry.grants.actions import (
    GiveAction,
    GivenResult,
    ListGrantsAction,
    RevocationResult,
    RevokeAccessAction,
    RevokeAction,
)
from tenantry.grants.authority import Authority
from tenantry.grants.deciding import Decider, Picture, ways_into, ways_to
from tenantry.grants.model import GivenGrants, GrantData, Revocation
from tenantry.grants.principals import Named, Principal, Principals
from tenantry.grants.repository import GrantRepository, Wanted
from tenantry.grants.telling import still_held_told
from tenantry.kernel.action import Actor, Note, current_actor
from tenantry.kernel.clock import Clock
from tenantry.kernel.page import Page, seal, unseal
from tenantry.kernel.transaction import Database, Transaction
from tenantry.privileges.model import DatabaseObject, Privilege
from tenantry.record import require_well_formed
from tenantry.users.access import Scope

MOST_TOLD = 1000
"""So many of the grants that were removed are told one by one."""
MOST_NOTED = 100
"""So many of them are in the audit entry by name."""


class GrantService:
    """Handles the actions on direct grants. Each opens one transaction."""

    def __init__(
        self,
        *,
        database: Database,
        grant_repository: GrantRepository,
        principals: Principals,
        authority: Authority,
        decider: Decider,
        clock: Clock,
        cursor_key: bytes,
    ) -> None:
        self._database = database
        self._grants = grant_repository
        self._principals = principals
        self._authority = authority
        self._decider = decider
        self._clock = clock
        self._cursor_key = cursor_key

    async def give(self, action: GiveAction) -> GivenResult:
        """Grant privileges; what is held in just this way already stays as it is."""
        require_well_formed(action)
        rules.require_reason(action.reason)
        on = rules.required_object(action.database, action.schema, action.table)
        now = self._clock.now()
        bounds = rules.required_bounds(action.valid_from, action.valid_until, now)
        privileges = rules.required_privileges(action.permissions, on.level)
        wanted = Wanted(privileges, on, bounds, action.reason)
        actor = current_actor()
        async with self._database.transaction() as tx:
            principal = await self._locked(tx, action, actor)
            if principal.user is not None:
                rules.require_present(principal.user)
            within_id = await self._authority.required_to_give(tx, actor, principal, wanted)
            new, old = await self._grants.add(
                tx, principal, wanted, within_id=within_id, granted_by=actor.id, now=now
            )
            dormant = False
            if within_id is not None and on.database is not None:
                dormant = await self._grants.is_dormant(tx, on.database, within_id)
            tx.note(note_of(principal, [], new))
        return GivenResult(GivenGrants(granted=new, unchanged=old, dormant=dormant))

    async def revoke(self, action: RevokeAction) -> RevocationResult:
        """Take privileges away on just this object, and tell what still gives them."""
        require_well_formed(action)
        on = rules.required_object(action.database, action.schema, action.table)
        privileges = rules.revoked_privileges(action.permissions, on.level)
        actor = current_actor()
        async with self._database.transaction() as tx:
            principal = await self._locked(tx, action, actor)
            within_id = await self._authority.required_to_take(tx, actor, privileges, on)
            removed = await self._grants.take_exact(tx, principal, privileges, on, within_id)
            tx.note(note_of(principal, removed, []))
            picture = await self._picture(tx, principal, on)
            held = ways_to(picture, principal, privileges, on)
        return RevocationResult(_revocation(removed, held, picture))

    async def revoke_access(self, action: RevokeAccessAction) -> RevocationResult:
        """Take every direct grant away on a database and inside it; likewise."""
        require_well_formed(action)
        on = rules.required_object(action.database, None, None)
        actor = current_actor()
        async with self._database.transaction() as tx:
            principal = await self._locked(tx, action, actor)
            every = list(Privilege)
            within_id = await self._authority.required_to_take(tx, actor, every, on)
            removed = await self._grants.take_below(tx, principal, on, within_id)
            tx.note(note_of(principal, removed, []))
            picture = await self._picture(tx, principal, on)
            held = ways_into(picture, principal, action.database)
        return RevocationResult(_revocation(removed, held, picture))

    async def list_grants(self, action: ListGrantsAction) -> Page[GrantData]:
        """A page of the direct grants that the actor can see."""
        require_well_formed(action)
        within = rules.required_object(action.database, action.schema, action.table)
        actor = current_actor()
        scope = Scope.of(actor)
        question = ["grants", repr(scope), *_asked(action)]
        after = None
        if action.cursor is not None:
            (last,) = unseal(self._cursor_key, question, action.cursor)
            after = UUID(last)
        async with self._database.autocommit() as tx:
            principal = members_of = None
            if action.principal is not None:
                named = Named(action.principal, action.principal_type, action.domain_name)
                principal = await self._principals.find(tx, named, actor, scope)
            if action.role is not None:
                role = await self._principals.role(
                    tx, action.role, action.domain_name, actor, scope
                )
                members_of = role.id
            found = await self._grants.page(
                tx,
                scope,
                principal=principal,
                members_of=members_of,
                within=within,
                after=after,
                limit=action.limit + 1,
            )
        items = found[: action.limit]
        if len(found) <= action.limit:
            return Page(items)
        return Page(items, seal(self._cursor_key, question, [str(items[-1].id)]))

    async def _locked(
        self, tx: Transaction, action: GiveAction | RevokeAction | RevokeAccessAction, actor: Actor
    ) -> Principal:
        named = Named(action.principal, action.principal_type, action.domain_name)
        principal = await self._principals.lock(tx, named, actor, Scope.of(actor))
        self._authority.require_principal(actor, principal)
        return principal

    async def _picture(self, tx: Transaction, principal: Principal, on: DatabaseObject) -> Picture:
        """What is left, in the transaction that took something away."""
        return await self._decider.picture(
            tx,
            [principal.user_id] if principal.user_id else [],
            role_ids=[principal.role_id] if principal.role_id else [],
            databases=[on.database] if on.database is not None else [],
        )


def _revocation(
    removed: Sequence[GrantData], held: Mapping[Privilege, Sequence[Path]], picture: Picture
) -> Revocation:
    return Revocation(
        removed=list(removed[:MOST_TOLD]),
        removed_count=len(removed),
        still_held=still_held_told(held, picture.loaded.names),
    )


def note_of(principal: Principal, removed: Sequence[GrantData], given: Sequence[GrantData]) -> Note:
    """What the audit is told of a principal's grants that came and went."""
    changes: dict[str, tuple[object, object]] = {}
    for grant in removed[:MOST_NOTED]:
        label = grant.label()
        told = f"{label} ({grant.id})" if label in changes else label
        changes[told] = (_terms(grant), None)
    if len(removed) > MOST_NOTED:
        changes["further grants"] = (len(removed) - MOST_NOTED, 0)
    for grant in given:
        changes[grant.label()] = (None, _terms(grant))
    return Note(principal.name, principal.id, principal.tenant_id, changes)


def _terms(grant: GrantData) -> dict[str, object]:
    """On which terms something is granted, as far as there are any."""
    terms = {
        "within": grant.within,
        "valid_from": grant.valid_from and grant.valid_from.isoformat(),
        "valid_until": grant.valid_until and grant.valid_until.isoformat(),
        "reason": grant.reason,
    }
    return {name: value for name, value in terms.items() if value is not None}


def _asked(action: ListGrantsAction) -> list[object]:
    left_out = ("limit", "cursor")
    return [getattr(action, n) for n in action.__struct_fields__ if n not in left_out]
