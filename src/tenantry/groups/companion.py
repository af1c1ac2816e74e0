"""Memberships that are said with a user: made, replaced and removed in the user's transaction."""

from collections.abc import Sequence
from uuid import UUID

from tenantry.errors import UserCreationBadRequest, UserModificationBadRequest, Violation
from tenantry.groups.repository import GroupRepository
from tenantry.kernel.action import Note
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Transaction
from tenantry.users.model import UserCreator, UserData, UserModifier

Wanted = Sequence[tuple[UUID, UserCreator]]


class GroupCompanion:
    """The groups' part in creating, changing and removing a user.

    The user's row is locked by then, so nobody moves it to another tenant at the same time.
    """

    def __init__(self, *, group_repository: GroupRepository, clock: Clock) -> None:
        self._groups = group_repository
        self._clock = clock

    async def objections(self, tx: Transaction, wanted: Wanted) -> dict[int, Violation]:
        """The first group of each that is none of its tenant's."""
        faults = _faults(await self._found(tx, wanted), wanted)
        return {place: found[0] for place, found in faults.items()}

    async def welcome(
        self, tx: Transaction, newcomers: Sequence[tuple[UserData, UserCreator]]
    ) -> None:
        """Put new users into their groups; UserCreationBadRequest names those that are none."""
        wanted = [(user.tenant_id, creator) for user, creator in newcomers]
        found = await self._found(tx, wanted)
        violations = [fault for faults in _faults(found, wanted).values() for fault in faults]
        if violations:
            raise UserCreationBadRequest(violations)
        entries = [
            (found[user.tenant_id][text], user)
            for user, creator in newcomers
            for text in creator.group_ids or ()
        ]
        if entries:
            await self._groups.add(tx, entries, self._clock.now())

    async def follow(
        self, tx: Transaction, before: UserData, after: UserData, modifier: UserModifier
    ) -> None:
        """Replace the memberships if that was said; else only drop those of a tenant left."""
        moved = before.tenant_id != after.tenant_id
        if modifier.group_ids.is_nop() and not moved:
            return
        names_before = await self._groups.names_of(tx, after.id)
        if modifier.group_ids.is_nop():
            await self._groups.keep_tenant(tx, after.id, after.tenant_id)
        else:
            found = await self._resolved(tx, after.tenant_id, modifier.group_ids.value())
            group_ids = list(found.values())
            await self._groups.keep_only(tx, after.id, group_ids)
            entries = [(group_id, after) for group_id in group_ids]
            await self._groups.add(tx, entries, self._clock.now())
        names_after = await self._groups.names_of(tx, after.id)
        if names_before != names_after:
            changes = {"group_ids": (names_before, names_after)}
            tx.note(Note(after.username, after.id, after.tenant_id, changes))

    async def forget(self, tx: Transaction, user_id: UUID) -> None:
        """Take a user out of all groups."""
        await self._groups.keep_only(tx, user_id, [])

    async def _resolved(
        self, tx: Transaction, tenant_id: UUID, named: Sequence[str]
    ) -> dict[str, UUID]:
        """The ids of groups called by id or name; the error names those not of this tenant."""
        found = await self._groups.resolve(tx, tenant_id, named)
        violations = _unknown(found, named)
        if violations:
            raise UserModificationBadRequest(violations)
        return found

    async def _found(self, tx: Transaction, wanted: Wanted) -> dict[UUID, dict[str, UUID]]:
        """The ids of all groups that are named, by tenant."""
        found = {}
        for tenant_id in dict.fromkeys(tenant for tenant, creator in wanted if creator.group_ids):
            here = [creator.group_ids or () for tenant, creator in wanted if tenant == tenant_id]
            every = list(dict.fromkeys(text for named in here for text in named))
            found[tenant_id] = await self._groups.resolve(tx, tenant_id, every)
        return found


def _faults(found: dict[UUID, dict[str, UUID]], wanted: Wanted) -> dict[int, list[Violation]]:
    """The groups that are none, by the place of who wants them."""
    faults = {
        place: _unknown(found.get(tenant_id, {}), creator.group_ids or ())
        for place, (tenant_id, creator) in enumerate(wanted)
    }
    return {place: violations for place, violations in faults.items() if violations}


def _unknown(found: dict[str, UUID], named: Sequence[str]) -> list[Violation]:
    return [
        Violation("group_ids", "unknown", f"there is no group {text!r} in the user's tenant")
        for text in dict.fromkeys(named)
        if text not in found
    ]
