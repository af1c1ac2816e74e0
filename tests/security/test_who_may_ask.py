"""Each built-in role against each action: a table, and a test that the table is complete."""

import pytest

from tenantry.app import App
from tenantry.errors import NotAuthenticated, PermissionError
from tenantry.kernel.action import ANONYMOUS, SYSTEM, Action, Actor, ActorKind
from tenantry.routes import ROUTES
from tenantry.users.access import BuiltInRoleGuard
from tenantry.users.principal import PASSWORD_CHANGE_ONLY

pytestmark = pytest.mark.anyio

ROLES = ("superadmin", "admin", "monitor", "user")
EVERYBODY, READERS, ADMINS = set(ROLES), {"superadmin", "admin", "monitor"}, {"superadmin", "admin"}

# Whom the guard lets through; the service then decides on the very target.
MATRIX: dict[str, set[str]] = {
    "login": EVERYBODY | {"anonymous"},
    "logout": EVERYBODY,
    "whoami": EVERYBODY,
    "user.change_password": EVERYBODY,
    "user.create": ADMINS,
    "user.import": ADMINS,
    "user.get": EVERYBODY,
    "user.find": EVERYBODY,
    "user.list": READERS,
    "user.search": READERS,
    "user.modify": EVERYBODY,
    "user.delete": ADMINS,
    "user.restore": ADMINS,
    "user.purge": ADMINS,
    "user.preview_purge": ADMINS,
    "job.list": ADMINS,
    "job.get": ADMINS,
    "job.retry": ADMINS,
    "audit.search": EVERYBODY,
}
KINDS = {route.action.tag: route.action for route in ROUTES}


class Asked(Action[None], frozen=True):
    """Stands for an action of some tag and audience."""


def ask(tag: str, actor: Actor) -> bool:
    kind = type("Asked", (Asked,), {"tag": tag, "audience": KINDS[tag].audience})
    try:
        BuiltInRoleGuard().check(actor, kind())
    except (PermissionError, NotAuthenticated):
        return False
    return True


def test_every_action_has_its_line() -> None:
    assert set(MATRIX) == set(KINDS)


@pytest.mark.parametrize("tag", MATRIX)
def test_the_guard_lets_through_whom_the_table_names(tag: str) -> None:
    actors = {role: Actor(ActorKind.USER, role, role=role) for role in ROLES}
    actors["anonymous"] = ANONYMOUS
    assert {name for name, actor in actors.items() if ask(tag, actor)} == MATRIX[tag]


@pytest.mark.parametrize("tag", MATRIX)
def test_who_must_change_the_password_does_nothing_else(tag: str) -> None:
    for role in ROLES:
        limited = Actor(ActorKind.USER, role, role=role, only=PASSWORD_CHANGE_ONLY)
        expected = tag in PASSWORD_CHANGE_ONLY or tag == "login"
        assert ask(tag, limited) is expected, role


def test_an_actor_without_a_role_is_nobody() -> None:
    nobody = Actor(ActorKind.USER, "ghost")
    assert {tag for tag in MATRIX if ask(tag, nobody)} == {"login"}
    assert all(ask(tag, SYSTEM) for tag in MATRIX)


async def test_every_processor_asks_the_guard(tenantry: App) -> None:
    kinds = {processor.action_type.tag for processor in tenantry._runner.processors.values()}
    assert kinds == set(MATRIX)
    assert isinstance(tenantry._runner.guard, BuiltInRoleGuard)
