"""The drawn answers of commands of `tenantry grant`, and questions from a file."""

import io
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tenantry.cli import session
from tenantry.cli.granting import Branch, drawn, effect_drawn
from tenantry.cli.main import main
from tenantry.decisions.explain import Reason
from tenantry.grants.actions import (
    CheckManyAction,
    CheckManyResult,
    ExplainAction,
    ExplainResult,
    PermissionsResult,
)
from tenantry.grants.model import AccessPath, Explanation, PrivilegeOn, Remedy, RoleEffect
from tenantry.grants.permissions import EffectivePrivilege, UserPermissions
from tenantry.kernel.page import Page
from tenantry.privileges.model import Privilege

ON_ORDERS = {"database": "sales", "schema": "public", "table": "orders"}
ON_SALES = {"database": "sales", "schema": None, "table": None}


def explanation(**fields: Any) -> Explanation:
    known = {"user": "amy", "privilege": Privilege.SELECT, **ON_ORDERS}
    empty: dict[str, Any] = {"allowed": False, "paths": [], "reason": None, "remedy": None}
    return Explanation(**{**empty, **known, **fields})


def path(**fields: Any) -> AccessPath:
    known: dict[str, Any] = {"roles": [], "grant_id": None, "privilege": Privilege.SELECT}
    return AccessPath(**{**known, **ON_SALES, **fields})


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the server answers next; what it is asked is put in its place."""
    queue: list[Any] = []

    def run(action: Any) -> Any:
        answer = queue.pop(0)
        queue.append(action)
        return answer

    monkeypatch.setattr(session, "run", run)
    return queue


def test_a_yes_is_drawn_role_by_role_to_the_grant() -> None:
    until = datetime(2030, 1, 1, tzinfo=UTC)
    direct = path(grant_id=UUID(int=1), privilege=Privilege.ALL, valid_until=until, within="acme")
    inherited = path(roles=["analyst", "staff"])
    tree = drawn(explanation(allowed=True, paths=[direct, inherited]))
    assert tree.text == "amy may SELECT on sales.public.orders"
    first, second = tree.below
    shown = until.astimezone().isoformat(" ", "seconds")
    assert first.text == f"grant of ALL on sales (databases of acme; until {shown})"
    assert second == Branch(
        "role analyst", [Branch("role staff", [Branch("its permission SELECT on sales")])]
    )


def test_a_no_is_drawn_with_its_reason_and_what_would_help() -> None:
    grant = PrivilegeOn(privilege=Privilege.SELECT, **ON_ORDERS)
    remedy = Remedy(grant=grant, roles=["reader"])
    tree = drawn(explanation(reason=Reason.NEVER_GRANTED, remedy=remedy))
    assert tree == Branch(
        "amy may not SELECT on sales.public.orders",
        [
            Branch("because: nothing grants it"),
            Branch(
                "any of these would be enough",
                [Branch("grant SELECT on sales.public.orders"), Branch("role reader")],
            ),
        ],
    )


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_words(reason: Reason) -> None:
    assert drawn(explanation(reason=reason)).below[0].text.startswith("because: ")


def test_the_command_draws_a_tree_and_gives_data_to_programs(
    answers: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    found = explanation(allowed=True, paths=[path(roles=["staff"]), path(grant_id=UUID(int=1))])
    answers.append(ExplainResult(found))
    words = ["grant", "explain", "amy", "select", "--database", "sales", "--table", "orders"]
    assert main(words) == 0
    assert capsys.readouterr().out.splitlines() == [
        "amy may SELECT on sales.public.orders",
        "├── role staff",
        "│   └── its permission SELECT on sales",
        "└── grant of SELECT on sales",
    ]
    assert answers == [
        ExplainAction(user="amy", permission="select", database="sales", table="orders")
    ]
    answers[:] = [ExplainResult(found)]
    assert main([*words, "--output", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["allowed"] is True


def test_a_terminal_without_lines_gets_them_from_plain_characters(
    answers: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)
    answers.append(ExplainResult(explanation(allowed=True, paths=[path(roles=["staff"]), path()])))
    assert main(["grant", "explain", "amy", "select"]) == 0
    out.seek(0)
    assert out.read().splitlines()[1:] == [
        "|-- role staff",
        "|   `-- its permission SELECT on sales",
        "`-- its permission SELECT on sales",
    ]


def test_a_name_cannot_steer_the_terminal(
    answers: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    answers.append(ExplainResult(explanation(allowed=True, paths=[path(roles=["a\x1b[2J"])])))
    assert main(["grant", "explain", "amy", "select"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_all_that_a_user_may_do_is_drawn_with_the_ways_that_lead_there(
    answers: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    known: dict[str, Any] = {"within": None, "databases": None, "privilege": Privilege.SELECT}
    effective = [
        EffectivePrivilege(**known | ON_SALES, paths=[path(roles=["staff"])]),
        EffectivePrivilege(
            **known
            | {"database": None, "schema": None, "table": None}
            | {"within": "acme", "databases": ["a", "b"]},
            paths=[path(database=None, grant_id=UUID(int=1), within="acme")],
        ),
    ]
    at = datetime(2030, 1, 1, tzinfo=UTC)
    found = UserPermissions(user="amy", at=at, effective=effective, beyond=["a digest"])
    answers.append(PermissionsResult(found))
    assert main(["grant", "effective", "amy"]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        f"amy may now ({at.astimezone().isoformat(' ', 'seconds')})",
        "├── SELECT on sales",
        "│   └── role staff",
        "│       └── its permission SELECT on sales",
        "└── SELECT on databases of acme (a, b)",
        "    └── grant of SELECT on everything (databases of acme)",
    ]
    assert "behind walls: 1" in printed.err
    nothing = UserPermissions(user="amy", at=at, effective=[], beyond=[])
    answers[:] = [PermissionsResult(nothing)]
    assert main(["grant", "effective", "amy"]) == 0
    assert "may do nothing" in capsys.readouterr().out


def test_gains_and_losses_are_drawn_by_user(
    answers: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    gained = PrivilegeOn(privilege=Privilege.UPDATE, **ON_SALES)
    lost = PrivilegeOn(
        privilege=Privilege.INSERT, database=None, schema=None, table=None, within="acme"
    )
    effect = RoleEffect(
        user_id=UUID(int=1),
        username="amy",
        gains=[gained],
        loses=[lost],
        gained_permissions=["user.lock"],
        lost_permissions=["user.unlock"],
    )
    plus = [Branch("+ UPDATE on sales"), Branch("+ user.lock")]
    minus = [Branch("- INSERT on everything of acme"), Branch("- user.unlock")]
    assert effect_drawn(effect) == Branch("amy", [*plus, *minus])
    answers.append(Page([effect], "more"))
    assert main(["grant", "what-if", "staff", "--permissions", "UPDATE", "--every-database"]) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines()[0] == "amy"
    assert "--cursor more" in shown.err
    asked = answers[0].change
    assert asked.permissions.value() == ["UPDATE"]
    assert asked.databases.is_nullify()
    answers[:] = [Page([])]
    assert main(["grant", "what-if", "staff", "--databases", "sales"]) == 0
    assert "Nobody would notice." in capsys.readouterr().err
    assert main(["grant", "what-if", "staff", "--databases", "d", "--every-database"]) == 2


def test_questions_from_a_file_are_answered_line_by_line(
    answers: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    questions = tmp_path / "questions.ndjson"
    questions.write_text(
        '{"user": "amy", "permission": "SELECT", "database": "sales"}\n\n'
        '{"user": "zoe", "permission": "INSERT"}\n'
    )
    answers.append(CheckManyResult([True, False]))
    assert main(["grant", "check-many", str(questions), "--output", "csv"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "user,permission,database,schema,table,allowed",
        "amy,SELECT,sales,,,true",
        "zoe,INSERT,,,,false",
    ]
    (asked,) = answers
    assert isinstance(asked, CheckManyAction)
    assert [question.user for question in asked.questions] == ["amy", "zoe"]
    answers[:] = [CheckManyResult([True, False])]
    assert main(["grant", "check-many", str(questions)]) == 0
    assert "amy" in capsys.readouterr().out
    questions.write_text("nonsense\n")
    assert main(["grant", "check-many", str(questions)]) == 2
