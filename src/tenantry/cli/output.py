"""Results on the screen: tables for people, JSON, CSV and JSON lines for programs."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, get_args

import msgspec

from tenantry.cli import safe
from tenantry.cli.formats import WRITERS, Record, RecordWriter, human
from tenantry.cli.invocation import Invocation
from tenantry.kernel.page import Page

# What fits on a line. A type that is not here is shown with all its fields.
_COLUMNS: Final = {
    "UserData": ("username", "email", "full_name", "role", "status", "domain_name", "last_login"),
    "AuditEntry": ("timestamp", "actor", "action", "target", "outcome", "ip_address"),
    "FailedLogin": ("timestamp", "username", "reason", "ip_address", "user_agent"),
    "PasswordReport": ("username", "domain_name", "shortcomings", "password_changed_at"),
    "Job": ("id", "kind", "state", "attempts", "subject_id", "run_at", "error"),
    "AgentData": ("name", "address", "status", "cpu", "memory", "gpu", "heartbeat_at"),
    "ComputeSessionData": ("id", "name", "kind", "status", "username", "agent", "started_at"),
}


def fields_of(record_type: Any) -> tuple[str, ...]:  # Any: a type expression
    """All fields of a type of records."""
    return tuple(f.name for f in msgspec.structs.fields(record_type))


def show(invocation: Invocation, answer: Any, answer_type: Any) -> None:
    """Print what an action answered, in the form asked for. Any: each has its own type."""
    kind = invocation.output or "table"
    if isinstance(answer, Page):
        _show_page(invocation, kind, answer, _item_type(answer_type))
    elif answer is None:
        if kind == "json":
            say("null")
        elif kind == "table":
            note("Nothing was found.")
    elif kind == "table":
        show_record(invocation, answer)
    elif kind == "json":
        say(safe.shown_json(_pretty(answer)))
    else:
        _write(WRITERS[kind](sys.stdout, fields_of(type(answer))), [answer])


def show_record(invocation: Invocation, record: Record) -> None:
    """One record as a list of its fields that have a value, and below it those that are tables."""
    names = fields_of(type(record))
    if names == ("success",):
        say("Done.")
        return
    values = {name: getattr(record, name) for name in names}
    tables = {name: value for name, value in values.items() if _is_table(value)}
    pairs = [pair for name in names if name not in tables for pair in _lines(name, values[name])]
    show_table(invocation, ("field", "value"), [pair for pair in pairs if pair[1]])
    for name, rows in tables.items():
        say(f"\n{name}:")
        _show_rows(invocation, rows, type(rows[0]))


def _is_table(value: Any) -> bool:  # Any: a field of any type
    return isinstance(value, list) and bool(value) and isinstance(value[0], Record)


def _show_rows(invocation: Invocation, rows: Sequence[Record], item: Any) -> None:
    """Any: the type of the rows."""
    columns = _COLUMNS.get(getattr(item, "__name__", ""), fields_of(item))
    shown = [[human(getattr(record, column)) for column in columns] for record in rows]
    show_table(invocation, columns, shown)


def _lines(name: str, value: Any) -> Iterator[tuple[str, str]]:  # Any: a field of any type
    """A field, or one by one those of a record or of records inside it."""
    if isinstance(value, Record):
        value = {inner: getattr(value, inner) for inner in fields_of(type(value))}
    elif not isinstance(value, dict) or not all(isinstance(v, dict) for v in value.values()):
        yield name, human(value)
        return
    yield from ((f"{name}.{inner}", human(one)) for inner, one in value.items())


def show_table(
    invocation: Invocation, columns: Sequence[str], rows: Sequence[Sequence[str]]
) -> None:
    """Rows under headings: drawn on a terminal, plain and never cut anywhere else."""
    if not sys.stdout.isatty():
        for line in _aligned([columns, *rows]):
            say(line)
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, header_style="bold")
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for row in rows:
        table.add_row(*(Text(value) for value in row))
    Console(no_color=not colored(invocation) or None, highlight=False).print(table)


def colored(invocation: Invocation) -> bool:
    """Whether colours are wanted."""
    return invocation.color and not os.environ.get("NO_COLOR")


def say(text: str) -> None:
    """A line of the result."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """A line beside the result, for people."""
    sys.stderr.write(safe.shown_lines(text) + "\n")


def _show_page(invocation: Invocation, kind: str, page: Page[Any], item: Any) -> None:
    if kind == "json":
        say(safe.shown_json(_pretty(page)))
    elif kind == "table":
        _show_rows(invocation, page.items, item) if page.items else note("Nothing was found.")
    else:
        _write(WRITERS[kind](sys.stdout, fields_of(item)), page.items)
    if page.next_cursor is not None and kind != "json":
        note(f"There is more: --all, or --cursor {page.next_cursor}")


def _write(writer: RecordWriter, records: Iterable[Record]) -> None:
    writer.write(records)
    writer.end()


def _pretty(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value)).decode()


def _item_type(page_type: Any) -> Any:  # Any: type expressions
    return get_args(page_type)[0]


def _aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    from rich.cells import cell_len  # wide characters take two columns

    widths = [max(cell_len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = (
            text + " " * (width - cell_len(text)) for text, width in zip(row, widths, strict=True)
        )
        yield "  ".join(cells).rstrip()
