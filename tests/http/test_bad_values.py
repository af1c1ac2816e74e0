"""The catalogue of bad values in every field of every action, over HTTP, on the real system.

Each answer is a 4xx problem that names the field, and afterwards nothing has been stored.
"""

from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin
from urllib.parse import quote
from uuid import UUID

import asyncpg
import httpx2
import msgspec
import pytest

from tenantry.routes import wire
from tenantry.wire import Binding, WireField

pytestmark = pytest.mark.anyio

BINDINGS = wire().bindings
NOUNS = sorted({binding.action.tag.partition(".")[0] for binding in BINDINGS})
ID = "01234567-89ab-7def-8123-456789abcdef"
SLOW_CHANGING = frozenset({"audit_entries", "sessions", "attempts", "agents"})
"""Tables in which a refusal, or asking at all, leaves its trace."""

LONG = "x" * 70_000
NOT_TEXT = ["7", "true", '["a"]', '{"$ne": null}']
WRONG: dict[Any, list[str]] = {
    str: [*NOT_TEXT, r'"a\u0000b"', r'"\ud800"', r'"\udc00\ud800"', f'"{LONG}"'],
    int: [
        '"5"',
        "1.5",
        "true",
        "NaN",
        "1e999",
        "-1e999",
        "[1]",
        str(-(2**63)),
        str(2**63),
        "9" * 400,
    ],
    float: ['"5"', "true", "NaN", "Infinity", "-Infinity", "1e999", "[1.0]", "-1e300"],
    bool: ['"yes"', "1", "0", '"true"', "[true]"],
    Enum: ['"ADMIN "', r'"\u0000"', "1", '["user"]', '"' + "\u212a" + '"', f'"{LONG}"'],
    list: ['"a"', "1", '{"a": 1}', "[[[[1]]]]", r'["a\u0000"]', r'["\ud800"]'],
    dict: ["[]", '"a"', "1", r'{"a": "\ud800"}', '{"a": NaN}'],
    datetime: [
        '"yesterday"',
        '"2024-02-30T00:00:00Z"',
        '"infinity"',
        '"0001-01-01T00:00:00Z"',
        "1",
    ],
    UUID: ['"no-id"', "1", r'"\u0000"', f'"{LONG}"'],
}
"""JSON, as text, that no field of this kind may take."""
IN_PATH = ["%00", "a%00b", "%FF", "%ED%A0%80", "x" * 3000]
IN_QUERY: dict[Any, list[str]] = {
    str: ["%00", "a%00b", "%FF", "%ED%A0%80"],
    int: [
        "",
        "five",
        "1.5",
        "NaN",
        "-9223372036854775808",
        "99999999999999999999",
        "1e3",
        "%00",
        "٣",
    ],
    float: ["", "five", "NaN", "Infinity", "-1", "1e999", "%00"],
    bool: ["yes", "2", "", "%00"],
    Enum: ["nothing", "%00", ""],
    datetime: ["yesterday", "infinity", "2024-02-30", "", "%00", "1"],
    UUID: ["no-id", "", "%00"],
    list: ["%00", "%FF"],
}


class Kind(NamedTuple):
    """What a field holds, without its limits."""

    of: Any
    nullable: bool


def kind_of(annotation: Any) -> Kind:
    origin = get_origin(annotation)
    if origin is Annotated:
        return kind_of(get_args(annotation)[0])
    if origin in (Union, UnionType):
        inner = [a for a in get_args(annotation) if a is not type(None)]
        return kind_of(inner[0])._replace(nullable=len(inner) < len(get_args(annotation)))
    if origin is not None:
        return Kind(origin, nullable=False)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return Kind(Enum, nullable=False)
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return Kind(dict, nullable=False)
    return Kind(annotation, nullable=False)


def plausible(annotation: Any) -> str:
    """JSON that fits the type: what is asked beside the field that is wrong."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *metas = get_args(annotation)
        least = [m.ge for m in metas if isinstance(m, msgspec.Meta) and m.ge is not None]
        return str(least[0]) if least and inner is int else plausible(inner)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return f'"{next(iter(annotation)).value}"'
    if origin is list:
        return f"[{plausible(get_args(annotation)[0])}]"
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        fields = msgspec.structs.fields(annotation)
        parts = (f'"{f.name}": {plausible(f.type)}' for f in fields if f.required)
        return "{" + ", ".join(parts) + "}"
    plain = {
        int: "64",
        float: "1.0",
        bool: "true",
        UUID: f'"{ID}"',
        datetime: '"2026-01-01T00:00:00Z"',
    }
    return plain.get(
        kind_of(annotation).of, "{}" if kind_of(annotation).of is dict else '"fitting"'
    )


class Bad(NamedTuple):
    """A request with one wrong value."""

    field: WireField
    value: str
    path: str
    body: bytes | None


def bad_requests(binding: Binding) -> Iterator[Bad]:
    for field in binding.fields:
        for value in values_of(field):
            yield Bad(field, value, _url(binding, field, value), _body(binding, field, value))


def values_of(field: WireField) -> list[str]:
    kind = kind_of(field.type)
    if field.where == "path":
        return IN_PATH
    if field.where == "query":
        return IN_QUERY[kind.of]
    return WRONG[kind.of] + ([] if kind.nullable or field.state is not None else ["null"])


def _url(binding: Binding, wrong: WireField, value: str) -> str:
    path = binding.route.path
    for name in binding.path_names:
        path = path.replace(f"{{{name}}}", value if name == wrong.name else ID)
    required = [f for f in binding.fields if f.where == "query" and f.required and f != wrong]
    query = [f"{f.name}={quote(plausible(f.type).strip(chr(34)))}" for f in required]
    if wrong.where == "query":
        query.append(f"{wrong.name}={value}")
    return f"/api/v1{path}?{'&'.join(query)}"


def _body(binding: Binding, wrong: WireField, value: str) -> bytes | None:
    if binding.route.method in ("GET", "DELETE"):
        return None
    given = {f.name: plausible(f.type) for f in binding.fields if f.where == "body" and f.required}
    if wrong.where == "body":
        given[wrong.name] = value
    return ("{" + ", ".join(f'"{name}": {text}' for name, text in given.items()) + "}").encode()


async def stored(owner: asyncpg.Connection) -> dict[str, str]:
    """A digest of each table."""
    tables = await owner.fetch(
        "select relname from pg_class where relkind in ('r', 'p') and not relispartition"
        " and relnamespace = 'public'::regnamespace"
    )
    return {
        table: await owner.fetchval(
            f"select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from {table} t"
        )
        for (table,) in tables
        if table not in SLOW_CHANGING
    }


@pytest.mark.parametrize("noun", NOUNS)
async def test_a_bad_value_is_a_problem_that_names_the_field_and_stores_nothing(
    noun: str, root: httpx2.AsyncClient, owner: asyncpg.Connection
) -> None:
    bindings = [b for b in BINDINGS if b.action.tag.partition(".")[0] == noun]
    before = await stored(owner)
    wrong: list[str] = []
    for binding in bindings:
        for bad in bad_requests(binding):
            headers = {"Content-Type": "application/json"} if bad.body else {}
            answer = await root.request(
                binding.route.method, bad.path, content=bad.body, headers=headers
            )
            fault = _fault(bad, answer)
            if fault:
                shown = bad.value if len(bad.value) < 60 else f"{bad.value[:20]}..."
                wrong.append(f"{binding.action.tag} {bad.field.name}={shown}: {fault}")
    assert not wrong, "\n".join(wrong)
    assert await stored(owner) == before


def _fault(bad: Bad, answer: httpx2.Response) -> str | None:
    """What is not as it should be, if anything."""
    if not 400 <= answer.status_code < 500 or answer.status_code == 401:
        return f"{answer.status_code} {answer.text[:100]}"
    problem = answer.json()
    if answer.headers["Content-Type"] != "application/problem+json" or "code" not in problem:
        return f"no problem: {answer.text[:100]}"
    if bad.field.where == "path" or answer.status_code in (400, 413):
        return None  # there is no such thing, or what was sent is no request at all
    named = {v["field"].partition(".")[0].partition("[")[0] for v in problem.get("violations", [])}
    if bad.field.name not in named:
        return f"names {sorted(named) or problem['code']}"
    return None


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"name": "' + b"x" * 10_000_000 + b'"}'])
async def test_no_route_reads_a_body_that_is_too_large_or_too_deep(
    root: httpx2.AsyncClient, body: bytes
) -> None:
    for binding in BINDINGS:
        if binding.route.method in ("GET", "DELETE"):
            continue
        path = _url(binding, binding.fields[0], ID) if binding.fields else binding.route.path
        answer = await root.request(
            binding.route.method,
            path if path.startswith("/api") else f"/api/v1{path}",
            content=body,
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code in (400, 413, 422), binding.action.tag


def test_every_kind_of_field_has_its_bad_values() -> None:
    for binding in BINDINGS:
        for field in binding.fields:
            table = {"body": WRONG, "query": IN_QUERY}.get(field.where)
            assert table is None or kind_of(field.type).of in table, (binding.action.tag, field)
