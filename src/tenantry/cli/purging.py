"""`tenantry user purge`: look first, be asked, and only then remove for good."""

import click
import msgspec

from tenantry.cli import session
from tenantry.cli.invocation import Plain, current
from tenantry.kernel.modifier import OptionalState
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
def purge(
    user: str,
    *,
    preview: bool,
    yes: bool,
    purge_shared_vfolders: bool,
    delegate_endpoint_ownership: bool,
) -> None:
    """Remove USER, a username or id, with everything outside that belongs to the user.

    Shared vfolders and, if so asked, services go to you. The audit keeps a pseudonym. A purge
    that was interrupted goes on by itself; `tenantry job list` shows it.
    """
    from tenantry.cli.output import show_record

    wanted = PurgeUserAction(
        user=user,
        purge_shared_vfolders=OptionalState.update(purge_shared_vfolders),
        delegate_endpoint_ownership=OptionalState.update(delegate_endpoint_ownership),
    )
    plan = PreviewPurgeAction(**msgspec.structs.asdict(wanted))
    if preview or not yes:
        planned = session.run(plan).data
        show_record(current(), planned)
        if preview:
            return
        click.confirm(f"Remove {planned.username} for good?", abort=True, err=True)
    show_record(current(), session.run(wanted).data)
