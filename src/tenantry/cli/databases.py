"""`tenantry database plan|apply|drift|dump|login`: what is statements, or takes its time."""

from typing import TYPE_CHECKING

import click

from tenantry.cli import session
from tenantry.cli.bar import bar
from tenantry.cli.confirming import confirmed
from tenantry.cli.database_client import start_client
from tenantry.cli.invocation import Plain, current
from tenantry.databases.actions import GetDatabaseAction
from tenantry.databases.enforcing_actions import (
    AppliedDatabase,
    ApplyDatabaseAction,
    DatabasePlan,
    DriftDatabaseAction,
    DumpDatabaseAction,
    PlanDatabaseAction,
    PlanFinding,
)
from tenantry.databases.login_actions import MAX_MINUTES, DatabaseLogin, LoginToDatabaseAction
from tenantry.databases.managed import ManagedDatabase, Standing
from tenantry.errors import StateConflict

if TYPE_CHECKING:
    from tenantry.sdk.transport import Transport

DRIFTED = 2
PAUSE = 0.3
"""Seconds between two looks at how far it is."""


@click.command("plan", cls=Plain)
@click.argument("database")
def plan(database: str) -> None:
    """Show every statement that `database apply` would run on the server of DATABASE now.

    Nothing is changed. Each statement comes with the reason for it and with whom it is about.
    """
    _show(session.run(PlanDatabaseAction(database)).data, "The server does all that is granted.")


@click.command("drift", cls=Plain)
@click.argument("database")
@click.pass_context
def drift(context: click.Context, database: str) -> None:
    """Compare the server of DATABASE with what is granted.

    Exits with 2 where they differ, and shows the statements that would mend it: for a scheduled
    check. `database apply` mends it.
    """
    found = session.run(DriftDatabaseAction(database)).data
    _show(found, "No drift.")
    if not found.empty:
        context.exit(DRIFTED)


@click.command("dump", cls=Plain)
@click.argument("database")
def dump(database: str) -> None:
    """Print the statements that give all that is granted on DATABASE, always in the same order.

    Keep the output in version control to see what changed.
    """
    from tenantry.cli.output import say, show
    from tenantry.cli.safe import shown_lines

    found = session.run(DumpDatabaseAction(database)).data
    if current().output not in (None, "table"):
        show(current(), found, type(found))
        return
    for statement in found.statements:
        say(shown_lines(f"{statement};"))


@click.command("apply", cls=Plain)
@click.argument("database")
@click.option("--yes", is_flag=True, help="Do not show the plan and ask.")
@click.option("--no-wait", is_flag=True, help="Begin, and do not wait for the end.")
def apply(database: str, *, yes: bool, no_wait: bool) -> None:
    """Have the server of DATABASE enforce what is granted, now and from now on.

    May be repeated; what was broken off goes on by itself, here or on the server.
    """
    from tenantry.cli.output import note, show

    if not yes:
        planned = session.run(PlanDatabaseAction(database)).data
        _show(planned, "The server does all that is granted.")
        if not planned.empty:
            confirmed("Run these statements?")

    async def work(transport: "Transport") -> AppliedDatabase | ManagedDatabase:
        applied = (await transport.run(ApplyDatabaseAction(database))).data
        if applied.done or no_wait:
            return applied
        return await _until_applied(transport, database)

    done = session.run_with(work)
    if isinstance(done, AppliedDatabase) and current().output in (None, "table"):
        _show_findings(done.findings)
        note(f"{done.steps} statements were run." if done.done else "It goes on.")
        return
    show(current(), done, type(done))


async def _until_applied(transport: "Transport", database: str) -> ManagedDatabase:
    import anyio

    with bar("Applying") as shown:
        while True:
            found = (await transport.run(GetDatabaseAction(database))).data
            if found.standing is Standing.APPLIED:
                return found
            if found.standing is Standing.FAILING:
                raise StateConflict(f"{found.error} It is tried again.", field="database")
            if found.steps_total is not None:
                shown.left(found.steps_total - (found.steps_done or 0))
            await anyio.sleep(PAUSE)


@click.command("login", cls=Plain)
@click.argument("database")
@click.option(
    "--minutes",
    type=click.IntRange(1, MAX_MINUTES),
    default=60,
    show_default=True,
    help="How long the login is good.",
)
@click.option("--run", "run_client", is_flag=True, help="Start psql or mysql with it.")
@click.argument("arguments", nargs=-1, metavar="[-- ARGUMENTS]")
def login(database: str, arguments: tuple[str, ...], *, minutes: int, run_client: bool) -> None:
    """Get a login of your own to DATABASE that ends by itself, and print its address.

    It may do just what you may do, and is shut when you are locked. With --run the client of the
    server is started instead, and the password is shown to nobody; what comes after -- is for that
    client. An address that is printed has the password in it: whoever can list the processes of
    this machine reads it, if it becomes an argument of a command.
    """
    from tenantry.cli.output import note, say, show

    if arguments and not run_client:
        raise click.UsageError("Arguments for the client need --run.")
    opened = session.run(LoginToDatabaseAction(database, minutes)).data
    if run_client:
        start_client(opened, arguments)
    if current().output not in (None, "table"):
        show(current(), opened, DatabaseLogin)
        return
    say(opened.dsn)
    note(f"Good until {opened.valid_until.astimezone():%Y-%m-%d %H:%M}.")


def _show(found: DatabasePlan, nothing: str) -> None:
    """The statements with their reasons as comments, so that they can be run as they are."""
    from tenantry.cli.output import note, say, show
    from tenantry.cli.safe import shown_lines

    if current().output not in (None, "table"):
        show(current(), found, DatabasePlan)
        return
    for step in found.steps:
        about = f" ({', '.join(step.about)})" if step.about else ""
        wider = "" if step.fidelity == "exact" else f" [{step.fidelity}]"
        say(shown_lines(f"-- {step.drift}{wider}: {step.why}{about}"))
        say(shown_lines(f"{step.statement};"))
    _show_findings(found.findings)
    if found.empty:
        note(nothing)


def _show_findings(findings: list[PlanFinding]) -> None:
    from tenantry.cli.output import note

    for finding in findings:
        what = f" {finding.privilege} on {finding.object}" if finding.privilege else ""
        verdict = "refused" if finding.refused else "not exact"
        note(f"{verdict}: {finding.about}{what}: {finding.fidelity}: {finding.reason}")
