"""The reference pages that follow from the code: python -m tests.docs.reference writes them."""

import ast
import inspect
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from uuid import UUID

import msgspec

import tenantry.http
from tenantry import errors
from tenantry.cli.exits import exit_code
from tenantry.cli.tree import HAND_WRITTEN
from tenantry.errors import TenantryError
from tenantry.http.problems import status_of
from tenantry.kernel.action import Action
from tenantry.routes import API, wire
from tenantry.wire import Binding, WireField
from tests.docs import privileges_page
from tests.docs.blocks import DOCS

FOLDER = DOCS / "reference"
COMMAND = "python -m tests.docs.reference"

_MADE = f"This page is made from the code by `{COMMAND}`; a test compares the two."

_ACTIONS = f"""\
# Actions

{_MADE}

An action is one operation. Its *tag* is the name in the audit, the label in the metrics and the
permission that is asked for. Paths are below `{API}`. A field in braces stands in the path, the
others in the query (GET, DELETE) or in the JSON body; an unknown field is an error. *Who* is whom
the guard lets through at all; the service then decides on the very target, as
[security](../explanation/security.md#what-a-built-in-role-may-do) says.

The same in a form for programs: [openapi.json](openapi.json). The options of the commands:
[cli.md](cli.md).
"""

_ERRORS = f"""\
# Errors

{_MADE}

All errors are in one tree, in `tenantry.errors`. Over HTTP an error is a problem document
([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) with the error's `code`, a `detail` for people,
the `field` where one is to blame, and `violations` where several are. The Python client raises the
same class again. The command line ends with the exit code that is said here.

Branch on the class or on the code; both stay. The sentences may change.

## The tree
"""

_REFUSALS = """\

## Refusals of the HTTP face

These have no class: a request is refused before it becomes an action. The client raises
`AccountError` for those below 500 and `ConnectionError` for the others.

| Code | Status |
| --- | --- |
"""


def actions() -> str:
    """The page of all actions."""
    return _ACTIONS + "".join(_action(binding) for binding in wire().bindings)


def error_page() -> str:
    """The page of all errors."""
    tree = "\n| Code | Class | Is a | HTTP | Exit | Says by default |\n"
    tree += "| --- | --- | --- | --- | --- | --- |\n"
    tree += "".join(_error(kind) for kind in dict.fromkeys(_family(TenantryError)))
    rows = (f"| `{code}` | {status} |\n" for code, status in sorted(refusals()))
    return _ERRORS + tree + _REFUSALS + "".join(rows)


def privileges() -> str:
    """The page of what each privilege is on each kind of server."""
    return privileges_page.page(_MADE)


PAGES = {
    "actions.md": actions,
    "database-privileges.md": privileges,
    "errors.md": error_page,
}


def command_of(binding: Binding) -> str:
    """The command that runs an action: the derived one, or the hand-written one of its tag."""
    written = binding.action.tag.replace(".", " ")
    return binding.route.command or (written if written in HAND_WRITTEN else "")


def sentence_of(action: type[Action[Any]]) -> str:
    """The first sentence of what the action says of itself."""
    text = " ".join(inspect.cleandoc(action.__doc__ or "").split("\n\n")[0].split())
    return _code(text.partition(". ")[0].removesuffix(".") + ".")


def refusals() -> Iterable[tuple[str, int]]:
    """The codes and statuses that only the HTTP face answers with, read from its source."""
    found: set[tuple[str, int]] = set()
    for path in Path(tenantry.http.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found |= set(_answers(node))
    return found


def _answers(node: ast.AST) -> Iterator[tuple[str, int]]:
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
        named = [target.id for target in node.targets if isinstance(target, ast.Name)]
        if named == ["_CODES"]:
            table: dict[int, str] = ast.literal_eval(node.value)
            yield from ((code, status) for status, code in table.items())
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return
    if node.func.id in ("Refusal", "_problem") and len(node.args) > 1:
        status, code = node.args[:2]
        if isinstance(status, ast.Constant) and isinstance(code, ast.Constant):
            yield str(code.value), int(str(status.value))
        elif isinstance(status, ast.Constant) and isinstance(code, ast.JoinedStr):
            assert ast.unparse(code) == "f'malformed_{where}'"
            yield from ((f"malformed_{where}", int(str(status.value))) for where in _WHERES)


_WHERES = ("path", "query")


def _action(binding: Binding) -> str:
    action, route = binding.action, binding.route
    command = command_of(binding)
    lines = [
        f"\n## {action.tag}\n",
        f"{sentence_of(action)}\n",
        f"- HTTP: `{route.method} {route.path}`, answers {route.status}",
        f"- Command: `tenantry {command}`" if command else "- Command: none",
        f"- Python: `{action.__module__}.{action.__name__}`",
        f"- Who: {action.audience.value}",
        f"- Audit: {'denials and failures only' if action.reads else 'every run'}",
    ]
    if binding.fields:
        lines += ["", "| Field | Type | Default | |", "| --- | --- | --- | --- |"]
        lines += [_field(field) for field in binding.fields]
    return "\n".join(lines) + "\n"


def _field(field: WireField) -> str:
    name = f"`{{{field.name}}}`" if field.where == "path" else f"`{field.name}`"
    said = [_code(field.description)] if field.description else []
    said += ["Secret."] if field.secret else []
    return f"| {name} | {_type(field.type)} | {_default(field)} | {' '.join(said)} |"


def _default(field: WireField) -> str:
    if field.required:
        return "required"
    if field.default is msgspec.UNSET:
        return "stays as it is" if field.inline else "not said"
    if field.default is None or field.default in ({}, []):
        return "none"
    return f"`{msgspec.json.encode(field.default).decode()}`"


def _type(annotation: Any) -> str:  # Any: a type expression
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        limits = (_limits(meta) for meta in inner[1:] if isinstance(meta, msgspec.Meta))
        return _type(inner[0]) + "".join(limits)
    if origin in (Union, UnionType):
        return " or ".join("null" if part is type(None) else _type(part) for part in inner)
    if origin is list:
        return f"list of {_type(inner[0])}"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(f"`{member.value}`" for member in annotation)
    plain = {str: "text", int: "number", bool: "true or false", datetime: "time", UUID: "id"}
    return plain.get(annotation, "object")


def _limits(meta: msgspec.Meta) -> str:
    if meta.ge is not None and meta.le is not None:
        return f" from {meta.ge:,} to {meta.le:,}"
    return f", at most {meta.max_length:,}" if meta.max_length is not None else ""


def _error(kind: type[TenantryError]) -> str:
    status, code = _answered(kind)
    parents = ", ".join(_class_name(parent) for parent in kind.__bases__)
    said = (kind.__doc__ or "").strip().splitlines()[0]
    return f"| `{kind.code}` | `{kind.__name__}` | {parents} | {status} | {code} | {said} |\n"


def _class_name(kind: type) -> str:
    builtin = kind.__module__ == "builtins" and kind is not Exception
    return f"Python's `{kind.__name__}`" if builtin else f"`{kind.__name__}`"


def _answered(kind: type[TenantryError]) -> tuple[str, int]:
    """Status and exit code of an error, made without its arguments."""
    error = kind.__new__(kind)
    status = status_of(error)
    # Who asks over HTTP learns nothing of what is wrong inside.
    return (f"{status} (`internal_error`)" if status == 500 else str(status)), exit_code(error)


def _family(kind: type[TenantryError]) -> Iterator[type[TenantryError]]:
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _family(child)


def _code(text: str) -> str:
    return re.sub(r"``(.+?)``", r"`\1`", text)


def main() -> None:
    """Write the pages."""
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
