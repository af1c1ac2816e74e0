"""No secret in any log, representation, error, audit entry or metric, over a whole story."""

import json
import logging
import traceback
from typing import Any

import asyncpg
import bcrypt
import msgspec
import pytest
from prometheus_client import generate_latest

from tenantry.adapters.postgres.embedded import EmbeddedPostgres
from tenantry.app import App
from tenantry.audit.actions import SearchAuditAction
from tenantry.auth.actions import (
    AuthenticateAction,
    ChangeOwnPasswordAction,
    EndOwnSessionAction,
    WhoAmIAction,
)
from tenantry.http.logs import JsonLines
from tenantry.kernel.action import Action, Origin, acting_as
from tenantry.kernel.modifier import OptionalState
from tenantry.users.actions import (
    CreateUserAction,
    DeleteUserAction,
    GetUserAction,
    ImportUsersAction,
    ListUsersAction,
    ModifyUserAction,
    RestoreUserAction,
    SearchUsersAction,
)
from tenantry.users.model import UserCreator, UserModifier

pytestmark = pytest.mark.anyio

CANARY = "canary-{}-passphrase-7f3a"
FIRST, SECOND, THIRD, WRONG, SHORT = (
    CANARY.format(n) for n in "first second third wrong s".split()
)
FOREIGN = bcrypt.hashpw(THIRD.encode(), bcrypt.gensalt(4)).decode()


class Witness:
    """Runs actions, and keeps whatever can be seen of them."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.seen: list[str] = []
        self.secrets: set[str] = {FIRST, SECOND, THIRD, WRONG, FOREIGN}

    async def run(self, action: Action[Any]) -> Any:
        self.seen.append(f"{action!r} {action} {action.target()}")
        try:
            result = await self.app.run(action)
        except Exception as error:
            self.seen.append("".join(traceback.format_exception(error)))
            self.seen.append(f"{error!r} {vars(error)}")
            return None
        self.seen.append(f"{result!r} {result}")
        return result

    async def log_in(self, name: str, password: str) -> str | None:
        result = await self.run(AuthenticateAction(name, password))
        await self.run(AuthenticateAction(name, password, raise_on_failure=True))
        if not result.success:
            return None
        token = result.session_token
        assert isinstance(token, str)
        self.secrets |= {token, token[-43:]}
        return token


async def story(witness: Witness) -> None:
    run = witness.run
    ada = UserCreator(username="ada", email="ada@example.com", password=FIRST)
    await run(CreateUserAction(input=ada))
    await run(CreateUserAction(input=ada))
    await run(CreateUserAction(input=UserCreator(username=FIRST[:12], password=FIRST[:12])))
    await run(CreateUserAction(input=UserCreator(username="b", password_hash=FOREIGN + "x")))
    await run(ImportUsersAction(users=[UserCreator(username="bob", password_hash=FOREIGN)]))
    await run(ImportUsersAction(users=[UserCreator(username="b", password_hash=FOREIGN + "x")]))
    await run(ImportUsersAction(users=[UserCreator(username="c", password=THIRD * 20)]))
    await witness.log_in("bob", THIRD)
    await witness.log_in("ada", WRONG)
    await witness.log_in("nobody", WRONG)
    token = await witness.log_in("ada", FIRST)
    assert token is not None
    actor = await witness.app.auth_service.identify(token, Origin("http", "203.0.113.7"))
    with acting_as(actor, Origin("http", "203.0.113.7")):
        await run(WhoAmIAction())
        await run(ChangeOwnPasswordAction(WRONG, SECOND))
        await run(ChangeOwnPasswordAction(FIRST, FIRST))
        await run(ChangeOwnPasswordAction(FIRST, SECOND * 20))
        await run(EndOwnSessionAction())
        changed = await run(ChangeOwnPasswordAction(FIRST, SECOND))
    witness.secrets.add(changed.session_token)
    for password in (THIRD, THIRD * 20):
        modifier = UserModifier(password=OptionalState.update(password))
        await run(ModifyUserAction(user="ada", modifier=modifier))
        with acting_as(actor):
            await run(ModifyUserAction(user="ada", modifier=modifier))
    for action in (
        GetUserAction(user="ada"),
        ListUsersAction(),
        SearchUsersAction(),
        DeleteUserAction(user="ada"),
        RestoreUserAction(user="ada"),
        SearchAuditAction(limit=1000),
    ):
        await run(action)
    for spoilt in (token[:-1] + "x", token + "x"):
        witness.secrets.add(spoilt[-40:])
        try:
            await witness.app.auth_service.identify(spoilt, Origin())
        except Exception as error:
            witness.seen.append("".join(traceback.format_exception(error)))


async def test_nothing_that_can_be_seen_holds_a_secret(
    tenantry: App,
    postgres: EmbeddedPostgres,
    owner: asyncpg.Connection,
    caplog: pytest.LogCaptureFixture,
) -> None:
    witness = Witness(tenantry)
    with caplog.at_level(logging.DEBUG):
        await story(witness)
    hashes = await owner.fetch("select password_hash from users where password_hash is not null")
    witness.secrets |= {row["password_hash"] for row in hashes}
    cursor_key = await owner.fetchval("select cursor_key from installation")
    witness.secrets.add(cursor_key.hex())
    assert len(witness.secrets) > 10
    assert len(witness.seen) > 40
    assert len(caplog.records) > 40
    logged = [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
    search = SearchAuditAction(limit=1000)
    audit = (await tenantry.audit.search.wait_for_complete(search)).items
    assert len(audit) > 10
    places = {
        "results and errors": "\n".join(witness.seen),
        "logs": "\n".join(logged),
        "audit": msgspec.json.encode(audit).decode(),
        "metrics": generate_latest(tenantry.registry).decode(),
        "settings": repr(tenantry.settings),
        "database log": postgres.log.read_text(errors="replace"),
    }
    for place, text in places.items():
        leaked = [secret[:24] for secret in witness.secrets if secret in text]
        assert leaked == [], place


async def test_passwords_are_nowhere_in_the_database(
    tenantry: App, owner: asyncpg.Connection
) -> None:
    witness = Witness(tenantry)
    await story(witness)
    plain = witness.secrets - {FOREIGN}
    tables = await owner.fetch(
        "select oid::regclass::text as name from pg_class"
        " where relkind = 'r' and relnamespace = 'public'::regnamespace"
    )
    for table in tables:
        rows = await owner.fetch(f"select t::text as row from {table['name']} t")
        for row in rows:
            assert [secret for secret in plain if secret in row["row"]] == [], table["name"]


async def test_metrics_name_no_person_and_no_tenant(tenantry: App) -> None:
    await story(Witness(tenantry))
    text = generate_latest(tenantry.registry).decode()
    for name in ("ada", "bob", "example.com", "default", "203.0.113.7"):
        assert name not in text


async def test_a_name_cannot_forge_a_line_of_the_log(
    tenantry: App, caplog: pytest.LogCaptureFixture
) -> None:
    forged = 'x\n{"action": "login", "outcome": "succeeded"}\x1b[2J\u2028\u202e'
    with caplog.at_level(logging.INFO, "tenantry.actions"):
        await tenantry.auth.authenticate.wait_for_complete(AuthenticateAction(forged, "wrong"))
    lines = [JsonLines().format(r) for r in caplog.records if r.name == "tenantry.actions"]
    assert lines
    for line in lines:
        assert line.isascii()
        assert line.isprintable()
        assert json.loads(line)["action"] == "login"
        assert json.loads(line)["outcome"] == "failed"
