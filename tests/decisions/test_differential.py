"""The engine says what the naive model says, and a broken rule would be found out."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tenantry.decisions import engine, users, world
from tenantry.decisions.cache import Epoch
from tenantry.decisions.engine import Decisions
from tenantry.decisions.gates import Gates
from tenantry.decisions.numbers import NOBODY
from tenantry.decisions.standing import standing
from tenantry.decisions.users import Users
from tenantry.decisions.window import ALWAYS, Window
from tenantry.decisions.world import World
from tests.decisions.differential import Difference, worlds

Patch = tuple[object, str, object]
WORLDS, ENOUGH = 150, 400


def test_engine_and_naive_model_agree_in_random_worlds() -> None:
    assert len(list(worlds(0, WORLDS))) == WORLDS


def _without_walls() -> Iterator[Patch]:
    yield World, "lets_in", lambda self, tenant, database: self.is_active(tenant)


def _with_suspended_tenants() -> Iterator[Patch]:
    yield World, "is_active", lambda self, tenant: tenant in self.tenants


def _without_bounds_of_direct_grants() -> Iterator[Patch]:
    right = World.of_grant
    yield World, "of_grant", lambda self, grant: right(self, grant)._replace(bound=NOBODY)


def _without_bounds_of_grants_to_roles() -> Iterator[Patch]:
    given = world.Given
    yield world, "Given", lambda within, window, grant: given(NOBODY, window, grant)


def _with_roles_good_everywhere() -> Iterator[Patch]:
    made = World._role

    def role(self: World, facts: Any) -> Any:  # Any: as the method that it replaces
        found = made(self, facts)
        rights = {right._replace(bound=NOBODY): ways for right, ways in found.rights.items()}
        return world.Role(found.facts, found.tenant, found.parents, rights)

    yield World, "_role", role


def _without_inheritance() -> Iterator[Patch]:
    yield World, "_add_heirs", lambda self, roles, owner: None


def _with_heirs_good_everywhere() -> Iterator[Patch]:
    def add_all(self: World, roles: dict[int, None], owner: int) -> None:
        waiting = list(roles)
        for parent in waiting:
            for child in self._children.get(parent, ()):
                if child not in roles:
                    roles[child] = None
                    waiting.append(child)

    yield World, "_add_heirs", add_all


def _without_time() -> Iterator[Patch]:
    yield Window, "holds_at", lambda self, now: True


def _never_looking_again_when_time_passes() -> Iterator[Patch]:
    yield Window, "around", lambda self, now, other: ALWAYS


def _without_all() -> Iterator[Patch]:
    rights = World.rights
    yield (
        World,
        "rights",
        lambda self, privilege, thing: [
            right for right in rights(self, privilege, thing) if right.privilege is privilege
        ],
    )


def _on_the_very_object_only() -> Iterator[Patch]:
    rights = World.rights
    yield (
        World,
        "rights",
        lambda self, privilege, thing: [
            right
            for right in rights(self, privilege, thing)
            if right[2:] == (thing.database, thing.schema, thing.table)
        ],
    )


def _keeping_old_doors() -> Iterator[Patch]:
    yield Gates, "drop", lambda self, databases: None


def _keeping_doors_when_a_right_is_new() -> Iterator[Patch]:
    packed = users.pack
    yield users, "pack", lambda *of: (*packed(*of)[:2], frozenset())


def _keeping_doors_when_parents_change() -> Iterator[Patch]:
    yield World, "_of_tenants", lambda self, *tenants: frozenset()


def _keeping_old_decisions() -> Iterator[Patch]:
    only = Epoch()
    yield engine, "Epoch", lambda: only


def _keeping_old_walls() -> Iterator[Patch]:
    yield Decisions, "_forget_walls", lambda self: None


def _keeping_users_as_they_were() -> Iterator[Patch]:
    put = Users.put
    yield (
        Users,
        "put",
        lambda self, user, now: None if self.knows(user.id.int) else put(self, user, now),
    )


def _with_users_who_are_shut_out() -> Iterator[Patch]:
    of_user = standing

    def always(*of: Any) -> Any:  # Any: as the function that it replaces
        found = of_user(*of)
        return type(found)(True, found.tenant, found.roles, found.rights, found.window)

    yield users, "standing", always


BROKEN = [
    _without_walls,
    _with_suspended_tenants,
    _with_users_who_are_shut_out,
    _without_bounds_of_direct_grants,
    _without_bounds_of_grants_to_roles,
    _with_roles_good_everywhere,
    _with_heirs_good_everywhere,
    _without_inheritance,
    _without_time,
    _without_all,
    _on_the_very_object_only,
    _never_looking_again_when_time_passes,
    _keeping_old_doors,
    _keeping_doors_when_a_right_is_new,
    _keeping_doors_when_parents_change,
    _keeping_old_decisions,
    _keeping_old_walls,
    _keeping_users_as_they_were,
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__.strip("_"))
def test_a_broken_rule_makes_a_difference(
    broken: Callable[[], Iterator[Patch]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for target, name, value in broken():
        monkeypatch.setattr(target, name, value)
    with pytest.raises(Difference):
        list(worlds(0, ENOUGH))
