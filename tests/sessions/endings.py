"""What ends a session of john's, or changes what is known of it."""

from collections.abc import Callable
from typing import Any

from tenantry.kernel.action import Action
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.lockout.actions import LockAccountAction
from tenantry.sessions.actions import (
    EndSessionsAction,
    RefreshSessionAction,
    TerminateSessionAction,
)
from tenantry.users.actions import (
    DeleteUserAction,
    ModifyUserAction,
    PurgeUserAction,
)
from tenantry.users.model import UserModifier, UserStatus


def modified(**changes: Any) -> Callable[[str], Action[Any]]:
    return lambda _: ModifyUserAction(user="john", modifier=UserModifier(**changes))


ENDINGS: dict[str, Callable[[str], Action[Any]]] = {
    "its end": lambda token: TerminateSessionAction(session_token=token),
    "its refresh": lambda token: RefreshSessionAction(session_token=token),
    "the end of all": lambda _: EndSessionsAction(user="john"),
    "a lock": lambda _: LockAccountAction(user="john", reason="test"),
    "deletion": lambda _: DeleteUserAction(user="john"),
    "a purge": lambda _: PurgeUserAction(user="john"),
    "being switched off": modified(status=OptionalState.update(UserStatus.INACTIVE)),
    "another password": modified(password=OptionalState.update("another sound passphrase")),
    "other addresses": modified(allowed_client_ip=TriState.update(["198.51.100.1"])),
    "an order to change the password": modified(need_password_change=OptionalState.update(True)),
}
