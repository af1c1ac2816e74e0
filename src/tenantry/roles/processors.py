"""The processors of roles."""

from tenantry.kernel.processor import Runner
from tenantry.roles.actions import (
    AssignRolesAction,
    CreateRoleAction,
    DeleteRoleAction,
    DisinheritRoleAction,
    EnsureRoleAction,
    FindRoleAction,
    GetRoleAction,
    InheritRoleAction,
    ListHeldRolesAction,
    ListRoleMembersAction,
    ListRolesAction,
    ModifyRoleAction,
    RemoveRoleAction,
    SearchRolesAction,
)
from tenantry.roles.inheritance import RoleInheritance
from tenantry.roles.lists import RoleLists
from tenantry.roles.membership import RoleMembership
from tenantry.roles.service import RoleService


class RoleProcessors:
    """Runs the actions on roles."""

    def __init__(
        self,
        *,
        role_service: RoleService,
        lists: RoleLists,
        membership: RoleMembership,
        inheritance: RoleInheritance,
        run: Runner,
    ) -> None:
        self.create_role = run(CreateRoleAction, role_service.create_role)
        self.ensure_role = run(EnsureRoleAction, role_service.ensure_role)
        self.get_role = run(GetRoleAction, role_service.get_role)
        self.find_role = run(FindRoleAction, role_service.find_role)
        self.modify_role = run(ModifyRoleAction, role_service.modify_role)
        self.delete_role = run(DeleteRoleAction, role_service.delete_role)
        self.list_roles = run(ListRolesAction, lists.list_roles)
        self.search_roles = run(SearchRolesAction, lists.search_roles)
        self.list_members = run(ListRoleMembersAction, lists.list_members)
        self.list_held = run(ListHeldRolesAction, lists.list_held)
        self.assign_roles = run(AssignRolesAction, membership.assign_roles)
        self.remove_role = run(RemoveRoleAction, membership.remove_role)
        self.inherit = run(InheritRoleAction, inheritance.inherit)
        self.disinherit = run(DisinheritRoleAction, inheritance.disinherit)
