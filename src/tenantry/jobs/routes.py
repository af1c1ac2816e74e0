"""How the actions on jobs are reached."""

from tenantry.jobs.actions import GetJobAction, ListJobsAction, RetryJobAction
from tenantry.kernel.route import Route

ROUTES = (
    Route("GET", "/jobs", ListJobsAction, "job list"),
    Route("GET", "/jobs/{job_id}", GetJobAction, "job get"),
    Route("POST", "/jobs/{job_id}/retry", RetryJobAction, "job retry"),
)
