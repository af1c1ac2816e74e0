"""Each built-in role against each action: a table, and a test that the table is complete."""

import pytest

from tenantry.app import App
from tenantry.auth.step_up import StepUpGuard
from tenantry.errors import NotAuthenticated, PermissionError
from tenantry.kernel.action import ANONYMOUS, SYSTEM, Action, Actor, ActorKind
from tenantry.routes import ROUTES
from tenantry.users.access import RoleGuard
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
    "password.request_reset": EVERYBODY | {"anonymous"},
    "password.reset": EVERYBODY | {"anonymous"},
    "user.reset_password": ADMINS,
    "user.set_password": ADMINS,
    "session.step_up": EVERYBODY,
    "session.create": ADMINS,
    "session.validate": EVERYBODY,
    "session.refresh": EVERYBODY,
    "session.terminate": EVERYBODY,
    "session.list": EVERYBODY,
    "session.end": EVERYBODY,
    "session.end_all": EVERYBODY,
    "user.lock": ADMINS,
    "user.unlock": ADMINS,
    "user.get_lock": EVERYBODY,
    "user.list_locked": READERS,
    "user.invite": ADMINS,
    "password_policy.get": EVERYBODY,
    "password_policy.set": ADMINS,
    "password.check": EVERYBODY,
    "password.report": READERS,
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
    "login.second_factor": EVERYBODY,
    "second_factor.get": EVERYBODY,
    "second_factor.enrol": EVERYBODY,
    "second_factor.prove": EVERYBODY,
    "second_factor.regenerate_codes": EVERYBODY,
    "second_factor.remove_own": EVERYBODY,
    "second_factor.remove": ADMINS,
    "database.add": {"superadmin"},
    "database.get": READERS,
    "database.list": READERS,
    "database.modify": {"superadmin"},
    "database.remove": {"superadmin"},
    "database.check": ADMINS,
    "database.plan": ADMINS,
    "database.apply": ADMINS,
    "database.drift": READERS,
    "database.dump": ADMINS,
    "database.propose": {"superadmin"},
    "database.adopt": {"superadmin"},
    "database.revert": {"superadmin"},
    "database.login": EVERYBODY,
    "group.create": ADMINS,
    "group.get": EVERYBODY,
    "group.list": EVERYBODY,
    "group.modify": ADMINS,
    "group.delete": ADMINS,
    "group.add_member": ADMINS,
    "group.remove_member": ADMINS,
    "group.list_members": READERS,
    "role.create": ADMINS,
    "role.ensure": ADMINS,
    "role.get": EVERYBODY,
    "role.find": EVERYBODY,
    "role.list": READERS,
    "role.search": READERS,
    "role.modify": ADMINS,
    "role.delete": ADMINS,
    "role.list_members": READERS,
    "role.list_held": EVERYBODY,
    "role.assign": ADMINS,
    "role.remove": ADMINS,
    "role.inherit": ADMINS,
    "role.disinherit": ADMINS,
    "grant.give": ADMINS,
    "grant.revoke": ADMINS,
    "grant.revoke_access": ADMINS,
    "grant.list": EVERYBODY,
    "grant.check": EVERYBODY,
    "grant.check_many": EVERYBODY,
    "grant.check_access": EVERYBODY,
    "grant.effective": EVERYBODY,
    "grant.explain": EVERYBODY,
    "grant.list_holders": READERS,
    "grant.what_if": READERS,
    "access_key.issue": EVERYBODY,
    "access_key.get": EVERYBODY,
    "access_key.list": EVERYBODY,
    "access_key.modify": EVERYBODY,
    "access_key.activate": EVERYBODY,
    "access_key.deactivate": EVERYBODY,
    "access_key.revoke": EVERYBODY,
    "access_key.switch_main": EVERYBODY,
    "access_key.show_secret": EVERYBODY,
    "resource_policy.create": {"superadmin"},
    "resource_policy.get": READERS,
    "resource_policy.list": READERS,
    "resource_policy.modify": {"superadmin"},
    "resource_policy.delete": {"superadmin"},
    "keypair_policy.create": {"superadmin"},
    "keypair_policy.get": READERS,
    "keypair_policy.list": READERS,
    "keypair_policy.modify": {"superadmin"},
    "keypair_policy.delete": {"superadmin"},
    "job.list": READERS,
    "job.get": READERS,
    "job.retry": ADMINS,
    "audit.search": EVERYBODY,
    "audit.list_failed_logins": EVERYBODY,
    "audit.verify": {"superadmin"},
    "audit.show_retention": {"superadmin"},
    "audit.apply_retention": {"superadmin"},
    "vfolder.create": EVERYBODY,
    "vfolder.list": EVERYBODY,
    "vfolder.get": EVERYBODY,
    "vfolder.usage": EVERYBODY,
    "vfolder.share": EVERYBODY,
    "vfolder.unshare": EVERYBODY,
    "vfolder.hand_over": EVERYBODY,
    "vfolder.delete": EVERYBODY,
    "vfolder.restore": EVERYBODY,
    "vfolder.purge": EVERYBODY,
    "agent.list": {"superadmin"},
    "agent.register": {"superadmin"},
    "agent.heartbeat": {"superadmin"},
    "compute.create": EVERYBODY,
    "compute.list": EVERYBODY,
    "compute.get": EVERYBODY,
    "compute.terminate": EVERYBODY,
    "tenant.month_stats": READERS,
    "tenant.create": {"superadmin"},
    "tenant.get": READERS,
    "tenant.find": READERS,
    "tenant.list": READERS,
    "tenant.search": READERS,
    "tenant.update": ADMINS,
    "tenant.suspend": {"superadmin"},
    "tenant.resume": {"superadmin"},
    "tenant.isolate": {"superadmin"},
    "tenant.preview_delete": {"superadmin"},
    "tenant.delete": {"superadmin"},
    "tenant.list_users": READERS,
    "tenant.assign_user": {"superadmin"},
    "tenant.assign_database": {"superadmin"},
    "tenant.release_database": {"superadmin"},
    "tenant.list_databases": READERS,
    "user.month_stats": EVERYBODY,
}
OPEN = {tag for tag, actors in MATRIX.items() if "anonymous" in actors}
KINDS = {route.action.tag: route.action for route in ROUTES}


class Asked(Action[None], frozen=True):
    """Stands for an action of some tag and audience."""


def ask(tag: str, actor: Actor) -> bool:
    kind = type("Asked", (Asked,), {"tag": tag, "audience": KINDS[tag].audience})
    try:
        RoleGuard().check(actor, kind())
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
def test_a_permission_lets_a_plain_user_do_what_tenants_are_administered_by(tag: str) -> None:
    asking = Actor(ActorKind.USER, "helper", role="user", permissions=frozenset({tag}))
    assert ask(tag, asking) is bool(MATRIX[tag] & {"admin", "monitor"}), tag
    without = Actor(ActorKind.USER, "helper", role="user", permissions=frozenset(MATRIX) - {tag})
    assert ask(tag, without) is ("user" in MATRIX[tag])


@pytest.mark.parametrize("tag", MATRIX)
def test_who_must_change_the_password_does_nothing_else(tag: str) -> None:
    for role in ROLES:
        limited = Actor(ActorKind.USER, role, role=role, only=PASSWORD_CHANGE_ONLY)
        expected = tag in PASSWORD_CHANGE_ONLY or tag in OPEN
        assert ask(tag, limited) is expected, role


def test_an_actor_without_a_role_is_nobody() -> None:
    nobody = Actor(ActorKind.USER, "ghost")
    assert {tag for tag in MATRIX if ask(tag, nobody)} == OPEN
    assert all(ask(tag, SYSTEM) for tag in MATRIX)


async def test_every_processor_asks_the_guard(tenantry: App) -> None:
    kinds = {processor.action_type.tag for processor in tenantry._runner.processors.values()}
    assert kinds == set(MATRIX)
    assert isinstance(tenantry._runner.guard, StepUpGuard)
    assert isinstance(tenantry._runner.guard._inner, RoleGuard)
