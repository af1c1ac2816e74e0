"""The processors of groups."""

from tenantry.groups.actions import (
    AddMemberAction,
    CreateGroupAction,
    DeleteGroupAction,
    GetGroupAction,
    ListGroupsAction,
    ListMembersAction,
    ModifyGroupAction,
    RemoveMemberAction,
)
from tenantry.groups.service import GroupService
from tenantry.kernel.processor import Runner


class GroupProcessors:
    """Runs the actions on groups."""

    def __init__(self, *, group_service: GroupService, run: Runner) -> None:
        self.create_group = run(CreateGroupAction, group_service.create_group)
        self.get_group = run(GetGroupAction, group_service.get_group)
        self.list_groups = run(ListGroupsAction, group_service.list_groups)
        self.modify_group = run(ModifyGroupAction, group_service.modify_group)
        self.delete_group = run(DeleteGroupAction, group_service.delete_group)
        self.add_member = run(AddMemberAction, group_service.add_member)
        self.remove_member = run(RemoveMemberAction, group_service.remove_member)
        self.list_members = run(ListMembersAction, group_service.list_members)
