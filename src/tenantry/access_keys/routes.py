"""How the actions on access keys are reached."""

from tenantry.access_keys.actions import (
    ActivateAccessKeyAction,
    DeactivateAccessKeyAction,
    GetAccessKeyAction,
    IssueAccessKeyAction,
    ListAccessKeysAction,
    ModifyAccessKeyAction,
    RevokeAccessKeyAction,
    ShowSecretAction,
    SwitchMainAccessKeyAction,
)
from tenantry.kernel.route import Route

_ALL, _ONE, _NOUN = "/access-keys", "/access-keys/{access_key}", "access-key"

ROUTES = (
    Route("POST", _ALL, IssueAccessKeyAction, f"{_NOUN} issue", status=201),
    Route("GET", _ALL, ListAccessKeysAction, f"{_NOUN} list"),
    Route("GET", _ONE, GetAccessKeyAction, f"{_NOUN} get"),
    Route("PATCH", _ONE, ModifyAccessKeyAction, f"{_NOUN} modify", inline="modifier"),
    Route("DELETE", _ONE, RevokeAccessKeyAction, f"{_NOUN} revoke"),
    Route("POST", f"{_ONE}/activate", ActivateAccessKeyAction, f"{_NOUN} activate"),
    Route("POST", f"{_ONE}/deactivate", DeactivateAccessKeyAction, f"{_NOUN} deactivate"),
    Route("POST", f"{_ONE}/main", SwitchMainAccessKeyAction, f"{_NOUN} switch-main"),
    Route("POST", f"{_ONE}/secret", ShowSecretAction, f"{_NOUN} show-secret"),
)
