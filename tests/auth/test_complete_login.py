"""The second step of a login; tests/second_factor has the ways in which it goes well."""

import pytest

from tenantry.app import App
from tenantry.auth.actions import CompleteLoginAction
from tenantry.errors import InvalidInput, NotAuthenticated, StateConflict
from tenantry.kernel.action import ANONYMOUS, acting_as
from tenantry.users.model import UserData

pytestmark = pytest.mark.anyio


async def test_where_no_login_waits_there_is_nothing_to_complete(
    tenantry: App, john: UserData
) -> None:
    with acting_as(john), pytest.raises(StateConflict):
        await tenantry.auth.complete_login.wait_for_complete(CompleteLoginAction("123456"))


async def test_nobody_completes_a_login_without_its_first_step(tenantry: App) -> None:
    with acting_as(ANONYMOUS), pytest.raises(NotAuthenticated):
        await tenantry.auth.complete_login.wait_for_complete(CompleteLoginAction("123456"))


async def test_what_is_no_code_is_refused_by_field(tenantry: App, john: UserData) -> None:
    with acting_as(john), pytest.raises(InvalidInput) as refused:
        await tenantry.auth.complete_login.wait_for_complete(CompleteLoginAction("12345"))
    assert refused.value.field == "totp_code"
