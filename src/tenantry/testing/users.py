"""Users for tests, made through the real actions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pyotp

from tenantry.app import App
from tenantry.errors import UserNotFound
from tenantry.kernel.action import Actor, acting_as
from tenantry.second_factor.actions import EnrolSecondFactorAction, ProveSecondFactorAction
from tenantry.users.actions import CreateUserAction
from tenantry.users.model import UserCreator, UserData, UserRole
from tenantry.users.purging import PurgeOrder

PASSWORD = "a sound passphrase"  # noqa: S105 - of users that live for one test
ADMIN_PASSWORD = "correct horse battery staple"  # noqa: S105 - as above


async def make_user(app: App, username: str | None = None, **fields: Any) -> UserData:
    """Create a user with ``PASSWORD`` and an address of its own unless told otherwise."""
    username = username or f"user-{uuid4().hex[:12]}"
    given = {"email": f"{username}@example.com", "password": PASSWORD, **fields}
    creator = UserCreator(username=username, **given)
    result = await app.users.create_user.wait_for_complete(CreateUserAction(input=creator))
    return result.data


async def actor_of(app: App, user: UserData) -> Actor:
    """The user as an actor who may also do what the roles held now allow, as with a credential."""
    async with app.database.autocommit() as tx:
        principal = await app.user_repository.find_principal(tx, user.id)
    if principal is None:
        raise UserNotFound
    return principal.as_actor()


async def enrol(app: App, user: UserData, password: str = PASSWORD) -> None:
    """Give a user a second factor, proven with its first code."""
    with acting_as(user):
        action = EnrolSecondFactorAction(password)
        enrolled = await app.second_factor.enrol.wait_for_complete(action)
        code = pyotp.TOTP(enrolled.secret).at(app.clock.now())
        await app.second_factor.prove.wait_for_complete(ProveSecondFactorAction(code))


async def remove_user(app: App, user_id: UUID) -> None:
    """Remove a user with all that belongs to it, even the last administrator; or nobody."""
    async with app.database.autocommit() as tx:
        user = (await app.user_repository.find_many(tx, [user_id])).get(user_id)
    if user is None:
        return
    order = PurgeOrder(
        user_id=user.id,
        tenant_id=user.tenant_id,
        receiver_id=None,
        purge_shared_vfolders=True,
        delegate_endpoint_ownership=False,
    )
    for step in app.admin_user_repository.steps:
        await step.perform(order)
    async with app.database.transaction() as tx:
        await app.admin_user_repository.remove(tx, user.id)


@asynccontextmanager
async def user_for_a_while(
    app: App,
    email: str,
    name: str,
    domain_name: str = "default",
    *,
    need_password_change: bool = False,
    role: UserRole = UserRole.USER,
    full_name: str = "Sample User",
    password: str = PASSWORD,
    resource_policy_name: str = "default",
    description: str = "",
    totp_activated: bool = False,
    sudo_session_enabled: bool = False,
    is_active: bool = True,
) -> AsyncIterator[UUID]:
    """A user, by id, who is removed at the end of the block unless somebody has done so before.

    With ``totp_activated`` a second factor is enrolled and proven.
    """
    user = await make_user(
        app,
        name,
        email=email,
        domain_name=domain_name,
        need_password_change=need_password_change,
        role=role,
        full_name=full_name,
        password=password,
        resource_policy=resource_policy_name,
        description=description,
        sudo_session_enabled=sudo_session_enabled,
        is_active=is_active,
    )
    try:
        if totp_activated:
            await enrol(app, user, password)
        yield user.id
    finally:
        await remove_user(app, user.id)
