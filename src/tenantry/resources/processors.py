"""The processors of policies."""

from tenantry.kernel.processor import Runner
from tenantry.resources.actions import (
    CreateKeypairPolicyAction,
    CreateResourcePolicyAction,
    DeleteKeypairPolicyAction,
    DeleteResourcePolicyAction,
    GetKeypairPolicyAction,
    GetResourcePolicyAction,
    ListKeypairPoliciesAction,
    ListResourcePoliciesAction,
    ModifyKeypairPolicyAction,
    ModifyResourcePolicyAction,
)
from tenantry.resources.service import ResourceService


class ResourceProcessors:
    """Runs the actions on policies."""

    def __init__(self, *, resource_service: ResourceService, run: Runner) -> None:
        service = resource_service
        self.create_resource_policy = run(
            CreateResourcePolicyAction, service.create_resource_policy
        )
        self.get_resource_policy = run(GetResourcePolicyAction, service.get_resource_policy)
        self.list_resource_policies = run(
            ListResourcePoliciesAction, service.list_resource_policies
        )
        self.modify_resource_policy = run(
            ModifyResourcePolicyAction, service.modify_resource_policy
        )
        self.delete_resource_policy = run(
            DeleteResourcePolicyAction, service.delete_resource_policy
        )
        self.create_keypair_policy = run(CreateKeypairPolicyAction, service.create_keypair_policy)
        self.get_keypair_policy = run(GetKeypairPolicyAction, service.get_keypair_policy)
        self.list_keypair_policies = run(ListKeypairPoliciesAction, service.list_keypair_policies)
        self.modify_keypair_policy = run(ModifyKeypairPolicyAction, service.modify_keypair_policy)
        self.delete_keypair_policy = run(DeleteKeypairPolicyAction, service.delete_keypair_policy)
