"""How the actions on vfolders look as requests and commands."""

from typing import Any

import click
import pytest

from tenantry.cli.derive import command_of
from tenantry.kernel.action import Action
from tenantry.storage.actions import (
    CreateVfolderAction,
    DeleteVfolderAction,
    GetVfolderAction,
    HandOverVfolderAction,
    ListVfoldersAction,
    PurgeVfolderAction,
    RestoreVfolderAction,
    ShareVfolderAction,
    UnshareVfolderAction,
    VfolderUsageAction,
)
from tenantry.storage.model import SharePermission, VfolderStatus
from tenantry.storage.routes import ROUTES
from tenantry.wire import Wire

WIRE = Wire(ROUTES)

REQUESTS: dict[Action[Any], str] = {
    CreateVfolderAction("data", host="local", owner="john"): "POST /vfolders",
    ListVfoldersAction(owner="john", status=VfolderStatus.TRASH, limit=7): "GET /vfolders",
    GetVfolderAction("données", "john"): "GET /vfolders/donn%C3%A9es",
    VfolderUsageAction("data"): "GET /vfolders/data/usage",
    ShareVfolderAction("data", user="jane", permission=SharePermission.WRITE): (
        "POST /vfolders/data/shares"
    ),
    UnshareVfolderAction("data", "john", user="jane"): "DELETE /vfolders/data/shares/jane",
    HandOverVfolderAction("data", to="jane"): "POST /vfolders/data/hand-over",
    DeleteVfolderAction("data", "john"): "DELETE /vfolders/data",
    RestoreVfolderAction("data"): "POST /vfolders/data/restore",
    PurgeVfolderAction("data"): "POST /vfolders/data/purge",
}


def test_every_action_has_a_route() -> None:
    assert {type(action) for action in REQUESTS} == {route.action for route in ROUTES}


@pytest.mark.parametrize("action", REQUESTS, ids=lambda action: action.tag)
def test_an_action_is_the_same_after_its_way_over_the_wire(action: Action[Any]) -> None:
    binding = WIRE.of(type(action))
    request = binding.to_request(action)
    assert f"{request.method} {request.path}" == REQUESTS[action]
    given = {name: getattr(action, name) for name in binding.path_names}
    assert binding.to_action(given, request.query, request.body or {}) == action


@pytest.mark.parametrize(
    "action",
    [action for action in REQUESTS if WIRE.of(type(action)).route.command],
    ids=lambda action: action.tag,
)
def test_an_action_is_a_command_with_its_names_as_arguments(action: Action[Any]) -> None:
    command = command_of(WIRE.of(type(action)))
    arguments = [p.name for p in command.params if isinstance(p, click.Argument)]
    needed = [name for name in ("name", "folder", "user", "to") if hasattr(action, name)]
    assert arguments == needed
    assert command.help
