"""How the actions on groups are reached."""

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
from tenantry.kernel.route import Route

_MEMBERS = "/groups/{group}/members"

ROUTES = (
    Route("POST", "/groups", CreateGroupAction, "group create", status=201),
    Route("GET", "/groups", ListGroupsAction, "group list"),
    Route("GET", "/groups/{group}", GetGroupAction, "group get"),
    Route("PATCH", "/groups/{group}", ModifyGroupAction, "group modify", inline="modifier"),
    Route("DELETE", "/groups/{group}", DeleteGroupAction, "group delete"),
    Route("GET", _MEMBERS, ListMembersAction, "group members"),
    Route("POST", _MEMBERS, AddMemberAction, "group add-member"),
    Route("DELETE", f"{_MEMBERS}/{{user}}", RemoveMemberAction, "group remove-member"),
)
