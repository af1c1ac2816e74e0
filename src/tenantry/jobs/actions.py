"""What can be asked about jobs."""

from typing import Annotated, ClassVar
from uuid import UUID

import msgspec

from tenantry.jobs.model import Job, JobState
from tenantry.kernel.action import Action, Audience
from tenantry.kernel.page import Page
from tenantry.record import Record


class JobResult(Record, frozen=True):
    """The job as it is now."""

    data: Job
    success: bool = True


class ListJobsAction(Action[Page[Job]], frozen=True, kw_only=True):
    """List jobs, newest first; those that are stuck wait for a retry."""

    tag: ClassVar[str] = "job.list"
    audience: ClassVar[Audience] = Audience.READERS
    reads: ClassVar[bool] = True
    state: Annotated[JobState | None, msgspec.Meta(description="How far it is.")] = None
    kind: Annotated[str | None, msgspec.Meta(description="What it does, such as user.purge.")] = (
        None
    )
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 50
    cursor: str | None = None


class GetJobAction(Action[JobResult], frozen=True):
    """Show a job: its progress, its last error, its receipt."""

    tag: ClassVar[str] = "job.get"
    audience: ClassVar[Audience] = Audience.READERS
    reads: ClassVar[bool] = True
    job_id: UUID

    def target(self) -> str | None:
        return str(self.job_id)


class RetryJobAction(Action[JobResult], frozen=True):
    """Try a pending or stuck job again, now."""

    tag: ClassVar[str] = "job.retry"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS
    job_id: UUID

    def target(self) -> str | None:
        return str(self.job_id)
