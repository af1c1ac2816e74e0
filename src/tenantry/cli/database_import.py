"""`tenantry database import`: shows what is proposed for a server, and makes it when told to."""

from typing import TYPE_CHECKING

import click

from tenantry.cli import session
from tenantry.cli.bar import bar
from tenantry.cli.confirming import confirmed
from tenantry.cli.invocation import Plain, current
from tenantry.databases.enforcing_actions import DatabaseProposal, ProposeDatabaseAction

if TYPE_CHECKING:
    from tenantry.databases.enforcing_actions import ProposedPrincipalData
    from tenantry.sdk.database_import import ImportedDatabase
    from tenantry.sdk.transport import Transport


@click.command("import", cls=Plain)
@click.argument("database")
@click.option("--make", is_flag=True, help="Make what is proposed, after asking.")
@click.option("--adopt", is_flag=True, help="Have the accounts there stand for what is made, too.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def import_proposed(database: str, *, make: bool, adopt: bool, yes: bool) -> None:
    """Read what is on the server of DATABASE, and propose users, roles and grants for it.

    The server is never changed. With --make what is proposed is made in Tenantry; who is there
    already gets what is missing, so that it may be repeated. With --adopt the accounts there stand
    for what is made: they have what is granted here, and no more, at once where the server is made
    to follow already, and otherwise from the first apply on.
    """
    from tenantry.cli.output import note, show, show_record
    from tenantry.sdk import database_import

    if adopt and not make:
        raise click.UsageError("--adopt needs --make.")
    proposal = session.run(ProposeDatabaseAction(database)).data
    as_table = current().output in (None, "table")
    if not make and not as_table:
        show(current(), proposal, DatabaseProposal)
        return
    if as_table or not yes:
        missing = session.run_with(lambda line: database_import.missing_of(line, proposal))
        _show(proposal, missing)
    if not make:
        note("Nothing was changed; --make makes it in Tenantry.")
        return
    if not yes:
        confirmed("Make this in Tenantry?")
    made = session.run_with(lambda line: _make(line, proposal, adopt=adopt))
    if as_table:
        show_record(current(), made)
    else:
        show(current(), made, type(made))


async def _make(
    line: "Transport", proposal: DatabaseProposal, *, adopt: bool
) -> "ImportedDatabase":
    from tenantry.sdk import database_import

    with bar("Importing", database_import.size_of(proposal, adopt=adopt)) as done:
        return await database_import.make(line, proposal, adopt=adopt, told=done.advance)


def _show(proposal: DatabaseProposal, missing: "list[ProposedPrincipalData]") -> None:
    """One line for each thing, in the order in which it would be made."""
    from tenantry.cli.output import note, show_table

    rows = [
        (one.type.value, one.name, f"for {one.on_server}", "new" if one in missing else "is there")
        for one in proposal.principals
    ]
    rows += [("member", one.principal, f"of {one.role}", "") for one in proposal.members]
    rows += [
        (
            "grant",
            one.principal,
            f"{one.privilege} on {_place(proposal, one.schema, one.table)}",
            "",
        )
        for one in proposal.grants
    ]
    if rows:
        show_table(current(), ("what", "name", "", ""), rows)
    for text in proposal.left:
        note(f"left: {text}")


def _place(proposal: DatabaseProposal, schema: str | None, table: str | None) -> str:
    return ".".join(part for part in (proposal.database, schema, table) if part is not None)
