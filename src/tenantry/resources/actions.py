"""What can be asked about resource policies and keypair policies."""

from typing import Annotated, ClassVar, Generic, TypeVar

import msgspec

from tenantry.kernel.action import Action, Audience
from tenantry.kernel.page import Page
from tenantry.record import Record
from tenantry.resources.model import (
    KeypairPolicy,
    KeypairPolicyData,
    KeypairPolicyModifier,
    ResourcePolicy,
    ResourcePolicyData,
    ResourcePolicyModifier,
)
from tenantry.users.model import Limit

ResultT = TypeVar("ResultT")
Version = Annotated[int, msgspec.Meta(ge=1, le=2**62)]


class ResourcePolicyResult(Record, frozen=True):
    """The policy as it is after the action, or as it was when it was deleted."""

    data: ResourcePolicyData
    success: bool = True


class KeypairPolicyResult(Record, frozen=True):
    """The policy as it is after the action, or as it was when it was deleted."""

    data: KeypairPolicyData
    success: bool = True


class OnPolicy(Action[ResultT], Generic[ResultT], frozen=True):
    """An action about one policy."""

    policy: Annotated[str, msgspec.Meta(description="Name of the policy")]

    def target(self) -> str | None:
        return str(self.policy)[:256]


class CreateResourcePolicyAction(Action[ResourcePolicyResult], frozen=True):
    """Create a resource policy for users."""

    tag: ClassVar[str] = "resource_policy.create"
    input: ResourcePolicy

    def target(self) -> str | None:
        return str(self.input.name)[:256]


class GetResourcePolicyAction(OnPolicy[ResourcePolicyResult], frozen=True):
    """Show a resource policy of users."""

    tag: ClassVar[str] = "resource_policy.get"
    audience: ClassVar[Audience] = Audience.READERS
    reads: ClassVar[bool] = True


class ListResourcePoliciesAction(Action[Page[ResourcePolicyData]], frozen=True, kw_only=True):
    """List the resource policies of users by name."""

    tag: ClassVar[str] = "resource_policy.list"
    audience: ClassVar[Audience] = Audience.READERS
    reads: ClassVar[bool] = True
    limit: Annotated[int, Limit] = 50
    cursor: str | None = None


class ModifyResourcePolicyAction(OnPolicy[ResourcePolicyResult], frozen=True):
    """Change what is named of a resource policy; it holds for its users at once."""

    tag: ClassVar[str] = "resource_policy.modify"
    modifier: ResourcePolicyModifier = ResourcePolicyModifier()
    version: Version | None = None


class DeleteResourcePolicyAction(OnPolicy[ResourcePolicyResult], frozen=True):
    """Delete a resource policy that no user has."""

    tag: ClassVar[str] = "resource_policy.delete"


class CreateKeypairPolicyAction(Action[KeypairPolicyResult], frozen=True):
    """Create a policy for access keys."""

    tag: ClassVar[str] = "keypair_policy.create"
    input: KeypairPolicy

    def target(self) -> str | None:
        return str(self.input.name)[:256]


class GetKeypairPolicyAction(OnPolicy[KeypairPolicyResult], frozen=True):
    """Show a policy of access keys."""

    tag: ClassVar[str] = "keypair_policy.get"
    audience: ClassVar[Audience] = Audience.READERS
    reads: ClassVar[bool] = True


class ListKeypairPoliciesAction(Action[Page[KeypairPolicyData]], frozen=True, kw_only=True):
    """List the policies of access keys by name."""

    tag: ClassVar[str] = "keypair_policy.list"
    audience: ClassVar[Audience] = Audience.READERS
    reads: ClassVar[bool] = True
    limit: Annotated[int, Limit] = 50
    cursor: str | None = None


class ModifyKeypairPolicyAction(OnPolicy[KeypairPolicyResult], frozen=True):
    """Change what is named of a keypair policy; an empty map is a value."""

    tag: ClassVar[str] = "keypair_policy.modify"
    modifier: KeypairPolicyModifier = KeypairPolicyModifier()
    version: Version | None = None


class DeleteKeypairPolicyAction(OnPolicy[KeypairPolicyResult], frozen=True):
    """Delete a keypair policy that no access key has."""

    tag: ClassVar[str] = "keypair_policy.delete"
