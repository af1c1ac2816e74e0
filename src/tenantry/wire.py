"""How an action looks as an HTTP request: one binding a route, read from the declaration.

The HTTP face turns requests into actions with it, the client actions into requests, the command
line and the OpenAPI document read its fields; so the four cannot disagree.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from urllib.parse import quote

import msgspec
from msgspec import NODEFAULT, UNSET, UnsetType

from tenantry.errors import InvalidInput, Violation
from tenantry.kernel.action import Action
from tenantry.kernel.modifier import Modifier, OptionalState
from tenantry.kernel.route import Route
from tenantry.record import description_of, has_mark, is_secret

_OF_ALL = {
    "limit": "So many on a page.",
    "cursor": "Where the last page stopped.",
    "version": "Version that you know; one that is not the present one is a conflict.",
}
"""What is said of a field that means the same wherever it is."""
_PLACEHOLDER = re.compile(r"{(\w+)}")
_AT = re.compile(r" - at `\$([^`]*)`$")
_EXTRA = re.compile(r"^Object contains unknown field (.*)$")
_MISSING = re.compile(r"^Object missing required field (.*)$")
_NO_MEMBER = re.compile(r"^Invalid enum value (.*)$", re.DOTALL)
_WHOLE = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_DECIMAL = re.compile(r"-?[0-9]{1,19}\.[0-9]{1,19}", re.ASCII)


@dataclass(frozen=True)
class WireField:
    """One value that a caller can give. ``type`` is a type expression that msgspec takes."""

    name: str
    type: Any  # Any: a type expression
    default: object
    where: str
    """``path``, ``query`` or ``body``."""
    inline: bool = False
    state: Any = None  # Any: OptionalState, TriState or None
    """The state that the field is wrapped in."""

    @property
    def required(self) -> bool:
        """Whether the caller must give it."""
        return self.default is NODEFAULT

    @property
    def secret(self) -> bool:
        """Whether it must never be shown or stand in a command's arguments."""
        return is_secret(self.type)

    @property
    def named(self) -> bool:
        """Whether a command has it as an option although it must be given."""
        return has_mark(self.type, "option")

    @property
    def description(self) -> str:
        """What the declaration says of it."""
        return description_of(self.type) or _OF_ALL.get(self.name, "")


@dataclass(frozen=True)
class WireRequest:
    """A request before it is bytes; ``body`` is None where the method has none."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Mapping[str, object] | None


class Binding:
    """A route and its action, both ways."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.path_names = tuple(_PLACEHOLDER.findall(route.path))
        self.fields = tuple(_fields(route, self.path_names))
        self._by_name = {f.name: f for f in self.fields}

    @property
    def action(self) -> type[Action[Any]]:
        """The action's class."""
        return self.route.action

    @cached_property
    def body_type(self) -> type[msgspec.Struct]:
        """A struct of what the body may hold; nothing else may be in it."""
        return self._struct("Body", "body")

    @cached_property
    def query_type(self) -> type[msgspec.Struct]:
        """A struct of what the query may hold."""
        return self._struct("Query", "query")

    @cached_property
    def answer_type(self) -> Any:  # Any: a type expression
        """The type of the JSON answer: the result's data where it has such, else the result."""
        return self._data_type or self.action.result_type()

    def to_action(
        self, path: Mapping[str, str], query: Mapping[str, str], body: object
    ) -> Action[Any]:
        """The action that a request asks for; InvalidInput names every field that is wrong."""
        violations: list[Violation] = []
        given = self._convert({f: path[f] for f in self.path_names}, "path", violations)
        given |= self._convert(query, "query", violations)
        given |= self._convert(body, "body", violations)
        if violations:
            raise InvalidInput(violations)
        return self.build(given)

    def of_values(self, values: Mapping[str, object]) -> Action[Any]:
        """The action of Python values by name, wherever a request has them; errors as above."""
        violations: list[Violation] = []
        given = self._convert(values, "call", violations)
        if violations:
            raise InvalidInput(violations)
        return self.build(given)

    def build(self, given: Mapping[str, Any]) -> Action[Any]:
        """The action of these values by name; what is not among them keeps its default."""
        stated = {n: self._stated(n, v) for n, v in given.items()}
        own = {**self.route.preset, **{n: v for n, v in stated.items() if not self._inlined(n)}}
        if self.route.inline:
            inner = {n: v for n, v in stated.items() if self._inlined(n)}
            own[self.route.inline] = self._inline_type(**inner)
        return self.action(**own)

    def to_request(self, action: Action[Any]) -> WireRequest:
        """The request that asks for this action; defaults are left out."""
        values = self.values_of(action)
        said = {
            f.name: msgspec.to_builtins(values[f.name])
            for f in self.fields
            if f.name in values and (f.where == "path" or _said(f, values[f.name]))
        }
        where = {w: {f.name for f in self.fields if f.where == w} for w in ("query", "body")}
        path = _PLACEHOLDER.sub(lambda m: quote(str(said[m[1]]), safe=""), self.route.path)
        has_body = bool(where["body"]) or self.route.method not in ("GET", "DELETE")
        return WireRequest(
            method=self.route.method,
            path=path,
            query={n: _as_text(v) for n, v in said.items() if n in where["query"]},
            body={n: v for n, v in said.items() if n in where["body"]} if has_body else None,
        )

    def values_of(self, action: Action[Any]) -> dict[str, Any]:  # Any: each field has its own
        """What an action says, by the name of the field."""
        elsewhere = {self.route.inline, *self.route.preset}
        own = [name for name in action.__struct_fields__ if name not in elsewhere]
        given = {name: getattr(action, name) for name in own}
        values = {name: value for name, value in given.items() if not _is_nop(value)}
        inner = getattr(action, self.route.inline) if self.route.inline else None
        if isinstance(inner, Modifier):
            values |= inner.changes()
        elif inner is not None:
            values |= {n: getattr(inner, n) for n in inner.__struct_fields__}
        return {name: _unwrapped(value) for name, value in values.items()}

    def answer(self, result: Any) -> Any:  # Any: each action has a result of its own
        """What of a result goes over the wire."""
        return result.data if self._data_type else result

    def result(self, content: bytes) -> Any:  # Any: as above
        """The result that an answer's JSON stands for."""
        decoded = msgspec.json.decode(content, type=self.answer_type)
        return self.action.result_type()(data=decoded) if self._data_type else decoded

    @cached_property
    def _inline_type(self) -> Any:  # Any: some Record's class
        return _inline_type(self.route)

    @cached_property
    def _known(self) -> dict[str, dict[str, WireField]]:
        places = ("path", "query", "body")
        known = {w: {f.name: f for f in self.fields if f.where == w} for w in places}
        return {**known, "call": {f.name: f for f in self.fields}}

    @cached_property
    def _data_type(self) -> Any:  # Any: a type expression
        result = self.action.result_type()
        types = {f.name: f.type for f in msgspec.structs.fields(get_origin(result) or result)}
        # A result that tells more than its data goes as a whole, or the rest would be lost.
        return types["data"] if types.keys() == {"data", "success"} else None

    def _struct(self, suffix: str, where: str) -> type[msgspec.Struct]:
        fields = [_definition(f) for f in self.fields if f.where == where]
        name = self.action.__name__.removesuffix("Action") + suffix
        doc = {"__doc__": self.action.__doc__}
        return msgspec.defstruct(
            name, fields, kw_only=True, forbid_unknown_fields=True, namespace=doc
        )

    def _inlined(self, name: str) -> bool:
        return name in self._by_name and self._by_name[name].inline

    def _stated(self, name: str, value: object) -> object:
        field = self._by_name.get(name)
        if field is None or (state := field.state) is None:
            return value
        return state.update(value) if value is not None else state.nullify()

    def _convert(
        self, values: object, where: str, violations: list[Violation]
    ) -> dict[str, object]:
        """Values checked one by one, so that every wrong one is named."""
        if not isinstance(values, Mapping):
            violations.append(Violation(where, "wrong_type", "must be an object"))
            return {}
        converted: dict[str, object] = {}
        known = self._known[where]
        for name, value in values.items():
            if name in self.route.refuses:
                violations.append(Violation(name, "not_here", "cannot be given here"))
                continue
            if name not in known:
                violations.append(_unknown(str(name), known if len(violations) < 5 else ()))
                continue
            try:
                if where in ("body", "call"):
                    converted[name] = msgspec.convert(value, known[name].type)
                else:
                    converted[name] = _from_text(value, known[name].type)
            except msgspec.ValidationError as error:
                violations.append(_violation(name, error, known[name].type))
        for name, field in known.items():
            if field.required and name not in values:
                violations.append(Violation(name, "missing", "is required"))
        return converted


class Wire:
    """The bindings of many routes, found by action or by method and path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.bindings = tuple(Binding(route) for route in routes)
        self._by_action = {b.action: b for b in self.bindings}

    def of(self, action: type[Action[Any]]) -> Binding:
        """The binding of an action."""
        return self._by_action[action]


def _fields(route: Route, path_names: tuple[str, ...]) -> Iterable[WireField]:
    rest = "query" if route.method in ("GET", "DELETE") else "body"
    for field in msgspec.structs.fields(route.action):
        if field.name in path_names:
            yield WireField(field.name, _given(field.type), NODEFAULT, "path")
        elif field.name == route.inline:
            for inner in msgspec.structs.fields(_inline_type(route)):
                if inner.name not in route.refuses:
                    yield _field(inner, rest, inline=True)
        elif field.name not in route.preset:
            yield _field(field, rest)


def _given(annotation: Any) -> Any:  # Any: type expressions
    """The type of a field that may be None in the action, but not in a path."""
    if get_origin(annotation) is Annotated:
        inner, *metas = get_args(annotation)
        return Annotated[_given(inner), *metas]
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
    return kinds[0] if kinds and get_origin(annotation) in (Union, UnionType) else annotation


def _field(field: msgspec.structs.FieldInfo, where: str, *, inline: bool = False) -> WireField:
    origin = get_origin(field.type)
    if isinstance(origin, type) and issubclass(origin, OptionalState):
        inner = get_args(field.type)[0]
        annotation = inner | None if origin.nullable else inner
        return WireField(field.name, annotation, UNSET, where, inline=inline, state=origin)
    return WireField(field.name, field.type, _default(field), where, inline=inline)


def _inline_type(route: Route) -> Any:  # Any: some Record's class
    fields = msgspec.structs.fields(route.action)
    return next(f.type for f in fields if f.name == route.inline)


def _default(field: msgspec.structs.FieldInfo) -> object:
    if field.default_factory is not NODEFAULT:
        return field.default_factory()
    return field.default


def _definition(field: WireField) -> Any:  # Any: msgspec takes pairs and triples
    if field.required:
        return (field.name, field.type)
    if field.default is UNSET:
        return (field.name, field.type | UnsetType, UNSET)
    if isinstance(field.default, dict | list):
        return (field.name, field.type, msgspec.field(default_factory=type(field.default)))
    return (field.name, field.type, field.default)


def _is_nop(value: object) -> bool:
    return isinstance(value, OptionalState) and value.is_nop()


def _unwrapped(value: object) -> object:
    return value.optional_value() if isinstance(value, OptionalState) else value


def _said(field: WireField, value: object) -> bool:
    return field.required or field.default is UNSET or value != field.default


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _from_text(text: object, annotation: Any) -> object:  # Any: a type expression
    """The value that a text stands for: itself, a number, or true or false."""
    try:
        return msgspec.convert(text, annotation)
    except msgspec.ValidationError:
        if not isinstance(text, str):
            raise  # the command line has read it already
        if _WHOLE.fullmatch(text):
            return msgspec.convert(int(text), annotation)
        if _DECIMAL.fullmatch(text):
            return msgspec.convert(float(text), annotation)
        if text in ("true", "false"):
            return msgspec.convert(text == "true", annotation)
        raise


def _unknown(name: str, known: Collection[str]) -> Violation:
    """What to say of a field that does not exist; a nearby name helps whoever mistyped it."""
    import difflib

    near = difflib.get_close_matches(name[:64], known, n=1) if known else []
    hint = f"; did you mean {near[0]}?" if near else ""
    return Violation(name[:64], "unknown_field", f"is not known here{hint}")


def _choices(annotation: Any) -> list[str]:  # Any: a type expression
    """The values of the one enumeration in a type; none where there is none, or several."""
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return [str(member.value) for member in annotation]
    found = [choices for part in get_args(annotation) if (choices := _choices(part))]
    return found[0] if len(found) == 1 else []


def _violation(
    name: str,
    error: msgspec.ValidationError,
    annotation: Any,  # Any: a type expression
) -> Violation:
    text = str(error)
    inner = _AT.search(text)
    path = name + (inner[1] if inner else "")
    message = _AT.sub("", text).replace("`", "")
    if extra := _EXTRA.search(message):
        return Violation(f"{path}.{extra[1][:64]}", "unknown_field", "is not known here")
    if missing := _MISSING.search(message):
        return Violation(f"{path}.{missing[1]}", "missing", "is required")
    if (wrong := _NO_MEMBER.match(message)) and (choices := _choices(annotation)):
        message = f"must be one of {', '.join(choices)}, not {wrong[1][:64]}"
    return Violation(path, "wrong_value", message[0].lower() + message[1:])
