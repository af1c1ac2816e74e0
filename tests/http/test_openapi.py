"""The OpenAPI document: complete, valid, strict, and the same as in the documentation."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # ships no types

from tenantry.http.openapi import document, text
from tenantry.routes import wire

FILE = Path(__file__).parents[2] / "docs" / "reference" / "openapi.json"
METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return json.loads(text(wire()))  # type: ignore[no-any-return]  # JSON of a known shape


def operations(described: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in described["paths"].values():
        yield from item.values()


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


def test_the_file_is_current() -> None:
    assert FILE.read_text(encoding="utf-8") == text(wire()), "run: python -m tenantry.http.openapi"


@pytest.mark.anyio
async def test_the_server_gives_out_the_same(client: httpx2.AsyncClient) -> None:
    del client.headers["Authorization"]
    answer = await client.get("/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == json.loads(text(wire()))


def test_every_route_is_in_it_and_nothing_else(described: dict[str, Any]) -> None:
    there = {(method.upper(), path) for path, item in described["paths"].items() for method in item}
    assert there == {(b.route.method, "/api/v1" + b.route.path) for b in wire().bindings}
    tags = [operation["operationId"] for operation in operations(described)]
    assert sorted(tags) == sorted(b.action.tag for b in wire().bindings)
    assert len(tags) == len(set(tags))


def test_its_structure_is_that_of_openapi_3_1(described: dict[str, Any]) -> None:
    assert described["openapi"].startswith("3.1.")
    assert {"title", "version"} <= set(described["info"])
    for path, item in described["paths"].items():
        assert set(item) <= set(METHODS)
        for operation in item.values():
            assert operation["summary"]
            assert operation["responses"]
            declared = [p for p in operation["parameters"] if p["in"] == "path"]
            assert all(p["required"] for p in declared)
            assert {"{" + p["name"] + "}" for p in declared} == {
                part for part in path.split("/") if part.startswith("{")
            }
    for node in nodes(described):
        if isinstance(node.get("schema"), dict):
            Draft202012Validator.check_schema(node["schema"])


def test_every_schema_is_a_schema_and_every_reference_leads_somewhere(
    described: dict[str, Any],
) -> None:
    for schema in described["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for node in nodes(described):
        if "$ref" in node:
            target: Any = described
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step]


def test_every_request_body_is_closed(described: dict[str, Any]) -> None:
    bodies = [o["requestBody"] for o in operations(described) if "requestBody" in o]
    assert bodies
    for body in bodies:
        name = body["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
        assert described["components"]["schemas"][name]["additionalProperties"] is False


def test_secrets_are_written_and_never_read(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    for name in ("CreateUserBody", "ModifyUserBody", "AuthenticateBody", "UserCreator"):
        password = schemas[name]["properties"]["password"]
        assert (password["writeOnly"], password["format"]) == (True, "password")
    assert "writeOnly" not in schemas["AuthenticationResult"]["properties"]["session_token"]
    assert "password" not in schemas["UserData"]["properties"]


def test_permission_and_audience_are_told(described: dict[str, Any]) -> None:
    create = described["paths"]["/api/v1/users"]["post"]
    assert (create["x-permission"], create["x-audience"]) == ("user.create", "administrators")
    assert "security" not in create
    assert described["security"] == [{"bearer": []}]
    assert described["paths"]["/api/v1/login"]["post"]["security"] == []


def test_problems_are_described_by_one_schema(described: dict[str, Any]) -> None:
    get = described["paths"]["/api/v1/users/{user}"]["get"]["responses"]
    assert {"200", "401", "403", "404", "422", "503"} <= set(get)
    for response in described["components"]["responses"].values():
        schema = response["content"]["application/problem+json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/Problem"}


def test_a_docstring_becomes_summary_and_description() -> None:
    described = document(wire())
    modify = described["paths"]["/api/v1/users/{user}"]["patch"]
    assert modify["summary"] == "Change what is named of a user"
    assert modify["description"].startswith("With a version")
