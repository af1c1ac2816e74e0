"""How the actions on roles are reached."""

from tenantry.kernel.route import Route
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

_ROLE = "/roles/{role}"
_PARENTS = f"{_ROLE}/parents"
_HELD = "/users/{user}/roles"

ROUTES = (
    Route("POST", "/roles", CreateRoleAction, "role create", status=201),
    Route("GET", "/roles", ListRolesAction, "role list"),
    Route("POST", "/roles/find", FindRoleAction, "role find"),
    Route("POST", "/roles/search", SearchRolesAction, "role search", inline="filter"),
    Route("PUT", "/roles/{name}", EnsureRoleAction, "role ensure"),
    Route("GET", _ROLE, GetRoleAction, "role get"),
    Route("PATCH", _ROLE, ModifyRoleAction, "role modify", inline="modifier"),
    Route("DELETE", _ROLE, DeleteRoleAction, "role delete"),
    Route("GET", f"{_ROLE}/members", ListRoleMembersAction, "role members"),
    Route("POST", _PARENTS, InheritRoleAction, "role inherit"),
    Route("DELETE", f"{_PARENTS}/{{parent}}", DisinheritRoleAction, "role disinherit"),
    Route("GET", _HELD, ListHeldRolesAction, "role held"),
    Route("POST", _HELD, AssignRolesAction, "role assign"),
    Route("DELETE", f"{_HELD}/{{role}}", RemoveRoleAction, "role remove"),
)
