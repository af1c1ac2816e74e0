"""What a user brings to every door, as of a moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tenantry.decisions.facts import GrantFacts, UserFacts
from tenantry.decisions.numbers import Right
from tenantry.decisions.window import ALWAYS, Window
from tenantry.decisions.world import Opening, World, window_of


@dataclass(frozen=True, slots=True)
class Standing:
    """The user's tenant, roles and rights held directly, as far as they count within ``window``."""

    active: bool
    tenant: int
    roles: tuple[int, ...] = ()
    rights: Mapping[Right, tuple[GrantFacts, ...]] = field(default_factory=dict)
    window: Window = ALWAYS

    def comes_through(self, world: World, opening: Opening, database: str | None) -> bool:
        """Whether the user does, at the moment for which both were made."""
        if not self.active or not world.lets_in(self.tenant, database):
            return False
        return not (
            opening.roles.keys().isdisjoint(self.roles)
            and self.rights.keys().isdisjoint(opening.rights)
        )


def standing(world: World, user: UserFacts, now: datetime) -> Standing:
    """The user as of now."""
    tenant = world.numbers.of(user.tenant_id)
    if not user.active:
        return Standing(active=False, tenant=tenant)
    active, window = Window(user.active_from, user.active_until), ALWAYS
    if active != ALWAYS:
        window = ALWAYS.around(now, active)
    number = world.numbers.of
    roles = tuple([number(role_id) for role_id in user.role_ids])
    rights: dict[Right, tuple[GrantFacts, ...]] = {}
    for grant in user.grants:
        valid = window_of(grant)
        if valid is not ALWAYS:
            window = window.around(now, valid)
        if valid.holds_at(now):
            right = world.of_grant(grant)
            rights[right] = (*rights.get(right, ()), grant)
    return Standing(active.holds_at(now), tenant, roles, rights, window)
