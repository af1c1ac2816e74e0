"""Proving an actor by a signature over the request."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from tenantry.access_keys import signing
from tenantry.access_keys.actions import DeactivateAccessKeyAction
from tenantry.access_keys.identification import AccessKeyIdentifier
from tenantry.access_keys.model import IssuedAccessKey, KeyActor
from tenantry.access_keys.processors import AccessKeyProcessors
from tenantry.access_keys.repository import AccessKeyRepository
from tenantry.access_keys.signing import DATE_HEADER, DIGEST_HEADER, SCHEME, SignedRequest
from tenantry.app import App
from tenantry.errors import NotAuthenticated
from tenantry.kernel.action import Origin
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.kernel.transaction import Statement, Transaction
from tenantry.testing.clock import ShiftedClock
from tenantry.users.actions import ModifyUserAction
from tenantry.users.model import UserData, UserModifier, UserStatus

from .conftest import HOME, Issue

pytestmark = pytest.mark.anyio
Ask = Callable[[SignedRequest], Awaitable[KeyActor]]


@pytest.fixture
def ask(identifier: AccessKeyIdentifier) -> Ask:
    """The actor of a signed request from home."""

    async def proved(request: SignedRequest) -> KeyActor:
        return await identifier.identify_signed(request, HOME)

    return proved


def signed(issued: IssuedAccessKey, clock: ShiftedClock, **parts: object) -> SignedRequest:
    """A request as the server sees it that was signed by the holder of the key."""
    line = {
        "method": "POST",
        "host": "accounts.example.com:8420",
        "path": "/api/v1/users",
        "query": "limit=5&text=a%20b",
    }
    body = b'{"username":"x"}'
    headers = signing.sign(
        issued.key.access_key,
        issued.secret,
        **line,
        body=body,
        now=clock.now() + parts.pop("late", timedelta()),  # type: ignore[operator]  # a duration
        **parts,  # type: ignore[arg-type]  # the nonce
    )
    return SignedRequest(
        **line,
        date=headers[DATE_HEADER],
        digest=headers[DIGEST_HEADER],
        authorization=headers["Authorization"].removeprefix(f"{SCHEME} "),
    )


def test_the_signature_is_the_one_that_the_documentation_works_out() -> None:
    headers = signing.sign(
        "AKIAABCDEFGHIJKLMNOP",
        "0123456789012345678901234567890123456789",
        method="GET",
        host="Accounts.example.com",
        path="/api/v1/me",
        now=datetime(2026, 8, 1, 12, tzinfo=UTC),
        nonce="abcdefghijklmnop",
    )
    assert headers == {
        "Authorization": "TNY1-HMAC-SHA256 key=AKIAABCDEFGHIJKLMNOP, nonce=abcdefghijklmnop, "
        "signature=66094e9369455fb0092170aab954aca83357569827bbc9510652645d1bee6c47",
        "X-Tenantry-Date": "20260801T120000Z",
        "X-Tenantry-Content-SHA256": "e3b0c44298fc1c149afbf4c8996fb924"
        "27ae41e4649b934ca495991b7852b855",
    }


async def test_a_signed_request_proves_the_keys_user(
    amy: UserData, issue: Issue, ask: Ask, clock: ShiftedClock
) -> None:
    issued = await issue(amy)
    actor = await ask(signed(issued, clock))
    assert (actor.id, actor.access_key) == (amy.id, issued.key.access_key)


@pytest.mark.parametrize(
    "change",
    [
        {"method": "DELETE"},
        {"host": "evil.example.com"},
        {"path": "/api/v1/users/root"},
        {"path": "/api/v1/users\n/root"},
        {"query": ""},
        {"query": "limit=5"},
        {"date": "20200101T000000Z"},
        {"date": "today"},
        {"digest": "0" * 64},
        {"digest": ""},
        {"authorization": ""},
        {"authorization": "key=AKIA, nonce=x, signature=y"},
    ],
)
async def test_whatever_is_changed_breaks_the_signature(
    amy: UserData, issue: Issue, ask: Ask, clock: ShiftedClock, change: dict[str, str]
) -> None:
    request = signed(await issue(amy), clock)
    with pytest.raises(NotAuthenticated):
        await ask(replace(request, **change))
    assert (await ask(request)).id == amy.id


async def test_every_part_of_the_authorization_counts(
    amy: UserData, issue: Issue, ask: Ask, clock: ShiftedClock
) -> None:
    issued, other = await issue(amy), await issue(amy)
    request = signed(issued, clock)
    said = request.authorization
    signature = said[-64:]
    wrong = "0" * 64
    for changed in (
        said.replace(signature, wrong),
        said.replace(issued.key.access_key, other.key.access_key),
        said.replace("nonce=", "nonce=x"),
        said.upper(),
    ):
        with pytest.raises(NotAuthenticated):
            await ask(replace(request, authorization=changed))


async def test_host_names_are_compared_without_case_and_nothing_else_is(
    amy: UserData, issue: Issue, ask: Ask, clock: ShiftedClock
) -> None:
    request = signed(await issue(amy), clock)
    with pytest.raises(NotAuthenticated):
        await ask(replace(request, path=request.path.upper()))
    assert (await ask(replace(request, host=request.host.upper()))).id == amy.id


@pytest.mark.parametrize(
    ("seconds", "good"), [(-302, False), (-298, True), (298, True), (302, False)]
)
async def test_t10_only_the_servers_clock_says_what_is_five_minutes(
    amy: UserData, issue: Issue, ask: Ask, clock: ShiftedClock, seconds: int, good: bool
) -> None:
    request = signed(await issue(amy), clock, late=timedelta(seconds=seconds))
    if good:
        assert (await ask(request)).id == amy.id
    else:
        with pytest.raises(NotAuthenticated):
            await ask(request)


async def test_a_replay_is_refused_for_as_long_as_the_time_would_do(
    amy: UserData, issue: Issue, ask: Ask, clock: ShiftedClock
) -> None:
    issued = await issue(amy)
    request = signed(issued, clock, late=timedelta(seconds=290))
    assert (await ask(request)).id == amy.id
    for seconds in (0, 300, 285):
        clock.advance(seconds=seconds)
        with pytest.raises(NotAuthenticated):
            await ask(request)
        assert (await ask(signed(issued, clock))).id == amy.id


SEEN = Statement(
    "naive.seen",
    "Look.",
    "select exists (select from access_key_nonces where access_key = $1 and nonce = $2)",
)
STORE = Statement(
    "naive.store",
    "Store.",
    "insert into access_key_nonces values ($1, $2, $3) on conflict do nothing",
)


async def test_of_two_naive_checks_of_one_nonce_at_once_both_accept_it(
    amy: UserData,
    issue: Issue,
    ask: Ask,
    clock: ShiftedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What goes wrong where one looks first and then stores."""
    both_have_looked = asyncio.Barrier(2)

    async def look_then_store(
        self: AccessKeyRepository,
        tx: Transaction,
        access_key: str,
        nonce: str,
        forget_at: datetime,
        now: datetime,
    ) -> bool:
        seen: bool = await tx.fetchval(SEEN, access_key, nonce)
        await both_have_looked.wait()
        await tx.execute(STORE, access_key, nonce, forget_at)
        return not seen

    monkeypatch.setattr(AccessKeyRepository, "spend_nonce", look_then_store)
    request = signed(await issue(amy), clock)
    actors = await asyncio.gather(ask(request), ask(request))
    assert [actor.id for actor in actors] == [amy.id] * 2


async def test_s10_of_twenty_replays_at_once_one_is_accepted(
    amy: UserData, issue: Issue, ask: Ask, clock: ShiftedClock
) -> None:
    request = signed(await issue(amy), clock)
    ended = await asyncio.gather(*(ask(request) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(result, KeyActor) for result in ended) == 1
    assert sum(isinstance(result, NotAuthenticated) for result in ended) == 19


async def test_one_nonce_may_serve_two_keys(
    amy: UserData, issue: Issue, ask: Ask, clock: ShiftedClock
) -> None:
    for issued in (await issue(amy), await issue(amy)):
        assert (await ask(signed(issued, clock, nonce="n" * 20))).id == amy.id


async def test_a_request_that_is_refused_spends_no_nonce(
    amy: UserData, issue: Issue, ask: Ask, clock: ShiftedClock, owner: asyncpg.Connection
) -> None:
    request = signed(await issue(amy), clock)
    with pytest.raises(NotAuthenticated):
        await ask(replace(request, method="PUT"))
    assert await owner.fetchval("select count(*) from access_key_nonces") == 0


async def test_old_nonces_are_cleared_away_as_new_ones_come(
    amy: UserData, issue: Issue, ask: Ask, clock: ShiftedClock, owner: asyncpg.Connection
) -> None:
    issued = await issue(amy)
    for _ in range(10):
        await ask(signed(issued, clock))
    clock.advance(minutes=16)
    for _ in range(2):
        await ask(signed(issued, clock))
    assert await owner.fetchval("select count(*) from access_key_nonces") == 2


async def test_the_state_of_key_and_user_holds_for_signatures_too(
    tenantry: App,
    access_keys: AccessKeyProcessors,
    amy: UserData,
    john: UserData,
    issue: Issue,
    ask: Ask,
    clock: ShiftedClock,
) -> None:
    stopped, expired, suspended = await issue(amy), await issue(amy), await issue(john)
    expiring = await issue(amy, expires_at=clock.now() + timedelta(minutes=1))
    action = DeactivateAccessKeyAction(stopped.key.access_key)
    await access_keys.deactivate.wait_for_complete(action)
    modifier = UserModifier(status=OptionalState.update(UserStatus.SUSPENDED))
    change = ModifyUserAction(user="john", modifier=modifier)
    await tenantry.users.modify_user.wait_for_complete(change)
    clock.advance(minutes=1)
    for issued in (stopped, suspended, expiring):
        with pytest.raises(NotAuthenticated):
            await ask(signed(issued, clock))
    assert (await ask(signed(expired, clock))).id == amy.id


async def test_the_address_rules_hold_for_signatures_too(
    tenantry: App,
    amy: UserData,
    issue: Issue,
    identifier: AccessKeyIdentifier,
    clock: ShiftedClock,
) -> None:
    issued = await issue(amy)
    modifier = UserModifier(allowed_client_ip=TriState.update(["10.0.0.0/8"]))
    change = ModifyUserAction(user="amy", modifier=modifier)
    await tenantry.users.modify_user.wait_for_complete(change)
    with pytest.raises(NotAuthenticated):
        await identifier.identify_signed(signed(issued, clock), HOME)
    inside = Origin(address="10.9.8.7")
    assert (await identifier.identify_signed(signed(issued, clock), inside)).id == amy.id


def test_what_cannot_stand_in_a_request_line_cannot_be_signed(clock: ShiftedClock) -> None:
    with pytest.raises(ValueError, match="percent-encode"):
        signing.sign("AKIA" + "A" * 16, "s", method="GET", host="h", path="/ä", now=clock.now())
