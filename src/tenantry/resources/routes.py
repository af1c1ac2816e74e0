"""How the actions on policies are reached."""

from tenantry.kernel.route import Route
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

_OF_USERS, _OF_KEYS = "/resource-policies", "/keypair-policies"
_USERS, _KEYS = "resource-policy", "keypair-policy"
_ONE = "/{policy}"

ROUTES = (
    Route(
        "POST",
        _OF_USERS,
        CreateResourcePolicyAction,
        f"{_USERS} create",
        status=201,
        inline="input",
    ),
    Route("GET", _OF_USERS, ListResourcePoliciesAction, f"{_USERS} list"),
    Route("GET", _OF_USERS + _ONE, GetResourcePolicyAction, f"{_USERS} get"),
    Route(
        "PATCH",
        _OF_USERS + _ONE,
        ModifyResourcePolicyAction,
        f"{_USERS} modify",
        inline="modifier",
    ),
    Route("DELETE", _OF_USERS + _ONE, DeleteResourcePolicyAction, f"{_USERS} delete"),
    Route(
        "POST",
        _OF_KEYS,
        CreateKeypairPolicyAction,
        f"{_KEYS} create",
        status=201,
        inline="input",
    ),
    Route("GET", _OF_KEYS, ListKeypairPoliciesAction, f"{_KEYS} list"),
    Route("GET", _OF_KEYS + _ONE, GetKeypairPolicyAction, f"{_KEYS} get"),
    Route(
        "PATCH", _OF_KEYS + _ONE, ModifyKeypairPolicyAction, f"{_KEYS} modify", inline="modifier"
    ),
    Route("DELETE", _OF_KEYS + _ONE, DeleteKeypairPolicyAction, f"{_KEYS} delete"),
)
