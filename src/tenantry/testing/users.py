"""Users for tests, made through the real actions."""

from typing import Any
from uuid import uuid4

from tenantry.app import App
from tenantry.users.actions import CreateUserAction
from tenantry.users.model import UserCreator, UserData

PASSWORD = "a sound passphrase"  # noqa: S105 - of users that live for one test
ADMIN_PASSWORD = "correct horse battery staple"  # noqa: S105 - as above


async def make_user(app: App, username: str | None = None, **fields: Any) -> UserData:
    """Create a user with ``PASSWORD`` and an address of its own unless told otherwise."""
    username = username or f"user-{uuid4().hex[:12]}"
    given = {"email": f"{username}@example.com", "password": PASSWORD, **fields}
    creator = UserCreator(username=username, **given)
    result = await app.users.create_user.wait_for_complete(CreateUserAction(input=creator))
    return result.data
