"""Policies of users: created, shown, listed, changed, deleted unless in use."""

import asyncio

import pytest

from tenantry.app import App
from tenantry.audit.actions import SearchAuditAction
from tenantry.errors import (
    InvalidInput,
    PermissionError,
    PolicyConflict,
    PolicyInUse,
    PolicyNotFound,
    UserCreationBadRequest,
    VersionConflict,
)
from tenantry.kernel.action import Actor, acting_as
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.resources.actions import (
    CreateResourcePolicyAction,
    DeleteResourcePolicyAction,
    GetResourcePolicyAction,
    ListResourcePoliciesAction,
    ModifyResourcePolicyAction,
)
from tenantry.resources.model import ResourcePolicy, ResourcePolicyData, ResourcePolicyModifier
from tenantry.resources.processors import ResourceProcessors
from tenantry.testing.users import make_user
from tenantry.users.actions import ModifyUserAction
from tenantry.users.model import UserData, UserModifier, UserRole

pytestmark = pytest.mark.anyio
LARGEST = 2**63 - 1


async def create(resources: ResourceProcessors, name: str, **fields: object) -> ResourcePolicyData:
    """Create a policy."""
    policy = ResourcePolicy(name=name, **fields)  # type: ignore[arg-type]  # each field has a type of its own
    action = CreateResourcePolicyAction(policy)
    return (await resources.create_resource_policy.wait_for_complete(action)).data


async def test_a_policy_is_stored_as_it_was_said_and_noted(
    tenantry: App, resources: ResourceProcessors, superadmin: Actor
) -> None:
    with acting_as(superadmin):
        made = await create(
            resources,
            "lab users",
            max_vfolder_count=0,
            max_quota_scope_size=LARGEST,
            max_session_count_per_model_session=7,
            max_concurrent_logins=2,
        )
    found = await resources.get_resource_policy.wait_for_complete(
        GetResourcePolicyAction("lab users")
    )
    assert found.data == made
    assert (made.max_vfolder_count, made.max_quota_scope_size) == (0, LARGEST)
    assert (made.max_customized_image_count, made.max_concurrent_logins) == (3, 2)
    page = await tenantry.audit.search.wait_for_complete(
        SearchAuditAction(action="resource_policy.create")
    )
    assert [entry.target for entry in page.items] == ["lab users"]


async def test_of_twenty_who_create_one_policy_at_once_one_succeeds(
    resources: ResourceProcessors,
) -> None:
    making = (create(resources, "race") for _ in range(20))
    ended = await asyncio.gather(*making, return_exceptions=True)
    assert sum(isinstance(result, PolicyConflict) for result in ended) == 19


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": "x" * 257}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"max_vfolder_count": -1}, "max_vfolder_count"),
        ({"max_quota_scope_size": -2}, "max_quota_scope_size"),
        ({"max_quota_scope_size": 2**63}, "max_quota_scope_size"),
        ({"max_concurrent_logins": 0}, "max_concurrent_logins"),
        ({"max_customized_image_count": True}, "max_customized_image_count"),
    ],
)
async def test_what_a_policy_cannot_hold_is_named(
    resources: ResourceProcessors, fields: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await create(resources, **{"name": "policy", **fields})  # type: ignore[arg-type]  # what is refused here
    assert [violation.field for violation in refused.value.violations] == [field]


async def test_only_what_is_named_changes_and_null_takes_a_limit_away(
    resources: ResourceProcessors,
) -> None:
    made = await create(resources, "policy", max_concurrent_logins=2)
    modifier = ResourcePolicyModifier(
        max_vfolder_count=OptionalState.update(0), max_concurrent_logins=TriState.nullify()
    )
    action = ModifyResourcePolicyAction("policy", modifier, version=1)
    changed = (await resources.modify_resource_policy.wait_for_complete(action)).data
    assert (changed.max_vfolder_count, changed.max_concurrent_logins) == (0, None)
    assert changed.max_quota_scope_size == made.max_quota_scope_size
    with pytest.raises(VersionConflict):
        await resources.modify_resource_policy.wait_for_complete(action)


@pytest.mark.parametrize(
    ("modifier", "field"),
    [
        (ResourcePolicyModifier(), "modifier"),
        (ResourcePolicyModifier(max_vfolder_count=OptionalState.update(-1)), "max_vfolder_count"),
    ],
)
async def test_an_empty_or_wrong_modifier_changes_nothing(
    resources: ResourceProcessors, modifier: ResourcePolicyModifier, field: str
) -> None:
    made = await create(resources, "policy")
    action = ModifyResourcePolicyAction("policy", modifier)
    with pytest.raises(InvalidInput) as refused:
        await resources.modify_resource_policy.wait_for_complete(action)
    assert refused.value.field == field
    found = await resources.get_resource_policy.wait_for_complete(GetResourcePolicyAction("policy"))
    assert found.data == made


async def test_bug_44_a_policy_in_use_is_not_deleted_and_says_so(
    tenantry: App, resources: ResourceProcessors
) -> None:
    await create(resources, "policy")
    await make_user(tenantry, "amy", resource_policy="policy")
    action = DeleteResourcePolicyAction("policy")
    with pytest.raises(PolicyInUse):
        await resources.delete_resource_policy.wait_for_complete(action)
    modifier = UserModifier(resource_policy=OptionalState.update("default"))
    change = ModifyUserAction(user="amy", modifier=modifier)
    await tenantry.users.modify_user.wait_for_complete(change)
    assert (await resources.delete_resource_policy.wait_for_complete(action)).success
    with pytest.raises(PolicyNotFound):
        await resources.delete_resource_policy.wait_for_complete(action)


async def test_deleting_a_policy_while_users_take_it_leaves_no_user_without_one(
    tenantry: App, resources: ResourceProcessors
) -> None:
    for number in range(5):
        name = f"policy-{number}"
        await create(resources, name)
        deleted, made = await asyncio.gather(
            resources.delete_resource_policy.wait_for_complete(DeleteResourcePolicyAction(name)),
            make_user(tenantry, f"user-{number}", resource_policy=name),
            return_exceptions=True,
        )
        expected = (PolicyInUse, UserCreationBadRequest)
        assert sum(isinstance(result, expected) for result in (deleted, made)) == 1


async def test_the_policy_of_newcomers_stays(resources: ResourceProcessors) -> None:
    with pytest.raises(PolicyInUse):
        await resources.delete_resource_policy.wait_for_complete(
            DeleteResourcePolicyAction("default")
        )


async def test_only_the_platform_changes_policies_and_every_reader_reads_them(
    tenantry: App, resources: ResourceProcessors, admin: UserData, john: UserData
) -> None:
    monitor = await make_user(tenantry, "monica", role=UserRole.MONITOR)
    for who in (admin, monitor):
        with acting_as(who):
            page = await resources.list_resource_policies.wait_for_complete(
                ListResourcePoliciesAction()
            )
            assert {"default", "admin-policy"} <= {policy.name for policy in page.items}
            with pytest.raises(PermissionError):
                await create(resources, "mine")
            with pytest.raises(PermissionError):
                await resources.delete_resource_policy.wait_for_complete(
                    DeleteResourcePolicyAction("admin-policy")
                )
    with acting_as(john), pytest.raises(PermissionError):
        await resources.list_resource_policies.wait_for_complete(ListResourcePoliciesAction())


async def test_a_list_comes_in_pages(resources: ResourceProcessors) -> None:
    names: list[str] = []
    cursor: str | None = None
    while True:
        action = ListResourcePoliciesAction(limit=1, cursor=cursor)
        page = await resources.list_resource_policies.wait_for_complete(action)
        names += [policy.name for policy in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert names == ["admin-policy", "default", "default-policy"]
