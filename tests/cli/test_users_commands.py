import csv
import io
from collections.abc import Callable
from pathlib import Path

from .conftest import Command

FreshName = Callable[[], str]


def test_a_user_is_created_shown_changed_deleted_and_restored(
    tenantry: Command, fresh_name: FreshName
) -> None:
    name = fresh_name()
    words = ("--full-name", "Jürgen Müller", "--attributes", "site=Köln", "--sudo-session-enabled")
    made = tenantry("user", "create", name, "--email", f"{name}@example.org", *words)
    assert made.code == 0, made.err
    assert "Jürgen Müller" in made.out

    shown = tenantry("user", "get", name, "--output", "json").json
    assert shown["attributes"] == {"site": "Köln"}
    assert shown["sudo_session_enabled"] is True

    words = ("--department", "R&D", "--clear", "full-name", "--no-sudo-session-enabled")
    changed = tenantry("user", "modify", name, *words, "--output", "json").json
    assert (changed["department"], changed["full_name"]) == ("R&D", None)
    assert changed["sudo_session_enabled"] is False
    assert changed["email"] == f"{name}@example.org"

    assert tenantry("user", "delete", name, "--output", "json").json["status"] == "deleted"
    assert tenantry("user", "restore", name, "--output", "json").json["status"] == "active"


def test_a_taken_name_and_a_missing_user_have_codes_of_their_own(
    tenantry: Command, fresh_name: FreshName
) -> None:
    name = fresh_name()
    assert tenantry("user", "create", name).code == 0
    taken = tenantry("user", "create", name.upper())
    assert taken.code == 6, taken.err
    missing = tenantry("user", "get", fresh_name())
    assert (missing.code, missing.out) == (5, "")
    assert missing.err.startswith("Error: ")


def test_finding_nobody_is_no_error(tenantry: Command, fresh_name: FreshName) -> None:
    nobody = tenantry("user", "find", "--user", fresh_name())
    assert (nobody.code, nobody.out) == (0, "")
    as_json = tenantry("user", "find", "--user", fresh_name(), "--output", "json")
    assert as_json.out == "null\n"


def test_every_wrong_value_is_named(tenantry: Command, fresh_name: FreshName) -> None:
    words = ("--email", "no address", "--container-uid", "5", "--resource-policy", "none")
    refused = tenantry("user", "create", fresh_name(), *words)
    assert refused.code == 7
    assert "email" in refused.err
    assert "container_uid" in refused.err


def test_a_password_is_read_from_a_file_or_standard_input(
    tenantry: Command, stranger: Command, fresh_name: FreshName, tmp_path: Path
) -> None:
    name = fresh_name()
    made = tenantry("user", "create", name, "--password-file", "-", stdin="four words in a row\n")
    assert made.code == 0, made.err
    secret = tmp_path / "secret"
    secret.write_text("four words in a row\n")
    other = stranger.with_environment(XDG_CONFIG_HOME=str(tmp_path / "other"))
    assert other("login", name, "--password-file", str(secret)).code == 0
    assert other("whoami", "--output", "json").json["user"]["username"] == name
    assert other("user", "list").code == 4

    secret.write_text("five words in a long row")
    files = ("--current-password-file", "-", "--new-password-file", str(secret))
    changed = other("password", "change", *files, stdin="four words in a row")
    assert changed.code == 0, changed.err
    assert other("whoami").code == 0  # goes on with the new session


def test_a_password_is_no_argument(tenantry: Command) -> None:
    assert tenantry("user", "create", "x", "--password", "hunter2").code == 2
    asked = tenantry("user", "create", "x", "--ask-password")
    assert asked.code == 2
    assert "no terminal" in asked.err


def test_fields_come_from_a_json_object_and_options_win(
    tenantry: Command, fresh_name: FreshName
) -> None:
    name = fresh_name()
    data = f'{{"username": "{name}", "department": "A", "attributes": {{"n": 1, "deep": [2]}}}}'
    words = ("--data", "-", "--department", "B", "--output", "json")
    made = tenantry("user", "create", *words, stdin=data)
    assert made.code == 0, made.err
    assert made.json["department"] == "B"
    assert made.json["attributes"] == {"n": 1, "deep": [2]}
    assert tenantry("user", "create", "--data", "-", stdin="[1]").code == 2
    assert tenantry("user", "create", "--data", "-", stdin="{").code == 2
    assert tenantry("user", "create", "--data", "-", stdin='{"usernam": "x"}').code == 7


def test_a_search_finds_a_part_of_the_name_on_every_page(
    tenantry: Command, fresh_name: FreshName
) -> None:
    name = fresh_name()
    for end in "abc":
        tenantry("user", "create", f"{name}-{end}", "--department", name)
    one = tenantry("user", "search", name, "--limit", "1", "--output", "ndjson")
    assert len(one.lines) == 1
    assert "--cursor" in one.err
    every = tenantry("user", "search", "--department", name, "--all", "--output", "ndjson")
    assert [user["username"] for user in every.lines] == [f"{name}-{end}" for end in "abc"]
    table = tenantry("user", "search", name)
    assert table.out.splitlines()[0].split()[:2] == ["username", "email"]
    assert len(table.out.splitlines()) == 4


def test_csv_is_safe_to_open_in_a_spreadsheet(tenantry: Command, fresh_name: FreshName) -> None:
    name = fresh_name()
    tenantry("user", "create", name, "--phone", "+49 30 1", "--full-name", "=cmd|' /C calc'!A0")
    text = tenantry("user", "search", name, "--output", "csv").out
    row = next(csv.DictReader(io.StringIO(text)))
    assert (row["phone"], row["full_name"]) == ("'+49 30 1", "'=cmd|' /C calc'!A0")


def test_an_export_has_all_users_and_can_be_imported_again(
    tenantry: Command, fresh_name: FreshName, tmp_path: Path
) -> None:
    name = fresh_name()
    tenantry("user", "create", name, "--phone", "+49 30 1", "--full-name", "Ann")
    file = tmp_path / "out.csv"
    exported = tenantry("user", "export", str(file), "--fields", "username,email,full_name,phone")
    assert exported.code == 0, exported.err
    assert file.stat().st_mode & 0o777 == 0o600
    rows = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))))
    assert {"root", name} <= {row["username"] for row in rows}
    again = tenantry("user", "import", str(file))
    assert again.code == 0, again.err
    assert f" 0 created, {len(rows)} unchanged, 0 refused" in again.out
    lines = tenantry("user", "export", "--output", "ndjson").lines
    assert len(lines) >= len(rows)
    assert len(tenantry("user", "export", "--output", "json").json) >= len(rows)
    assert tenantry("user", "export", "--fields", "nothing").code == 2


def test_the_audit_tells_what_was_done(tenantry: Command, fresh_name: FreshName) -> None:
    name = fresh_name()
    tenantry("user", "create", name)
    words = ("--user", name, "--since", "2026-01-01", "--output", "ndjson")
    found = tenantry("audit", "search", *words)
    assert [entry["action"] for entry in found.lines] == ["user.create"]
