"""Commands made from the bindings: an argument or option for each field of an action."""

import json
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

import click

from tenantry.cli import secret_input
from tenantry.cli.invocation import Plain, current
from tenantry.kernel.action import Audience
from tenantry.kernel.page import Page
from tenantry.moments import End, end_of, start_of
from tenantry.wire import Binding, WireField

_DATA = "given__data"
_CLEAR = "given__clear"
_ALL = "given__all"


class Shape(NamedTuple):
    """How values of a field are written on a command line."""

    kind: click.ParamType[Any, Any] | None
    """None: a switch."""
    many: bool = False
    nullable: bool = False


class Moment(click.ParamType[datetime, Any]):  # Any: whatever a default is
    """A date or a date and time (ISO 8601); without a zone it is local time.

    Where something ends, a date alone means the end of that day.
    """

    name = "time"

    def __init__(self, *, ends: bool = False) -> None:
        self._ends = ends

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return end_of(value) if self._ends else start_of(value)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time such as 2026-03-01 or 2026-03-01T14:30", param, ctx)


class Pair(click.ParamType[tuple[str, str], Any]):  # Any: as above
    """KEY=VALUE; the value is text."""

    name = "key=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        key, equals, text = str(value).partition("=")
        if not equals or not key:
            self.fail(f"{value!r} is not of the form KEY=VALUE", param, ctx)
        return key, text


class PairOfList(click.ParamType[tuple[str, list[str]], Any]):  # Any: as above
    """KEY=VALUE;VALUE; nothing behind the sign is the empty list."""

    name = "key=value;value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, list[str]]:
        if isinstance(value, tuple):
            return value
        key, text = Pair().convert(value, param, ctx)
        return key, text.split(";") if text else []


def command_of(binding: Binding) -> click.Command:
    """The command that runs a binding's action and prints its result."""

    def run(**values: Any) -> None:  # Any: click hands over what its types make
        from tenantry.cli.output import show
        from tenantry.cli.session import run_with, run_with_nobody

        given = _given(binding, values)
        pages = _walked if values.get(_ALL) else _once
        reach = run_with_nobody if binding.action.audience is Audience.EVERYONE else run_with
        result = reach(lambda transport: pages(transport, binding, given))
        show(current(), binding.answer(result), binding.answer_type)

    name = binding.route.command.split()[-1]
    return Plain(name, callback=run, params=list(_parameters(binding)), help=help_of(binding))


def options_of(binding: Binding, without: Collection[str]) -> list[click.Parameter]:
    """The options of an action's fields, for a command that does more than run it once."""
    fields = (field for field in binding.fields if field.name not in without)
    return [parameter for field in fields for parameter in _parameter(field)]


def help_of(binding: Binding) -> str:
    """The action's own words."""
    return (binding.action.__doc__ or "").replace("``", "").replace("\n    ", "\n")


def shape_of(annotation: Any) -> Shape:  # Any: a type expression
    """How a type is written; text where it is nothing special."""
    origin = get_origin(annotation)
    if origin is Annotated:
        if annotation == End:
            return Shape(Moment(ends=True))
        return shape_of(get_args(annotation)[0])
    if origin in (Union, UnionType):
        inner = [a for a in get_args(annotation) if a is not type(None)]
        return shape_of(inner[0])._replace(nullable=len(inner) < len(get_args(annotation)))
    if origin is list:
        return shape_of(get_args(annotation)[0])._replace(many=True)
    if origin is dict:
        lists = shape_of(get_args(annotation)[1]).many
        return Shape(PairOfList() if lists else Pair(), many=True)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return Shape(click.Choice([member.value for member in annotation]))
    plain: dict[Any, click.ParamType[Any, Any] | None] = {
        bool: None,
        int: click.INT,
        float: click.FLOAT,
        datetime: Moment(),
    }
    return Shape(plain.get(annotation, click.STRING))


def _parameters(binding: Binding) -> Iterator[click.Parameter]:
    body = [f for f in binding.fields if f.where != "path"]
    for field in binding.fields:
        yield from _parameter(field)
    clearable = [f.name for f in body if f.state is not None and f.state.nullable]
    if clearable:
        kind = click.Choice([_dashed(name) for name in clearable])
        yield click.Option(
            ["--clear", _CLEAR], type=kind, multiple=True, help="Make a field empty; repeatable."
        )
    if len(body) > 3 and binding.route.method not in ("GET", "DELETE"):
        yield click.Option(
            ["--data", _DATA], metavar="FILE", help="JSON object with fields by name; - is stdin."
        )
    if get_origin(binding.answer_type) is Page:
        yield click.Option(["--all", _ALL], is_flag=True, help="All pages, not only one.")


def _parameter(field: WireField) -> Iterator[click.Parameter]:
    dashed = _dashed(field.name)
    shape = shape_of(field.type)
    if field.secret:
        if not field.required:
            ask = f"Ask for the {dashed.replace('-', ' ')} at a prompt."
            yield click.Option([f"--ask-{dashed}", _asked(field)], is_flag=True, help=ask)
        told = f"Read the {dashed.replace('-', ' ')} from a file; - is stdin."
        yield click.Option([f"--{dashed}-file", _filed(field)], metavar="FILE", help=told)
    elif field.required and field.named:
        yield click.Option([f"--{dashed}", field.name], required=True, help=_help(field))
    elif field.required or field.name == "text":
        # What one searches for needs no option's name before it.
        required = field.where == "path"
        count = -1 if shape.many else 1
        yield click.Argument([field.name], type=shape.kind, nargs=count, required=required)
    elif shape.kind is None:
        switch = f"--{dashed}/--no-{dashed}"
        yield click.Option([switch, field.name], default=None, help=_help(field))
    else:
        yield click.Option(
            [f"--{dashed}", field.name], type=shape.kind, multiple=shape.many, help=_help(field)
        )


def _help(field: WireField) -> str:
    said = [field.description.removesuffix(".") + "."] if field.description else []
    if shape_of(field.type).many:
        said.append("Repeatable.")
    default = field.default.value if isinstance(field.default, Enum) else field.default
    if isinstance(default, bool):
        said += [f"Default: --{_dashed(field.name)}."] if default else []
    elif isinstance(default, str | int | float) and default != "":
        said.append(
            f"Default: {default:g}." if isinstance(default, float) else f"Default: {default}."
        )
    return " ".join(said)


def _given(binding: Binding, values: Mapping[str, Any]) -> dict[str, Any]:
    """What the person gave, by field; options win over the file."""
    stdin = [n for n, v in values.items() if v == "-" and n.endswith(("__file", "__data"))]
    if len(stdin) > 1:
        raise click.UsageError("Only one thing can be read from standard input.")
    given = _object(values[_DATA]) if values.get(_DATA) else {}
    for field in binding.fields:
        if field.secret:
            given |= _secret(field, values)
            continue
        value = values[field.name]
        if value is not None and value != ():
            many = shape_of(field.type)
            given[field.name] = _collected(value) if many.many else value
    for cleared in values.get(_CLEAR) or ():
        name = cleared.replace("-", "_")
        if given.get(name) is not None:
            raise click.UsageError(f"{cleared} is both given and cleared.")
        given[name] = None
    return given


def _collected(values: Iterable[Any]) -> object:
    items = list(values)
    return dict(items) if items and isinstance(items[0], tuple) else items


def _secret(field: WireField, values: Mapping[str, Any]) -> dict[str, str]:
    source = values[_filed(field)]
    if source is not None:
        return {field.name: secret_input.read(source)}
    if field.required or values[_asked(field)]:
        dashed = _dashed(field.name)
        twice = "password" in field.name and not field.name.startswith("current_")
        what = dashed.replace("-", " ")
        return {field.name: secret_input.ask(what, f"--{dashed}-file", twice=twice)}
    return {}


def _object(source: str) -> dict[str, Any]:
    try:
        text = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"{source} holds no JSON: {error}") from None
    if not isinstance(value, dict):
        raise click.UsageError(f"{source} holds no JSON object.")
    return value


def _action(binding: Binding, given: Mapping[str, Any]) -> Any:  # Any: an action of the binding
    parts: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "body": {}}
    where = {field.name: field.where for field in binding.fields}
    rest = "query" if binding.route.method in ("GET", "DELETE") else "body"
    for name, value in given.items():
        parts[where.get(name, rest)][name] = value
    return binding.to_action(parts["path"], parts["query"], parts["body"])


async def _once(transport: Any, binding: Binding, given: Mapping[str, Any]) -> Any:
    """The result of one run. Any: each action has its own."""
    return await transport.run(_action(binding, given))


async def _walked(transport: Any, binding: Binding, given: Mapping[str, Any]) -> Any:
    """All pages as one."""
    items: list[Any] = []
    cursor: str | None = None
    while True:
        asked = {"limit": 1000, **given, **({"cursor": cursor} if cursor else {})}
        page = await transport.run(_action(binding, asked))
        items += page.items
        cursor = page.next_cursor
        if cursor is None:
            return type(page)(items=items)


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _asked(field: WireField) -> str:
    return f"{field.name}__ask"


def _filed(field: WireField) -> str:
    return f"{field.name}__file"
