"""What the keypair policy of the main access key permits on which storage host."""

from typing import Any

import pytest

from tenantry.app import App
from tenantry.compute.actions import CreateComputeSessionAction
from tenantry.errors import StateConflict
from tenantry.kernel.modifier import OptionalState
from tenantry.resources.actions import ModifyKeypairPolicyAction
from tenantry.resources.model import KeypairPolicyModifier, Unspecified
from tenantry.storage.actions import (
    CreateVfolderAction,
    DeleteVfolderAction,
    HandOverVfolderAction,
    ShareVfolderAction,
)
from tenantry.storage.model import SharePermission
from tenantry.users.model import UserData

from .world import HOST, Vfolders

pytestmark = pytest.mark.anyio

ALL = ["create-vfolder", "mount-in-session", "invite-others"]


async def allow(app: App, hosts: dict[str, list[str]], **fields: Any) -> None:
    """Change the policy that everybody's main key has."""
    modifier = KeypairPolicyModifier(allowed_vfolder_hosts=OptionalState.update(hosts), **fields)
    modify = ModifyKeypairPolicyAction("default", modifier)
    await app.resources.modify_keypair_policy.wait_for_complete(modify)


async def test_folders_are_made_only_on_hosts_that_the_policy_permits(
    tenantry: App, vfolders: Vfolders, john: UserData
) -> None:
    await allow(tenantry, {HOST: ALL, "other": ["mount-in-session"]})
    await vfolders.run.create.wait_for_complete(
        CreateVfolderAction(name="data", owner="john", host=HOST)
    )
    with pytest.raises(StateConflict, match="create-vfolder on the host other") as caught:
        await vfolders.run.create.wait_for_complete(
            CreateVfolderAction(name="more", owner="john", host="other")
        )
    assert caught.value.field == "host"
    assert caught.value.data["limit"] == [HOST, "other"]


async def test_a_host_that_is_not_named_is_free_only_where_the_policy_is_unlimited(
    tenantry: App, vfolders: Vfolders, john: UserData
) -> None:
    await allow(tenantry, {})
    create = CreateVfolderAction(name="data", owner="john", host="other")
    await vfolders.run.create.wait_for_complete(create)
    await allow(tenantry, {}, default_for_unspecified=OptionalState.update(Unspecified.LIMITED))
    with pytest.raises(StateConflict, match="host other"):
        await vfolders.run.create.wait_for_complete(
            CreateVfolderAction(name="more", owner="john", host="other")
        )


async def test_sharing_and_handing_over_ask_for_the_host_and_throwing_away_does_not(
    tenantry: App, vfolders: Vfolders, john: UserData, jane: UserData
) -> None:
    create = CreateVfolderAction(name="data", owner="john", host=HOST)
    folder = (await vfolders.run.create.wait_for_complete(create)).data
    await allow(tenantry, {HOST: []})
    with pytest.raises(StateConflict, match="invite-others"):
        await vfolders.run.share.wait_for_complete(
            ShareVfolderAction(str(folder.id), user="jane", permission=SharePermission.READ)
        )
    with pytest.raises(StateConflict, match="create-vfolder") as caught:
        await vfolders.run.hand_over.wait_for_complete(
            HandOverVfolderAction(str(folder.id), to="jane")
        )
    assert caught.value.field == "to"
    await vfolders.run.delete.wait_for_complete(DeleteVfolderAction(str(folder.id)))


async def test_a_session_mounts_only_what_the_policy_permits(tenantry: App, john: UserData) -> None:
    create = CreateVfolderAction(name="data", owner="john")
    await tenantry.vfolders.create.wait_for_complete(create)
    await allow(tenantry, {"local": ["create-vfolder"]})
    with pytest.raises(StateConflict, match="mount-in-session") as caught:
        await tenantry.compute.create_session.wait_for_complete(
            CreateComputeSessionAction(command=["true"], user="john", folders=["data"])
        )
    assert caught.value.field == "folders"
