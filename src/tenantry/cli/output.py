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

_COLUMNS: Final = {
    name: tuple(columns.split())
    for name, columns in {
        "UserData": "username email full_name role status domain_name last_login",
        "LockStatus": "username is_locked reason locked_at expires_at throttled_until",
        "PasswordReport": "username domain_name shortcomings password_changed_at",
        "AccessKeyData": "access_key username name is_main is_active scope expires_at last_used_at",
        "GroupData": "name domain_name description created_at",
        "RoleData": "name domain_name permissions databases inherits user_count",
        "GrantData": "principal privilege database schema table within valid_from valid_until",
        "TenantData": "name status isolated user_count database_count created_at",
        "KeypairPolicyData": "name total_resource_slots max_session_lifetime"
        " max_concurrent_sessions idle_timeout allowed_vfolder_hosts",
        "VfolderData": "id name host status owner used_bytes changed_at",
        "AgentData": "name address status cpu memory gpu heartbeat_at",
        "ComputeSessionData": "id name kind status username agent started_at",
        "ManagedDatabase": "name kind host port domain_name standing drift_count applied_at",
        "Job": "id kind state attempts subject_id run_at error",
        "AuditEntry": "timestamp actor action target outcome ip_address",
        "FailedLogin": "timestamp username reason ip_address user_agent",
    }.items()
}
"""What fits on a line. A type that is not here is shown with all its fields."""


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
    values = [pair for name in names for pair in _values(name, getattr(record, name))]
    pairs = [(name, human(value)) for name, value in values if not _is_table(value)]
    show_table(invocation, ("field", "value"), [pair for pair in pairs if pair[1]])
    for name, rows in values:
        if _is_table(rows):
            say(f"\n{name}:")
            _show_rows(invocation, rows)


def _values(name: str, value: Any) -> Iterator[tuple[str, Any]]:  # Any: fields of any type
    """A field, or one by one those of a record, or of a step of something, inside it."""
    if isinstance(value, Record):
        inside = {inner: getattr(value, inner) for inner in fields_of(type(value))}
    elif isinstance(value, dict) and value and all(isinstance(v, dict) for v in value.values()):
        inside = {f"{step}.{inner}": v for step, of in value.items() for inner, v in of.items()}
    else:
        yield name, value
        return
    yield from ((f"{name}.{inner}", one) for inner, one in inside.items())


def _is_table(value: Any) -> bool:  # Any: a field of any type
    return isinstance(value, list) and bool(value) and isinstance(value[0], Record | dict)


def _show_rows(invocation: Invocation, rows: Sequence[Any]) -> None:
    """Any: records or dictionaries that are all of one type."""
    item = type(rows[0])
    if item is dict:
        columns, taken = tuple(rows[0]), [[row[name] for name in rows[0]] for row in rows]
    else:
        columns = _COLUMNS.get(item.__name__, fields_of(item))
        taken = [[getattr(row, name) for name in columns] for row in rows]
    show_table(invocation, columns, [[human(value) for value in row] for row in taken])


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
        _show_rows(invocation, page.items) if page.items else note("Nothing was found.")
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
