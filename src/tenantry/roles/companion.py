"""Roles that are said with a user: assigned with it, left behind with its tenant, forgotten."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from tenantry.errors import PermissionError, UserCreationBadRequest, Violation
from tenantry.kernel.action import current_actor
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Transaction
from tenantry.roles.authority import Authority, refusal
from tenantry.roles.membership import note_of
from tenantry.roles.repository import Place, RoleKey, RoleRepository
from tenantry.users.access import Scope
from tenantry.users.model import UserCreator, UserData, UserModifier

Wanted = Sequence[tuple[UUID, UserCreator]]
Found = Mapping[UUID, Mapping[str, RoleKey]]
"""Roles by what they were called, by the tenant in which they were."""


class RoleCompanion:
    """The roles' part in creating, moving and removing a user, whose row is locked by then."""

    def __init__(
        self,
        *,
        role_repository: RoleRepository,
        authority: Authority,
        clock: Clock,
    ) -> None:
        self._roles = role_repository
        self._authority = authority
        self._clock = clock

    async def objections(self, tx: Transaction, wanted: Wanted) -> dict[int, Violation]:
        """The first role of each that there is not, or that the actor cannot assign."""
        found = await self._found(tx, wanted)
        faults = await self._refused(tx, wanted, found)
        for place, (tenant_id, creator) in enumerate(wanted):
            unknown = _unknown(found.get(tenant_id, {}), creator.roles or ())
            if unknown:
                faults[place] = unknown[0]
        return faults

    async def welcome(
        self, tx: Transaction, newcomers: Sequence[tuple[UserData, UserCreator]]
    ) -> None:
        """Assign to new users what was said; an error where that cannot be, and nobody is made."""
        wanted = [(user.tenant_id, creator) for user, creator in newcomers]
        found = await self._found(tx, wanted)
        violations = [
            fault
            for tenant_id, creator in wanted
            for fault in _unknown(found.get(tenant_id, {}), creator.roles or ())
        ]
        if violations:
            raise UserCreationBadRequest(violations)
        for fault in (await self._refused(tx, wanted, found)).values():
            raise PermissionError(fault.message, field="roles")
        entries = []
        for user, creator in newcomers:
            roles = {found[user.tenant_id][text] for text in creator.roles or ()}
            entries += [(role.id, user.id) for role in roles]
            if roles:
                names = sorted(role.name for role in roles)
                tx.note(note_of(user.id, user.username, user.tenant_id, [], names))
        if entries:
            await self._roles.assign(tx, entries, self._clock.now(), current_actor().id)

    async def follow(
        self, tx: Transaction, before: UserData, after: UserData, modifier: UserModifier
    ) -> None:
        """Who moves leaves the roles of the old tenant behind, and those beyond a wall."""
        if before.tenant_id == after.tenant_id:
            return
        held = await self._roles.held_names(tx, after.id)
        if await self._roles.leave(tx, after.id, before.tenant_id, after.tenant_id):
            left = await self._roles.held_names(tx, after.id)
            tx.note(note_of(after.id, after.username, after.tenant_id, held, left))

    async def forget(self, tx: Transaction, user_id: UUID) -> None:
        """Have a user hold no role any more."""
        await self._roles.forget(tx, user_id)

    async def _found(self, tx: Transaction, wanted: Wanted) -> dict[UUID, dict[str, RoleKey]]:
        """All roles that are named, by tenant: its own, and then the platform's."""
        found = {}
        scope = Scope.of(current_actor())
        seen = Scope(tenant_id=scope.tenant_id)
        for tenant_id in dict.fromkeys(tenant for tenant, creator in wanted if creator.roles):
            here = [creator.roles or () for tenant, creator in wanted if tenant == tenant_id]
            every = list(dict.fromkeys(text for named in here for text in named))
            place = Place(tenant_id, then_platform=True)
            roles = await self._roles.resolve(tx, every, place, seen)
            found[tenant_id] = {
                text: role for text, role in roles.items() if role.tenant_id in (None, tenant_id)
            }
        return found

    async def _refused(self, tx: Transaction, wanted: Wanted, found: Found) -> dict[int, Violation]:
        """Who was to get a role that the actor cannot assign, by place."""
        keys = {role for roles in found.values() for role in roles.values()}
        barred = await self._barred(tx, keys)
        faults: dict[int, Violation] = {}
        for place, (tenant_id, creator) in enumerate(wanted):
            here = found.get(tenant_id, {})
            for text in creator.roles or ():
                if text in here and here[text].id in barred:
                    message = barred[here[text].id]
                    faults.setdefault(place, Violation("roles", "permission_denied", message))
        return faults

    async def _barred(self, tx: Transaction, roles: Collection[RoleKey]) -> dict[UUID, str]:
        """The roles that the actor cannot assign, and why."""
        if not roles:
            return {}
        if not self._authority.may_assign(current_actor()):
            message = "The permission role.assign is needed for this."
            return dict.fromkeys((role.id for role in roles), message)
        powers = await self._roles.powers_of_roles(tx, [role.id for role in roles])
        every = [power for found in powers.values() for power in found]
        missing = set(await self._authority.missing(tx, current_actor(), every))
        return {
            role_id: refusal(lacked)
            for role_id, found in powers.items()
            if (lacked := [power for power in found if power in missing])
        }


def _unknown(found: Mapping[str, RoleKey], named: Sequence[str]) -> list[Violation]:
    return [
        Violation("roles", "unknown", f"there is no role {text[:64]!r} for the user's tenant")
        for text in dict.fromkeys(named)
        if text not in found
    ]
