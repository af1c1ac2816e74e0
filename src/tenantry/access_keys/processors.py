"""The processors of access keys."""

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
from tenantry.access_keys.service import AccessKeyService
from tenantry.kernel.processor import Runner


class AccessKeyProcessors:
    """Runs the actions on access keys."""

    def __init__(self, *, access_key_service: AccessKeyService, run: Runner) -> None:
        self.issue = run(IssueAccessKeyAction, access_key_service.issue)
        self.get = run(GetAccessKeyAction, access_key_service.get)
        self.list_keys = run(ListAccessKeysAction, access_key_service.list_keys)
        self.modify = run(ModifyAccessKeyAction, access_key_service.modify)
        self.activate = run(ActivateAccessKeyAction, access_key_service.activate)
        self.deactivate = run(DeactivateAccessKeyAction, access_key_service.deactivate)
        self.revoke = run(RevokeAccessKeyAction, access_key_service.revoke)
        self.switch_main = run(SwitchMainAccessKeyAction, access_key_service.switch_main)
        self.show_secret = run(ShowSecretAction, access_key_service.show_secret)
