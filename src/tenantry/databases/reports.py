"""Plans in words for people: whom of Tenantry a generated name stands for. Pure."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from tenantry.databases.enforcing_actions import (
    DatabasePlan,
    DatabaseProposal,
    PlanFinding,
    PlannedStep,
    ProposedGrantData,
    ProposedMemberData,
    ProposedPrincipalData,
)
from tenantry.databases.importing import Proposal
from tenantry.databases.managed import ManagedDatabase
from tenantry.databases.model import PUBLIC, Finding, Plan, Step, WantedState
from tenantry.databases.planning import described
from tenantry.grants.model import PrincipalType

MOST_TABLES = 20
"""So many tables are named of which something is said alike."""


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
            object=_object(finding),
            fidelity=finding.fidelity,
            reason=finding.reason,
            refused=finding.refused,
        )
        for finding in findings
    ]


def _object(finding: Finding) -> str | None:
    """What it is about: the first of the tables, where they are very many."""
    if finding.object is None:
        return None
    tables = finding.tables or (finding.object,)
    said = ", ".join(table.label() for table in tables[:MOST_TABLES])
    more = len(tables) - MOST_TABLES
    return f"{said} and {more} more" if more > 0 else said


def proposal_report(managed: ManagedDatabase, proposal: Proposal) -> DatabaseProposal:
    """The proposal by the names that all would have here."""
    called = proposal.called
    kinds = dict.fromkeys(proposal.users, PrincipalType.USER)
    kinds |= dict.fromkeys(proposal.roles, PrincipalType.ROLE)
    grants = [
        ProposedGrantData(
            principal=called[one.principal],
            principal_type=kinds[one.principal],
            privilege=one.privilege,
            schema=one.object.schema,
            table=one.object.table,
        )
        for one in proposal.grants
    ]
    passed = [f"{name}: {reason}" for name, reason in sorted(proposal.passed.items())]
    left = [f"{right.principal}: {described(right)}" for right in proposal.left]
    return DatabaseProposal(
        database=managed.name,
        domain_name=managed.domain_name,
        principals=[
            ProposedPrincipalData(name=called[name], type=kinds[name], on_server=name)
            for name in (*proposal.roles, *proposal.users)
        ],
        members=[
            ProposedMemberData(
                principal=called[name], principal_type=kinds[name], role=called[role]
            )
            for name, role in sorted(proposal.members)
        ],
        grants=sorted(grants, key=_place),
        left=[*passed, *left],
    )


def _place(grant: ProposedGrantData) -> tuple[str, str, str, str, str]:
    kind, schema, table = grant.principal_type, grant.schema or "", grant.table or ""
    return (kind, grant.principal, schema, table, grant.privilege)


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
