import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from tenantry.adapters.postgres.embedded import EmbeddedPostgres

from .conftest import Command, Server

FreshName = Callable[[], str]
pytestmark = pytest.mark.anyio


def test_the_end_of_a_search_given_as_a_day_includes_that_day(
    tenantry: Command, fresh_name: FreshName
) -> None:
    name = fresh_name()
    assert tenantry("user", "create", name).code == 0
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    words = ("audit", "search", "--user", name, "--since", today, "--output", "json")
    found = tenantry(*words, "--until", today).json["items"]
    assert [entry["action"] for entry in found] == ["user.create"]
    before = tenantry(*words[:4], "--until", "2020-01-01", "--output", "json")
    assert before.json["items"] == []


def test_a_search_for_what_makes_no_sense_names_each_field(tenantry: Command) -> None:
    words = ("--action", "user.creat", "--since", "2026-02-01", "--until", "2026-01-01")
    refused = tenantry("audit", "search", *words)
    assert refused.code == 7
    assert "did you mean user.create" in refused.err
    assert "since" in refused.err
    assert tenantry("audit", "search", "--since", "yesterday").code == 2
    no_address = tenantry("audit", "search", "--address", "10.0.0.0/8")
    assert (no_address.code, "address: must be" in no_address.err) == (7, True)


def test_an_export_is_complete_in_every_form(
    tenantry: Command, fresh_name: FreshName, tmp_path: Path
) -> None:
    name = fresh_name()
    assert tenantry("user", "create", name).code == 0
    assert tenantry("user", "modify", name, "--department", "=1+1").code == 0
    words = ("audit", "export", "--user", name)
    lines = [json.loads(line) for line in tenantry(*words, "--output", "ndjson").out.splitlines()]
    assert [line["action"] for line in lines] == ["user.modify", "user.create"]
    assert lines[0]["changes"]["department"] == [None, "=1+1"]
    rows = list(csv.DictReader(io.StringIO(tenantry(*words).out)))
    assert [row["id"] for row in rows] == [line["id"] for line in lines]
    file = tmp_path / "entries.ndjson"
    written = tenantry(*words, str(file), "--fields", "action,target")
    assert "2 entries" in written.err
    assert file.read_text().splitlines()[1] == f'{{"action":"user.create","target":"{name}"}}'
    assert file.stat().st_mode & 0o077 == 0
    assert tenantry(*words, "--fields", "colour").code == 2
    nowhere = tenantry(*words, str(tmp_path / "nowhere" / "entries.csv"))
    assert nowhere.code == 1
    assert f"{tmp_path}/nowhere/entries.csv" in nowhere.err


def test_failed_logins_are_listed(tenantry: Command, stranger: Command) -> None:
    wrong = stranger("login", "root", "--password-file", "-", stdin="not the password\n")
    assert wrong.code != 0
    found = tenantry("audit", "failed-logins", "--hours", "0.5", "--output", "json").json["items"]
    assert found[0]["username"] == "root"
    assert found[0]["reason"] == "wrong_password"
    assert tenantry("audit", "failed-logins", "--hours", "0").code == 7


def test_retention_is_shown_before_it_is_applied(tenantry: Command) -> None:
    shown = tenantry("audit", "retention")
    assert shown.code == 0, shown.err
    assert f"{datetime.now(UTC):%Y-%m}" in shown.out
    assert "for ever" in shown.err
    assert tenantry("audit", "retention", "--apply", "--yes").code == 0


async def test_verifying_exits_with_1_and_names_what_was_tampered_with(
    tenantry: Command, fresh_name: FreshName, server: Server
) -> None:
    """The server of these tests seals every second."""
    name = fresh_name()
    assert tenantry("user", "create", name).code == 0
    whole = tenantry("audit", "verify")
    while "not sealed" in whole.err:
        whole = tenantry("audit", "verify")
    assert (whole.code, "whole" in whole.out) == (0, True), whole.out
    dsn = EmbeddedPostgres(server.data_dir / "postgres").dsn("tenantry_owner", "postgres")
    owner = await asyncpg.connect(dsn)
    try:
        changed = await owner.fetchval(
            "update audit_entries set reason = 'x' where id = (select id from audit_entries"
            " order by at, id limit 1) returning id"
        )
        found = tenantry("audit", "verify")
        assert found.code == 1
        assert f"entry_changed: entry {changed}" in found.out
        as_json = tenantry("audit", "verify", "--segment", "1", "--output", "json")
        assert as_json.code == 1
        assert as_json.json["findings"][0]["entry_id"] == str(changed)
        await owner.execute("update audit_entries set reason = null where id = $1", changed)
        assert tenantry("audit", "verify").code == 0
    finally:
        await owner.close()
