"""What a server was not given, and whom that leaves without a privilege. Pure."""

import json
from collections.abc import Iterable, Mapping
from uuid import UUID

from tenantry.databases.model import Finding, PrincipalKind, WantedGrant, WantedState
from tenantry.privileges.model import DatabaseObject, Privilege, expanded

Key = tuple[str, str | None, str | None, str | None]
"""A principal, and a privilege on a schema or table, or on the whole database."""


def refused(findings: Iterable[Finding]) -> str:
    """Those of the findings for which nothing is done, as they are stored: one entry a reason."""
    by: dict[tuple[str | None, str | None, str | None, str], list[str]] = {}
    for one in findings:
        if one.refused:
            place = one.object or DatabaseObject()
            key = one.privilege, place.schema, place.table, one.reason
            by.setdefault(key, []).append(one.principal)
    return json.dumps([[*key, sorted(set(names))] for key, names in by.items()])


def reasons_in(stored: str) -> Mapping[Key, str]:
    """Why each was refused."""
    return {
        (name, privilege, schema, table): reason
        for privilege, schema, table, reason, names in json.loads(stored)
        for name in names
    }


def why_refused(
    user_id: UUID,
    privilege: Privilege,
    on: DatabaseObject,
    wanted: WantedState,
    reasons: Mapping[Key, str],
) -> str | None:
    """Why the user has not got it on the server, though it is granted; None where it is there.

    It is there where one of the grants that cover the object was not refused.
    """
    own = {
        one.name
        for one in wanted.principals
        if one.id == user_id and one.kind is PrincipalKind.USER
    }
    held = own | {role for member, role in wanted.members if member in own}
    covering = [g for g in wanted.grants if g.principal in held and g.object.covers(on)]
    for single in sorted(expanded([privilege])):
        ways = [g for g in covering if single in expanded([g.privilege])]
        found = [_reason(grant, single, reasons) for grant in ways]
        told = sorted(reason for reason in found if reason is not None)
        if ways and len(told) == len(ways):
            return told[0]
    return None


def _reason(grant: WantedGrant, privilege: Privilege, reasons: Mapping[Key, str]) -> str | None:
    place = grant.object.schema, grant.object.table
    whole = reasons.get((grant.principal, None, None, None))
    return reasons.get((grant.principal, privilege.value, *place), whole)
