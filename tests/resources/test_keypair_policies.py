"""Policies of access keys, and that an empty map is a value."""

import asyncpg
import pytest

from tenantry.errors import InvalidInput, PolicyConflict, PolicyInUse, PolicyNotFound
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.resources.actions import (
    CreateKeypairPolicyAction,
    DeleteKeypairPolicyAction,
    GetKeypairPolicyAction,
    ListKeypairPoliciesAction,
    ModifyKeypairPolicyAction,
)
from tenantry.resources.model import (
    KeypairPolicy,
    KeypairPolicyData,
    KeypairPolicyModifier,
    Unspecified,
)
from tenantry.resources.processors import ResourceProcessors
from tenantry.users.model import UserData

pytestmark = pytest.mark.anyio
SLOTS = {"cpu": 4, "mem": 17179869184, "cuda.shares": 0.5}


async def create(resources: ResourceProcessors, **fields: object) -> KeypairPolicyData:
    """Create the policy "keys"."""
    policy = KeypairPolicy(**{"name": "keys", **fields})  # type: ignore[arg-type]  # each field has a type of its own
    action = CreateKeypairPolicyAction(policy)
    return (await resources.create_keypair_policy.wait_for_complete(action)).data


async def modify(
    resources: ResourceProcessors, modifier: KeypairPolicyModifier
) -> KeypairPolicyData:
    """Change the policy "keys"."""
    action = ModifyKeypairPolicyAction("keys", modifier)
    return (await resources.modify_keypair_policy.wait_for_complete(action)).data


async def test_a_policy_is_stored_as_it_was_said(resources: ResourceProcessors) -> None:
    made = await create(
        resources,
        default_for_unspecified=Unspecified.UNLIMITED,
        total_resource_slots={**SLOTS, "tpu": "8"},
        max_pending_session_resource_slots={},
        allowed_vfolder_hosts={"local:home": ["mount", "create"]},
        idle_timeout=2**40,
    )
    found = await resources.get_keypair_policy.wait_for_complete(GetKeypairPolicyAction("keys"))
    assert found.data == made
    assert made.total_resource_slots == {**SLOTS, "tpu": 8}
    assert made.max_pending_session_resource_slots == {}
    assert made.allowed_vfolder_hosts == {"local:home": ["create", "mount"]}
    with pytest.raises(PolicyConflict):
        await create(resources)


async def test_bug_43_an_empty_map_is_a_value_and_not_the_absence_of_one(
    resources: ResourceProcessors,
) -> None:
    await create(
        resources,
        total_resource_slots=SLOTS,
        allowed_vfolder_hosts={"local": ["mount"]},
        max_pending_session_resource_slots=SLOTS,
    )
    modifier = KeypairPolicyModifier(
        total_resource_slots=OptionalState.update({}),
        allowed_vfolder_hosts=OptionalState.update({}),
        max_pending_session_resource_slots=TriState.update({}),
        max_concurrent_sessions=OptionalState.update(0),
    )
    changed = await modify(resources, modifier)
    assert (changed.total_resource_slots, changed.allowed_vfolder_hosts) == ({}, {})
    assert changed.max_pending_session_resource_slots == {}
    assert (changed.max_concurrent_sessions, changed.version) == (0, 2)


async def test_bug_43_pending_limits_can_be_set_and_taken_away(
    resources: ResourceProcessors,
) -> None:
    await create(resources)
    modifier = KeypairPolicyModifier(
        max_pending_session_count=TriState.update(3),
        max_pending_session_resource_slots=TriState.update({"cpu": 1}),
    )
    changed = await modify(resources, modifier)
    assert changed.max_pending_session_count == 3
    assert changed.max_pending_session_resource_slots == {"cpu": 1}
    nothing = KeypairPolicyModifier(
        max_pending_session_count=TriState.nullify(),
        max_pending_session_resource_slots=TriState.nullify(),
    )
    changed = await modify(resources, nothing)
    assert changed.max_pending_session_count is None
    assert changed.max_pending_session_resource_slots is None


async def test_saying_what_is_already_so_changes_nothing(resources: ResourceProcessors) -> None:
    made = await create(resources, total_resource_slots=SLOTS)
    same = KeypairPolicyModifier(total_resource_slots=OptionalState.update(dict(SLOTS)))
    assert await modify(resources, same) == made


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"total_resource_slots": {"cpu": -1}}, "total_resource_slots"),
        ({"total_resource_slots": {"cpu": float("nan")}}, "total_resource_slots"),
        ({"total_resource_slots": {"cpu": float("inf")}}, "total_resource_slots"),
        ({"total_resource_slots": {"cpu": "many"}}, "total_resource_slots"),
        ({"total_resource_slots": {"CPU cores": 1}}, "total_resource_slots"),
        ({"total_resource_slots": {f"slot{i}": 1 for i in range(257)}}, "total_resource_slots"),
        ({"total_resource_slots": None}, "total_resource_slots"),
        ({"max_pending_session_resource_slots": []}, "max_pending_session_resource_slots"),
        ({"allowed_vfolder_hosts": {"local": "mount"}}, "allowed_vfolder_hosts[...]"),
        ({"allowed_vfolder_hosts": {"local": ["a b"]}}, "allowed_vfolder_hosts"),
        ({"default_for_unspecified": "none"}, "default_for_unspecified"),
        ({"max_containers_per_session": 0}, "max_containers_per_session"),
        ({"idle_timeout": -1}, "idle_timeout"),
    ],
)
async def test_what_a_policy_cannot_hold_is_named(
    resources: ResourceProcessors, fields: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await create(resources, **fields)
    assert [violation.field for violation in refused.value.violations] == [field]


async def test_bug_44_a_policy_that_a_key_has_is_not_deleted(
    resources: ResourceProcessors, john: UserData, owner: asyncpg.Connection
) -> None:
    await create(resources)
    await owner.execute(
        "insert into access_keys (access_key, user_id, secret, is_main, is_active, is_admin, scope,"
        " resource_policy, rate_limit, created_at, modified_at)"
        " values ('AKIAZZZZZZZZZZZZZZZZ', $1, '', false, true, false, 'full', 'keys', 1, now(),"
        " now())",
        john.id,
    )
    action = DeleteKeypairPolicyAction("keys")
    with pytest.raises(PolicyInUse):
        await resources.delete_keypair_policy.wait_for_complete(action)
    await owner.execute("delete from access_keys where resource_policy = 'keys'")
    assert (await resources.delete_keypair_policy.wait_for_complete(action)).success
    with pytest.raises(PolicyNotFound):
        await resources.get_keypair_policy.wait_for_complete(GetKeypairPolicyAction("keys"))


async def test_policies_of_keys_are_listed_by_name(resources: ResourceProcessors) -> None:
    await create(resources, name="b")
    await create(resources, name="a")
    page = await resources.list_keypair_policies.wait_for_complete(ListKeypairPoliciesAction())
    names = [policy.name for policy in page.items if policy.name != "default"]
    assert names == ["a", "b"]
