"""`tenantry user import`: reads a file, has every row judged, sends what is fit, tells the rest."""

import csv
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from tenantry.cli import safe, session
from tenantry.cli.bar import Bar, bar
from tenantry.cli.exits import INVALID
from tenantry.cli.invocation import Invocation, Plain, current
from tenantry.errors import TenantryError
from tenantry.users.actions import ImportUsersAction

if TYPE_CHECKING:
    from tenantry.cli.import_file import Fault, Reading, Row
    from tenantry.sdk.transport import Transport

REFUSED = "refused"
_MOST_ROWS = 1000
_MOST_BYTES = 3 * 2**20
_AT_ONCE = 2
_SHOWN_FAULTS = 20


class RowOutcome(msgspec.Struct, frozen=True):
    """What became of a row. Without any fault it is created or unchanged."""

    row: int
    username: str
    outcome: str
    field: str = ""
    message: str = ""


@click.command("import", cls=Plain)
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="Judge every row and write nothing.")
@click.option("--skip-invalid", is_flag=True, help="Import the fit rows although others are not.")
@click.option("--errors", metavar="FILE", help="Where to write faults. Default: FILE.errors.csv")
@click.pass_context
def import_users(
    context: click.Context, *, file: str, dry_run: bool, skip_invalid: bool, errors: str | None
) -> None:
    """Create users from FILE: CSV with a header, or JSON lines.

    Columns are the fields of `user create`, with attributes.x for own attributes and
    password_hash for hashes made elsewhere (bcrypt, scrypt, PBKDF2, Argon2). Lists have ; between
    their items. Every row is judged before the first one is written; a file with a fault writes
    nothing unless --skip-invalid is given. To run it again is harmless: who is there already
    counts as unchanged.
    """
    from tenantry.cli.import_file import read

    path = Path(file)
    reading = read(path)
    outcomes: list[RowOutcome] = [_of_fault(fault) for fault in reading.faults]
    wrote = session.run_with(
        lambda transport: _import(
            transport, reading, outcomes, dry_run=dry_run, skip_invalid=skip_invalid
        )
    )
    outcomes.sort(key=lambda outcome: outcome.row)
    refused = [outcome for outcome in outcomes if outcome.outcome == REFUSED]
    errors_file = _write_errors(Path(errors or f"{path}.errors.csv"), refused)
    _report(current(), outcomes, refused, errors_file, wrote=wrote)
    if refused:
        context.exit(INVALID)


async def _import(
    transport: "Transport",
    reading: "Reading",
    outcomes: list[RowOutcome],
    *,
    dry_run: bool,
    skip_invalid: bool,
) -> bool:
    """Fill in the outcomes; whether anything was to be written."""
    if dry_run or not skip_invalid:
        with bar("Checking", len(reading.rows)) as done:
            judged = await _send(transport, reading.rows, done, dry_run=True)
        if dry_run or reading.faults or any(o.outcome == REFUSED for o in judged):
            outcomes += judged
            return False
    with bar("Importing", len(reading.rows)) as done:
        outcomes += await _send(transport, reading.rows, done, dry_run=False)
    return True


async def _send(
    transport: "Transport", rows: Sequence["Row"], done: Bar, *, dry_run: bool
) -> list[RowOutcome]:
    """The outcome of each row. A failure ends the work; what was sent before it stands."""
    import anyio

    from tenantry.cli.import_file import batches

    outcomes: list[RowOutcome] = []
    failures: list[TenantryError] = []
    waiting = batches(rows, _MOST_ROWS, _MOST_BYTES)

    async def work() -> None:
        for batch in waiting:
            try:
                outcomes.extend(await _send_batch(transport, batch, dry_run=dry_run))
            except TenantryError as error:
                failures.append(error)
            if failures:
                return
            done.advance(len(batch))

    async with anyio.create_task_group() as group:
        for _ in range(_AT_ONCE):
            group.start_soon(work)
    if failures:
        if not dry_run:
            _note(f"{len(outcomes)} rows were done before this. Run the command again: it goes on.")
        raise failures[0]
    return outcomes


async def _send_batch(
    transport: "Transport", batch: Sequence["Row"], *, dry_run: bool
) -> list[RowOutcome]:
    users = [row.user for row in batch]
    action = ImportUsersAction(users=users, first_row=batch[0].number, dry_run=dry_run)
    answer = await transport.run(action)
    # Rows that were refused here left gaps, so the server's numbers are not the file's.
    return [
        RowOutcome(row.number, said.username, said.outcome, said.field or "", said.message or "")
        for row, said in zip(batch, answer.rows, strict=True)
    ]


def _of_fault(fault: "Fault") -> RowOutcome:
    return RowOutcome(fault.row, fault.username, REFUSED, fault.field, fault.message)


def _write_errors(path: Path, refused: Sequence[RowOutcome]) -> Path | None:
    """Write the faults, or take away those of an earlier run."""
    if not refused:
        path.unlink(missing_ok=True)
        return None
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("row", "username", "field", "message"))
        for o in refused:
            texts = (safe.cell(text) for text in (o.username, o.field, o.message))
            writer.writerow((o.row, *texts))
    return path


def _report(
    invocation: Invocation,
    outcomes: Sequence[RowOutcome],
    refused: Sequence[RowOutcome],
    errors_file: Path | None,
    *,
    wrote: bool,
) -> None:
    summary = _summary(outcomes, wrote=wrote)
    if invocation.output in (None, "table"):
        from tenantry.cli.output import say, show_table

        if refused:
            rows = [
                (str(o.row), *(safe.shown(t) for t in (o.username, o.field, o.message)))
                for o in refused[:_SHOWN_FAULTS]
            ]
            show_table(invocation, ("row", "username", "field", "message"), rows)
            if len(refused) > _SHOWN_FAULTS:
                say(f"... and {len(refused) - _SHOWN_FAULTS} more")
        say(summary)
    else:
        from tenantry.cli.formats import WRITERS
        from tenantry.cli.output import fields_of

        writer = WRITERS[invocation.output](sys.stdout, fields_of(RowOutcome))
        writer.write(outcomes)
        writer.end()
        _note(summary)
    if errors_file is not None:
        _note(f"Every fault is in {errors_file}.")


def _summary(outcomes: Iterable[RowOutcome], *, wrote: bool) -> str:
    # A row may have several faults, but it is one row.
    count = Counter({o.row: o.outcome for o in outcomes}.values())
    numbers = (
        f"{count['created']} created, {count['unchanged']} unchanged, {count[REFUSED]} refused"
    )
    return f"Rows: {numbers}." if wrote else f"Nothing was written. Rows: {numbers} so far."


def _note(text: str) -> None:
    from tenantry.cli.output import note

    note(text)
