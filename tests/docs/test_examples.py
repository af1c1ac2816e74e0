"""The programs in examples/, each run as a reader runs it, and what has come of it."""

import ast
import subprocess
import sys

import pytest

from tenantry import AccountManager, Client
from tenantry.config import read_connection
from tenantry.testing.users import PASSWORD
from tests.docs.blocks import DOCS, ROOT
from tests.docs.server import RunningServer

PROGRAMS = sorted(path.name for path in (ROOT / "examples").glob("*.py"))


def run(server: RunningServer, *words: str, code: int = 0) -> list[str]:
    """Run a program with the server's data folder at hand; what it has printed."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=server.folder,
        env=server.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (code, ""), done.stdout + done.stderr
    return done.stdout.splitlines()


def onboarded(server: RunningServer, account: AccountManager) -> None:
    command = ("examples/onboarding.py", "examples/newcomers.jsonl", "--show-tokens")
    lines = run(server, *command)
    people = {"nils": "developer", "rosa": "analyst", "pavel": "guest"}
    assert [lines[0], lines[2], lines[4]] == [f"{n}: {r}, invited" for n, r in people.items()]
    token = lines[3].rpartition(" ")[2]
    assert account.reset_password(token, PASSWORD).success
    assert account.authenticate("rosa", PASSWORD).success
    before = [account.get_user(name) for name in people]
    assert run(server, *command) == [f"{n}: {r}, was there" for n, r in people.items()]
    assert [account.get_user(name) for name in people] == before
    for name, permission in zip(people, ("CREATE_TABLE", "CREATE_VIEW", "CONNECT"), strict=True):
        assert account.has_permission(name, "company", permission=permission)
        assert account.has_permission(name, "company", permission="UPDATE")
        assert not account.has_permission(name, "another", permission=permission)


def controlled(server: RunningServer, account: AccountManager) -> None:
    ask = (
        "examples/access_control.py",
        "rosa",
        "delete",
        "--database",
        "shop",
        "--table",
        "orders",
    )
    refused, reason = run(server, *ask, code=1)
    assert refused == "rosa may not delete on orders."
    assert reason.startswith("no: never_granted; enough would be DELETE on ")
    assert "the role writer" in reason
    account.assign_role("rosa", "designer")
    assert run(server, *ask) == ["rosa goes ahead", "yes, by designer < writer"]
    assert run(server, "examples/access_control.py", "nobody", *ask[2:], code=1)[1] == "no: unknown"


def watched(server: RunningServer, account: AccountManager) -> None:
    watch = ("examples/security_monitor.py", "--most", "3", "--minutes", "30")
    assert run(server, *watch) == []
    for name, times in (("rosa", 3), ("nils", 2), ("made-up", 4)):
        for _ in range(times):
            account.authenticate(name, "not this one", ip_address="192.0.2.9")
    assert run(server, *watch) == ["rosa: locked for 30 minutes after 3 failures"]
    assert run(server, *watch) == []
    assert [lock.username for lock in account.list_locked_accounts()] == ["rosa"]
    lines = run(server, "examples/security_monitor.py", "--about", "rosa")
    assert lines[:2] == ["rosa, the last 7 days", "  logins: 1, refused: 3"]
    assert "192.0.2.9" in lines[2]
    assert "  user.lock: 1" in lines
    assert lines[-1] == "  more logins were refused than let in"


def test_people_begin_ask_and_are_watched(server: RunningServer) -> None:
    with Client(*read_connection(server.folder / ".tenantry")) as client:
        onboarded(server, client.account)
        controlled(server, client.account)
        watched(server, client.account)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_says_how_it_is_called_and_a_page_names_it(name: str) -> None:
    text = (ROOT / "examples" / name).read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring is not None
    assert f"python examples/{name}" in docstring
    assert f"examples/{name}" in (DOCS / "how-to" / "python-client.md").read_text(encoding="utf-8")


def test_every_program_is_run() -> None:
    assert PROGRAMS == ["access_control.py", "onboarding.py", "security_monitor.py"]
