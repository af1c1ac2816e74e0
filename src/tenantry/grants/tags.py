"""Which permissions of the system a change of a role would give and take.

They decide on no database, so the engine knows nothing of them: who holds them is what the
statement finds that reads a principal, told here for a role that is not changed yet.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from tenantry.decisions.facts import UserFacts
from tenantry.decisions.window import Window
from tenantry.grants.loading import Loaded

Tags = frozenset[str]


class TagEffect(NamedTuple):
    """What one user would gain and lose, as far as no other role gives the same."""

    gains: Tags = frozenset()
    loses: Tags = frozenset()


def tag_effects(
    loaded: Loaded, user_ids: Iterable[UUID], role_id: UUID, tags: Tags | None, now: datetime
) -> dict[UUID, TagEffect]:
    """The effect on each of these users for whom there is one; None leaves all as it is."""
    if tags is None:
        return {}
    found: dict[UUID, TagEffect] = {}
    for user_id in user_ids:
        user = loaded.users.get(user_id)
        if user is None or user_id not in loaded.plain or not _may_act(loaded, user, now):
            continue
        reached = set(_reached(loaded, user))
        others = _union(loaded.tags[one] for one in reached - {role_id})
        own = loaded.tags[role_id] if role_id in reached else frozenset()
        new = tags if role_id in reached else frozenset()
        if new - own - others or own - new - others:
            found[user_id] = TagEffect(new - own - others, own - new - others)
    return found


def _may_act(loaded: Loaded, user: UserFacts, now: datetime) -> bool:
    tenant = loaded.tenants.get(user.tenant_id)
    lasts = Window(user.active_from, user.active_until)
    return user.active and tenant is not None and tenant.active and lasts.holds_at(now)


def _reached(loaded: Loaded, user: UserFacts) -> Iterator[UUID]:
    """The user's roles and what they inherit from: the platform's and the own tenant's."""
    seen: set[UUID] = set()
    waiting = list(user.role_ids)
    while waiting:
        role = loaded.roles.get(waiting.pop())
        if role is None or role.id in seen or role.tenant_id not in (None, user.tenant_id):
            continue
        seen.add(role.id)
        waiting += role.parent_ids
        yield role.id


def _union(sets: Iterable[Tags]) -> Tags:
    return frozenset().union(*sets)
