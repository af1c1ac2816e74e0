"""Sessions, locks and step-up on the command line."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Command, Done, Server

PASSWORD = "a kettle of herons"
Fresh = Callable[[], str]


def new_user(tenantry: Command, name: str, role: str = "user") -> str:
    words = ("user", "create", name, "--role", role, "--password-file", "-")
    done = tenantry(*words, stdin=PASSWORD)
    assert done.code == 0, done.err
    return name


def logged_in(server: Server, folder: Path, name: str, token: str | None = None) -> Command:
    """The command with a configuration of its own, logged in as somebody."""
    folder.mkdir()
    environ = dict(os.environ) | {
        "XDG_CONFIG_HOME": str(folder),
        "TENANTRY_DATA_DIR": str(server.data_dir),
        "NO_COLOR": "1",
        "COLUMNS": "200",
    }
    command = Command(environ, folder)
    if token is None:
        assert command("login", name, "--password-file", "-", stdin=PASSWORD).code == 0
        return command
    path = folder / "tenantry" / "session.json"
    path.parent.mkdir(parents=True, mode=0o700)
    path.touch(mode=0o600)
    path.write_text(json.dumps({server.url: {"user": name, "token": token}}))
    return command


def test_own_sessions_are_listed_and_ended(
    tenantry: Command, server: Server, fresh_name: Fresh, tmp_path: Path
) -> None:
    name = new_user(tenantry, fresh_name())
    here = logged_in(server, tmp_path / "here", name)
    there = logged_in(server, tmp_path / "there", name)
    listed = here("session", "list", "--output", "ndjson").lines
    assert [entry["current"] for entry in listed] == [False, True]
    assert here("session", "end", listed[0]["id"]).code == 0
    assert there("whoami").code == 3
    again = logged_in(server, tmp_path / "again", name)
    assert here("session", "end-all").code == 0
    assert again("whoami").code == 3
    assert here("whoami").code == 0
    assert here("session", "end", "00000000-0000-4000-8000-000000000000").code == 5


def test_an_administrator_opens_lists_and_ends_sessions_of_a_user(
    tenantry: Command, server: Server, fresh_name: Fresh, tmp_path: Path
) -> None:
    name = new_user(tenantry, fresh_name())
    made = tenantry("session", "create", name, "--expires-in-hours", "0.5", "--output", "json").json
    theirs = logged_in(server, tmp_path / "theirs", name, made["session_token"])
    assert theirs("whoami", "--output", "json").json["user"]["username"] == name
    assert len(tenantry("session", "list", "--user", name, "--output", "ndjson").lines) == 1
    assert tenantry("session", "end-all", "--user", name).code == 0
    assert theirs("whoami").code == 3


def test_a_user_is_locked_looked_at_and_unlocked(tenantry: Command, fresh_name: Fresh) -> None:
    name = new_user(tenantry, fresh_name())
    words = ("user", "lock", name, "odd logins", "--duration-minutes", "30")
    locked = tenantry(*words, "--output", "json").json
    assert (locked["is_locked"], locked["locked_by"]) == (True, "root")
    assert tenantry("user", "lock-status", name, "--output", "json").json == locked
    listed = tenantry("user", "locked", "--output", "ndjson").lines
    assert name in [entry["username"] for entry in listed]
    assert tenantry("user", "search", "--status", "locked", "--output", "ndjson").lines
    assert tenantry("user", "unlock", name, "--output", "json").json["is_locked"] is False
    assert tenantry("user", "lock", "root", "myself").code != 0


@pytest.fixture
def stale(tenantry: Command, server: Server, fresh_name: Fresh, tmp_path: Path) -> Command:
    """An administrator in a session that was never proved."""
    name = new_user(tenantry, fresh_name(), "admin")
    made = tenantry("session", "create", name, "--output", "json").json
    return logged_in(server, tmp_path / "stale", name, made["session_token"])


def test_what_is_sensitive_says_how_to_step_up(
    stale: Command, tenantry: Command, fresh_name: Fresh
) -> None:
    name = new_user(tenantry, fresh_name())
    refused = stale("session", "create", name)
    assert refused.code == 4
    assert "tenantry step-up" in refused.err
    wrong = stale("step-up", "--password-file", "-", stdin="hunter2 hunter2")
    assert wrong.code != 0
    assert "hunter2" not in wrong.err
    done = stale("step-up", "--password-file", "-", stdin=PASSWORD)
    assert (done.code, done.err) == (0, "")
    assert "counts until" in done.out
    assert stale("session", "create", name).code == 0
    assert stale("step-up", "--password-file", "a", "--code-file", "b").code == 2


def test_at_a_terminal_a_command_asks_for_the_proof_by_itself(
    stale: Command, tenantry: Command, fresh_name: Fresh
) -> None:
    name = new_user(tenantry, fresh_name())
    done = at_a_terminal(stale, "session", "create", name, typed=PASSWORD)
    assert done.code == 0, done.err
    assert name in done.out
    assert PASSWORD not in done.out + done.err


def at_a_terminal(command: Command, *words: str, typed: str) -> Done:
    """The command with somebody at its keyboard."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tenantry.cli", *words],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=command.environ,
        cwd=command.folder,
        start_new_session=True,
    )
    os.close(theirs)
    assert process.stderr is not None
    said = b""
    while b"Password: " not in said and (more := os.read(process.stderr.fileno(), 4096)):
        said += more
    os.write(ours, f"{typed}\n".encode())
    out, err = process.communicate(timeout=60)
    os.close(ours)
    return Done(process.returncode, out.decode(), (said + err).decode())
