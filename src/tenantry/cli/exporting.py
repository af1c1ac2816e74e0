"""`tenantry user export`: all users as a file, page by page."""

import contextlib
import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from tenantry.cli import session
from tenantry.cli.invocation import Plain, current
from tenantry.record import Record
from tenantry.users.actions import ListUsersAction
from tenantry.users.model import UserData

if TYPE_CHECKING:
    from tenantry.sdk.transport import Transport

_PAGE = 1000
_SUFFIXES = {".json": "json", ".ndjson": "ndjson", ".jsonl": "ndjson"}


@click.command("export", cls=Plain)
@click.argument("file", default="-")
@click.option("--fields", metavar="NAMES", help="Only these fields, with commas between.")
def export_users(file: str, fields: str | None) -> None:
    """Write all users that you may see to FILE, or to standard output.

    The form is that of --output, else that of the file's suffix, else CSV. In CSV a cell that a
    spreadsheet would take for a formula begins with a quote, which `user import` takes away.
    """
    kind = written_as(file)
    columns = chosen_fields(fields, UserData)
    with opened(file) as out:
        count = session.run_with(lambda transport: _stream(transport, out, kind, columns))
    if file != "-":
        from tenantry.cli.output import note

        note(f"{count} users were written to {file}.")


def written_as(file: str) -> str:
    """The form of an export: the one asked for, else that of the file's suffix, else CSV."""
    chosen = current().output
    if chosen == "table":
        raise click.UsageError("An export is csv, json or ndjson.")
    return chosen or _SUFFIXES.get(Path(file).suffix.lower(), "csv")


def chosen_fields(fields: str | None, record: type[Record]) -> Sequence[str]:
    """The fields that are exported: all of such a record, or those named."""
    known = record.__struct_fields__
    if fields is None:
        return known
    columns = [name.strip() for name in fields.split(",")]
    unknown = [name for name in columns if name not in known]
    if unknown:
        raise click.UsageError(f"There is no such field: {', '.join(unknown)}.")
    return columns


async def _stream(transport: "Transport", out: TextIO, kind: str, columns: Sequence[str]) -> int:
    from tenantry.cli.formats import WRITERS

    writer = WRITERS[kind](out, columns)
    count = 0
    cursor: str | None = None
    while True:
        page = await transport.run(ListUsersAction(limit=_PAGE, cursor=cursor))
        writer.write(page.items)
        count += len(page.items)
        cursor = page.next_cursor
        if cursor is None:
            writer.end()
            return count


@contextlib.contextmanager
def opened(file: str) -> Iterator[TextIO]:
    """The place to write to. A file is for the owner's eyes, and there only once it is whole."""
    if file == "-":
        yield sys.stdout
        return
    path = Path(file)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise OSError(error.errno, error.strerror, file) from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
            yield out
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
