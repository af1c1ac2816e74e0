"""`tenantry database import`: shown, asked about, made, and made again."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.connectors.fixtures import postgres_shop, shop_postgres
from tests.connectors.postgres_shop import PostgresShop
from tests.connectors.shop import dsn_of

from .conftest import Command, Done

__all__ = ["postgres_shop", "shop_postgres"]

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class There:
    """The command beside a managed server that is older: a login, a role, and rights of both."""

    run: Command
    database: str
    login: str
    role: str

    def imported(self, *words: str, stdin: str = "") -> Done:
        return self.run("database", "import", self.database, *words, stdin=stdin)

    @property
    def is_made(self) -> bool:
        """Whether the login is a user of Tenantry."""
        return self.run("user", "get", self.login).code == 0


def linked(folder: str, target: str) -> str:
    """A link in the folder."""
    link = Path(folder, "s")
    link.symlink_to(target)
    return str(link)


@pytest.fixture
async def there(
    stranger: Command, postgres_shop: PostgresShop, fresh_name: Callable[[], str]
) -> AsyncIterator[There]:
    database, login, role = fresh_name(), fresh_name(), fresh_name()
    await postgres_shop.run(
        f"create role {role}",
        f"create role {login} login",
        f"grant {role} to {login}",
        f"grant select, update on goods to {role}",
        f"grant insert on goods to {login}",
        f"grant update (name) on goods to {login}",
    )
    # What gives rights wants a proof that is not long ago.
    assert stranger("login").code == 0
    with tempfile.TemporaryDirectory(prefix="tn") as folder:  # paths of sockets are short
        link = linked(folder, postgres_shop.address.host)
        added = stranger("database", "add", database, "--dsn", dsn_of(postgres_shop, host=link))
        assert added.code == 0, added.err
        yield There(stranger, database, login, role)
        assert stranger("database", "remove", database).code == 0


async def test_without_a_word_it_is_shown_and_nothing_is_made(there: There) -> None:
    shown = there.imported()
    assert shown.code == 0, shown.err
    lines = [line.split() for line in shown.out.splitlines()]
    for expected in (
        ["role", there.role, "for", there.role, "new"],
        ["user", there.login, "for", there.login, "new"],
        ["member", there.login, "of", there.role],
        ["grant", there.role, "SELECT", "on", f"{there.database}.public.goods"],
        ["grant", there.login, "INSERT", "on", f"{there.database}.public.goods"],
    ):
        assert expected in lines
    assert f"left: {there.login}: UPDATE on column public.goods.name" in shown.err
    assert "Nothing was changed" in shown.err
    assert not there.is_made
    as_json = there.imported("--output", "json").json
    assert {one["name"] for one in as_json["principals"]} == {there.role, there.login}
    assert there.imported("--adopt").code == 2
    assert not there.is_made


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
async def test_it_is_made_after_a_yes_only(there: There, answer: str) -> None:
    refused = there.imported("--make", stdin=answer)
    assert refused.code != 0
    assert "Make this in Tenantry?" in refused.err
    assert not there.is_made


async def test_after_a_yes_it_is_made_and_made_again_nothing_is_done(there: There) -> None:
    done = there.imported("--make", stdin="y\n")
    assert done.code == 0, done.err
    assert there.is_made
    check = ("grant", "check", there.login, "select", "--database", there.database)
    for table, allowed in (("goods", True), ("others", False)):
        said = there.run(*check, "--table", table, "--output", "json")
        assert said.json["allowed"] is allowed
    shown = [line.split() for line in there.imported().out.splitlines()]
    assert ["user", there.login, "for", there.login, "is", "there"] in shown
    again = there.imported("--make", "--yes", "--output", "json")
    assert again.code == 0, again.err
    counts = [again.json[name] for name in ("users", "roles", "memberships", "grants", "adopted")]
    assert counts == [[], [], 0, 0, []]


async def test_what_is_made_is_told_to_programs(there: There) -> None:
    made = there.imported("--make", "--yes", "--output", "json")
    assert made.code == 0, made.err
    assert (made.json["users"], made.json["roles"]) == ([there.login], [there.role])
    assert (made.json["memberships"], made.json["grants"]) == (1, 3)
    assert made.err == "", "nobody watches"


async def test_on_a_terminal_a_bar_shows_how_far_it_is(there: There) -> None:
    shown = at_a_terminal(there.run, "database", "import", there.database, "--make", "--yes")
    assert "Importing" in shown
    assert "6/6" in shown


def at_a_terminal(command: Command, *words: str) -> str:
    """What somebody sees there beside the result."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tenantry.cli", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env=command.environ | {"TERM": "xterm"},
        cwd=command.folder,
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # once nobody is at the other end any more
        while more := os.read(ours, 4096):
            shown += more
    os.close(ours)
    assert process.wait(60) == 0, shown
    return shown.decode()
