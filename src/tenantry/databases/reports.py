"""Plans in words for people: whom of Tenantry a generated name stands for. Pure."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from tenantry.databases.enforcing_actions import DatabasePlan, PlanFinding, PlannedStep
from tenantry.databases.model import PUBLIC, Finding, Plan, Step, WantedState


def labels_of(wanted: WantedState, named: Mapping[UUID, str]) -> dict[str, str]:
    """What people call the principals, by their names on the server."""
    return {one.name: named.get(one.id, one.name) for one in wanted.principals}


def plan_report(database: str, plan: Plan, labels: Mapping[str, str]) -> DatabasePlan:
    """The plan as it is shown."""
    return DatabasePlan(
        database=database,
        steps=[_step(step, labels) for step in plan.steps],
        findings=findings_report(plan.findings, labels),
        empty=plan.is_empty,
    )


def findings_report(findings: Iterable[Finding], labels: Mapping[str, str]) -> list[PlanFinding]:
    """What is not done, or not exactly."""
    return [
        PlanFinding(
            about=_called(finding.principal, labels),
            privilege=finding.privilege.value if finding.privilege is not None else None,
            object=finding.object.label() if finding.object is not None else None,
            fidelity=finding.fidelity,
            reason=finding.reason,
            refused=finding.refused,
        )
        for finding in findings
    ]


def _step(step: Step, labels: Mapping[str, str]) -> PlannedStep:
    return PlannedStep(
        statement=step.statement,
        why=step.why,
        drift=step.drift,
        fidelity=step.fidelity,
        about=[_called(name, labels) for name in step.principals],
    )


def _called(name: str, labels: Mapping[str, str]) -> str:
    return "everybody on the server" if name == PUBLIC else labels.get(name, name)
