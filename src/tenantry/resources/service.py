"""The order of things when policies are created, read, changed and deleted."""

from typing import Any, Generic, TypeVar

import msgspec

from tenantry.errors import PolicyInUse, VersionConflict
from tenantry.kernel.action import Note
from tenantry.kernel.clock import Clock
from tenantry.kernel.modifier import Modifier
from tenantry.kernel.page import Page, seal, unseal
from tenantry.kernel.transaction import Database
from tenantry.record import Record, require_well_formed
from tenantry.resources import rules
from tenantry.resources.actions import (
    CreateKeypairPolicyAction,
    CreateResourcePolicyAction,
    DeleteKeypairPolicyAction,
    DeleteResourcePolicyAction,
    GetKeypairPolicyAction,
    GetResourcePolicyAction,
    KeypairPolicyResult,
    ListKeypairPoliciesAction,
    ListResourcePoliciesAction,
    ModifyKeypairPolicyAction,
    ModifyResourcePolicyAction,
    ResourcePolicyResult,
)
from tenantry.resources.model import KeypairPolicyData, ResourcePolicyData
from tenantry.resources.repository import PolicyRepository

DataT = TypeVar("DataT", bound=ResourcePolicyData | KeypairPolicyData)
DEFAULT = "default"


class _Policies(Generic[DataT]):
    """The same five operations for either kind of policy."""

    def __init__(
        self,
        database: Database,
        policy_repository: PolicyRepository[DataT],
        clock: Clock,
        cursor_key: bytes,
    ) -> None:
        self._database = database
        self._policies = policy_repository
        self._clock = clock
        self._cursor_key = cursor_key
        self._fields = policy_repository.policy.__struct_fields__

    async def create(self, policy: Record) -> DataT:
        columns = rules.columns(self._policies.policy, msgspec.structs.asdict(policy))
        async with self._database.transaction() as tx:
            await self._policies.insert(tx, columns, self._clock.now())
            made = await self._policies.get(tx, columns["name"])
            tx.note(_note(made.name, {name: (None, value) for name, value in columns.items()}))
        return made

    async def get(self, name: str) -> DataT:
        async with self._database.autocommit() as tx:
            return await self._policies.get(tx, name)

    async def page(self, limit: int, cursor: str | None) -> Page[DataT]:
        question = ["policies", self._policies.policy.__name__]
        after = unseal(self._cursor_key, question, cursor)[0] if cursor is not None else None
        async with self._database.autocommit() as tx:
            found = await self._policies.page(tx, limit + 1, after)
        if len(found) <= limit:
            return Page(found)
        return Page(found[:limit], seal(self._cursor_key, question, [found[limit - 1].name]))

    async def modify(self, name: str, modifier: Modifier, version: int | None) -> DataT:
        columns = rules.changed_columns(self._policies.policy, modifier)
        async with self._database.transaction() as tx:
            policy = await self._policies.lock(tx, name)
            if version is not None and version != policy.version:
                raise VersionConflict(field="version", version=policy.version)
            changes = {
                column: (getattr(policy, column), value)
                for column, value in columns.items()
                if getattr(policy, column) != value
            }
            if changes:
                said = {column: columns[column] for column in changes}
                await self._policies.update(tx, name, said)
            tx.note(_note(name, changes))
            return await self._policies.get(tx, name)

    async def delete(self, name: str) -> DataT:
        async with self._database.transaction() as tx:
            policy = await self._policies.lock(tx, name)
            if name == DEFAULT:
                message = "This policy is what newcomers get; it stays."
                raise PolicyInUse(message, field="policy")
            await self._policies.delete(tx, name)
            gone = {field: (getattr(policy, field), None) for field in self._fields}
            tx.note(_note(name, gone))
        return policy


class ResourceService:
    """Handles the actions on policies. Whoever may ask at all may ask about every policy."""

    def __init__(
        self,
        *,
        database: Database,
        resource_policies: PolicyRepository[ResourcePolicyData],
        keypair_policies: PolicyRepository[KeypairPolicyData],
        clock: Clock,
        cursor_key: bytes,
    ) -> None:
        self._of_users = _Policies(database, resource_policies, clock, cursor_key)
        self._of_keys = _Policies(database, keypair_policies, clock, cursor_key)

    async def create_resource_policy(
        self, action: CreateResourcePolicyAction
    ) -> ResourcePolicyResult:
        """Add a policy for users; PolicyConflict when there is one of this name."""
        return ResourcePolicyResult(await self._of_users.create(action.input))

    async def get_resource_policy(self, action: GetResourcePolicyAction) -> ResourcePolicyResult:
        """The policy; PolicyNotFound."""
        require_well_formed(action)
        return ResourcePolicyResult(await self._of_users.get(action.policy))

    async def list_resource_policies(
        self, action: ListResourcePoliciesAction
    ) -> Page[ResourcePolicyData]:
        """A page of the policies of users."""
        require_well_formed(action)
        return await self._of_users.page(action.limit, action.cursor)

    async def modify_resource_policy(
        self, action: ModifyResourcePolicyAction
    ) -> ResourcePolicyResult:
        """Change a policy; VersionConflict when somebody was quicker."""
        require_well_formed(action)
        changed = await self._of_users.modify(action.policy, action.modifier, action.version)
        return ResourcePolicyResult(changed)

    async def delete_resource_policy(
        self, action: DeleteResourcePolicyAction
    ) -> ResourcePolicyResult:
        """Delete a policy; PolicyInUse while a user has it."""
        require_well_formed(action)
        return ResourcePolicyResult(await self._of_users.delete(action.policy))

    async def create_keypair_policy(self, action: CreateKeypairPolicyAction) -> KeypairPolicyResult:
        """Add a policy for access keys; PolicyConflict when there is one of this name."""
        return KeypairPolicyResult(await self._of_keys.create(action.input))

    async def get_keypair_policy(self, action: GetKeypairPolicyAction) -> KeypairPolicyResult:
        """The policy; PolicyNotFound."""
        require_well_formed(action)
        return KeypairPolicyResult(await self._of_keys.get(action.policy))

    async def list_keypair_policies(
        self, action: ListKeypairPoliciesAction
    ) -> Page[KeypairPolicyData]:
        """A page of the policies of access keys."""
        require_well_formed(action)
        return await self._of_keys.page(action.limit, action.cursor)

    async def modify_keypair_policy(self, action: ModifyKeypairPolicyAction) -> KeypairPolicyResult:
        """Change a policy; VersionConflict when somebody was quicker."""
        require_well_formed(action)
        changed = await self._of_keys.modify(action.policy, action.modifier, action.version)
        return KeypairPolicyResult(changed)

    async def delete_keypair_policy(self, action: DeleteKeypairPolicyAction) -> KeypairPolicyResult:
        """Delete a policy; PolicyInUse while an access key has it."""
        require_well_formed(action)
        return KeypairPolicyResult(await self._of_keys.delete(action.policy))


def _note(name: str, changes: dict[str, Any]) -> Note:  # Any: values of any field
    return Note(target=name, changes=changes)
