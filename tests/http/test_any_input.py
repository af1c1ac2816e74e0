"""Whatever comes in, on any route: never a 5xx, and a 4xx is always a problem."""

import asyncio
import json
from typing import Any
from urllib.parse import quote, urlencode

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenantry.http.server import create_asgi
from tenantry.routes import wire
from tenantry.wire import Binding

BINDINGS = wire().bindings
HEADERS = {"Authorization": "Bearer token-of-superadmin"}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=20,
)
segments = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(
    lambda text: quote(text, safe="")
) | st.binary(min_size=1).map(quote)


def bodies(binding: Binding) -> st.SearchStrategy[bytes]:
    """Any bytes, any JSON, and objects with this route's fields and any values."""
    known = [field.name for field in binding.fields if field.where == "body"] or ["x"]
    fitting = st.dictionaries(st.sampled_from(known) | st.text(max_size=8), anything)
    return st.binary() | anything.map(as_json) | fitting.map(as_json)


def queries(binding: Binding) -> st.SearchStrategy[str]:
    known = [field.name for field in binding.fields if field.where == "query"] or ["x"]
    named = st.dictionaries(st.sampled_from(known), st.text(st.characters(codec="utf-8")))
    return st.binary().map(quote) | named.map(urlencode)


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.fixture
def asgi(app: Any) -> Any:
    return create_asgi(app)


async def ask(asgi: Any, method: str, url: str, body: bytes) -> httpx2.Response:
    transport = httpx2.ASGITransport(app=asgi)
    async with httpx2.AsyncClient(transport=transport, base_url="http://x.test") as client:
        headers = HEADERS | ({"Content-Type": "application/json"} if body else {})
        return await client.request(method, url, content=body, headers=headers)


@pytest.mark.parametrize("binding", BINDINGS, ids=lambda binding: binding.action.tag)
def test_no_input_makes_a_route_fail(asgi: Any, binding: Binding) -> None:
    has_body = any(field.where == "body" for field in binding.fields)

    @settings(max_examples=60, deadline=None)
    @given(segments, queries(binding), bodies(binding) if has_body else st.just(b""))
    def hold(segment: str, query: str, body: bytes) -> None:
        path = "/api/v1" + binding.route.path.replace("{user}", segment)
        answer = asyncio.run(ask(asgi, binding.route.method, f"{path}?{query}", body))
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400:
            problem = answer.json()
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert problem["code"] != "internal_error"
            if answer.status_code == 422:
                assert problem["violations"]
                assert problem["field"] is not None

    hold()
