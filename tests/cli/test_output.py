import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import get_args, get_origin

import pytest

from tenantry.cli import safe
from tenantry.cli.doctor import State, skew
from tenantry.cli.exits import exit_code
from tenantry.cli.formats import WRITERS, csv_cell, human
from tenantry.cli.invocation import Invocation
from tenantry.cli.output import _COLUMNS, fields_of, show_record
from tenantry.cli.version import Version
from tenantry.errors import (
    AccountError,
    AuthenticationError,
    ConfigurationError,
    ConnectionError,
    GroupConflict,
    InvalidInput,
    InvalidToken,
    LastAdministrator,
    NotAuthenticated,
    Overloaded,
    PasswordRejected,
    PermissionError,
    TenantNotFound,
    TenantryError,
    UserConflict,
    UserNotFound,
    VersionConflict,
    Violation,
)
from tenantry.kernel.page import Page
from tenantry.record import Record
from tenantry.routes import ROUTES
from tenantry.wire import Binding

COLUMNS = ("tenantry", "python", "platform")

BINDINGS = [Binding(route) for route in ROUTES]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Jürgen 王小明", "Jürgen 王小明"),
        ("a\x1b[31mb\n", "a\\x1b[31mb\\n"),
        ("user\u202egnp.exe", "user\\u202egnp.exe"),
        ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),
        ("\x9b31m", "\\x9b31m"),
        ("می\u200cخواهم", "می\u200cخواهم"),
    ],
)
def test_what_could_deceive_a_reader_is_shown_escaped(text: str, expected: str) -> None:
    assert safe.shown(text) == expected
    assert json.loads(safe.shown_json(json.dumps(text, ensure_ascii=False))) == text
    assert safe.shown_json(json.dumps(text, ensure_ascii=False)).isprintable() or "\u200c" in text


@pytest.mark.parametrize("text", ["=1+1", "+49", "-1", "@x", "\tx", "\rx", "plain", "'quoted", ""])
def test_no_cell_is_a_formula_and_every_cell_can_be_read_back(text: str) -> None:
    assert safe.cell(text)[:1] not in ("=", "+", "-", "@", "\t", "\r")
    assert safe.uncell(safe.cell(text)) == text


@pytest.mark.parametrize(
    ("value", "cell", "shown"),
    [
        (None, "", ""),
        (True, "true", "yes"),
        (-5, "-5", "-5"),
        (["10.0.0.1", "10.0.0.2"], "10.0.0.1;10.0.0.2", "10.0.0.1, 10.0.0.2"),
        (["=1"], "'=1", "=1"),
        ({}, "", ""),
        ({"a": [1]}, '{"a": [1]}', "a=(1)"),
        ({"a": True, "b": {"c": []}}, '{"a": true, "b": {"c": []}}', "a=yes"),
        ({"a": 0, "b": [], "c": None}, '{"a": 0, "b": [], "c": null}', "a=0"),
        (
            [{"roles": ["x", "y"], "table": None}, {"grant": {"on": "\x1b"}}],
            '[{"roles": ["x", "y"], "table": null}, {"grant": {"on": "\\u001b"}}]',
            "roles=(x, y); grant=(on=\\x1b)",
        ),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05Z", None),
    ],
)
def test_values_of_each_kind_are_written(value: object, cell: str, shown: str | None) -> None:
    assert csv_cell(value) == cell
    if shown is not None:
        assert human(value) == shown


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("csv", "tenantry,python,platform\n1,2,'=3\n4,5,6\n"),
        ("ndjson", '{"tenantry":"1","python":"2","platform":"=3"}\n'
                   '{"tenantry":"4","python":"5","platform":"6"}\n'),
        ("json", '[\n{"tenantry":"1","python":"2","platform":"=3"},\n'
                 '{"tenantry":"4","python":"5","platform":"6"}\n]\n'),
    ],
)  # fmt: skip
def test_records_are_written_portion_by_portion(kind: str, expected: str) -> None:
    out = io.StringIO()
    writer = WRITERS[kind](out, COLUMNS)
    writer.write([Version("1", "2", "=3")])
    writer.write([])
    writer.write([Version("4", "5", "6")])
    writer.end()
    assert out.getvalue() == expected


def test_no_records_are_still_json() -> None:
    out = io.StringIO()
    WRITERS["json"](out, COLUMNS).end()
    assert json.loads(out.getvalue()) == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TenantryError(), 1),
        (ConfigurationError(), 1),
        (NotAuthenticated(), 3),
        (AuthenticationError(), 3),
        (PermissionError(), 4),
        (UserNotFound(), 5),
        (TenantNotFound(), 5),
        (UserConflict(), 6),
        (GroupConflict(), 6),
        (VersionConflict(), 6),
        (LastAdministrator(), 6),
        (InvalidInput([Violation("a", "b", "c")]), 7),
        (PasswordRejected([Violation("a", "b", "c")]), 7),
        (InvalidToken(), 7),
        (ConnectionError(), 8),
        (Overloaded(), 8),
    ],
)
def test_the_code_tells_the_kind_of_failure(error: TenantryError, code: int) -> None:
    assert exit_code(error) == code


class Step(Record, frozen=True):
    """A part of the answer below."""

    name: str
    note: str | None = None


class Answer(Record, frozen=True):
    """Holds a record, records by name, and a field of people's own."""

    step: Step
    steps: dict[str, dict[str, object]]
    attributes: dict[str, object]
    done: bool = True


def test_what_is_inside_a_record_is_told_field_by_field(
    capsys: pytest.CaptureFixture[str],
) -> None:
    steps: dict[str, dict[str, object]] = {
        "roles": {"removed": 2},
        "vfolders": {"handed_over": [], "deleted": [{"id": 7, "name": "data"}]},
    }
    show_record(Invocation(), Answer(Step("first"), steps, {"badge": 17}))
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["field", "value"],
        ["step.name", "first"],
        ["steps.roles.removed", "2"],
        ["attributes", "badge=17"],
        ["done", "yes"],
        [],
        ["steps.vfolders.deleted:"],
        ["id", "name"],
        ["7", "data"],
    ]


class Answers(Record, frozen=True):
    """Holds records in a list."""

    by: str
    steps: list[Step]
    others: list[Step]


def test_records_in_a_list_are_a_table_of_their_own_below(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_record(Invocation(), Answers("amy", [Step("first", "in time"), Step("second")], []))
    assert capsys.readouterr().out.splitlines() == [
        "field  value",
        "by     amy",
        "",
        "steps:",
        "name    note",
        "first   in time",
        "second",
    ]


def kinds_of(error: type[TenantryError]) -> Iterator[type[TenantryError]]:
    for kind in error.__subclasses__():
        yield kind
        yield from kinds_of(kind)


def test_no_refusal_is_a_failure_of_no_kind() -> None:
    refusals = [*kinds_of(AccountError), *kinds_of(AuthenticationError)]
    assert len(refusals) > 30
    for kind in refusals:
        assert exit_code(kind.__new__(kind)) != 1, kind.__name__


@pytest.mark.parametrize(
    ("date", "state"),
    [
        ("Thu, 01 Jan 2026 12:00:00 GMT", State.OK),
        ("Thu, 01 Jan 2026 12:00:30 GMT", State.WARN),
        ("Thu, 01 Jan 2026 11:00:00 GMT", State.FAIL),
        (None, State.WARN),
        ("yesterday", State.WARN),
    ],
)
def test_a_wrong_clock_is_noticed(date: str | None, state: State) -> None:
    assert skew(date, datetime(2026, 1, 1, 12, tzinfo=UTC)).state is state


def test_a_table_of_many_has_columns_that_there_are() -> None:
    types = {get_args(b.answer_type)[0] for b in BINDINGS if get_origin(b.answer_type) is Page}
    known = {one.__name__: one for one in types if one.__name__ in _COLUMNS}
    assert _COLUMNS.keys() == known.keys()
    for name, one in known.items():
        assert set(_COLUMNS[name]) <= set(fields_of(one)), name
    wide = {one.__name__ for one in types - set(known.values()) if len(fields_of(one)) > 8}
    assert not wide, "what does not fit on a line needs a choice"
