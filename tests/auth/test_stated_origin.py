"""Who may say where somebody else asks from, and what becomes of it otherwise."""

from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from tenantry.app import App
from tenantry.audit.actions import SearchAuditAction
from tenantry.audit.model import AuditEntry
from tenantry.auth.actions import AuthenticateAction, AuthenticationResult
from tenantry.errors import InvalidInput
from tenantry.kernel.action import ANONYMOUS, SYSTEM, Acting, Actor, Origin, acting_as
from tenantry.testing.users import PASSWORD, make_user
from tenantry.users.model import UserData, UserRole

pytestmark = pytest.mark.anyio

WRONG = "not the passphrase"
SERVER, OFFICE, CAFE = "192.0.2.80", "198.51.100.7", "203.0.113.99"
Ask = Callable[..., Awaitable[AuthenticationResult]]


async def ask(
    app: App,
    actor: Actor | Acting,
    name: str,
    password: str = PASSWORD,
    ip_address: str | None = None,
    user_agent: str | None = None,
) -> AuthenticationResult:
    action = AuthenticateAction(name, password, ip_address=ip_address, user_agent=user_agent)
    with acting_as(actor, Origin("http", SERVER, "server/1")):
        return await app.auth.authenticate.wait_for_complete(action)


async def last_entry(app: App) -> AuditEntry:
    page = await app.audit.search.wait_for_complete(SearchAuditAction(action="login", limit=1))
    return page.items[0]


@pytest.fixture
async def homebody(tenantry: App) -> UserData:
    """A user who logs in from the office only."""
    return await make_user(tenantry, "john", allowed_client_ip=["198.51.100.0/24"])


async def test_an_administrators_word_decides_and_is_recorded(
    tenantry: App, homebody: UserData, admin: UserData, owner: asyncpg.Connection
) -> None:
    assert (await ask(tenantry, admin, "john", ip_address=OFFICE, user_agent="phone/2")).success
    entry = await last_entry(tenantry)
    assert (entry.ip_address, entry.user_agent, entry.actor) == (OFFICE, "phone/2", "adele")
    assert entry.changes == {"relayed_from": [None, SERVER]}
    row = await owner.fetchrow("select address, user_agent from sessions")
    assert row is not None
    assert tuple(row) == (OFFICE, "phone/2")
    assert not (await ask(tenantry, admin, "john", ip_address=CAFE)).success


async def test_the_word_of_anybody_else_decides_nothing_and_is_recorded_as_a_claim(
    tenantry: App, homebody: UserData, other_tenant: str
) -> None:
    stranger = await make_user(tenantry, "strange", domain_name=other_tenant, role=UserRole.ADMIN)
    plain = await make_user(tenantry, "jane")
    monitor = await make_user(tenantry, "monica", role=UserRole.MONITOR)
    for actor in (ANONYMOUS, plain, monitor, stranger):
        assert not (await ask(tenantry, actor, "john", ip_address=OFFICE)).success
        entry = await last_entry(tenantry)
        assert (entry.reason, entry.ip_address) == ("address_not_allowed", SERVER)
        assert entry.changes == {"claimed_ip_address": [None, OFFICE]}


async def test_code_that_embeds_us_is_believed(tenantry: App, homebody: UserData) -> None:
    assert (await ask(tenantry, SYSTEM, "john", ip_address=OFFICE)).success
    assert not (await ask(tenantry, SYSTEM, "john", ip_address=CAFE)).success


async def test_who_guesses_gets_no_further_by_pretending_to_move(
    tenantry: App, john: UserData
) -> None:
    for i in range(tenantry.settings.max_failed_attempts):
        await ask(tenantry, ANONYMOUS, "john", WRONG, ip_address=f"198.51.100.{i}")
    assert not (await ask(tenantry, ANONYMOUS, "john", ip_address=OFFICE)).success
    assert (await last_entry(tenantry)).reason == "throttled"


async def test_a_server_in_front_of_many_is_not_throttled_as_one_of_them(
    tenantry: App, john: UserData, admin: UserData
) -> None:
    for i in range(tenantry.settings.max_source_failures + 5):
        await ask(tenantry, admin, f"name{i}", WRONG, ip_address=f"203.0.113.{i % 250}")
    assert (await ask(tenantry, admin, "john")).success
    for _ in range(tenantry.settings.max_failed_attempts):
        await ask(tenantry, admin, "john", WRONG, ip_address=CAFE)
    assert not (await ask(tenantry, admin, "john", ip_address=CAFE)).success
    assert (await ask(tenantry, admin, "john", ip_address=OFFICE)).success


@pytest.mark.parametrize("text", ["garbage", "", "1.2.3", "fe80::1%eth0", "1.2.3.4/24", "\0"])
@pytest.mark.parametrize("name", ["john", "nobody"])
async def test_what_is_no_address_is_refused_by_name_whoever_asks(
    tenantry: App, john: UserData, text: str, name: str
) -> None:
    for actor in (ANONYMOUS, SYSTEM):
        with pytest.raises(InvalidInput) as refused:
            await ask(tenantry, actor, name, ip_address=text)
        assert refused.value.field == "ip_address"


async def test_a_user_agent_is_cut_and_made_printable(
    tenantry: App, john: UserData, owner: asyncpg.Connection
) -> None:
    assert (await ask(tenantry, SYSTEM, "john", user_agent="a\0\ud800\n" + "x" * 9999)).success
    kept: str = await owner.fetchval("select user_agent from sessions")
    assert kept.startswith("a???xxx")
    assert len(kept) == 256
