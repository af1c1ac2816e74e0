"""How the tests change users, and what there is to change."""

from typing import Any

from tenantry.app import App
from tenantry.kernel.modifier import TriState
from tenantry.users.actions import GetUserAction, ModifyUserAction
from tenantry.users.model import UserData, UserModifier, UserRole, UserStatus


def modifier(**values: Any) -> UserModifier:
    """Values as updates, None as null."""
    states = {}
    for name, value in values.items():
        kind: Any = type(getattr(UserModifier(), name))
        states[name] = kind.update(value) if value is not None else TriState.nullify()
    return UserModifier(**states)


async def modify(
    app: App, user: str, *, version: int | None = None, force: bool = False, **values: Any
) -> UserData:
    action = ModifyUserAction(user=user, modifier=modifier(**values), version=version, force=force)
    return (await app.users.modify_user.wait_for_complete(action)).data


async def get(app: App, name: str) -> UserData:
    return (await app.users.get_user.wait_for_complete(GetUserAction(user=name))).data


CHANGES: dict[str, Any] = {
    "username": "jack",
    "email": "jack@example.com",
    "need_password_change": True,
    "full_name": "Jack Doe",
    "description": "new",
    "department": "Sales",
    "phone": "+1",
    "attributes": {"badge": 8},
    "status": UserStatus.SUSPENDED,
    "role": UserRole.MONITOR,
    "allowed_client_ip": ["10.0.0.0/8"],
    "resource_policy": "admin-policy",
    "sudo_session_enabled": True,
    "container_uid": 1500,
    "container_main_gid": 1501,
    "container_gids": [1502],
    "integration_name": "ldap",
}
