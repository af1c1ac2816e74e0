"""The fifteen blocks of the guide on the user service, run against the whole system.

Each runs twice where the guide is at hand: as printed, and as our own example of the same calls.
Users, a second factor and the parts of a service, which the guide takes for granted, are made here.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock, MagicMock

import pytest
from ai.backend.manager.models.user import UserRole, UserStatus

from tenantry.app import App
from tenantry.errors import StateConflict, UserNotFound
from tenantry.testing.users import enrol
from tenantry.users.actions import GetUserAction, UserResult
from tenantry.users.model import UserData
from tenantry.users.processors import UserProcessors
from tests.docs.blocks import ROOT
from tests.docs.reader import run_pytest
from tests.guides.printed import Printed, pages, title

pytestmark = pytest.mark.anyio

PAGES = pages("user-service.md")
COMPAT = ROOT / "compat" / "backend-ai"


@pytest.fixture(params=PAGES, ids=title)
def guide(request: pytest.FixtureRequest) -> Printed:
    return Printed.of(request.param)


@pytest.fixture
def given(processors: UserProcessors) -> dict[str, Any]:
    """What the guide uses without having said where it comes from."""
    return {"user_processor": processors, "UserRole": UserRole, "UserStatus": UserStatus}


async def user_of(app: App, email: str) -> UserData:
    found = await app.users.get_user.wait_for_complete(GetUserAction(email=email))
    return found.data


@pytest.fixture
async def user(guide: Printed, given: dict[str, Any]) -> UserData:
    """The user whom the first block makes, and whom the others take for granted."""
    result: UserResult = (await guide.run(0, **given))["result"]
    return result.data


def said(user: UserData, creator: Any) -> dict[str, tuple[object, object]]:
    """The fields in which a user is not what was asked for."""
    asked = {name: getattr(creator, name) for name in creator.__struct_fields__}
    for name in ("password", "password_hash", "group_ids", "roles", "is_active", "status"):
        del asked[name]
    return {n: (v, getattr(user, n)) for n, v in asked.items() if getattr(user, n) != v}


def test_the_guide_has_fifteen_blocks(guide: Printed) -> None:
    assert len(guide.blocks) == 15


async def test_block_01_a_user_is_created(
    guide: Printed, tenantry: App, given: dict[str, Any]
) -> None:
    names = await guide.run(0, **given)
    creator = names["action"].input
    assert names["result"].success is True
    user = await user_of(tenantry, creator.email)
    assert names["result"].data == user
    assert said(user, creator) == {}
    assert (user.status, user.main_access_key is not None) == (UserStatus.ACTIVE, True)


@pytest.mark.parametrize("number", [1, 2])
async def test_blocks_02_03_an_admin_and_a_user_with_container_ids_are_created(
    guide: Printed, processors: UserProcessors, given: dict[str, Any], number: int
) -> None:
    action = (await guide.run(number, **given))["action"]
    user = (await processors.create_user.wait_for_complete(action)).data
    assert said(user, action.input) == {}
    if number == 1:
        assert (user.role, user.sudo_session_enabled) == (UserRole.ADMIN, True)
    else:
        assert user.container_gids == action.input.container_gids
        assert (user.role, user.resource_policy) == (UserRole.USER, "default")


@pytest.mark.parametrize("number", [3, 4])
async def test_blocks_04_05_names_role_and_sudo_change_and_nothing_else_does(
    guide: Printed,
    processors: UserProcessors,
    given: dict[str, Any],
    user: UserData,
    number: int,
) -> None:
    action = (await guide.run(number, **given))["action"]
    changed = (await processors.modify_user.wait_for_complete(action)).data
    asked = action.modifier.changes()
    assert len(asked) == 2
    for name in UserData.__struct_fields__:
        if name not in ("modified_at", "version"):
            expected = asked.get(name, getattr(user, name))
            assert getattr(changed, name) == expected, name


async def test_block_06_security_settings_of_a_user_with_a_proven_second_factor(
    guide: Printed,
    tenantry: App,
    processors: UserProcessors,
    given: dict[str, Any],
    user: UserData,
) -> None:
    creator = (await guide.run(0, **given | {"user_processor": AsyncMock()}))["action"].input
    assert user.need_password_change is creator.need_password_change
    action = (await guide.run(5, **given))["action"]
    with pytest.raises(StateConflict):
        await processors.modify_user.wait_for_complete(action)
    await enrol(tenantry, user, creator.password)
    changed = (await processors.modify_user.wait_for_complete(action)).data
    asked = action.modifier.changes()
    assert {name: getattr(changed, name) for name in asked} == asked
    assert changed.totp_activated is True


async def test_block_07_a_deleted_user_stays_as_a_row(
    guide: Printed, tenantry: App, given: dict[str, Any], user: UserData
) -> None:
    names = await guide.run(6, **given)
    assert names["result"].success is True
    assert user.email is not None
    assert (await user_of(tenantry, user.email)).status is UserStatus.DELETED


async def test_block_08_a_purged_user_is_gone(
    guide: Printed,
    tenantry: App,
    processors: UserProcessors,
    given: dict[str, Any],
    user: UserData,
) -> None:
    known = {"user_uuid": user.id, "user_access_key": user.main_access_key}
    action = (await guide.run(7, **given, **known))["action"]
    result = await processors.purge_user.wait_for_complete(action)
    assert (result.success, result.data.done) == (True, True)
    assert user.email is not None
    with pytest.raises(UserNotFound):
        await user_of(tenantry, user.email)


@pytest.mark.parametrize("number", [8, 9])
async def test_blocks_09_10_statistics_have_a_bin_for_each_quarter_of_an_hour(
    guide: Printed, given: dict[str, Any], user: UserData, number: int
) -> None:
    result = (await guide.run(number, **given, user_uuid=user.id))["result"]
    assert result.success is True
    dates = [one["date"] for one in result.stats]
    assert dates == [dates[0] + 900 * i for i in range(2880)]
    assert result.stats[0]["num_sessions"] == {"value": 0, "unit_hint": "count"}


async def test_block_11_the_service_is_put_together_from_five_parts(
    guide: Printed, tenantry: App, given: dict[str, Any]
) -> None:
    monitor = MagicMock(prepare=AsyncMock(), done=AsyncMock())
    names = await guide.run(10, **given, **parts_of(tenantry), monitor=monitor)
    action = (await guide.run(1, **given))["action"]
    made = await names["processors"].create_user.wait_for_complete(action)
    assert await user_of(tenantry, action.input.email) == made.data
    assert [call.args[2].status for call in monitor.done.await_args_list] == ["succeeded"]


async def test_block_12_success_and_error_are_told_apart(
    guide: Printed,
    processors: UserProcessors,
    given: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    action = (await guide.run(1, **given))["action"]
    for _ in range(2):
        await guide.run(11, **given, processors=processors, action=action)
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"User created: {action.input.email}"
    assert second.startswith("Error: ")
    assert "taken" in second


def parts_of(app: App) -> dict[str, Any]:
    """The parts under the names that the guide uses."""
    return {
        "storage_manager": app.storage_manager,
        "valkey_client": app.valkey_stat_client,
        "agent_registry": app.agent_registry,
        "user_repository": app.user_repository,
        "admin_user_repository": app.admin_user_repository,
    }


# A reader's file of tests: what the guide's blocks take for granted stands above them, and a
# test that uses the mocks below.
ABOVE = """\
import pytest
from ai.backend.manager.services.user.actions.create_user import (
    CreateUserAction, CreateUserActionResult)
from ai.backend.manager.services.user.processors import UserProcessors
from ai.backend.manager.services.user.service import UserService
from ai.backend.manager.services.user.type import UserCreator
from tenantry.errors import UserConflict
from tenantry.testing.scenarios import expected_user

action = CreateUserAction(input=UserCreator(username="mo", email="mo@example.com"))
expected_result = CreateUserActionResult(expected_user(username="mo", email="mo@example.com"))
expected_exception = UserConflict


@pytest.fixture(autouse=True)
async def somebody_is_there_already(request, processors):
    scenario = getattr(request.node, "callspec", None)
    if scenario and scenario.params["test_scenario"].expected_exception:
        await processors.create_user.wait_for_complete(action)


"""
BELOW = """

async def test_a_service_with_mocks_creates_users(mock_dependencies, tenantry_app):
    service = UserService(
        storage_manager=mock_dependencies['storage_manager'],
        valkey_stat_client=mock_dependencies['valkey_client'],
        agent_registry=mock_dependencies['agent_registry'],
        user_repository=tenantry_app.user_repository,
        admin_user_repository=tenantry_app.admin_user_repository,
    )
    processors = UserProcessors(user_service=service, action_monitors=[])
    result = await processors.create_user.wait_for_complete(action)
    assert result.data.username == "mo"
"""


def test_blocks_13_14_15_are_tests_for_anybodys_pytest(guide: Printed, tmp_path: Path) -> None:
    blocks = "\n\n".join(guide.blocks[12:])
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["tenantry.testing.fixtures"]\n')
    (tmp_path / "pytest.ini").write_text("[pytest]\nanyio_mode = auto\nfilterwarnings = error\n")
    (tmp_path / "test_users.py").write_text(ABOVE + blocks + BELOW)
    done = run_pytest(tmp_path, first=COMPAT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


def test_the_test_tools_of_the_guide_are_not_installed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import tests.manager.services.test_utils"],
        cwd="/",
        env={n: v for n, v in os.environ.items() if n != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "No module named 'tests" in done.stderr
