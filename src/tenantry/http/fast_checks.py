"""Checks answered from memory, before anything else that a request goes through.

What a user may do, and whether a session is good. Only what is plain in every respect is answered
here: a session's token and all that is asked about are in memory, and the body is what our own
clients send. All else is passed on as it came, and so is judged and refused in one place. What is
answered here is answered as it would be there, with the same headers and metrics; but no run is
logged, and none is an action's run.
"""

import asyncio
import re
import secrets
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tenantry.checks.service import parts_of, privilege_of
from tenantry.errors import InvalidInput, NotWarm
from tenantry.grants.actions import CheckAction, CheckManyAction
from tenantry.grants.questions import ONESELF
from tenantry.http.envelope import MAX_HEADERS, Lifecycle, fixed_headers
from tenantry.http.metrics import HttpMetrics
from tenantry.http.origin import address_of
from tenantry.http.served import Served
from tenantry.kernel.action import Actor
from tenantry.routes import API
from tenantry.sessions.actions import ValidateSessionAction
from tenantry.users.access import Scope as Sight
from tenantry.users.addresses import parse_address

MOST = 1000
BODY_SECONDS = 1.0
"""A body that takes longer is waited for elsewhere."""
_PLAIN_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_READ = frozenset(
    (b"authorization", b"content-type", b"content-length", b"x-request-id", b"x-forwarded-for")
)
_NOT_PLAIN = frozenset((b"transfer-encoding", b"content-encoding", b"expect"))

Unset = msgspec.UnsetType
UNSET = msgspec.UNSET


class _Question(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    user: str
    permission: str
    database: str | Unset | None = UNSET
    schema: str | Unset | None = UNSET
    table: str | Unset | None = UNSET


class _One(_Question, forbid_unknown_fields=True, gc=False):
    at_least: int | Unset = UNSET


class _Many(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    questions: list[_Question]
    at_least: int | Unset = UNSET


class _Session(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    session_token: str
    ip_address: str | Unset | None = UNSET
    at_least: int | Unset = UNSET


_session = msgspec.json.Decoder(_Session)
_one = msgspec.json.Decoder(_One)
_many = msgspec.json.Decoder(_Many)
_encode = msgspec.json.Encoder().encode


class _Asker(NamedTuple):
    """Who asks, from where, and the request's id."""

    actor: Actor
    address: str | None
    request_id: bytes


class FastChecks:
    """An ASGI app in front of another one."""

    def __init__(
        self, app: ASGIApp, served: Served, metrics: HttpMetrics, lifecycle: Lifecycle
    ) -> None:
        self._app = app
        self._served = served
        self._lifecycle = lifecycle
        self._headers = [(b"content-type", b"application/json"), *fixed_headers(served.settings)]
        usual = served.settings.max_body_bytes
        limits = {b.action: b.route.max_body or usual for b in served.wire.bindings}
        self._kinds = {
            f"{API}{path}".encode(): _Kind(
                action.tag, limits.get(action, 0), answer, metrics.answered(f"{API}{path}")
            )
            for path, action, answer in (
                ("/check", CheckAction, self._answer_one),
                ("/checks", CheckManyAction, self._answer_many),
                ("/sessions/validate", ValidateSessionAction, self._answer_session),
            )
        }
        trusted = served.settings.trusted_proxies
        self._address = lru_cache(maxsize=65_536)(
            lambda peer, forwarded: address_of(peer, forwarded, trusted)
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # As it was sent, like the router: a path that must be decoded first is none of these.
        kind = self._kinds.get(scope.get("raw_path") or scope.get("path", "").encode())
        if kind is None or scope["type"] != "http" or not self._served.decisions.is_current():
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        asker = self._asker(scope, kind) if scope["method"] == "POST" else None
        if asker is None:
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(BODY_SECONDS):
                message = await receive()
        except TimeoutError:
            await self._app(scope, receive, send)
            return
        body = _whole(message, kind.limit)
        content = kind.answer(asker, body) if body is not None else None
        if content is None:
            await self._app(scope, _again(message, receive), send)
            return
        await self._send(send, asker, content)
        kind.done(time.perf_counter() - started)

    def _asker(self, scope: Scope, kind: "_Kind") -> _Asker | None:
        """Who bears the request's token, where nothing about its head is out of the ordinary."""
        if scope["query_string"]:
            return None
        found: dict[bytes, bytes] = {}
        size = 0
        for name, value in scope["headers"]:
            size += len(name) + len(value) + 4
            if name in _READ:
                if name in found:
                    return None
                found[name] = value
            elif name in _NOT_PLAIN:
                return None
        bearer = found.get(b"authorization", b"")
        plain = found.get(b"content-type") == b"application/json" and size <= MAX_HEADERS
        if not plain or bearer[:7] != b"Bearer ":
            return None
        client = scope.get("client")
        peer = client[0] if client else None
        address = self._address(peer, found.get(b"x-forwarded-for"))
        actor = self._served.session_memory.find(bearer[7:].decode("latin-1"), address)
        if actor is None or (actor.only is not None and kind.tag not in actor.only):
            return None
        request_id = found.get(b"x-request-id")
        if request_id is None or not _PLAIN_ID.fullmatch(request_id):
            request_id = secrets.token_hex(16).encode()
        return _Asker(actor, address, request_id)

    def _answer_session(self, asker: _Asker, body: bytes) -> bytes | None:
        try:
            asked = _session.decode(body)
        except (msgspec.MsgspecError, UnicodeError):
            return None
        stated = None if asked.ip_address is UNSET else asked.ip_address
        texts = 2 + (asked.ip_address is not UNSET) + (stated is not None)
        if not _has_texts(body, texts + (asked.at_least is not UNSET)):
            return None
        if stated is not None and parse_address(stated) is None:
            return None
        if not self._is_as_far_as(asked.at_least):
            return None
        validity = self._served.known_sessions.validity(
            asked.session_token, stated, asker=asker.actor, address=asker.address
        )
        return None if validity is None else _encode(validity)

    def _answer_one(self, asker: _Asker, body: bytes) -> bytes | None:
        try:
            asked = _one.decode(body)
        except (msgspec.MsgspecError, UnicodeError):
            return None
        keys = int(asked.at_least is not UNSET)
        if not _says_each_thing_once(body, [asked], keys):
            return None
        allowed = self._decide(asker.actor, [asked], asked.at_least)
        if allowed is None:
            return None
        return b'{"allowed":true}' if allowed[0] else b'{"allowed":false}'

    def _answer_many(self, asker: _Asker, body: bytes) -> bytes | None:
        try:
            asked = _many.decode(body)
        except (msgspec.MsgspecError, UnicodeError):
            return None
        keys = 1 + int(asked.at_least is not UNSET)
        if not 1 <= len(asked.questions) <= MOST or not _says_each_thing_once(
            body, asked.questions, keys
        ):
            return None
        allowed = self._decide(asker.actor, asked.questions, asked.at_least)
        return None if allowed is None else _encode({"allowed": allowed})

    def _decide(
        self, actor: Actor, asked: "Sequence[_Question]", version: "int | Unset"
    ) -> list[bool] | None:
        """The answers; None where memory does not have them all, or is not as far."""
        if not self._is_as_far_as(version):
            return None
        oneself = actor.id
        try:
            return self._served.decisions.decide_many(
                [
                    (
                        oneself if one.user == ONESELF and oneself is not None else one.user,
                        privilege_of(one.permission),
                        parts_of(one.database or None, one.schema or None, one.table or None),
                    )
                    for one in asked
                ],
                Sight.of(actor),
            )
        except (NotWarm, InvalidInput):
            return None

    def _is_as_far_as(self, version: "int | Unset") -> bool:
        return version is UNSET or 0 <= version <= self._served.decisions.applied

    async def _send(self, send: Send, asker: _Asker, content: bytes) -> None:
        headers = [
            (b"content-length", str(len(content)).encode()),
            (b"x-request-id", asker.request_id),
            *self._headers,
        ]
        if self._lifecycle.stopping:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})


class _Kind(NamedTuple):
    """One of the kinds of questions."""

    tag: str
    limit: int
    answer: Callable[[_Asker, bytes], bytes | None]
    done: Callable[[float], None]


def _says_each_thing_once(body: bytes, asked: "Sequence[_Question]", keys: int) -> bool:
    """Whether the questions name nothing twice; ``keys`` are those around them.

    Empty texts are looked at elsewhere.
    """
    texts = keys
    for one in asked:
        texts += 4
        for part in (one.database, one.schema, one.table):
            if part is UNSET:
                continue
            if part == "":
                return False
            texts += 1 if part is None else 2
    return _has_texts(body, texts)


def _has_texts(body: bytes, texts: int) -> bool:
    """Whether so many texts are in it, and no name twice, of which a decoder takes the last.

    Without a backslash there are two quotes for each text, so it shows in their number.
    """
    return b"\\" not in body and body.count(b'"') == 2 * texts


def _whole(message: Message, limit: int) -> bytes | None:
    """The body, if it came at once and is not too large."""
    if message["type"] != "http.request" or message.get("more_body", False):
        return None
    body: bytes = message.get("body", b"")
    return body if len(body) <= limit else None


def _again(message: Message, receive: Receive) -> Receive:
    """What has been received already, and then the rest."""
    first: list[Message] = [message]

    async def received() -> Any:  # Any: ASGI's messages
        return first.pop() if first else await receive()

    return received
