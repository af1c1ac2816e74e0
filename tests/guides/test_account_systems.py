"""Blocks 18, 19 and 22 of the account guide: onboarding, access control, many calls at once."""

import ast
import builtins
from concurrent.futures import ThreadPoolExecutor

import pytest

from tenantry import AccountManager, Client
from tenantry.errors import AccountError, PermissionError, RoleNotFound
from tests.guides.account_stage import PASSWORD, Stage
from tests.guides.printed import Printed

METHODS = frozenset(
    """
    create_user list_users get_user search_users update_user change_password update_user_status
    delete_user soft_delete_user create_role list_roles get_role assign_role assign_roles
    remove_role grant_database_access grant_table_permissions grant_schema_permissions
    revoke_database_access revoke_permissions get_user_permissions has_database_access
    has_permission authenticate create_session validate_session refresh_session terminate_session
    set_password_policy validate_password lock_account unlock_account get_account_lock_status
    get_audit_logs get_failed_login_attempts create_tenant assign_user_to_tenant get_tenant_users
    set_tenant_isolation
    """.split()
)


def test_the_guide_has_22_blocks_and_calls_39_methods(account_guide: Printed) -> None:
    assert len(account_guide.blocks) == 22
    assert len(METHODS) == 39
    trees = [ast.walk(ast.parse(block)) for block in account_guide.blocks]
    used = {node.attr for tree in trees for node in tree if isinstance(node, ast.Attribute)}
    assert used & {n for n in dir(AccountManager) if not n.startswith("_")} == METHODS


def test_block_18_a_new_person_has_account_role_and_access(stage: Stage) -> None:
    cast = stage.cast
    stage.witness.create_role(cast.newcomer_role, permissions=["CREATE_VIEW"])
    played = stage.play(18)
    user = stage.seen(cast.newcomer)
    assert played.names["new_user"].id == user.id
    played.tells((user.email, user.username))
    assert user.roles == [cast.newcomer_role]
    assert stage.log_in(user.username, cast.newcomer_password)
    see = stage.witness.has_permission
    for name in ("SELECT", "INSERT", "UPDATE"):
        assert see(user.username, cast.newcomer_database, permission=name)
        assert not see(user.username, "another", permission=name)
    assert see(user.username, "another", permission="CREATE_VIEW")
    assert not see(user.username, cast.newcomer_database, permission="DELETE")
    actions = [entry.action for entry in stage.witness.get_audit_logs(outcome="succeeded")]
    steps = [a for a in actions[::-1] if a in ("user.create", "role.assign", "grant.give")]
    assert list(dict.fromkeys(steps)) == ["user.create", "role.assign", "grant.give"]
    played.names["onboarding"].client.close()


def test_block_18_fails_where_the_role_is_not_there(stage: Stage) -> None:
    with pytest.raises(RoleNotFound):
        stage.play(18)
    assert stage.seen(stage.cast.newcomer).roles == []


ROLES = {
    "admin": ["ALL"],
    "manager": ["CREATE_TABLE", "INSERT", "SELECT", "UPDATE"],
    "analyst": ["CREATE_VIEW", "SELECT"],
    "readonly": ["SELECT"],
}


def test_block_19_makes_its_roles_and_leaves_those_that_are_there(stage: Stage) -> None:
    ours = stage.witness.create_role("manager", "ours", ["DELETE"])
    played = stage.play(19)
    assert len(played.lines) == 1
    assert "denied" in played.lines[0]  # nobody of that name is there
    found = {role.name: sorted(role.permissions) for role in stage.witness.list_roles()}
    assert found == ROLES | {"manager": ["DELETE"]}
    assert stage.witness.get_role("manager") == ours
    conflicts = list(stage.witness.get_audit_logs(action="role.create", outcome="failed"))
    assert [entry.target for entry in conflicts] == ["manager"]
    played.names["rbac"].client.close()


@pytest.mark.parametrize("role", [*ROLES, None])
def test_block_19_tells_who_may_and_raises_for_who_may_not(stage: Stage, role: str | None) -> None:
    john, cast = stage.john().username, stage.cast
    if role is not None:
        stage.witness.create_role(role, permissions=ROLES[role])
        stage.witness.assign_role(john, role)
    played = stage.play(19)
    (line,) = played.lines
    assert ("granted" in line) is (role is not None)
    assert ("denied" in line) is (role is None)
    rbac = played.names["rbac"]
    place = {"database": cast.sales_database, "table": cast.sales_table}
    with rbac.client:
        for action in ("SELECT", "INSERT", "DELETE"):
            allowed = role is not None and bool({action, "ALL"} & set(ROLES[role]))
            assert rbac.check_access(john, place, action) is allowed
            assert rbac.check_access(john, {}, action) is allowed
            if allowed:
                rbac.enforce_access_control(john, place, action)
                continue
            with pytest.raises(builtins.PermissionError, match=action):
                rbac.enforce_access_control(john, place, action)


def test_block_19_the_imported_error_and_the_builtin_are_caught_alike(stage: Stage) -> None:
    stage.john()
    params = stage.installation.params._replace(
        user=stage.cast.john, password=stage.cast.john_password
    )
    with Client(*params) as client:
        for kind in (PermissionError, builtins.PermissionError):
            with pytest.raises(kind) as raised:
                client.account.create_role("mine", permissions=["ALL"])
            assert not isinstance(raised.value, AccountError)
    assert stage.witness.get_role("mine") is None


def people(count: int) -> list[dict[str, str]]:
    return [{"username": f"worker{n}", "password": PASSWORD} for n in range(count)]


def test_block_22_a_failing_user_does_not_stop_the_others(stage: Stage) -> None:
    played = stage.play(22)
    data = [
        *people(3),
        {"username": "WORKER1", "password": PASSWORD},
        {"username": "weak", "password": "password123"},
        {"username": "last", "password": PASSWORD},
    ]
    made = played.names["batch_create_users"](stage.client.account, data)
    assert [user.username for user in made] == ["worker0", "worker1", "worker2", "last"]
    lines = stage.capture.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "WORKER1" in lines[0]
    assert "weak" in lines[1]
    assert "password123" not in "".join(lines)
    known = {user.username for user in stage.witness.list_users()}
    assert known == {"root", "worker0", "worker1", "worker2", "last"}


def test_block_22_many_permissions_are_checked_by_one_question(stage: Stage) -> None:
    john, cast = stage.john().username, stage.cast
    stage.witness.grant_table_permissions(john, cast.database, cast.table, ["SELECT", "INSERT"])
    check = stage.play(22).names["check_multiple_permissions"]
    found = check(stage.client.account, john, ["SELECT", "INSERT", "DELETE", "ALL"])
    assert found == {"SELECT": True, "INSERT": True, "DELETE": False, "ALL": False}
    exact = [("SELECT", cast.database, "public", cast.table), ("SELECT", cast.database)]
    assert list(check(stage.client.account, john, exact).values()) == [True, False]


@pytest.mark.parametrize("locked", [True, False])
def test_block_22_a_service_logs_people_in_from_many_threads(stage: Stage, locked: bool) -> None:
    names = [stage.witness.create_user(**one).username for one in people(8)]
    service = stage.play(22).names["AccountService"]()
    # The lock is the guide's; the manager does not need it.
    log_in = service.thread_safe_authenticate if locked else service.account_manager.authenticate
    with service.client, ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda name: log_in(name, PASSWORD), names * 2))
        refused = list(pool.map(lambda name: log_in(name, "not this one"), names))
    assert [result.user.username for result in results] == names * 2
    assert len({result.session_token for result in results}) == 16
    assert {result.success for result in refused} == {False}
    for name in names:
        assert len(stage.audited("login", name)) == 2
        assert len(list(stage.witness.get_failed_login_attempts(name))) == 1
