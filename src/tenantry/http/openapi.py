"""The API described as OpenAPI 3.1, read from the bindings like the API itself.

``python -m tenantry.http.openapi`` writes ``docs/reference/openapi.json``.
"""

import inspect
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec

from tenantry.http.endpoint import NO_BODY
from tenantry.http.problems import MEDIA_TYPE, Problem
from tenantry.kernel.action import Audience
from tenantry.record import is_secret
from tenantry.routes import API, wire
from tenantry.wire import Binding, Wire, WireField

Json = dict[str, Any]  # Any: JSON of any shape

_REFERENCE = "#/components/schemas/{name}"
_FILE = Path("docs/reference/openapi.json")

_PROBLEMS = {
    400: ("Malformed", "The request is malformed: JSON, encoding, a repeated parameter."),
    401: ("NotAuthenticated", "A valid session is needed, or the login was refused."),
    403: ("PermissionDenied", "The actor lacks the permission."),
    404: ("NotFound", "There is no such thing, or the actor may not know of it."),
    409: ("Conflict", "The present state forbids it, or the name is taken."),
    413: ("TooLarge", "The body is too large."),
    415: ("UnsupportedMediaType", "The body is not application/json."),
    422: ("Invalid", "A field is wrong; the problem names each."),
    503: ("Unavailable", "No verdict now; try again after the given time."),
}


def document(of: Wire) -> Json:
    """The description of everything that these bindings answer."""
    schemas = _Schemas(of.bindings)
    paths: dict[str, Json] = {}
    for binding in of.bindings:
        operations = paths.setdefault(API + binding.route.path, {})
        operations[binding.route.method.lower()] = _operation(binding, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tenantry",
            "version": "1",
            "description": (
                "The account system. Log in with `POST /api/v1/login` and send the token as "
                "`Authorization: Bearer`. Errors are RFC 9457 problems with a stable `code`."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": [{"name": name} for name in sorted({_noun(b) for b in of.bindings})],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "responses": {name: _problem(text) for name, text in _PROBLEMS.values()},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


class _Schemas:
    """The schemas of all types on the wire, made in one go so that they share components."""

    def __init__(self, bindings: Iterable[Binding]) -> None:
        asked: list[Any] = []  # Any: type expressions
        for binding in bindings:
            asked += [f.type for f in binding.fields if f.where != "body"]
            if _body_fields(binding):
                asked.append(binding.body_type)
        wanted = [*asked, *(b.answer_type for b in bindings), Problem]
        found, components = msgspec.json.schema_components(wanted, ref_template=_REFERENCE)
        self.components: Json = dict(components)
        self._by_type = [(kind, schema) for kind, schema in zip(wanted, found, strict=True)]
        self._veil(_structs(asked))

    def of(self, kind: Any) -> Json:  # Any: a type expression
        """The schema of a type."""
        return next(schema for known, schema in self._by_type if known is kind or known == kind)

    def _veil(self, structs: Iterable[type[msgspec.Struct]]) -> None:
        """Mark secrets that a request carries, so that no tool shows them or expects them back."""
        for struct in structs:
            for field in msgspec.structs.fields(struct):
                if is_secret(field.type):
                    schema = self.components[struct.__name__]["properties"][field.encode_name]
                    schema |= {"format": "password", "writeOnly": True}


def _structs(kinds: Iterable[Any]) -> Iterator[type[msgspec.Struct]]:  # Any: type expressions
    """The structs in these types, and those in their fields."""
    for kind in kinds:
        plain = get_origin(kind) or kind
        if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
            yield plain
            yield from _structs(field.type for field in msgspec.structs.fields(plain))
        yield from _structs(arg for arg in get_args(kind) if not isinstance(arg, msgspec.Meta))


def _operation(binding: Binding, schemas: _Schemas) -> Json:
    action = binding.action
    summary, description = _sentences(action.__doc__ or "")
    operation: Json = {
        "operationId": action.tag,
        "tags": [_noun(binding)],
        "summary": summary,
        "x-permission": action.tag,
        "x-audience": action.audience.name.lower(),
        "parameters": [_parameter(f, schemas) for f in binding.fields if f.where != "body"],
        "responses": _responses(binding, schemas),
    }
    if description:
        operation["description"] = description
    if action.audience is Audience.EVERYONE:
        operation["security"] = []
    fields = _body_fields(binding)
    if fields:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schemas.of(binding.body_type)}},
        }
    return operation


def _body_fields(binding: Binding) -> list[WireField]:
    return [field for field in binding.fields if field.where == "body"]


def _noun(binding: Binding) -> str:
    """The part of the API that an action belongs to, by its slice."""
    return binding.action.__module__.split(".")[1]


def _parameter(field: WireField, schemas: _Schemas) -> Json:
    schema = dict(schemas.of(field.type))
    if not field.required and field.default is not None:
        schema["default"] = msgspec.to_builtins(field.default)
    parameter: Json = {
        "name": field.name,
        "in": field.where,
        "required": field.required,
        "schema": schema,
    }
    if field.description:
        parameter["description"] = field.description
    return parameter


def _responses(binding: Binding, schemas: _Schemas) -> Json:
    answer: Json = {"description": "Done."}
    if binding.route.status != 204:
        schema = schemas.of(binding.answer_type)
        answer["content"] = {"application/json": {"schema": schema}}
    problems = {
        str(status): {"$ref": f"#/components/responses/{_PROBLEMS[status][0]}"}
        for status in sorted(_statuses(binding))
    }
    return {str(binding.route.status): answer, **problems}


def _statuses(binding: Binding) -> set[int]:
    """The problems that an operation can answer with."""
    statuses = {400, 401, 422, 503}
    if binding.action.audience is not Audience.EVERYONE:
        statuses.add(403)
    if binding.path_names:
        statuses.add(404)
    if binding.route.method not in NO_BODY:
        statuses |= {413, 415}
    if not binding.action.reads:
        statuses.add(409)
    return statuses


def _problem(description: str) -> Json:
    schema = {"$ref": _REFERENCE.format(name=Problem.__name__)}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}


def _sentences(docstring: str) -> tuple[str, str]:
    """The first sentence, and the rest as text without the source's line breaks."""
    paragraphs = inspect.cleandoc(docstring).split("\n\n")
    first, _, more = " ".join(paragraphs[0].split()).partition(". ")
    rest = [more, *(" ".join(paragraph.split()) for paragraph in paragraphs[1:])]
    return first.removesuffix("."), "\n\n".join(text for text in rest if text)


def text(of: Wire) -> str:
    """The description as it stands in the file."""
    return json.dumps(document(of), indent=2, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> None:
    """Write the file; a path may be given for another one."""
    path = Path(arguments[0]) if arguments else _FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text(wire()), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
