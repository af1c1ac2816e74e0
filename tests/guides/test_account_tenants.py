"""Block 17 of the account guide: a tenant, its users and its wall."""

import pytest

from tenantry.errors import AccountError, PermissionError
from tests.guides.account_stage import Stage


def test_block_17_a_tenant_is_made_filled_and_closed(stage: Stage) -> None:
    john, name = stage.john(), stage.cast.tenant
    played = stage.play(17)
    tenant = played.names["tenant"]
    assert (tenant.name, tenant.isolated) == (name, False)
    seen = stage.witness.get_tenant(name)
    assert seen is not None
    assert (seen.isolated, seen.user_count) == (True, 2)
    assert seen.description == played.call("create_tenant").said["description"]
    played.tells(*[(user,) for user in sorted((stage.cast.tenant_admin, john.username))])
    assert stage.seen(john.username).domain_name == name
    made = stage.audited("tenant.create")
    assert {entry.target for entry in made} == {name, stage.cast.tenant_admin}
    for action in ("tenant.assign_user", "tenant.isolate"):
        assert len(stage.audited(action)) == 1, action


def test_block_17_an_admin_who_is_made_sets_the_password_by_a_token(stage: Stage) -> None:
    stage.john()
    tenant = stage.play(17).names["tenant"]
    admin = stage.cast.tenant_admin
    assert tenant.admin_username == admin
    assert tenant.admin_token not in repr(tenant)
    stage.witness.reset_password(tenant.admin_token, "a door in the north wall")
    assert stage.log_in(admin, "a door in the north wall")
    with pytest.raises(AccountError):
        stage.witness.reset_password(tenant.admin_token, "a second time at the door")


def test_block_17_an_admin_who_is_there_moves_in_and_rules(stage: Stage) -> None:
    stage.john()
    stage.user(stage.cast.tenant_admin)
    tenant = stage.play(17).names["tenant"]
    assert tenant.admin_token is None
    admin = stage.seen(stage.cast.tenant_admin)
    assert (admin.domain_name, admin.role) == (stage.cast.tenant, "admin")


def test_block_17_from_inside_the_rest_does_not_exist(stage: Stage) -> None:
    """The tenant's admin, logged in, sees the tenant's people and nobody else's."""
    from tenantry import Client

    stage.john()
    stage.user("outsider")
    admin = stage.user(stage.cast.tenant_admin, "a door in the north wall")
    stage.play(17)
    params = stage.installation.params._replace(
        user=admin.username, password="a door in the north wall"
    )
    with Client(*params) as client:
        inside = [user.username for user in client.account.list_users()]
        assert inside == sorted((admin.username, stage.cast.john))
        assert client.account.get_user("outsider") is None
        with pytest.raises((AccountError, PermissionError)):
            client.account.create_tenant("another")
