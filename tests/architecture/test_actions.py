"""Every action that can be run is declared, reached, told of and tested."""

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tenantry.app import App
from tenantry.cli.tree import HAND_WRITTEN
from tenantry.kernel.action import Action, Audience
from tenantry.routes import ROUTES

pytestmark = pytest.mark.anyio

TESTS = Path(__file__).parents[1]
TAG = re.compile(r"[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*")
SINGLE_WORDS = {"login", "logout", "whoami"}
WRITTEN_BY_HAND = {
    "login": "login",
    "login.second_factor": "login",
    "logout": "logout",
    "whoami": "whoami",
    "user.change_password": "password change",
    "session.step_up": "step-up",
    "password.check": "password check",
    "user.import": "user import",
    "user.month_stats": "usage user",
    "tenant.month_stats": "usage all",
    "audit.verify": "audit verify",
    "audit.show_retention": "audit retention",
    "audit.apply_retention": "audit retention",
    "user.purge": "user purge",
    "user.preview_purge": "user purge",
    "vfolder.purge": "vfolder purge",
    "tenant.delete": "tenant delete",
    "tenant.preview_delete": "tenant delete",
    "tenant.isolate": "tenant isolate",
    "database.plan": "database plan",
    "database.apply": "database apply",
    "database.drift": "database drift",
    "database.dump": "database dump",
    "database.propose": "database import",
    "database.login": "database login",
    "grant.check_many": "grant check-many",
    "grant.effective": "grant effective",
    "grant.explain": "grant explain",
    "grant.what_if": "grant what-if",
}


@pytest.fixture
def actions(tenantry: App) -> list[type[Action[Any]]]:
    """Every kind of action that the system runs."""
    return list(tenantry._runner.processors)


def slice_of(action: type[Action[Any]]) -> str:
    return action.__module__.split(".")[1]


async def test_tags_are_unique_and_have_one_grammar(actions: list[type[Action[Any]]]) -> None:
    tags = [action.tag for action in actions]
    assert len(set(tags)) == len(tags)
    for tag in tags:
        assert tag in SINGLE_WORDS or TAG.fullmatch(tag), tag


async def test_every_action_says_what_it_does_and_to_whom_it_is_open(
    actions: list[type[Action[Any]]],
) -> None:
    for action in actions:
        sentence = (vars(action).get("__doc__") or "").strip().splitlines()
        assert sentence, action.__name__
        assert sentence[0].endswith("."), action.__name__
        assert isinstance(action.audience, Audience)
        assert action.__name__.endswith("Action"), action.__name__
        assert action.result_type() is not None


async def test_only_logging_in_and_lost_passwords_are_open_to_everybody(
    actions: list[type[Action[Any]]],
) -> None:
    open_to_all = {"login", "password.request_reset", "password.reset"}
    assert {a.tag for a in actions if a.audience is Audience.EVERYONE} == open_to_all


async def test_every_action_has_exactly_one_route(actions: list[type[Action[Any]]]) -> None:
    routed = [route.action for route in ROUTES]
    assert sorted(a.__name__ for a in routed) == sorted(a.__name__ for a in actions)
    places = [(route.method, route.path) for route in ROUTES]
    assert len(set(places)) == len(places)


async def test_what_only_reads_is_not_reached_by_a_method_that_changes(
    actions: list[type[Action[Any]]],
) -> None:
    for route in ROUTES:
        if route.method == "GET":
            assert route.action.reads, route.action.__name__
        if route.method in ("PUT", "PATCH", "DELETE"):
            assert not route.action.reads, route.action.__name__


async def test_every_action_has_a_command() -> None:
    for route in ROUTES:
        if route.command:
            assert route.command not in HAND_WRITTEN
        else:
            assert WRITTEN_BY_HAND.get(route.action.tag) in HAND_WRITTEN, route.action.tag
    commands = [route.command for route in ROUTES if route.command]
    assert len(set(commands)) == len(commands)


async def test_every_action_is_in_the_reference(actions: list[type[Action[Any]]]) -> None:
    page = (TESTS.parent / "docs" / "reference" / "actions.md").read_text()
    told = {line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")}
    assert told == {action.tag for action in actions}


async def test_every_action_is_tested_in_the_folder_of_its_slice(
    actions: list[type[Action[Any]]],
) -> None:
    untested = []
    for action in actions:
        tests = (TESTS / slice_of(action)).glob("test_*.py")
        if not any(action.__name__ in test.read_text() for test in tests):
            untested.append(action.__name__)
    assert untested == []


async def test_every_action_of_a_slice_that_is_wired_is_wired(
    actions: list[type[Action[Any]]], modules: list[ModuleType]
) -> None:
    wired = {slice_of(action) for action in actions}
    declared = {
        value
        for module in modules
        if module.__name__.endswith("actions") and module.__name__.split(".")[1] in wired
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Action)
        and value.__module__ == module.__name__
        and "tag" in vars(value)
    }
    assert {a.__name__ for a in declared} == {a.__name__ for a in actions}
