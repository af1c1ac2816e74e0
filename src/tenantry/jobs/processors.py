"""The processors of jobs."""

from tenantry.jobs.actions import GetJobAction, ListJobsAction, RetryJobAction
from tenantry.jobs.service import JobService
from tenantry.kernel.processor import Runner


class JobProcessors:
    """Runs the actions on jobs."""

    def __init__(self, *, job_service: JobService, run: Runner) -> None:
        self.list_jobs = run(ListJobsAction, job_service.list_jobs)
        self.get_job = run(GetJobAction, job_service.get_job)
        self.retry_job = run(RetryJobAction, job_service.retry_job)
