"""Sessions are validated over HTTP from memory, just as they would be without it."""

import json
from typing import Any

import pytest

from tenantry.kernel.action import Origin
from tenantry.sessions.actions import EndSessionsAction
from tenantry.testing.users import make_user
from tenantry.users.model import UserData
from tests.checks.faces import ADDRESS, Both, logged_in, told

pytestmark = pytest.mark.anyio

PATH = "sessions/validate"


def asking(token: str, **more: object) -> bytes:
    return json.dumps({"session_token": token, **more}).encode()


async def test_a_session_in_memory_is_validated_without_an_action(both: Both) -> None:
    token = await logged_in(both.app, "john")
    await both.warm({"session_token": token}, PATH)
    answer = (await both.ask(asking(token), PATH)).json()
    assert (answer["valid"], answer["username"], both.runs) == (True, "john", [])


async def test_one_that_has_ended_is_found_so_by_the_action(both: Both) -> None:
    token = await logged_in(both.app, "john")
    await both.warm({"session_token": token}, PATH)
    await both.app.run(EndSessionsAction(user="john"))
    both.runs.clear()
    answer = (await both.ask(asking(token), PATH)).json()
    assert (answer["valid"], answer["username"], len(both.runs)) == (False, None, 1)


async def test_whoever_asks_with_a_session_that_has_ended_is_refused(both: Both) -> None:
    token = await logged_in(both.app, "john")
    await both.warm({"session_token": token}, PATH)
    await both.app.run(EndSessionsAction(user="adele"))
    assert (await both.ask(asking(token), PATH)).status_code == 401


async def test_nobody_learns_anything_of_a_session_out_of_sight(
    both: Both, stranger: UserData
) -> None:
    theirs = await logged_in(both.app, "stranger")
    own = await logged_in(both.app, "john")
    await both.app.auth_service.identify(theirs, Origin("http", ADDRESS))
    for asker in (both.token, own):
        both.token = asker
        await both.warm({"session_token": own}, PATH)
        answer = (await both.ask(asking(theirs), PATH)).json()
        assert answer == {"valid": False, "username": None, "expires_at": None, "success": True}


BODIES: dict[str, dict[str, Any]] = {
    "plain": {},
    "where its holder sits": {"ip_address": "203.0.113.9"},
    "where it may not be used": {"ip_address": "198.51.100.1"},
    "nowhere": {"ip_address": None},
    "what is no address": {"ip_address": "203.0.113"},
    "an empty address": {"ip_address": ""},
    "an address of another form": {"ip_address": "::ffff:203.0.113.9"},
    "a version": {"at_least": 0},
    "a version that there is not": {"at_least": 10**9},
    "a version below zero": {"at_least": -1},
    "a version that is no number": {"at_least": "1"},
    "no version": {"at_least": None},
    "everything": {"ip_address": "203.0.113.9", "at_least": 0},
    "strong": {"consistency": "strong"},
    "bounded": {"consistency": "bounded"},
    "an unknown field": {"nonsense": 1},
    "another token": {"session_token": "tny_s_" + "A" * 86},
    "no token": {"session_token": ""},
    "a number for a token": {"session_token": 7},
    "nothing for a token": {"session_token": None},
    "letters of another kind": {"session_token": "\u00f6"},
}


RAW: dict[str, bytes] = {
    "nothing": b"",
    "a list": b"[]",
    "a name twice": b'{"session_token":"x","session_token":"TOKEN"}',
    "a name twice, otherwise": b'{"session_token":"TOKEN","at_least":0,"at_least":0}',
    "an escape": rb'{"session_\u0074oken":"TOKEN"}',
    "not closed": b'{"session_token":"TOKEN"',
    "more after it": b'{"session_token":"TOKEN"}{}',
    "no UTF-8": b'{"session_token":"\xff"}',
    "a fraction": b'{"session_token":"TOKEN","at_least":0.0}',
    "too large": b'{"session_token":"TOKEN"' + b" " * 70_000 + b"}",
}
HEADERS: dict[str, dict[str, str]] = {
    "no token": {"Authorization": ""},
    "a token that is none": {"Authorization": "Bearer x"},
    "a form": {"Content-Type": "text/plain"},
    "its own request id": {"X-Request-Id": "abc-1"},
}


@pytest.mark.parametrize("rules", [None, ["203.0.113.0/24"]])
async def test_memory_in_front_changes_no_answer(both: Both, rules: list[str] | None) -> None:
    await make_user(both.app, "jane", allowed_client_ip=rules)
    token = await logged_in(both.app, "jane", "203.0.113.9")
    await both.warm({"session_token": token, "ip_address": "203.0.113.9"}, PATH)
    for what, more in BODIES.items():
        asked = {"session_token": token, **more}
        answer = await both_say(both, json.dumps(asked).encode(), what)
        if answer[0] == 200:
            strong = json.dumps(asked | {"consistency": "strong"}).encode()
            assert answer == await both_say(both, strong, what), what
    for what, body in RAW.items():
        await both_say(both, body.replace(b"TOKEN", token.encode()), what)
    for what, header in HEADERS.items():
        await both_say(both, asking(token), what, header)


async def both_say(
    both: Both, body: bytes, what: str, header: dict[str, str] | None = None
) -> tuple[int, Any, dict[str, str]]:
    """The one answer of both faces."""
    url, headers = f"/api/v1/{PATH}", both.headers(header)
    fast = told(await both.fast.post(url, content=body, headers=headers))
    assert fast == told(await both.slow.post(url, content=body, headers=headers)), what
    return fast
