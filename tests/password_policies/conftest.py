"""Asking about password policies."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tenantry.app import App
from tenantry.kernel.modifier import TriState
from tenantry.password_policies.actions import (
    PasswordPolicyData,
    PasswordPolicyModifier,
    SetPasswordPolicyAction,
)

SetPolicy = Callable[..., Awaitable[PasswordPolicyData]]


@pytest.fixture
def set_policy(tenantry: App) -> SetPolicy:
    """Change a policy; None goes back to the default."""

    async def change(
        tenant: str | None = None, version: int | None = None, **values: Any
    ) -> PasswordPolicyData:
        states = {
            name: TriState.nullify() if value is None else TriState.update(value)
            for name, value in values.items()
        }
        action = SetPasswordPolicyAction(
            modifier=PasswordPolicyModifier(**states), tenant=tenant, version=version
        )
        return (await tenantry.password_policies.set.wait_for_complete(action)).data

    return change


@pytest.fixture
async def other_tenant(tenantry: App, owner: asyncpg.Connection) -> str:
    """The name of a second tenant."""
    await owner.execute(
        "insert into tenants (id, name, name_key, status, created_at)"
        " values ($1, 'Other', 'other', 'active', now())",
        UUID(int=2),
    )
    return "Other"
