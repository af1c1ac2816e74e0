"""`tenantry tenant delete` and `tenantry tenant isolate`: where a human is asked or chooses."""

import click

from tenantry.cli import session
from tenantry.cli.confirming import confirmed
from tenantry.cli.invocation import Plain, current
from tenantry.tenants.actions import (
    DeleteTenantAction,
    PreviewTenantDeletionAction,
    SetTenantIsolationAction,
)


@click.command("delete", cls=Plain)
@click.argument("tenant")
@click.option("--preview", is_flag=True, help="Show what would happen, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(tenant: str, *, preview: bool, yes: bool) -> None:
    """Delete TENANT, a name or id, for good: all its users are purged, all it has is removed.

    The audit keeps pseudonyms. A deletion that was interrupted goes on by itself; `tenantry job
    list` shows it.
    """
    from tenantry.cli.output import show_record

    if preview or not yes:
        planned = session.run(PreviewTenantDeletionAction(tenant)).data
        show_record(current(), planned)
        if preview:
            return
        users = planned.removed["users"]
        question = f"Delete {planned.tenant} with {users} users for good?"
        confirmed(question)
    show_record(current(), session.run(DeleteTenantAction(tenant)).data)


@click.command("isolate", cls=Plain)
@click.argument("tenant")
@click.option("--off", is_flag=True, help="Open the wall again.")
def isolate(tenant: str, *, off: bool) -> None:
    """Close the wall of TENANT, a name or id: no grant or role has effect across it."""
    from tenantry.cli.output import show_record

    action = SetTenantIsolationAction(tenant, isolated=not off)
    show_record(current(), session.run(action).data)
