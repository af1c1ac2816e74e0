"""`tenantry user purge`: look first, be asked, and only then remove for good."""

import click

from tenantry.cli import session
from tenantry.cli.invocation import Plain, current
from tenantry.users.actions import PreviewPurgeAction, PurgeUserAction


@click.command("purge", cls=Plain)
@click.argument("user")
@click.option("--preview", is_flag=True, help="Show what would happen, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--purge-shared-vfolders", is_flag=True, help="Delete shared vfolders, do not hand them over."
)
@click.option(
    "--delegate-endpoint-ownership", is_flag=True, help="Take over the user's running services."
)
def purge(user: str, **options: bool) -> None:
    """Remove USER, a username or id, with everything outside that belongs to the user.

    Shared vfolders and, if so asked, services go to you. The audit keeps a pseudonym. A purge
    that was interrupted goes on by itself; `tenantry job list` shows it.
    """
    from tenantry.cli.output import show_record

    preview, yes = options.pop("preview"), options.pop("yes")
    if not preview and not yes:
        planned = session.run(PreviewPurgeAction(user=user, **options)).data
        show_record(current(), planned)
        click.confirm(f"Remove {planned.username} for good?", abort=True, err=True)
    action = PreviewPurgeAction if preview else PurgeUserAction
    show_record(current(), session.run(action(user=user, **options)).data)
