"""`tenantry audit export|verify|retention`: what takes more than one answer, or more care."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click
import msgspec

from tenantry.audit.actions import (
    ApplyAuditRetentionAction,
    AuditRetention,
    AuditVerification,
    SearchAuditAction,
    ShowAuditRetentionAction,
    VerifyAuditAction,
)
from tenantry.audit.chain import Finding
from tenantry.audit.model import AuditEntry
from tenantry.audit.routes import ROUTES
from tenantry.cli import session
from tenantry.cli.bar import Bar, bar
from tenantry.cli.confirming import confirmed
from tenantry.cli.derive import Moment, options_of
from tenantry.cli.exporting import chosen_fields, opened, written_as
from tenantry.cli.invocation import Plain, current
from tenantry.wire import Binding

if TYPE_CHECKING:
    from tenantry.cli.formats import RecordWriter
    from tenantry.sdk.transport import Transport

FOUND_FAULTS = 1
_PAGE = 1000
_SEARCH = next(Binding(route) for route in ROUTES if route.action is SearchAuditAction)


@click.command("export", cls=Plain, params=options_of(_SEARCH, {"limit", "cursor"}))
@click.argument("file", default="-")
@click.option("--fields", metavar="NAMES", help="Only these fields, with commas between.")
def export(file: str, fields: str | None, **given: Any) -> None:  # Any: as click converts them
    """Write all entries that you may see to FILE, or to standard output, the newest first.

    The conditions are those of `audit search`. The form is that of --output, else that of the
    file's suffix, else CSV. However many entries there are, they are written while they arrive.
    """
    kind = written_as(file)
    columns = chosen_fields(fields, AuditEntry)
    asked = {name: value for name, value in given.items() if value is not None}
    with opened(file) as out:
        from tenantry.cli.formats import WRITERS

        writer = WRITERS[kind](out, columns)
        with bar("Exporting") as done:
            count = session.run_with(lambda transport: _stream(transport, asked, writer, done))
    if file != "-":
        from tenantry.cli.output import note

        note(f"{count} entries were written to {file}.")


async def _stream(
    transport: "Transport", asked: dict[str, Any], writer: "RecordWriter", done: Bar
) -> int:
    count = 0
    cursor: str | None = None
    while True:
        page_of: dict[str, Any] = {"limit": _PAGE, **({"cursor": cursor} if cursor else {})}
        page = await transport.run(_SEARCH.to_action({}, {**asked, **page_of}, {}))
        writer.write(page.items)
        count += len(page.items)
        done.advance(len(page.items))
        cursor = page.next_cursor
        if cursor is None:
            writer.end()
            return count


@click.command("verify", cls=Plain)
@click.option("--since", type=Moment(), help="Begin with what was sealed then.")
@click.option("--segment", type=int, help="This segment alone.")
@click.pass_context
def verify(context: click.Context, *, since: datetime | None, segment: int | None) -> None:
    """Verify that no sealed entry was changed, removed or inserted.

    Exits with 1 and names each fault where there is one. Entries that are not sealed yet are
    counted; nobody vouches for them.
    """
    action = VerifyAuditAction(since=since, segment=segment)
    total = session.run_with(lambda transport: _verify_all(transport, action))
    _report(total)
    if total.findings:
        context.exit(FOUND_FAULTS)


async def _verify_all(transport: "Transport", action: VerifyAuditAction) -> AuditVerification:
    """All stretches, one after the other, as one."""
    answer = await transport.run(action)
    total = answer
    begun = (answer.next_after or answer.last_segment) - answer.segments
    with bar("Verifying", answer.last_segment - begun) as done:
        done.advance(answer.segments)
        while answer.next_after is not None:
            answer = await transport.run(VerifyAuditAction(after=answer.next_after))
            total = msgspec.structs.replace(
                answer,
                segments=total.segments + answer.segments,
                entries=total.entries + answer.entries,
                sealed_until=answer.sealed_until or total.sealed_until,
                findings=[*total.findings, *answer.findings],
            )
            done.advance(answer.segments)
    return total


def _report(total: AuditVerification) -> None:
    from tenantry.cli.formats import human
    from tenantry.cli.output import note, say, show

    if current().output not in (None, "table"):
        show(current(), total, AuditVerification)
        return
    for finding in total.findings:
        say(f"{finding.fault}: {human(_sentence(finding))}")
    until = f" until {human(total.sealed_until)}" if total.sealed_until else ""
    faults = len(total.findings)
    verdict = f"{faults} fault{'s' if faults > 1 else ''}" if faults else "whole"
    say(f"{total.entries} entries in {total.segments} segments{until}: {verdict}.")
    if total.unsealed:
        since = human(total.oldest_unsealed)
        note(f"{total.unsealed} entries are not sealed yet, the oldest of {since}.")


def _sentence(finding: Finding) -> str:
    return finding.message


@click.command("retention", cls=Plain)
@click.option("--apply", "do_apply", is_flag=True, help="Drop what is due, now.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def retention(*, do_apply: bool, yes: bool) -> None:
    """Show the months of the audit and which of them are due to be dropped; with --apply, do so.

    How many months are kept is the setting TENANTRY_AUDIT_RETENTION_MONTHS.
    """
    shown = session.run(ShowAuditRetentionAction())
    due = [month.month for month in shown.months if month.due]
    if do_apply and due:
        if not yes:
            confirmed(f"Drop {', '.join(due)} for good?")
        shown = session.run(ApplyAuditRetentionAction())
    _show_months(shown)


def _show_months(shown: AuditRetention) -> None:
    from tenantry.cli.formats import human
    from tenantry.cli.output import note, show, show_table

    if current().output not in (None, "table"):
        show(current(), shown, AuditRetention)
        return
    rows = [
        (one.month, f"about {one.entries}", f"{one.bytes / 2**20:.1f} MiB", human(one.due))
        for one in shown.months
    ]
    show_table(current(), ("month", "entries", "size", "due"), rows)
    kept = f"{shown.keep_months} months" if shown.keep_months else "for ever"
    note(f"Entries are kept {kept}.")
    if shown.dropped:
        note(f"Dropped: {', '.join(shown.dropped)}.")
