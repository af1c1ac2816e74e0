"""`tenantry user purge` and `vfolder purge`: what is removed for good, and may take its time."""

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from uuid import UUID

import click
import msgspec

from tenantry.cli import session
from tenantry.cli.bar import Bar, bar
from tenantry.cli.confirming import confirmed
from tenantry.cli.invocation import Plain, current
from tenantry.errors import StateConflict, TenantryError, UserPurgeFailure, VfolderNotFound
from tenantry.jobs.actions import GetJobAction
from tenantry.jobs.model import JobState
from tenantry.kernel.modifier import OptionalState
from tenantry.storage.actions import GetVfolderAction, ListVfoldersAction, PurgeVfolderAction
from tenantry.storage.model import VfolderData, VfolderStatus
from tenantry.users.actions import PreviewPurgeAction, PurgeUserAction
from tenantry.users.purging import PurgeReceipt

if TYPE_CHECKING:
    from tenantry.sdk.transport import Transport

PAUSE = 0.3
"""Seconds between two looks at how far it is."""

_NO_WAIT = click.option("--no-wait", is_flag=True, help="Begin, and do not wait for the end.")


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
@_NO_WAIT
def user(
    user: str,
    *,
    preview: bool,
    yes: bool,
    purge_shared_vfolders: bool,
    delegate_endpoint_ownership: bool,
    no_wait: bool,
) -> None:
    """Remove USER, a username or id, with everything outside that belongs to the user.

    Shared vfolders and, if so asked, services go to you. The audit keeps a pseudonym. A purge
    that was interrupted, here or on the server, goes on by itself; `tenantry job list` shows it.
    """
    from tenantry.cli.output import show_record

    wanted = PurgeUserAction(
        user=user,
        purge_shared_vfolders=OptionalState.update(purge_shared_vfolders),
        delegate_endpoint_ownership=OptionalState.update(delegate_endpoint_ownership),
    )
    if preview or not yes:
        planned = session.run(PreviewPurgeAction(**msgspec.structs.asdict(wanted))).data
        show_record(current(), planned)
        if preview:
            return
        confirmed(f"Remove {planned.username} for good?")

    async def work(transport: "Transport") -> PurgeReceipt:
        with bar("Purging") as shown:
            async with _watched(transport, user, shown):
                receipt = (await transport.run(wanted)).data
                if receipt.done or receipt.job_id is None or no_wait:
                    return receipt
                return await _until_purged(transport, receipt, receipt.job_id)

    show_record(current(), session.run_with(work))


@contextlib.asynccontextmanager
async def _watched(transport: "Transport", user: str, shown: Bar) -> AsyncIterator[None]:
    """Until the end of the block, have the bar show how many files of the user are left."""
    import asyncio

    async def look() -> None:
        deleting = ListVfoldersAction(owner=user, status=VfolderStatus.DELETING, limit=1000)
        while True:
            # The user may be gone already; what stands in the way of the purge it says itself.
            with contextlib.suppress(TenantryError):
                folders = (await transport.run(deleting)).items
                shown.left(sum(folder.files_left or 0 for folder in folders))
            await asyncio.sleep(PAUSE)

    looking = asyncio.ensure_future(look()) if shown.is_watched else None
    try:
        yield
    finally:
        if looking is not None:
            looking.cancel()
            await asyncio.wait([looking])


async def _until_purged(transport: "Transport", begun: PurgeReceipt, job_id: UUID) -> PurgeReceipt:
    """The receipt of a purge that is under way; UserPurgeFailure once a step of it has failed."""
    import anyio

    while True:
        job = (await transport.run(GetJobAction(job_id))).data
        if job.state is JobState.DONE:
            receipt = msgspec.convert(job.receipt, PurgeReceipt)
            return msgspec.structs.replace(receipt, username=begun.username)
        if job.error is not None:
            message = f"{job.error} Job {job_id} tries it again."
            raise UserPurgeFailure(message, job_id=str(job_id))
        await anyio.sleep(PAUSE)


@click.command("purge", cls=Plain)
@click.argument("folder")
@click.option("--owner", metavar="TEXT", help="Username or id of the owner, where a name is given.")
@_NO_WAIT
def vfolder(folder: str, *, owner: str | None, no_wait: bool) -> None:
    """Delete FOLDER, a name or id, for good; it must be in the trash.

    A deletion that was interrupted, here or on the server, goes on by itself.
    """
    from tenantry.cli.output import show

    async def work(transport: "Transport") -> VfolderData:
        begun = (await transport.run(PurgeVfolderAction(folder, owner=owner))).data
        if no_wait:
            return begun
        with bar(f"Deleting {begun.name}") as shown:
            await _until_gone(transport, begun.id, shown)
        return msgspec.structs.replace(
            begun, status=VfolderStatus.GONE, files_left=0, status_info=None
        )

    show(current(), session.run_with(work), VfolderData)


async def _until_gone(transport: "Transport", folder_id: UUID, shown: Bar) -> None:
    import anyio

    while True:
        try:
            found = (await transport.run(GetVfolderAction(str(folder_id)))).data
        except VfolderNotFound:
            return
        if found.status_info is not None:
            message = f"{found.status_info} It is tried again; files left: {found.files_left}."
            raise StateConflict(message, field="folder")
        shown.left(found.files_left or 0)
        await anyio.sleep(PAUSE)
